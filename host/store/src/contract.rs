//! What holds after each call to an inbox, and what a crash before or after it means.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hookyard_model::{
    Attempt, Effects, Event, EventId, Key, Limit, PluginName, PluginRef, Revision, SourceName,
    SourceRef, TenantName, Timestamp, Versioned, WorkState,
};

use crate::{MessageLease, OutboxQuota};

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
    ///
    /// A key is an event's until its `key_until`, even if the event is pruned before: an event with the same key that is
    /// received then or later is a new one.
    async fn append(&self, event: Event) -> Result<Appended, Error>;

    /// Replaces the whole table of which plugins are given the events of which source.
    ///
    /// Once this returns, events appended later get jobs by the new table. Jobs of a plugin that no longer takes its
    /// source's events are held (those under lease are settled first by whoever has them), held jobs of a plugin that
    /// takes them again are pending, and events that were stored while their source had no plugin have their jobs.
    /// The table is durable: it outlives a restart. A crash before the return may leave it as it was or replaced, with
    /// some of the jobs not held or set free yet: no claim gives out what should be held, and the next call does the rest.
    ///
    /// Which plugins are given the events that were stored while their source had none, and how fast, `backlog` says.
    /// Such an event stays unrouted while none of its source's plugins takes a backlog.
    async fn route_with(&self, routes: Routes, backlog: &Backlog) -> Result<(), Error>;

    /// As `route_with`, where every plugin takes its whole backlog at once.
    async fn route(&self, routes: Routes) -> Result<(), Error> {
        self.route_with(routes, &Backlog::default()).await
    }

    /// The table that was routed last; of a source without a plugin there may be no line.
    async fn routes(&self) -> Result<Routes, Error>;

    /// Takes leases on jobs that are due, the longest due first: of each wanted plugin no more than its limit.
    ///
    /// Within one ordering key (of one source and plugin) jobs are given out strictly in the order of their events: the
    /// next one only once the one before is over: done, dead or discarded. A failing key waits; other keys go on. An event that is
    /// replayed comes before later ones of its key, but after an attempt that is under way.
    ///
    /// Until `now + lease` nobody else is given these jobs. `Claimed::attempt` counts this attempt, and is the proof of
    /// the lease. A crash after this call leaves the jobs leased; they're due again when the lease ends, or when the
    /// store is next opened by its only host.
    async fn claim(
        &self,
        wanted: &[Want],
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<Claimed>, Error>;

    /// Lengthens leases to `until`. A job that is no longer under that lease is left alone.
    async fn extend(&self, leases: &[JobLease], until: Timestamp) -> Result<(), Error>;

    /// Gives leases back unused: the jobs are pending again, and the attempt does not count.
    async fn give_back(&self, leases: &[JobLease]) -> Result<(), Error>;

    /// Ends an attempt: its record and the job's next state become durable in one transaction.
    ///
    /// The effects of an attempt that came to `Done` commit in the same transaction (invariant 6); those of any other
    /// outcome are dropped. Fails with `LeaseLost` when the job is no longer under this lease, with `Conflict` when a key
    /// that the attempt went by has changed since, and with `OverQuota` when its writes would take the plugin's store
    /// past its quota, or its messages the outbox: none of these changes anything. A crash before the return leaves all or nothing; with nothing,
    /// the job is attempted again.
    async fn settle(&self, settlement: Settlement) -> Result<(), Error>;

    /// The earliest moment at which a job of these plugins is due; `None` when none ever will be by itself.
    async fn next_due(&self, plugins: &[PluginRef]) -> Result<Option<Timestamp>, Error>;

    /// Returns once jobs may have become due since this was last called, by whatever call but `claim`, and whoever
    /// made it; by `settle` where it lets the next job of an ordering key go. May return early.
    async fn changed(&self);

    /// Stored events that are selected, in the order that `page` asks for, each with all its jobs, from `page.after` on.
    async fn events(&self, page: Page) -> Result<Vec<EventSummary>, Error>;

    /// One event whole, with its jobs and all their attempts; `None` when there's no such event.
    async fn read(&self, id: EventId) -> Result<Option<EventRecord>, Error>;

    /// Makes jobs run again: those that the selection finds and that are not under lease, each with its attempts counted
    /// from one and its earlier attempts kept.
    ///
    /// Once this returns the jobs are durably due, spread over time by the rate. Jobs under lease are left alone, and
    /// are counted apart; what is stored after this was called is not meant. With `dry_run` nothing is changed. A crash
    /// before the return may leave some of the jobs replayed and others not, each of them whole.
    ///
    /// A selection that names a plugin, and either no state or `unrouted`, also makes the jobs that are missing: for each
    /// selected event that the plugin has no job for, where the event's source is routed to the plugin.
    async fn replay(&self, replay: Replay) -> Result<Replayed, Error>;

    /// Ends the selected jobs that are pending, waiting, held or dead, and the selected unrouted events where the selection
    /// names neither a plugin nor another state. They are `discarded`: over, as done and dead jobs are, with the reason
    /// and the time on record. Jobs under lease are left alone, and are counted apart.
    ///
    /// Once this returns the end of each is durable, and the next job of an ordering key may go. What is stored after
    /// this was called is not meant. With `dry_run` nothing is changed. A crash before the return may leave some of the
    /// jobs discarded and others not.
    async fn discard(&self, discard: Discard) -> Result<Discarded, Error>;

    /// The events that no plugin has taken, counted for each source that has some, by source.
    async fn unrouted(&self) -> Result<Vec<Tally<SourceRef>>, Error>;

    /// The jobs that are held, counted for each plugin that has some, by plugin.
    async fn held(&self) -> Result<Vec<Tally<PluginRef>>, Error>;

    /// Takes out events that the limits don't keep, the oldest first, with all their jobs and attempts; of those none with
    /// a job that is not over. Unrouted events have an age limit of their own. No more than `limit` of them, so that nobody
    /// waits long for the writer. Forgets keys whose time is long over. Call again while the answer says `more`. A crash of the machine may bring back what
    /// was taken out last.
    async fn prune(
        &self,
        limits: &Retention,
        now: Timestamp,
        limit: usize,
    ) -> Result<Pruned, Error>;

    /// Quarantines a revision of a plugin: once this returns, no claim gives out jobs of the plugin until `lift`, and
    /// its jobs are held rather than burnt. Durable. A crash before the return may leave it quarantined with some of its
    /// jobs not held yet; no claim gives those out either.
    async fn quarantine(&self, quarantine: Quarantine) -> Result<(), Error>;

    /// Ends a plugin's quarantine: its held jobs are pending again. Without one nothing is done. A crash before the return
    /// may leave some of them held, until the next `route`.
    async fn lift(&self, plugin: &PluginRef) -> Result<(), Error>;

    /// Makes jobs of a plugin due that failed while this revision was watched, which is now taken back: those that wait or are
    /// dead, and whose last attempt was settled with `is_watched` and was of this revision. Their attempts stay counted, so
    /// that each is attempted once more at the least, and not again where that was its last. How many there were.
    ///
    /// Once this returns they are durably due, or held where their plugin can't take them. A crash before the return may leave some of
    /// them due and others not; the next call does the rest.
    async fn retry_failed(&self, plugin: &PluginRef, revision: Revision) -> Result<u64, Error>;

    /// The plugins that are quarantined.
    async fn quarantined(&self) -> Result<Vec<Quarantine>, Error>;

    /// What stands at a key of a plugin's store, by what is committed; `None` when nothing does.
    async fn value(&self, plugin: &PluginRef, key: &Key) -> Result<Option<Versioned>, Error>;

    /// Keys of a bucket in the order of their bytes, after `after`, no more than `limit`.
    async fn keys(
        &self,
        plugin: &PluginRef,
        bucket: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Error>;

    /// How much a plugin's store holds.
    async fn usage(&self, plugin: &PluginRef) -> Result<Usage, Error>;
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

/// What plugins do with the events that their source had before it had any plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct Backlog {
    /// The present, from which a rate counts.
    pub now: Timestamp,
    /// For plugins that don't take their whole backlog at once.
    pub by_plugin: BTreeMap<PluginRef, BacklogPolicy>,
}

impl Default for Backlog {
    fn default() -> Self {
        Self {
            now: Timestamp::from_unix_millis(0),
            by_plugin: BTreeMap::new(),
        }
    }
}

impl Backlog {
    /// What this plugin does.
    pub fn of(&self, plugin: &PluginRef) -> BacklogPolicy {
        self.by_plugin.get(plugin).copied().unwrap_or_default()
    }
}

/// What one plugin does with its backlog.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BacklogPolicy {
    /// It takes all of it.
    All {
        /// Jobs a second; all at once where `None`.
        rate: Option<f64>,
    },
    /// It takes nothing of it.
    None,
}

