//! The calls of the outbox, which meet the planned faults.

use std::time::Duration;

use async_trait::async_trait;
use hookyard_model::{DestinationRef, MessageId, PluginRef, Timestamp};

use super::{Call, FaultyStore};
use hookyard_store::{
    AuditEntry, ClaimedMessage, DisabledDestination, Error, MessageLease, MessagePage,
    MessageRecord, MessageReplay, MessageRequest, MessageSettlement, MessageSummary, Outbox,
    OutboxUsage, PruneSummary, ReplaySummary, Retention,
};

#[async_trait]
impl Outbox for FaultyStore {
    async fn claim_messages(
        &self,
        wanted: &[MessageRequest],
        lease: Duration,
    ) -> Result<Vec<ClaimedMessage>, Error> {
        self.run(
            Call::ClaimMessages,
            self.inner.claim_messages(wanted, lease),
        )
        .await
    }

    async fn extend_messages(&self, leases: &[MessageLease], lease: Duration) -> Result<(), Error> {
        self.run(
            Call::ExtendMessages,
            self.inner.extend_messages(leases, lease),
        )
        .await
    }

    async fn give_back_messages(&self, leases: &[MessageLease]) -> Result<(), Error> {
        self.run(
            Call::GiveBackMessages,
            self.inner.give_back_messages(leases),
        )
        .await
    }

    async fn settle_message(&self, settlement: MessageSettlement) -> Result<(), Error> {
        self.run(Call::SettleMessage, self.inner.settle_message(settlement))
            .await
    }

    async fn next_message_due(
        &self,
        destinations: &[DestinationRef],
    ) -> Result<Option<Duration>, Error> {
        self.run(
            Call::NextMessageDue,
            self.inner.next_message_due(destinations),
        )
        .await
    }

    async fn outbox_changed(&self) {
        self.inner.outbox_changed().await;
        self.hang_if_crashed().await;
    }

    async fn messages(&self, page: MessagePage) -> Result<Vec<MessageSummary>, Error> {
        self.run(Call::Messages, self.inner.messages(page)).await
    }

    async fn message(&self, id: MessageId) -> Result<Option<MessageRecord>, Error> {
        self.run(Call::Message, self.inner.message(id)).await
    }

    async fn replay_messages(&self, replay: MessageReplay) -> Result<ReplaySummary, Error> {
        self.run(Call::ReplayMessages, self.inner.replay_messages(replay))
            .await
    }

    async fn disable(&self, disabled: DisabledDestination) -> Result<(), Error> {
        self.run(Call::Disable, self.inner.disable(disabled)).await
    }

    async fn enable(
        &self,
        destination: &DestinationRef,
        audit: Option<AuditEntry>,
    ) -> Result<bool, Error> {
        self.run(Call::Enable, self.inner.enable(destination, audit))
            .await
    }

    async fn disabled(&self) -> Result<Vec<DisabledDestination>, Error> {
        self.run(Call::Disabled, self.inner.disabled()).await
    }

    async fn unsent(&self) -> Result<Vec<(PluginRef, OutboxUsage)>, Error> {
        self.run(Call::Unsent, self.inner.unsent()).await
    }

    async fn unsent_destinations(&self) -> Result<Vec<DestinationRef>, Error> {
        self.run(Call::UnsentDestinations, self.inner.unsent_destinations())
            .await
    }

    async fn prune_messages(
        &self,
        limits: &Retention,
        now: Timestamp,
        limit: usize,
    ) -> Result<PruneSummary, Error> {
        self.run(
            Call::PruneMessages,
            self.inner.prune_messages(limits, now, limit),
        )
        .await
    }
}
