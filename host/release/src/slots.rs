//! Slots for work that takes long, shared fairly: no tenant can take all of them.
//!
//! The work of one tenant waits for the tenant's own slots first, and then in one line with the
//! work of other tenants. Each tenant has little work in that line, so that tenants take turns.

use std::collections::BTreeMap;
use std::sync::Arc;

use hookyard_model::TenantName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The maximum number of loads at a time, of all tenants. Each load holds a component in memory;
/// the engine limits how many of them compile.
const LOADS_MAX: usize = 8;
/// The maximum number of rehearsals at a time. Each makes one attempt at a time, and more of them
/// would take the processor from events.
const REHEARSALS_MAX: usize = 4;

/// The slots for one kind of work.
pub(crate) struct Slots {
    /// The number of slots that one tenant can take.
    own_max: usize,
    all: Arc<Semaphore>,
    tenants: BTreeMap<TenantName, Arc<Semaphore>>,
}

impl Slots {
    /// Creates the slots for loads, if at most `compilations_max` components compile at a time. A
    /// tenant never takes the last compilation, unless there is only one.
    pub(crate) fn for_loads(compilations_max: usize) -> Self {
        let own_max = compilations_max.saturating_sub(1);
        Self::new(own_max.clamp(1, LOADS_MAX - 1), LOADS_MAX)
    }

    /// Creates the slots for rehearsals. A tenant has one.
    pub(crate) fn for_rehearsals() -> Self {
        Self::new(1, REHEARSALS_MAX)
    }

    fn new(own_max: usize, count_max: usize) -> Self {
        Self {
            own_max,
            all: Arc::new(Semaphore::new(count_max)),
            tenants: BTreeMap::new(),
        }
    }

    /// Returns a slot that work of this tenant can take.
    pub(crate) fn of(&mut self, tenant: &TenantName) -> Slot {
        // A semaphore that nobody holds or waits for has no state, and is created again when
        // needed.
        self.tenants.retain(|_, own| Arc::strong_count(own) > 1);

        let own = self
            .tenants
            .entry(tenant.clone())
            .or_insert_with(|| Arc::new(Semaphore::new(self.own_max)));
        Slot {
            own: Arc::clone(own),
            all: Arc::clone(&self.all),
        }
    }
}

/// A slot for one piece of work.
pub(crate) struct Slot {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

impl Slot {
    /// Waits until the slot is free, and takes it until the returned permits are dropped.
    ///
    /// The tenant's own permit comes first, so that no tenant waits with two pieces of work for a
    /// slot of the host.
    pub(crate) async fn take(&self) -> [Option<OwnedSemaphorePermit>; 2] {
        let own = Arc::clone(&self.own).acquire_owned().await.ok();
        [own, Arc::clone(&self.all).acquire_owned().await.ok()]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tenant_leaves_slots_for_others() {
        for mut slots in [Slots::for_loads(2), Slots::for_rehearsals()] {
            let mut slot = |tenant: &str| slots.of(&tenant.parse().expect("a name"));
            let [first, second, other] = [slot("acme"), slot("acme"), slot("umbrella")];
            let is_free = async |slot: &Slot| {
                tokio::time::timeout(Duration::from_secs(1), slot.take())
                    .await
                    .is_ok()
            };
            let held = first.take().await;
            assert!(!is_free(&second).await, "one of a tenant at a time");
            assert!(is_free(&other).await);

            drop(held);
            assert!(is_free(&second).await);
        }
    }
}
