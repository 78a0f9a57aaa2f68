//! The places where components are loaded, shared fairly: no tenant can take all of them, however long its loads take.
//!
//! A tenant's loads wait for each other first, and then in one line with those of other tenants. As each tenant has few
//! in that line, tenants take turns.

use std::collections::BTreeMap;
use std::sync::Arc;

use hookyard_model::TenantName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Loads at a time, of all tenants. Each holds a component in memory; the engine bounds how many compile.
const PLACES_MAX: usize = 8;

/// All places.
pub(super) struct Places {
    own_max: usize,
    all: Arc<Semaphore>,
    tenants: BTreeMap<TenantName, Arc<Semaphore>>,
}

impl Places {
    /// Places for so many compilations at once, of which a tenant never takes the last one unless there is only one.
    pub(super) fn new(compilations_max: usize) -> Self {
        let own_max = compilations_max.saturating_sub(1).clamp(1, PLACES_MAX - 1);
        Self { own_max, all: Arc::new(Semaphore::new(PLACES_MAX)), tenants: BTreeMap::new() }
    }

    /// Where a tenant's components are loaded.
    pub(super) fn of(&mut self, tenant: &TenantName) -> Place {
        // Those that nobody holds or waits for are made anew when they are needed.
        self.tenants.retain(|_, own| Arc::strong_count(own) > 1);
        let own = self.tenants.entry(tenant.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.own_max)));
        Place { own: Arc::clone(own), all: Arc::clone(&self.all) }
    }
}

/// Where a load may be.
pub(super) struct Place {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

impl Place {
    /// Waits until there is room, and holds it until what is returned is dropped.
    pub(super) async fn take(&self) -> [Option<OwnedSemaphorePermit>; 2] {
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
        let mut places = Places::new(2);
        let mut place = |tenant: &str| places.of(&tenant.parse().expect("a name"));
        let [first, second, other] = [place("acme"), place("acme"), place("umbrella")];
        let is_free = async |place: &Place| tokio::time::timeout(Duration::from_secs(1), place.take()).await.is_ok();
        let held = first.take().await;
        assert!(!is_free(&second).await, "one of a tenant at a time");
        assert!(is_free(&other).await);
        drop(held);
        assert!(is_free(&second).await);
    }
}
