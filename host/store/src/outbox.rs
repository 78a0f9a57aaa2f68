//! The outbox: the messages that plugins send to destinations.
//!
//! Messages enter the outbox only through [`Jobs::settle`](crate::Jobs::settle), with the outcome
//! of the attempt that asked for them. From then on they are leased, sent and settled independently
//! of all handling.

use std::ops::RangeInclusive;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_model::{
    Delivery, DestinationName, DestinationRef, EventId, MessageId, Next, PluginName, PluginRef,
    TenantName, Timestamp, WorkState,
};

use crate::{
    AuditEntry, Error, LeaseToken, MessagePage, OutboxUsage, Predecessor, PruneSummary,
    ReplaySummary, Retention,
};

/// The maximum number of deliveries that are recorded for one message. The latest deliveries are
/// kept, because a receiver may be down for any length of time.
pub const DELIVERIES_MAX: usize = 100;

/// The messages to send.
///
/// See the [crate documentation](crate) for the meaning of "durable".
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// Leases messages that are due, those that have been due for the longest time first: for each
    /// request no more than its limit.
    ///
    /// Messages with the same ordering key of one destination are leased strictly in the order of
    /// their commit: the next message can be leased only when the previous message is done or dead.
    /// A failing key waits; other keys continue. Messages to destinations without a request, and to
    /// disabled destinations, are not leased.
    ///
    /// Nobody else can lease these messages for the time `lease`, by the clock of the store. The
    /// caller counts this time from before the call. A crash after this call leaves the messages
    /// leased; they are due again when the lease ends, or once their host is known to be gone.
    async fn claim_messages(
        &self,
        requests: &[MessageRequest],
        lease: Duration,
    ) -> Result<Vec<ClaimedMessage>, Error>;

    /// Extends leases, so that each of them lasts for at least the time `lease` from now on, by the
    /// clock of the store. A message that is no longer under the given lease is left unchanged.
    async fn extend_messages(&self, leases: &[MessageLease], lease: Duration) -> Result<(), Error>;

    /// Gives back leases that were not used: the messages become pending again, and the deliveries
    /// do not count.
    async fn give_back_messages(&self, leases: &[MessageLease]) -> Result<(), Error>;

    /// Ends a delivery: its record, the next state of the message and, if the settlement asks for
    /// it, the disabling of the destination become durable in one transaction.
    ///
    /// A crash before the return leaves all of the changes or none of them; if none, the message is
    /// sent again under the same id. The last [`DELIVERIES_MAX`] records of a message are kept. A
    /// second settlement under the same lease changes nothing and succeeds.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::MessageLeaseLost`] if the message is no longer under this lease and was
    /// not settled under it, and changes nothing then.
    async fn settle_message(&self, settlement: MessageSettlement) -> Result<(), Error>;

    /// Returns the time until a message to these destinations is due, zero if a message is due
    /// already, or `None` if no message becomes due by the passing of time alone.
    async fn next_message_due(
        &self,
        destinations: &[DestinationRef],
    ) -> Result<Option<Duration>, Error>;

    /// Waits until messages may have become due since the last call of this method.
    ///
    /// Every call that can make a message due wakes the waiting task, whichever task or process
    /// makes it. The exception is `claim_messages`. The method may return early.
    async fn outbox_changed(&self);

    /// Returns a page of the messages that the page selects.
    async fn messages(&self, page: MessagePage) -> Result<Vec<MessageSummary>, Error>;

    /// Returns a whole message with its recorded deliveries, or `None` if the message does not
    /// exist.
    async fn message(&self, id: MessageId) -> Result<Option<MessageRecord>, Error>;

    /// Makes messages be sent again under their old ids: the messages that the selection matches
    /// and that are not leased. Each message counts its deliveries from one again and keeps the
    /// records of its earlier deliveries.
    ///
    /// Everything else is as for [`Events::replay`](crate::Events::replay).
    async fn replay_messages(&self, replay: MessageReplay) -> Result<ReplaySummary, Error>;

    /// Stops all sending to a destination: once this returns, no claim leases messages to it until
    /// [`Outbox::enable`]. The change is durable.
    async fn disable(&self, disabled: DisabledDestination) -> Result<(), Error>;

    /// Enables a destination again, durably, and adds the audit entry. Returns whether the
    /// destination was disabled; if not, the entry is not added.
    async fn enable(
        &self,
        destination: &DestinationRef,
        audit: Option<AuditEntry>,
    ) -> Result<bool, Error>;

    /// Returns all disabled destinations.
    async fn disabled(&self) -> Result<Vec<DisabledDestination>, Error>;

    /// Returns the unsent messages of each plugin that has some.
    async fn unsent(&self) -> Result<Vec<(PluginRef, OutboxUsage)>, Error>;

    /// Returns the destinations that have messages which are neither done nor dead, including
    /// destinations that are no longer configured.
    async fn unsent_destinations(&self) -> Result<Vec<DestinationRef>, Error>;

    /// Removes messages that the limits do not keep, the oldest first, at most `limit` of them.
    ///
    /// These are the messages that are done or dead and that were committed longer ago than the
    /// `age_max` of their tenant, and the messages that are neither done nor leased and that were
    /// to be sent longer ago than its `unsent_max_age`. Call again while [`PruneSummary::more`] is
    /// set.
    async fn prune_messages(
        &self,
        limits: &Retention,
        now: Timestamp,
        limit: usize,
    ) -> Result<PruneSummary, Error>;
}

