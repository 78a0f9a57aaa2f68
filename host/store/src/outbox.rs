//! What holds after each call to an outbox, and what a crash before or after it means.
//!
//! Messages come into it by `Inbox::settle` alone, with the outcome of the attempt that asked for them; from here they
//! are claimed, sent and settled, apart from all handling.

use std::ops::RangeInclusive;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_model::{
    Delivery, DestinationName, DestinationRef, EventId, MessageId, PluginName, PluginRef,
    TenantName, Timestamp, WorkState,
};

use crate::{Ahead, Error, Inbox, ListOrder, Pruned, Replayed, Retention, Unsent};

/// Tries that are remembered of one message: the latest. A receiver may be down for as long as it likes.
pub const DELIVERIES_MAX: usize = 100;

/// A store of messages to be sent. "Durable" means what it means to an `Inbox`, and each store is both.
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// Takes leases on messages that are due, the longest due first: of each wanted destination no more than its limit.
    ///
    /// Within one ordering key of one destination messages are given out strictly in the order of their commit: the
    /// next one only once the one before is done or dead. A failing key waits; other keys go on. Messages of
    /// destinations that aren't wanted, or are disabled, are given to nobody.
    ///
    /// Until `now + lease` nobody else is given these. A crash after this call leaves them leased; they're due again when
    /// the lease ends, or when the store is next opened by its only host.
    async fn claim_messages(
        &self,
        wanted: &[WantMessages],
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<ClaimedMessage>, Error>;

    /// Lengthens leases to `until`. A message that is no longer under that lease is left alone.
    async fn extend_messages(&self, leases: &[MessageLease], until: Timestamp)
    -> Result<(), Error>;

    /// Gives leases back unused: the messages are pending again, and the try does not count.
    async fn give_back_messages(&self, leases: &[MessageLease]) -> Result<(), Error>;

    /// Ends a try: its record, the message's next state and, where it says so, that the destination is disabled become
    /// durable in one transaction. Fails with `MessageLeaseLost` where the message is no longer under this lease, and changes
    /// nothing then. A crash before the return leaves all or nothing; with nothing, the message is sent again, under the
    /// same id. Of a message's records the last `DELIVERIES_MAX` are kept.
    async fn settle_message(&self, settlement: MessageSettlement) -> Result<(), Error>;

    /// The earliest moment at which a message to these destinations is due; `None` when none ever will be by itself.
    async fn next_message_due(
        &self,
        destinations: &[DestinationRef],
    ) -> Result<Option<Timestamp>, Error>;

    /// Returns once messages may have become due since this was last called, by whatever call but `claim_messages`, and
    /// whoever made it. May return early.
    async fn outbox_changed(&self);

    /// Messages that are selected, in the order that `page` asks for, from `page.after` on.
    async fn messages(&self, page: MessagePage) -> Result<Vec<MessageSummary>, Error>;

    /// One message whole, with all tries at sending it; `None` where there's no such message.
    async fn message(&self, id: MessageId) -> Result<Option<MessageRecord>, Error>;

    /// Has messages sent again, under their old ids: those that the selection finds and that are not under lease, each
    /// with its tries counted from one and its earlier tries kept. As `Inbox::replay` in all else.
    async fn replay_messages(&self, replay: MessageReplay) -> Result<Replayed, Error>;

    /// Stops all sending to a destination: once this returns no claim gives out messages to it until `enable`. Durable.
    async fn disable(&self, disabled: Disabled) -> Result<(), Error>;

    /// Has a destination sent to again. Nothing is done where it isn't disabled.
    async fn enable(&self, destination: &DestinationRef) -> Result<(), Error>;

    /// The destinations that are disabled.
    async fn disabled(&self) -> Result<Vec<Disabled>, Error>;

    /// What is to be sent still, by plugin; of those that have something.
    async fn unsent(&self) -> Result<Vec<(PluginRef, Unsent)>, Error>;

    /// The destinations that have messages which are neither done nor dead, whether anybody knows them or not.
    async fn unsent_destinations(&self) -> Result<Vec<DestinationRef>, Error>;

    /// Takes out messages that are done or dead and were committed longer ago than the `age_max` of their tenant, and those
    /// that are neither done nor under lease and were to be sent longer ago than its `unsent_max_age`: the oldest first,
    /// no more than `limit`. Call again while the answer says `more`.
    async fn prune_messages(
        &self,
        limits: &Retention,
        now: Timestamp,
        limit: usize,
    ) -> Result<Pruned, Error>;
}

/// A whole store: what one transaction settles is in both of its parts.
pub trait Store: Inbox + Outbox {}

impl<T: Inbox + Outbox> Store for T {}

/// A order for messages to one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantMessages {
    /// The destination.
    pub destination: DestinationRef,
    /// How many messages at most.
    pub limit: usize,
}