impl Default for BacklogPolicy {
    fn default() -> Self {
        Self::All { rate: None }
    }
}

/// A number of events or jobs that wait for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally<N> {
    /// For whom they wait: the source that they came in at, or the plugin that they are held for.
    pub of: N,
    /// How many there are; at least 1.
    pub count: u64,
    /// When the oldest of them came in.
    pub oldest: Timestamp,
}

/// A order for jobs of one plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// The plugin.
    pub plugin: PluginRef,
    /// How many jobs at most.
    pub limit: usize,
}

/// One attempt's right to a job. The numbers of replays and of the attempt tell it from earlier leases on the same job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobLease {
    /// The event.
    pub event: EventId,
    /// The plugin.
    pub plugin: PluginRef,
    /// How often the job has been replayed.
    pub replays: u32,
    /// The attempt, 1 for the first, and for the first after each replay.
    pub attempt: u32,
}

/// A job under lease.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The lease.
    pub lease: JobLease,
    /// When the lease ends.
    pub until: Timestamp,
    /// The event, whole.
    pub event: Arc<Event>,
    /// Since when it is to be handled: since it came in, or since it was to run again by the last replay.
    pub since: Timestamp,
    /// Since when this attempt could have been made: `since` for a first one, later for one that had to wait.
    pub due: Timestamp,
    /// The revision that a replay asked for; the active one where `None`.
    pub revision: Option<Revision>,
    /// Attempts since the last replay that were settled as spared.
    pub spared: u32,
}

