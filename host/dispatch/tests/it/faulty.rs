//! The inbox in memory, some of whose calls fail on demand.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hookyard_inbox::{
    Appended, Claimed, Error, EventRecord, EventSummary, Inbox, JobRef, MemoryInbox, Page, Pruned, Quarantine, Replay,
    Replayed, Retention, Routes, Settlement, Usage, Want,
};
use hookyard_model::{Event, EventId, Key, Limit, Outcome, PluginRef, Timestamp, Versioned};

/// The inbox in memory, whose next calls can be made to fail.
#[derive(Default)]
pub(crate) struct Faulty {
    pub(crate) inner: MemoryInbox,
    pub(crate) claims_to_fail: AtomicU64,
    pub(crate) settles_to_fail: AtomicU64,
    pub(crate) quarantines_to_fail: AtomicU64,
    pub(crate) claims: AtomicU64,
    /// Settlements of `done` that are to find a key changed, and then those that are to be over the quota.
    pub(crate) conflicts_to_come: AtomicU64,
    pub(crate) excesses_to_come: AtomicU64,
    /// The settlements that were taken.
    pub(crate) settled: Mutex<Vec<Settlement>>,
}

fn fails(count: &AtomicU64) -> bool {
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

#[async_trait]
impl Inbox for Faulty {
    async fn append(&self, event: Event) -> Result<Appended, Error> {
        self.inner.append(event).await
    }

    async fn route(&self, routes: Routes) -> Result<(), Error> {
        self.inner.route(routes).await
    }

    async fn claim(&self, wanted: &[Want], now: Timestamp, lease: Duration) -> Result<Vec<Claimed>, Error> {
        self.claims.fetch_add(1, Ordering::Relaxed);
        if fails(&self.claims_to_fail) {
            return Err(Error::Store("the disk is away".into()));
        }
        self.inner.claim(wanted, now, lease).await
    }

    async fn extend(&self, leases: &[JobRef], until: Timestamp) -> Result<(), Error> {
        self.inner.extend(leases, until).await
    }

    async fn release(&self, leases: &[JobRef]) -> Result<(), Error> {
        self.inner.release(leases).await
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), Error> {
        if fails(&self.settles_to_fail) {
            return Err(Error::Busy);
        }
        let is_done = settlement.attempt.outcome == Outcome::Done;
        if is_done && fails(&self.conflicts_to_come) {
            return Err(Error::Conflict(settlement.effects.writes[0].key.clone()));
        }
        if is_done && fails(&self.excesses_to_come) {
            return Err(Error::OverQuota { limit: Limit::KvKeys, max: settlement.quota.keys });
        }
        self.inner.settle(settlement.clone()).await?;
        self.settled.lock().expect("a lock").push(settlement);
        Ok(())
    }

    async fn next_due(&self, plugins: &[PluginRef]) -> Result<Option<Timestamp>, Error> {
        self.inner.next_due(plugins).await
    }

    async fn changed(&self) {
        self.inner.changed().await;
    }

    async fn events(&self, page: Page) -> Result<Vec<EventSummary>, Error> {
        self.inner.events(page).await
    }

    async fn read(&self, id: EventId) -> Result<Option<EventRecord>, Error> {
        self.inner.read(id).await
    }

    async fn replay(&self, replay: Replay) -> Result<Replayed, Error> {
        self.inner.replay(replay).await
    }

    async fn prune(&self, limits: &Retention, now: Timestamp, limit: usize) -> Result<Pruned, Error> {
        self.inner.prune(limits, now, limit).await
    }

    async fn quarantine(&self, quarantine: Quarantine) -> Result<(), Error> {
        if fails(&self.quarantines_to_fail) {
            return Err(Error::Store("the disk is away".into()));
        }
        self.inner.quarantine(quarantine).await
    }

    async fn lift(&self, plugin: &PluginRef) -> Result<(), Error> {
        self.inner.lift(plugin).await
    }

    async fn quarantined(&self) -> Result<Vec<Quarantine>, Error> {
        self.inner.quarantined().await
    }

    async fn value(&self, plugin: &PluginRef, key: &Key) -> Result<Option<Versioned>, Error> {
        self.inner.value(plugin, key).await
    }

    async fn keys(
        &self,
        plugin: &PluginRef,
        bucket: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        self.inner.keys(plugin, bucket, after, limit).await
    }

    async fn usage(&self, plugin: &PluginRef) -> Result<Usage, Error> {
        self.inner.usage(plugin).await
    }
}
