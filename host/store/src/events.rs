//! The stored events: storing them, finding them, running their jobs again, ending them and
//! removing them.

use std::ops::RangeInclusive;

use async_trait::async_trait;
use hookyard_model::{
    Attempt, Event, EventId, PluginName, Response, Revision, SourceName, SourceRef, TenantName,
    Timestamp, WorkState,
};

use crate::{Error, EventPage, Predecessor, PruneSummary, Retention};

/// The stored events, each with its jobs.
///
/// See the [crate documentation](crate) for the meaning of "durable".
#[async_trait]
pub trait Events: Send + Sync + 'static {
    /// Stores an event, and a job for each plugin that its source is routed to, in one transaction.
    ///
    /// Once this returns [`AppendResult::New`], the event and its jobs are durable. An event whose
    /// source and idempotency key are already stored is not stored again: the result is
    /// [`AppendResult::Repeat`] with the id of the first event, or [`AppendResult::RepeatDiffers`] if
    /// that event is stored with another body. The latter is also counted in the record of that
    /// event. A crash before the return leaves
    /// all of the changes or none of them. The sender, which got no answer, sends the event again,
    /// and the key prevents a second event.
    ///
    /// An event with the id of a stored event is that event: the result is [`AppendResult::New`]
    /// again, and nothing changes. So a caller that got no answer calls again.
    ///
    /// A key belongs to an event for its `key_window` from the append, by the clock of the store,
    /// even if the event is pruned earlier. An event with the same key that is appended later is a
    /// new event.
    async fn append(&self, event: Event) -> Result<AppendResult, Error>;

    /// Returns a page of the events that the page selects, each with all of its jobs.
    async fn events(&self, page: EventPage) -> Result<Vec<EventSummary>, Error>;

    /// Returns a whole event with its jobs and all of their attempts, or `None` if the event does
    /// not exist.
    async fn read(&self, id: EventId) -> Result<Option<EventRecord>, Error>;

    /// Returns the response with which a plugin answered the request of an event, if there is one.
    async fn response(&self, id: EventId) -> Result<Option<GivenResponse>, Error>;

    /// Makes jobs run again: the jobs that the selection matches and that are not leased. Each job
    /// counts its attempts from one again and keeps the records of its earlier attempts.
    ///
    /// Once this returns, the jobs are durably due, spread over time by the rate. Leased jobs are
    /// left unchanged and are counted separately. What is stored after the call began is not
    /// affected. A dry run changes nothing. A crash before the return may leave some of the jobs
    /// replayed and others not, each of them whole.
    ///
    /// A selection that names a plugin, and either no state or `unrouted`, also creates missing
    /// jobs: one for each selected event that has no job for the plugin, if the source of the event
    /// is routed to the plugin.
    async fn replay(&self, replay: Replay) -> Result<ReplaySummary, Error>;

    /// Discards the selected jobs that are pending, waiting, held or dead, and the selected
    /// unrouted events if the selection names neither a plugin nor another state.
    ///
    /// A discarded job or event is over, like a done or dead job, and its record has the reason and
    /// the time. Leased jobs are left unchanged and are counted separately.
    ///
    /// Once this returns, the end of each job and event is durable, and the next job of an ordering
    /// key may run. What is stored after the call began is not affected. A dry run changes nothing.
    /// A crash before the return may leave some of the jobs discarded and others not.
    async fn discard(&self, discard: Discard) -> Result<DiscardSummary, Error>;

    /// Removes events that the limits do not keep, the oldest first, with all of their jobs and
    /// attempts.
    ///
    /// An event with a job that is not over is never removed. Unrouted events have an age limit of
    /// their own. One call removes at most `limit` events, so that nobody waits long for the
    /// writer; call again while [`PruneSummary::more`] is set. The call also forgets idempotency
    /// keys that expired long ago. A crash of the machine may bring back the events that were
    /// removed last.
    async fn prune(
        &self,
        limits: &Retention,
        now: Timestamp,
        limit: usize,
    ) -> Result<PruneSummary, Error>;

    /// Counts the unrouted events of each source that has some, in the order of the sources.
    async fn unrouted(&self) -> Result<Vec<Tally<SourceRef>>, Error>;
}

/// The result of [`Events::append`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendResult {
    /// The event is stored.
    New,
    /// The source has sent this key before. The id is the id of the first event, which has the same
    /// body or is no longer stored.
    Repeat(EventId),
    /// The source has sent this key before, with another body. The id is the id of the first event.
    RepeatDiffers(EventId),
}

/// A filter on events or jobs. A field that is `None` or empty excludes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventSelection {
    /// The ids of the events.
    pub ids: Vec<EventId>,
    /// The range of the ids of the events.
    pub id_range: Option<RangeInclusive<EventId>>,
    /// The tenant of the events.
    pub tenant: Option<TenantName>,
    /// The source of the events.
    pub source: Option<SourceName>,
    /// The plugin of a job of the event.
    pub plugin: Option<PluginName>,
    /// The type of the events.
    pub event_type: Option<String>,
    /// The idempotency key of the event.
    pub key: Option<String>,
    /// A text that the body contains, byte for byte.
    pub text: Option<String>,
    /// The names of the states of a job of the event. `unrouted` matches events without any job,
    /// and `discarded` also matches discarded events without any job.
    pub states: Vec<String>,
    /// The earliest time of arrival.
    pub since: Option<Timestamp>,
    /// The time before which the events arrived.
    pub until: Option<Timestamp>,
}

impl EventSelection {
    /// Returns whether the selection may match unrouted events.
    pub fn matches_unrouted(&self) -> bool {
        self.plugin.is_none() && (self.states.is_empty() || self.names_unrouted())
    }