/// The end of an attempt.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The lease that the attempt was made under.
    pub lease: JobLease,
    /// The record of it; its number is the lease's.
    pub attempt: Attempt,
    /// The job's next state.
    pub next: WorkState,
    /// Whether it failed by the fault of a revision that is watched: `retry_failed` finds the job until it is claimed or replayed.
    pub is_watched: bool,
    /// Whether the attempt doesn't count among those that the job may have.
    pub is_spared: bool,
    /// What the attempt asked to change.
    pub effects: Effects,
    /// How much the plugin's store may hold.
    pub quota: Usage,
    /// How much may wait in the outbox.
    pub outbox: OutboxQuota,
}

/// An amount of key-value data: what a plugin's store holds, or may hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Keys.
    pub keys: u64,
    /// Bytes of buckets' names, keys and values.
    pub bytes: u64,
}

/// Which events or jobs are meant. What is `None` or empty excludes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// These events.
    pub ids: Vec<EventId>,
    /// Those whose id is in this range.
    pub id_range: Option<RangeInclusive<EventId>>,
    /// Of this tenant.
    pub tenant: Option<TenantName>,
    /// Of this source.
    pub source: Option<SourceName>,
    /// With a job of this plugin.
    pub plugin: Option<PluginName>,
    /// Of this type.
    pub event_type: Option<String>,
    /// With this idempotency key.
    pub key: Option<String>,
    /// With this text in the body, byte for byte.
    pub text: Option<String>,
    /// With a job in the state of one of these names; or `unrouted`, without any job; or `discarded`, also without any job.
    pub states: Vec<String>,
    /// Received at or after.
    pub since: Option<Timestamp>,
    /// Received before.
    pub until: Option<Timestamp>,
}

impl Selection {
    /// Whether it can find events that no plugin has taken.
    pub fn reaches_unrouted(&self) -> bool {
        self.plugin.is_none() && (self.states.is_empty() || self.names_unrouted())
    }

    /// Whether unrouted events are asked for by name.
    pub fn names_unrouted(&self) -> bool {
        self.wants("unrouted")
    }

    /// Whether this state is asked for by name.
    pub fn wants(&self, state: &str) -> bool {
        self.states.iter().any(|wanted| wanted == state)
    }

    /// Whether a replay of it makes jobs that the plugin is without. Beside other states `unrouted` finds no job.
    pub fn reaches_missing(&self) -> bool {
        self.plugin.is_some() && (self.states.is_empty() || self.states == ["unrouted"])
    }
}

/// A order to run jobs again.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// Which jobs; one that names nothing is refused by callers, not here.
    pub selection: Selection,
    /// Run them on this revision rather than on the active one.
    pub revision: Option<Revision>,
    /// Jobs a second; all at once where `None`.
    pub rate: Option<f64>,
    /// The present.
    pub now: Timestamp,
    /// Only count.
    pub dry_run: bool,
}

/// What a replay found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Jobs that will run again, or messages that will be sent again; or would.
    pub again: u64,
    /// Those left alone since they are being attempted or sent.
    pub leased: u64,
    /// Those of `again` that were made, for events that the plugin had no job for.
    pub made: u64,
    /// Events that the plugin has no job for and whose source is not routed to it: no job is made.
    pub untaken: u64,
}

/// A order to end jobs and unrouted events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discard {
    /// Which; one that names nothing is refused by callers, not here.
    pub selection: Selection,
    /// One line.
    pub reason: String,
    /// The present.
    pub now: Timestamp,
    /// Only count.
    pub dry_run: bool,
}

impl Discard {
    /// What goes on record of each that is ended.
    pub fn record(&self) -> Discarding {
        Discarding {
            at: self.now,
            reason: self.reason.clone(),
        }
    }
}

/// What a discard found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Discarded {
    /// Jobs that were ended; or would be.
    pub jobs: u64,
    /// Unrouted events that were ended; or would be.
    pub events: u64,
    /// Jobs left alone since they are being attempted.
    pub leased: u64,
}