/// One try's right to a message. The numbers tell it from earlier leases on the same message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageLease {
    /// The message.
    pub id: MessageId,
    /// How often it has been replayed.
    pub replays: u32,
    /// The number of the delivery: 1 for the first, and for the first after each replay.
    pub delivery: u32,
}

/// A message under lease.
#[derive(Debug, Clone)]
pub struct ClaimedMessage {
    /// The lease.
    pub lease: MessageLease,
    /// When the lease ends.
    pub until: Timestamp,
    /// Where it is to go.
    pub destination: DestinationRef,
    /// Whose plugin asked for it.
    pub plugin: PluginRef,
    /// The event that it was handling.
    pub event: EventId,
    /// The receiver's name of what happened, where the message is a typed event.
    pub event_type: Option<String>,
    /// What is to be sent, byte for byte the same on every try.
    pub body: Bytes,
    /// Since when it is to be sent: since its commit, or since it was to be sent again by the last replay.
    pub since: Timestamp,
    /// Tries since the last replay that were settled as spared.
    pub spared: u32,
}

/// The end of a try.
#[derive(Debug, Clone)]
pub struct MessageSettlement {
    /// The lease that it was made under.
    pub lease: MessageLease,
    /// The record of it; its number is the lease's.
    pub delivery: Delivery,
    /// The message's next state.
    pub next: WorkState,
    /// Whether the try doesn't count, because nothing else arrived there either.
    pub is_spared: bool,
    /// Where the destination is to be disabled: why, in one line.
    pub disable: Option<String>,
}

/// A destination that nothing is sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disabled {
    /// The destination.
    pub destination: DestinationRef,
    /// One line.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// Which messages are meant. What is `None` or empty excludes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageSelection {
    /// These messages.
    pub ids: Vec<MessageId>,
    /// Those whose id is in this range.
    pub id_range: Option<RangeInclusive<MessageId>>,
    /// Of this tenant.
    pub tenant: Option<TenantName>,
    /// To this destination.
    pub destination: Option<DestinationName>,
    /// Asked for by this plugin.
    pub plugin: Option<PluginName>,
    /// Of this type.
    pub event_type: Option<String>,
    /// Asked for while this event was handled.
    pub event: Option<EventId>,
    /// With this text in the body, byte for byte.
    pub text: Option<String>,
    /// In the state of one of these names.
    pub states: Vec<String>,
    /// Committed at or after.
    pub since: Option<Timestamp>,
    /// Committed before.
    pub until: Option<Timestamp>,
}

/// A stretch of the list of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagePage {
    /// Only these.
    pub selection: MessageSelection,
    /// Which comes first.
    pub order: ListOrder,
    /// Only messages that follow this one in that order. An id that isn't stored stands where its order among the ids
    /// puts it.
    pub after: Option<MessageId>,
    /// How many at most.
    pub limit: usize,
}

impl MessagePage {
    /// The oldest of what is selected, the first first.
    pub const fn first(selection: MessageSelection, limit: usize) -> Self {
        Self {
            selection,
            order: ListOrder::OldestFirst,
            after: None,
            limit,
        }
    }

    /// The newest of what is selected, the last first.
    pub const fn last(selection: MessageSelection, limit: usize) -> Self {
        Self {
            selection,
            order: ListOrder::NewestFirst,
            after: None,
            limit,
        }
    }
}

/// A order to have messages sent again.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageReplay {
    /// Which messages; one that names nothing is refused by callers, not here.
    pub selection: MessageSelection,
    /// Messages a second; all at once where `None`.
    pub rate: Option<f64>,
    /// The present.
    pub now: Timestamp,
    /// Only count.
    pub dry_run: bool,
}

/// A message as it stands in a list: all but its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageSummary {
    /// Our own id of it.
    pub id: MessageId,
    /// Whose plugin asked for it.
    pub plugin: PluginRef,
    /// The event that it was handling.
    pub event: EventId,
    /// Where it is to go.
    pub destination: DestinationName,
    /// The receiver's name of what happened, where it is a typed event.
    pub event_type: Option<String>,
    /// When it was committed.
    pub created_at: Timestamp,
    /// Where it stands.
    pub state: WorkState,
    /// What it waits for besides its time.
    pub behind: Option<Ahead<MessageId>>,
    /// The number of deliveries begun since the last replay.
    pub deliveries: u32,
    /// What the last ended try came to, as one line.
    pub last_result: Option<String>,
    /// How large its body is.
    pub body_bytes: u64,
}

/// One message with all that became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRecord {
    /// All but what follows.
    pub summary: MessageSummary,
    /// What orders it among the messages of its destination.
    pub ordering_key: Option<String>,
    /// How often it has been replayed.
    pub replays: u32,
    /// The body.
    pub body: Bytes,
    /// Its ended tries, the first first; each with the number of replays that came before it.
    pub deliveries: Vec<(u32, Delivery)>,
}
