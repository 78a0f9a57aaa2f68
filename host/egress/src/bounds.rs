//! How many of something each may have at a time: exchanges of a tenant with one receiver, connections of a tenant.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Counters that nobody uses are thrown away whenever there are this many.
const COUNTERS_MAX: usize = 1024;

/// How many of something each may have at a time. Who that is has a tenant in it, so that what several tenants use can't
/// be kept from the others by one of them.
#[derive(Debug)]
pub(crate) struct Bounds<Who> {
    each: usize,
    counters: Mutex<HashMap<Who, Arc<Semaphore>>>,
}

impl<Who: Eq + Hash> Bounds<Who> {
    pub(crate) fn new(each: usize) -> Self {
        Self {
            each: each.min(Semaphore::MAX_PERMITS),
            counters: Mutex::default(),
        }
    }

    /// One of the places, once there is one.
    pub(crate) async fn place(&self, who: Who) -> OwnedSemaphorePermit {
        self.counter(who)
            .acquire_owned()
            .await
            .expect("the counters are never closed")
    }

    /// The places.
    pub(crate) fn counter(&self, who: Who) -> Arc<Semaphore> {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        if counters.len() >= COUNTERS_MAX {
            counters.retain(|_, counter| Arc::strong_count(counter) > 1);
        }
        Arc::clone(
            counters
                .entry(who)
                .or_insert_with(|| Arc::new(Semaphore::new(self.each))),
        )
    }
}
