//! Slots for long work, shared fairly: no tenant can take all of them, however long its work takes.
//!
//! A tenant's work waits for each other first, and then in one line with that of other tenants. As each tenant has little
//! in that line, tenants take turns.

use std::collections::BTreeMap;
use std::sync::Arc;

use hookyard_model::TenantName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Loads at a time, of all tenants. Each holds a component in memory; the engine bounds how many compile.
const LOADS_MAX: usize = 8;
/// Rehearsals at a time. Each makes one attempt at a time; more at once would take the processor from events.
const REHEARSALS_MAX: usize = 4;

/// All places for one kind of work.
pub(crate) struct Slots {
    own_max: usize,
    all: Arc<Semaphore>,
    tenants: BTreeMap<TenantName, Arc<Semaphore>>,
}

impl Slots {
    /// Where components are loaded, for so many compilations at once. A tenant never takes the last one, unless there is
    /// only one.
    pub(crate) fn for_loads(compilations_max: usize) -> Self {
        Self::new(
            compilations_max.saturating_sub(1).clamp(1, LOADS_MAX - 1),
            LOADS_MAX,
        )
    }

    /// Where plugins are rehearsed: those of a tenant one after the other.
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

    /// Where a tenant's work is done.
    pub(crate) fn of(&mut self, tenant: &TenantName) -> Slot {
        // Those that nobody holds or waits for are made anew when they are needed.
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

/// Where a piece of work may be done.
pub(crate) struct Slot {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

impl Slot {
    /// Waits until there is room, and holds it until what is returned is dropped. The tenant's own comes first, so that
    /// none waits at two of the host's.
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
    async fn a_tenant_leaves_room_for_others() {
        for mut places in [Slots::for_loads(2), Slots::for_rehearsals()] {
            let mut place = |tenant: &str| places.of(&tenant.parse().expect("a name"));
            let [first, second, other] = [place("acme"), place("acme"), place("umbrella")];
            let is_free = async |place: &Slot| {
                tokio::time::timeout(Duration::from_secs(1), place.take())
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