/// When and why an operator ended a job or an unrouted event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discarding {
    /// When.
    pub at: Timestamp,
    /// One line.
    pub reason: String,
}

/// One event with all that became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// The event, whole.
    pub event: Event,
    /// One for each plugin, by name.
    pub jobs: Vec<JobRecord>,
    /// Why it was discarded before any plugin had taken it; `None` where it has jobs.
    pub discarded: Option<Discarding>,
}

/// One job with its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    /// The plugin.
    pub plugin: PluginName,
    /// Where the job stands.
    pub state: WorkState,
    /// What it waits for besides its time.
    pub behind: Option<Ahead<EventId>>,
    /// How often it has been replayed.
    pub replays: u32,
    /// Its ended attempts, the first first; each with the number of replays that came before it.
    pub attempts: Vec<(u32, Attempt)>,
    /// Each time that it was discarded, the first first; each with the number of replays that came before it.
    pub discards: Vec<(u32, Discarding)>,
}

/// How long events are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// For tenants that have none of their own.
    pub fallback: Keep,
    /// For those that have.
    pub by_tenant: BTreeMap<TenantName, Keep>,
}

impl Retention {
    /// What is kept of this tenant's.
    pub fn keep_of(&self, tenant: &TenantName) -> Keep {
        self.by_tenant.get(tenant).copied().unwrap_or(self.fallback)
    }
}

/// How long a tenant's events are kept; `None` is without end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// No longer than this after they came in.
    pub age_max: Option<Duration>,
    /// No more bytes of headers and bodies than this, those of recorded answers included.
    pub bytes_max: Option<u64>,
    /// Those that no plugin has taken no longer than this after they came in. The other limits don't concern them.
    pub unrouted_max_age: Option<Duration>,
    /// Messages that were not sent, whether they are given up on or wait, no longer than this after they were to be.
    pub unsent_max_age: Option<Duration>,
}

/// What one step of pruning did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Events or messages taken out.
    pub count: u64,
    /// Bytes of their headers and bodies.
    pub bytes: u64,
    /// Whether there may be more to take out now.
    pub more: bool,
}

/// A revision that failed too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// The plugin whose jobs are held.
    pub plugin: PluginRef,
    /// The revision that failed.
    pub revision: Revision,
    /// One line.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// A stretch of the list of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Only these.
    pub selection: Selection,
    /// Which comes first.
    pub order: ListOrder,
    /// Only events that follow this one in that order. An id that isn't stored stands where its order among the ids puts it.
    pub after: Option<EventId>,
    /// How many at most.
    pub limit: usize,
}

impl Page {
    /// The oldest of what is selected, the first first.
    pub const fn first(selection: Selection, limit: usize) -> Self {
        Self {
            selection,
            order: ListOrder::OldestFirst,
            after: None,
            limit,
        }
    }

    /// The newest of what is selected, the last first.
    pub const fn last(selection: Selection, limit: usize) -> Self {
        Self {
            selection,
            order: ListOrder::NewestFirst,
            after: None,
            limit,
        }
    }
}

/// The order of a list, by arrival or commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListOrder {
    /// In the order of arrival or commit.
    OldestFirst,
    /// Against the order of arrival or commit.
    NewestFirst,
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
    /// One for each plugin that it is for, by name; none while it is unrouted.
    pub jobs: Vec<JobSummary>,
    /// Whether it was discarded before any plugin had taken it; `false` where it has jobs.
    pub is_discarded: bool,
}

impl EventSummary {
    /// Whether no plugin has taken it, and nobody has discarded it.
    pub fn is_unrouted(&self) -> bool {
        self.jobs.is_empty() && !self.is_discarded
    }
}

/// The first of those with the same ordering key that are not over: all others wait until it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ahead<I> {
    /// Which.
    pub id: I,
    /// Where it stands.
    pub state: WorkState,
}

/// A job as it stands in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSummary {
    /// The plugin.
    pub plugin: PluginName,
    /// Where the job stands.
    pub state: WorkState,
    /// What it waits for besides its time.
    pub behind: Option<Ahead<EventId>>,
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
    LeaseLost(JobLease),
    /// The message is no longer under the lease that was shown.
    #[error("the lease on message {} (delivery {}) is lost", .0.id, .0.delivery)]
    MessageLeaseLost(MessageLease),
    /// A key that an attempt went by was changed by another attempt in the meantime.
    #[error("`{}` in bucket `{}` was changed by another attempt", .0.key, .0.bucket)]
    Conflict(Key),
    /// An attempt's effects would take the plugin's store, or the outbox, past what it may hold.
    #[error("there is no room for what the attempt asks for: {} is {max}", .limit.name())]
    OverQuota {
        /// Which it would exceed.
        limit: Limit,
        /// As many as it may hold.
        max: u64,
    },
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