    /// Returns whether the selection names the state `unrouted`.
    pub fn names_unrouted(&self) -> bool {
        self.names_state("unrouted")
    }

    /// Returns whether the selection names this state.
    pub fn names_state(&self, state: &str) -> bool {
        self.states.iter().any(|name| name == state)
    }

    /// Returns whether a replay of the selection creates jobs that the plugin does not have.
    ///
    /// A selection that names other states next to `unrouted` creates no jobs.
    pub fn creates_jobs(&self) -> bool {
        self.plugin.is_some() && (self.states.is_empty() || self.states == ["unrouted"])
    }
}

/// A summary of an event in a list: everything except its headers and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSummary {
    /// The id of the event.
    pub id: EventId,
    /// The source that received the event.
    pub source: SourceRef,
    /// The provider of the source at the time of arrival.
    pub provider: String,
    /// The sender's name for what happened, if it is known.
    pub event_type: Option<String>,
    /// The idempotency key.
    pub key: String,
    /// The time of arrival.
    pub received_at: Timestamp,
    /// The jobs of the event in the order of their plugins. Empty while the event is unrouted.
    pub jobs: Vec<JobSummary>,
    /// Whether the event was discarded while it was unrouted. Always `false` for an event with
    /// jobs.
    pub is_discarded: bool,
}

impl EventSummary {
    /// Returns whether the event is unrouted: it has no jobs, and it was not discarded.
    pub fn is_unrouted(&self) -> bool {
        self.jobs.is_empty() && !self.is_discarded
    }
}

/// A summary of a job in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSummary {
    /// The name of the plugin.
    pub plugin: PluginName,
    /// The state of the job.
    pub state: WorkState,
    /// The unfinished job of the same ordering key that this job waits for.
    pub behind: Option<Predecessor<EventId>>,
    /// The number of attempts that have begun since the last replay.
    pub attempts: u32,
    /// The revision that the last ended attempt ran.
    pub revision: Option<Revision>,
    /// The outcome of the last ended attempt, in one line.
    pub last_outcome: Option<String>,
    /// The time at which the job became done, dead or discarded, or `None` if it is not over.
    pub ended_at: Option<Timestamp>,
}

/// An event with its jobs and their history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// The whole event.
    pub event: Event,
    /// The jobs of the event, in the order of their plugins.
    pub jobs: Vec<JobRecord>,
    /// The record of the discard if the event was discarded while it was unrouted.
    pub discarded: Option<DiscardRecord>,
    /// The later requests that had the key of the event and another body, if there were any.
    pub differing_repeats: Option<DifferingRepeats>,
}

/// The requests that had the key of a stored event and another body, and were not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DifferingRepeats {
    /// The number of the requests, at least 1.
    pub count: u64,
    /// The time at which the last of them arrived, by the clock of the store.
    pub last: Timestamp,
}

/// A job with its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    /// The name of the plugin.
    pub plugin: PluginName,
    /// The state of the job.
    pub state: WorkState,
    /// The unfinished job of the same ordering key that this job waits for.
    pub behind: Option<Predecessor<EventId>>,
    /// The number of times that the job has been replayed.
    pub replays: u32,
    /// The ended attempts, the oldest first, each with the number of replays before the attempt.
    pub attempts: Vec<(u32, Attempt)>,
    /// The discards of the job, the oldest first, each with the number of replays before the
    /// discard.
    pub discards: Vec<(u32, DiscardRecord)>,
}

/// The response with which a plugin answered the request of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenResponse {
    /// The name of the plugin.
    pub plugin: PluginName,
    /// The response.
    pub response: Response,
}

/// A request to run jobs again.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// The jobs. Callers refuse a selection that names nothing; the store does not.
    pub selection: EventSelection,
    /// The revision to run, or `None` for the active revision.
    pub revision: Option<Revision>,
    /// The number of jobs per second, or `None` for all at once.
    pub rate: Option<f64>,
    /// The current time.
    pub now: Timestamp,
    /// Whether to count only.
    pub dry_run: bool,
}

/// The result of a replay of jobs or messages. A dry run counts what a replay would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplaySummary {
    /// The number of jobs or messages that are due again, including `created`.
    pub replayed: u64,
    /// The number of jobs or messages that were left unchanged because they are leased.
    pub leased: u64,
    /// The number of jobs that were created for events without a job for the plugin.
    pub created: u64,
    /// The number of events that got no job because their source is not routed to the plugin.
    pub not_routed: u64,
}

/// A request to discard jobs and unrouted events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discard {
    /// The jobs and events. Callers refuse a selection that names nothing; the store does not.
    pub selection: EventSelection,
    /// The reason, in one line.
    pub reason: String,
    /// The current time.
    pub now: Timestamp,
    /// Whether to count only.
    pub dry_run: bool,
}

impl Discard {
    /// Returns the record of the discard, which is stored with each discarded job or event.
    pub fn record(&self) -> DiscardRecord {
        DiscardRecord {
            at: self.now,
            reason: self.reason.clone(),
        }
    }
}

/// The result of a discard. A dry run counts what a discard would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiscardSummary {
    /// The number of jobs that were discarded.
    pub jobs: u64,
    /// The number of unrouted events that were discarded.
    pub events: u64,
    /// The number of jobs that were left unchanged because they are leased.
    pub leased: u64,
}

/// The record of the discard of a job or an unrouted event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscardRecord {
    /// The time of the discard.
    pub at: Timestamp,
    /// The operator's reason, in one line.
    pub reason: String,
}

/// The number of events or jobs that wait for a source or a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally<Ref> {
    /// The source that received the events, or the plugin for which the jobs are held.
    pub of: Ref,
    /// The number of events or jobs, at least 1.
    pub count: u64,
    /// The time at which the oldest of the events arrived.
    pub oldest: Timestamp,
}
