//! Slots for something that is limited for each key: exchanges of a tenant with a receiver,
//! connections of a tenant.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The number of semaphores at which unused ones are dropped.
const SEMAPHORES_MAX: usize = 1024;

/// The same number of slots for each key. Each key contains a tenant, so a tenant cannot take
/// another tenant's slots.
#[derive(Debug)]
pub(crate) struct KeyedSlots<K> {
    slots_max: usize,
    semaphores: Mutex<HashMap<K, Arc<Semaphore>>>,
}

/// The slot of one open connection: one of all connections, and one of its tenant's.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    pub(crate) _all: OwnedSemaphorePermit,
    pub(crate) _tenant: Option<OwnedSemaphorePermit>,
}

impl<K: Eq + Hash> KeyedSlots<K> {
    pub(crate) fn new(slots_max: usize) -> Self {
        Self {
            slots_max: slots_max.min(Semaphore::MAX_PERMITS),
            semaphores: Mutex::default(),
        }
    }

    /// Waits for a slot of `key`.
    pub(crate) async fn acquire(&self, key: K) -> OwnedSemaphorePermit {
        self.semaphore(key)
            .acquire_owned()
            .await
            .expect("the semaphores are never closed")
    }

    /// Returns the semaphore that holds the slots of `key`.
    pub(crate) fn semaphore(&self, key: K) -> Arc<Semaphore> {
        let mut semaphores = self
            .semaphores
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if semaphores.len() >= SEMAPHORES_MAX {
            // A permit keeps its semaphore alive, so a semaphore with one owner has all of its
            // slots.
            semaphores.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        }

        Arc::clone(
            semaphores
                .entry(key)
                .or_insert_with(|| Arc::new(Semaphore::new(self.slots_max))),
        )
    }
}
