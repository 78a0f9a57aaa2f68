//! The turns of verifiers: how many requests verifiers handle at the same time, for all tenants and
//! for each one.
//!
//! Strangers can send any number of requests to a source. A request takes a turn of its tenant
//! before a turn of the host, so that requests for one tenant never take all turns.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use hookyard_model::TenantName;
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

/// The maximum number of requests that all verifiers handle at the same time. Further requests
/// wait.
const TURNS_MAX: usize = 8;
/// The maximum number of these requests for the sources of one tenant.
const TENANT_TURNS_MAX: usize = 4;

/// The turns of an engine.
pub(crate) struct Turns {
    all: Arc<Semaphore>,
    /// The turns of each tenant that has a verifier.
    tenants: Mutex<BTreeMap<TenantName, Weak<Semaphore>>>,
}

/// The turns of one tenant.
#[derive(Clone)]
pub(super) struct TenantTurns {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

/// A turn. It ends when it is dropped.
pub(super) struct Turn<'a> {
    _own: SemaphorePermit<'a>,
    _all: SemaphorePermit<'a>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(TURNS_MAX)),
            tenants: Mutex::default(),
        }
    }

    /// Returns the turns of a tenant, which all of its verifiers share.
    pub(super) fn of(&self, tenant: &TenantName) -> TenantTurns {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.retain(|_, turns| turns.strong_count() > 0);

        let known = tenants.get(tenant).and_then(Weak::upgrade);
        let own = known.unwrap_or_else(|| {
            let own = Arc::new(Semaphore::new(TENANT_TURNS_MAX));
            tenants.insert(tenant.clone(), Arc::downgrade(&own));
            own
        });
        TenantTurns {
            own,
            all: Arc::clone(&self.all),
        }
    }
}

impl TenantTurns {
    /// Waits for a turn.
    pub(super) async fn take(&self) -> Result<Turn<'_>, AcquireError> {
        let own = self.own.acquire().await?;
        let all = self.all.acquire().await?;
        Ok(Turn {
            _own: own,
            _all: all,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn tenant(name: &str) -> TenantName {
        name.parse().expect("a name")
    }

    async fn taken(turns: &TenantTurns) -> Option<Turn<'_>> {
        let turn = tokio::time::timeout(Duration::ZERO, turns.take()).await;
        turn.ok().map(|turn| turn.expect("never closed"))
    }

    #[tokio::test]
    async fn one_tenant_does_not_take_all_turns() {
        let turns = Turns::new();
        let (acme, other) = (turns.of(&tenant("acme")), turns.of(&tenant("other")));
        let reloaded = turns.of(&tenant("acme"));

        let mut running = Vec::new();
        for _ in 0..TENANT_TURNS_MAX {
            running.push(taken(&acme).await.expect("a turn"));
        }
        assert!(taken(&acme).await.is_none());
        assert!(taken(&reloaded).await.is_none(), "a reload adds no turns");

        while let Some(turn) = taken(&other).await {
            running.push(turn);
        }
        assert_eq!(running.len(), TURNS_MAX);
        let third = turns.of(&tenant("third"));
        assert!(taken(&third).await.is_none(), "all tenants have a bound");
        running.pop();
        assert!(taken(&third).await.is_some());
    }

    #[test]
    fn tenant_without_verifiers_is_forgotten() {
        let turns = Turns::new();
        drop(turns.of(&tenant("acme")));
        let _other = turns.of(&tenant("other"));
        assert_eq!(turns.tenants.lock().expect("not poisoned").len(), 1);
    }
}
