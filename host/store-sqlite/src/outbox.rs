//! The messages: claims, settlements, replays and retention.

mod read;
mod replay;
mod selection;

pub(crate) use read::{message_range, summary_of};
pub(crate) use selection::matching;

use std::time::Duration;

use async_trait::async_trait;
use hookyard_crash::Point;
use hookyard_model::{DestinationRef, MessageId, PluginRef, Timestamp};
use hookyard_store::{
    AuditEntry, Budget, ClaimedMessage, DisabledDestination, Error, MessageLease, MessagePage,
    MessageRecord, MessageReplay, MessageRequest, MessageSettlement, MessageSummary, Outbox,
    OutboxUsage, PruneSummary, ReplaySummary, Retention, Search, Tenants,
};

use crate::writer::{Durability, Terms, weight};
use crate::{SqliteStore, write};

#[async_trait]
impl Outbox for SqliteStore {
    async fn claim_messages(
        &self,
        requests: &[MessageRequest],
        lease: Duration,
    ) -> Result<Vec<ClaimedMessage>, Error> {
        let requests = requests.to_vec();
        let count = requests.iter().map(|request| request.limit).sum();
        let claim = move |database: &mut write::Database| database.claim_messages(&requests, lease);
        let leased = self.writer()?.call(Terms::leases(count), claim).await?;
        if leased.is_empty() {
            return Ok(Vec::new());
        }

        Point::MessageClaimed.pass();

        self.readers
            .read(move |connection| read::load(connection, leased))
            .await
    }

    async fn extend_messages(&self, leases: &[MessageLease], lease: Duration) -> Result<(), Error> {
        let leases = leases.to_vec();
        self.writer()?
            .call(Terms::leases(leases.len()), move |database| {
                database.extend_messages(&leases, lease)
            })
            .await
    }

    async fn give_back_messages(&self, leases: &[MessageLease]) -> Result<(), Error> {
        let leases = leases.to_vec();
        self.writer()?
            .call(Terms::leases(leases.len()), move |database| {
                database.give_back_messages(&leases)
            })
            .await
    }

    async fn settle_message(&self, settlement: MessageSettlement) -> Result<(), Error> {
        let settle = move |database: &mut write::Database| {
            let settled = database.settle_message(&settlement);
            Point::MessageSettleWritten.pass();
            settled
        };

        let settled = self
            .writer()?
            .call(Terms::settlement(None, weight::SMALL), settle)
            .await;
        Point::MessageSettled.pass();

        settled
    }

    async fn next_message_due(
        &self,
        destinations: &[DestinationRef],
    ) -> Result<Option<Duration>, Error> {
        let destinations = destinations.to_vec();
        let due = self
            .readers
            .read(move |connection| read::next_due(connection, &destinations))
            .await?;

        Ok(due.map(|due| due.since(self.clock.now())))
    }

    async fn outbox_changed(&self) {
        self.wakes.messages.notified().await;
    }

    async fn messages(&self, page: MessagePage) -> Result<Vec<MessageSummary>, Error> {
        let found = self.search_messages(page, &Tenants::All, Budget::UNLIMITED);
        Ok(found.await?.items)
    }

    async fn message(&self, id: MessageId) -> Result<Option<MessageRecord>, Error> {
        self.readers
            .read(move |connection| read::message(connection, id))
            .await
    }

    async fn replay_messages(&self, replay: MessageReplay) -> Result<ReplaySummary, Error> {
        replay::replay(self, replay).await
    }

    async fn disable(&self, disabled: DisabledDestination) -> Result<(), Error> {
        self.writer()?
            .call(Terms::batch(Durability::Synced), move |database| {
                database.disable(&disabled)
            })
            .await
    }

    async fn enable(
        &self,
        destination: &DestinationRef,
        audit: Option<AuditEntry>,
    ) -> Result<bool, Error> {
        let destination = destination.clone();
        self.writer()?
            .call(Terms::batch(Durability::Synced), move |database| {
                database.enable(&destination, audit.as_ref())
            })
            .await
    }

    async fn disabled(&self) -> Result<Vec<DisabledDestination>, Error> {
        self.readers.read(read::disabled).await
    }

    async fn unsent(&self) -> Result<Vec<(PluginRef, OutboxUsage)>, Error> {
        self.readers.read(read::unsent).await
    }

    async fn unsent_destinations(&self) -> Result<Vec<DestinationRef>, Error> {
        self.readers.read(read::unsent_destinations).await
    }

    async fn prune_messages(
        &self,
        limits: &Retention,
        now: Timestamp,
        limit: usize,
    ) -> Result<PruneSummary, Error> {
        let (writer, limits) = (self.writer()?, limits.clone());
        let old = self
            .readers
            .read(move |connection| read::old(connection, &limits, now, limit))
            .await?;
        let more = old.len() >= limit;
        if old.is_empty() {
            return Ok(PruneSummary::default());
        }

        let pruned = writer
            .call(Terms::batch(Durability::Unsynced), move |database| {
                database.prune_messages(&old)
            })
            .await?;

        Ok(PruneSummary { more, ..pruned })
    }
}