/// A request for up to `limit` messages to one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRequest {
    /// The destination.
    pub destination: DestinationRef,
    /// The maximum number of messages.
    pub limit: usize,
}

/// The time-limited right of one delivery to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageLease {
    /// The id of the message.
    pub id: MessageId,
    /// The number of times that the message has been replayed.
    pub replays: u32,
    /// The number of the delivery: 1 for the first delivery, and for the first delivery after each
    /// replay.
    pub delivery: u32,
    /// The proof of the lease.
    pub token: LeaseToken,
}

/// A message under lease.
#[derive(Debug, Clone)]
pub struct ClaimedMessage {
    /// The lease.
    pub lease: MessageLease,
    /// The destination of the message.
    pub destination: DestinationRef,
    /// The plugin that asked for the message.
    pub plugin: PluginRef,
    /// The event that the plugin was handling.
    pub event: EventId,
    /// The receiver's name for what happened, if the message is a typed event.
    pub event_type: Option<String>,
    /// The body, which is byte for byte the same in every delivery.
    pub body: Bytes,
    /// The time at which the age of the message starts: its commit, or the time at which the last
    /// replay made it due.
    pub since: Timestamp,
    /// The number of deliveries since the last replay that were settled as spared.
    pub spared: u32,
    /// The `traceparent` of the attempt that asked for the message, if its trace is recorded.
    pub trace: Option<String>,
}

/// The end of a delivery.
#[derive(Debug, Clone)]
pub struct MessageSettlement {
    /// The lease under which the delivery was made.
    pub lease: MessageLease,
    /// The record of the delivery. Its number is the number of the lease.
    pub delivery: Delivery,
    /// The next state of the message.
    pub next: Next,
    /// Whether the delivery does not count against the maximum of the message, because nothing else
    /// reached the destination either.
    pub is_spared: bool,
    /// The reason for which the destination must be disabled, in one line, or `None` to leave it
    /// enabled.
    pub disable: Option<String>,
}

/// A disabled destination, which gets no messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisabledDestination {
    /// The destination.
    pub destination: DestinationRef,
    /// The reason, in one line.
    pub reason: String,
    /// The time at which the destination was disabled.
    pub since: Timestamp,
}

/// A filter on messages. A field that is `None` or empty excludes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageSelection {
    /// The ids of the messages.
    pub ids: Vec<MessageId>,
    /// The range of the ids of the messages.
    pub id_range: Option<RangeInclusive<MessageId>>,
    /// The tenant of the messages.
    pub tenant: Option<TenantName>,
    /// The destination of the messages.
    pub destination: Option<DestinationName>,
    /// The plugin that asked for the messages.
    pub plugin: Option<PluginName>,
    /// The type of the messages.
    pub event_type: Option<String>,
    /// The event that the plugin was handling.
    pub event: Option<EventId>,
    /// A text that the body contains, byte for byte.
    pub text: Option<String>,
    /// The names of the states of the messages.
    pub states: Vec<String>,
    /// The earliest time of the commit.
    pub since: Option<Timestamp>,
    /// The time before which the messages were committed.
    pub until: Option<Timestamp>,
}

/// A request to send messages again.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageReplay {
    /// The messages. Callers refuse a selection that names nothing; the store does not.
    pub selection: MessageSelection,
    /// The number of messages per second, or `None` for all at once.
    pub rate: Option<f64>,
    /// The current time.
    pub now: Timestamp,
    /// Whether to count only.
    pub dry_run: bool,
}

/// A summary of a message in a list: everything except its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageSummary {
    /// The id of the message.
    pub id: MessageId,
    /// The plugin that asked for the message.
    pub plugin: PluginRef,
    /// The event that the plugin was handling.
    pub event: EventId,
    /// The name of the destination.
    pub destination: DestinationName,
    /// The receiver's name for what happened, if the message is a typed event.
    pub event_type: Option<String>,
    /// The time of the commit.
    pub created_at: Timestamp,
    /// The state of the message.
    pub state: WorkState,
    /// The unfinished message of the same ordering key that this message waits for.
    pub behind: Option<Predecessor<MessageId>>,
    /// The number of deliveries that have begun since the last replay.
    pub deliveries: u32,
    /// The result of the last ended delivery, in one line.
    pub last_result: Option<String>,
    /// The time at which the message became done or dead, or `None` if it is not over.
    pub ended_at: Option<Timestamp>,
    /// The size of the body, in bytes.
    pub body_bytes: u64,
}

/// A message with its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRecord {
    /// The summary of the message.
    pub summary: MessageSummary,
    /// The key that orders the message among the messages of its destination.
    pub ordering_key: Option<String>,
    /// The number of times that the message has been replayed.
    pub replays: u32,
    /// The body.
    pub body: Bytes,
    /// The recorded deliveries, the oldest first, each with the number of replays before the
    /// delivery.
    pub deliveries: Vec<(u32, Delivery)>,
}
