//! How many exchanges one tenant has with one receiver at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hookyard_model::TenantName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::target::Target;

/// Counters that nobody uses are thrown away whenever there are this many.
const COUNTERS_MAX: usize = 1024;

type Who = (Option<TenantName>, Target);

/// How many exchanges one tenant has with one receiver at a time. Counted by tenant, so that a slow receiver that several
/// tenants use can't be kept from the others by one of them.
#[derive(Debug)]
pub(crate) struct Bounds {
    each: usize,
    counters: Mutex<HashMap<Who, Arc<Semaphore>>>,
}

impl Bounds {
    pub(crate) fn new(each: usize) -> Self {
        Self { each: each.min(Semaphore::MAX_PERMITS), counters: Mutex::default() }
    }

    /// One of the places, once there is one.
    pub(crate) async fn place(&self, tenant: Option<&TenantName>, target: &Target) -> OwnedSemaphorePermit {
        let counter = {
            let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
            if counters.len() >= COUNTERS_MAX {
                counters.retain(|_, counter| Arc::strong_count(counter) > 1);
            }
            let fresh = || Arc::new(Semaphore::new(self.each));
            Arc::clone(counters.entry((tenant.cloned(), target.clone())).or_insert_with(fresh))
        };
        counter.acquire_owned().await.expect("the counters are never closed")
    }
}
