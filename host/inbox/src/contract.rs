//! What holds after each call to an inbox, and what a crash before or after it means.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hookyard_model::{Attempt, Event, EventId, JobState, PluginName, PluginRef, Revision, SourceRef, Timestamp};

/// A store of events and of the jobs that they give rise to.
///
/// "Durable" means that a crash of the process or of the machine, right after the call returns, loses nothing of it.
#[async_trait]
pub trait Inbox: Send + Sync + 'static {
    /// Stores an event, and a job for each plugin that its source is routed to, in one transaction.
    ///
    /// Once this returns `New`, event and jobs are durable. An event whose source and key are already stored is not
    /// stored again: the answer is `Repeat` with the id of the first. A crash before the return leaves all or nothing;
    /// the sender, unanswered, sends again, and the key keeps that from being a second event.
    async fn append(&self, event: Event) -> Result<Appended, Error>;

    /// Replaces the whole table of which plugins are given the events of which source.
    ///
    /// Once this returns, events appended later get jobs by the new table. Jobs of a plugin that no longer takes its
    /// source's events are held (those under lease are settled first by whoever has them), held jobs of a plugin that
    /// takes them again are pending, and events that were stored while their source had no plugin have their jobs.
    /// The table is durable: it outlives a restart.
    async fn route(&self, routes: Routes) -> Result<(), Error>;

    /// Takes leases on jobs that are due, the longest due first: of each wanted plugin no more than its limit.
    ///
    /// Until `now + lease` nobody else is given these jobs. `Claimed::attempt` counts this attempt, and is the proof of
    /// the lease. A crash after this call leaves the jobs leased; they're due again when the lease ends, or when the
    /// store is next opened by its only host.
    async fn claim(&self, wanted: &[Want], now: Timestamp, lease: Duration) -> Result<Vec<Claimed>, Error>;

    /// Lengthens leases to `until`. A job that is no longer under that lease is left alone.
    async fn extend(&self, leases: &[JobRef], until: Timestamp) -> Result<(), Error>;

    /// Gives leases back unused: the jobs are pending again, and the attempt does not count.
    async fn release(&self, leases: &[JobRef]) -> Result<(), Error>;

    /// Ends an attempt: its record and the job's next state become durable in one transaction.
    ///
    /// Fails with `LeaseLost` and changes nothing when the job is no longer under this lease. A crash before the
    /// return leaves all or nothing; with nothing, the job is attempted again.
    async fn settle(&self, settlement: Settlement) -> Result<(), Error>;

    /// The earliest moment at which a job of these plugins is due; `None` when none ever will be by itself.
    async fn next_due(&self, plugins: &[PluginRef]) -> Result<Option<Timestamp>, Error>;

    /// Returns once jobs may have become due through `append` or `route` since this was last called. May return early.
    async fn changed(&self);

    /// Stored events in the order of their arrival, each with its jobs, from `page.after` on.
    async fn events(&self, page: Page) -> Result<Vec<EventSummary>, Error>;
}

/// What `append` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// The event is stored.
    New,
    /// The source had sent this key before; the first event's id.
    Repeat(EventId),
}

/// Which plugins are given the events of which source. A source that is missing has none: its events are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes(pub BTreeMap<SourceRef, BTreeSet<PluginName>>);

/// A wish for jobs of one plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// The plugin.
    pub plugin: PluginRef,
    /// How many jobs at most.
    pub limit: usize,
}

/// One attempt's right to a job. The attempt's number tells it from earlier leases on the same job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRef {
    /// The event.
    pub event: EventId,
    /// The plugin.
    pub plugin: PluginRef,
    /// The attempt, 1 for the first.
    pub attempt: u32,
}

/// A job under lease.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The lease.
    pub lease: JobRef,
    /// When the lease ends.
    pub until: Timestamp,
    /// The event, whole.
    pub event: Arc<Event>,
}

/// The end of an attempt.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The lease that the attempt was made under.
    pub lease: JobRef,
    /// The record of it; its number is the lease's.
    pub attempt: Attempt,
    /// The job's next state.
    pub next: JobState,
}

/// A stretch of the list of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Only events that came after this one. An id that isn't stored stands where its order among the ids puts it.
    pub after: Option<EventId>,
    /// How many at most.
    pub limit: usize,
}

/// An event as it stands in a list: all but its headers and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSummary {
    /// Our id of it.
    pub id: EventId,
    /// Where it came in.
    pub source: SourceRef,
    /// The provider that the source had.
    pub provider: String,
    /// The sender's name of what happened, when it could be told.
    pub event_type: Option<String>,
    /// The idempotency key.
    pub key: String,
    /// When it came in.
    pub received_at: Timestamp,
    /// One for each plugin that it is for, by name; none while its source has no plugin.
    pub jobs: Vec<JobSummary>,
}

/// A job as it stands in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSummary {
    /// The plugin.
    pub plugin: PluginName,
    /// Where the job stands.
    pub state: JobState,
    /// Attempts begun.
    pub attempts: u32,
    /// The code that the last ended attempt ran.
    pub revision: Option<Revision>,
    /// What the last ended attempt came to, as one line.
    pub last_outcome: Option<String>,
}

/// Why the inbox did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The queue to the store is at its bound; nothing was stored, and trying again soon may work.
    #[error("the inbox has as much waiting as it may hold")]
    Busy,
    /// The job is no longer under the lease that was shown.
    #[error("the lease on the job of event {} for plugin {} (attempt {}) is lost", .0.event, .0.plugin, .0.attempt)]
    LeaseLost(JobRef),
    /// The store failed; nothing of the call was kept.
    #[error("the inbox's store failed")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What was read from the store is not what was written to it.
    #[error("the inbox's store holds {what} that can't be read back")]
    Corrupt {
        /// Which part of which record.
        what: String,
    },
}
