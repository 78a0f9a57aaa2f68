//! The contract of the store, which holds everything that outlives the process.
//!
//! Ingress, dispatch and delivery share nothing but the store. The contract is split by concern,
//! one trait for each: [`Events`], [`Jobs`] and [`Routing`] (together the [`Inbox`]), [`Outbox`],
//! [`Releases`], [`Values`], [`Recent`] and [`RefusedRequests`]; and for people who look on,
//! [`Search`], [`Counts`], [`Charts`], [`RefusalCounts`], [`Audit`] and [`Live`] (together the
//! [`View`]). A backend implements all of them; a caller takes the
//! smallest trait that it needs.
//!
//! Every method documents what is true when it returns, and what a crash before or after the return
//! means. In these documents "durable" means that a crash of the process or of the machine
//! immediately after the return loses nothing that the call stored.
//!
//! A backend only stores. The next state of a job or message is decided by
//! [`hookyard_model::apply`]; the [`transitions`] module has the transitions that a backend makes
//! by itself.

mod error;
mod page;
mod events;
mod jobs;
mod token;
mod handover;
mod waits;
mod routing;
mod outbox;
mod releases;
mod values;
mod recent;
mod refused;
mod tenants;
mod search;
mod counts;
mod charts;
mod refusals;
mod audit;
mod feed;
mod gatherer;
mod retention;
mod outbox_quota;
mod empty;
pub mod transitions;

pub use audit::{
    AUDIT_DAYS_MAX, AUDIT_ENTRIES_MAX, Audit, AuditEntry, AuditId, AuditPage, AuditSelection,
    Author,
};
pub use charts::{
    Chart, Charts, Figure, FigureValue, OTHER_SERIES, Resolution, SERIES_OF_TENANT_MAX, Series,
    SeriesKind, Times,
};
pub use counts::{Count, Counts, JobCounts, MessageCounts, StoredTotals};
pub use empty::EmptyStore;
pub use error::Error;
pub use events::{
    AppendResult, DifferingRepeats, Discard, DiscardRecord, DiscardSummary, EventRecord,
    EventSelection, EventSummary, Events, GivenResponse, JobRecord, JobSummary, Replay,
    ReplaySummary, Tally,
};
pub use feed::{FEED_HINTS_MAX, Feed, Heard, Hint, Listener, Live};
pub use gatherer::{Gatherer, REFUSALS_GATHERED_MAX, RefusedOccurrence};
pub use handover::Handover;
pub use jobs::{ClaimedJob, JobLease, JobRequest, Jobs, Settlement};
pub use outbox::{
    ClaimedMessage, DELIVERIES_MAX, DisabledDestination, MessageLease, MessageRecord,
    MessageReplay, MessageRequest, MessageSelection, MessageSettlement, MessageSummary, Outbox,
};
pub use outbox_quota::{OutboxQuota, OutboxUsage};
pub use page::{EventPage, ListOrder, MessagePage, Page, Predecessor};
pub use recent::Recent;
pub use refusals::{
    REFUSAL_DAYS_MAX, REFUSAL_PEERS_MAX, REFUSALS_MAX, REFUSALS_OF_SOURCE_MAX, RefusalCount,
    RefusalCounts, RefusalSample, RefusalSelection, RefusalSummary,
};
pub use refused::{
    RefusedBounds, RefusedLimits, RefusedPage, RefusedRequests, RefusedSelection, RefusedSize,
    RefusedSummary, surplus,
};
pub use releases::{
    BLOCKS_MAX, Block, Order, REVISIONS_MAX, ReleaseStep, Releases, RevisionRecord, STEPS_MAX,
};
pub use retention::{PruneSummary, Retention, RetentionLimits};
pub use routing::{Backlog, BacklogPolicy, Quarantine, Routes, Routing};
pub use search::{Budget, Found, KEYED_SOURCES_MAX, Place, Search};
pub use tenants::Tenants;
pub use token::LeaseToken;
pub use values::{KvUsage, Values};
pub use waits::{JobEnd, NoWait, Reports, Uncounted, Wait, Waits, Wanted};

/// The stored events and their jobs: [`Events`], [`Jobs`] and [`Routing`] together.
pub trait Inbox: Events + Jobs + Routing {}

impl<T: Events + Jobs + Routing> Inbox for T {}

/// What people see of a store next to its events, messages and releases: [`Search`], [`Counts`],
/// [`Charts`], [`RefusalCounts`], [`Audit`] and [`Live`] together.
pub trait View: Search + Counts + Charts + RefusalCounts + Audit + Live {}

impl<T: Search + Counts + Charts + RefusalCounts + Audit + Live> View for T {}

/// A whole store.
///
/// A transaction may change several of its parts: an attempt is settled in the [`Inbox`] together
/// with the messages that it adds to the [`Outbox`] and the key-value pairs that it writes to
/// [`Values`].
pub trait Store: Inbox + Outbox + Releases + Values + Recent + RefusedRequests + View {}

impl<T: Inbox + Outbox + Releases + Values + Recent + RefusedRequests + View> Store for T {}
