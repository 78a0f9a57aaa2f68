//! The calls of the inbox, which meet the planned faults.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hookyard_model::{Event, EventId, PluginRef, Revision, SourceRef, TenantName, Timestamp};
use hookyard_store::{
    AppendResult, Backlog, ClaimedJob, Discard, DiscardSummary, Error, EventPage, EventRecord,
    EventSummary, Events, GivenResponse, Handover, JobLease, JobRequest, Jobs, PruneSummary,
    Quarantine, Replay, ReplaySummary, Retention, Routes, Routing, Settlement, Tally,
};

use super::{Call, FaultyStore};

#[async_trait]
impl Events for FaultyStore {
    async fn append(&self, event: Event) -> Result<AppendResult, Error> {
        self.run(Call::Append, self.inner.append(event)).await
    }

    async fn events(&self, page: EventPage) -> Result<Vec<EventSummary>, Error> {
        self.run(Call::Events, self.inner.events(page)).await
    }

    async fn read(&self, id: EventId) -> Result<Option<EventRecord>, Error> {
        self.run(Call::Read, self.inner.read(id)).await
    }

    async fn response(&self, id: EventId) -> Result<Option<GivenResponse>, Error> {
        self.run(Call::Response, self.inner.response(id)).await
    }

    async fn replay(&self, replay: Replay) -> Result<ReplaySummary, Error> {
        self.run(Call::Replay, self.inner.replay(replay)).await
    }

    async fn discard(&self, discard: Discard) -> Result<DiscardSummary, Error> {
        self.run(Call::Discard, self.inner.discard(discard)).await
    }

    async fn prune(
        &self,
        limits: &Retention,
        now: Timestamp,
        limit: usize,
    ) -> Result<PruneSummary, Error> {
        self.run(Call::Prune, self.inner.prune(limits, now, limit))
            .await
    }

    async fn unrouted(&self) -> Result<Vec<Tally<SourceRef>>, Error> {
        self.run(Call::Unrouted, self.inner.unrouted()).await
    }
}

#[async_trait]
impl Jobs for FaultyStore {
    async fn claim(
        &self,
        wanted: &[JobRequest],
        lease: Duration,
    ) -> Result<Vec<ClaimedJob>, Error> {
        self.run(Call::Claim, self.inner.claim(wanted, lease)).await
    }

    fn hand_over(&self, to: Arc<Handover>) {
        self.inner.hand_over(to);
    }

    async fn extend(&self, leases: &[JobLease], lease: Duration) -> Result<(), Error> {
        self.run(Call::Extend, self.inner.extend(leases, lease))
            .await
    }

    async fn give_back(&self, leases: &[JobLease]) -> Result<(), Error> {
        self.run(Call::GiveBack, self.inner.give_back(leases)).await
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), Error> {
        self.run(Call::Settle, self.inner.settle(settlement)).await
    }

    async fn next_due(&self, plugins: &[PluginRef]) -> Result<Option<Duration>, Error> {
        self.run(Call::NextDue, self.inner.next_due(plugins)).await
    }

    async fn changed(&self) {
        self.inner.changed().await;
        self.hang_if_crashed().await;
    }

    async fn held(&self) -> Result<Vec<Tally<PluginRef>>, Error> {
        self.run(Call::Held, self.inner.held()).await
    }

    async fn unhandled(&self) -> Result<Vec<(TenantName, u64)>, Error> {
        self.run(Call::Unhandled, self.inner.unhandled()).await
    }

    async fn retry_failed(&self, plugin: &PluginRef, revision: Revision) -> Result<u64, Error> {
        self.run(Call::RetryFailed, self.inner.retry_failed(plugin, revision))
            .await
    }
}

#[async_trait]
impl Routing for FaultyStore {
    async fn route_with(&self, routes: Routes, backlog: &Backlog) -> Result<(), Error> {
        self.run(Call::Route, self.inner.route_with(routes, backlog))
            .await
    }

    async fn routes(&self) -> Result<Routes, Error> {
        self.run(Call::Routes, self.inner.routes()).await
    }

    async fn quarantine(&self, quarantine: Quarantine) -> Result<(), Error> {
        self.run(Call::Quarantine, self.inner.quarantine(quarantine))
            .await
    }

    async fn lift(&self, plugin: &PluginRef) -> Result<(), Error> {
        self.run(Call::Lift, self.inner.lift(plugin)).await
    }

    async fn quarantined(&self) -> Result<Vec<Quarantine>, Error> {
        self.run(Call::Quarantined, self.inner.quarantined()).await
    }
}
