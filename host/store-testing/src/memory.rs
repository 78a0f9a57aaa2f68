//! The inbox in memory: for tests and simulations, and the plainest reading of the contract.
//!
//! Nothing in it outlives the process, so "durable" here means no more than "visible to the next call".

mod claim;
mod discard;
mod effects;
mod lane;
mod listing;
mod looking;
mod outbox;
mod quarantine;
mod replay;
mod releases;
mod retention;
mod routing;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hookyard_model::{
    Attempt, Event, EventId, Key, Outcome, PluginName, PluginRef, RecordedAnswer, Revision,
    SourceRef, Timestamp, Versioned, WorkState,
};
use tokio::sync::Notify;

use hookyard_store::{
    AppendResult, Backlog, ClaimedJob, Discard, DiscardRecord, DiscardSummary, Error, EventPage,
    EventRecord, EventSummary, Events, JobLease, JobRequest, JobSummary, Jobs, KvUsage,
    OutboxUsage, Predecessor, PruneSummary, Quarantine, Replay, ReplaySummary, Retention, Routes,
    Routing, Settlement, Tally, Values, transitions,
};

/// An inbox in memory.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
    books: releases::Books,
    changed: Notify,
    outbox_changed: Notify,
}

impl MemoryStore {
    /// An empty inbox.
    pub fn new() -> Self {
        Self::default()
    }

    /// The record of a job's ended attempts, the first first.
    pub fn attempts(&self, event: EventId, plugin: &PluginName) -> Vec<Attempt> {
        let state = self.state();
        let job = state
            .by_id
            .get(&event)
            .and_then(|at| state.events[at].jobs.get(plugin));
        job.map(|job| {
            job.history
                .iter()
                .map(|(_, attempt)| attempt.clone())
                .collect()
        })
        .unwrap_or_default()
    }

    fn tell_news(&self, state: &mut State) {
        if std::mem::take(&mut state.has_news) {
            self.changed.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Events for MemoryStore {
    async fn append(&self, event: Event) -> Result<AppendResult, Error> {
        let (appended, has_jobs) = self.state().append(event);
        if has_jobs {
            self.changed.notify_one();
        }
        Ok(appended)
    }

    async fn events(&self, page: EventPage) -> Result<Vec<EventSummary>, Error> {
        Ok(self.state().page(&page))
    }

    async fn read(&self, id: EventId) -> Result<Option<EventRecord>, Error> {
        Ok(self.state().read(id))
    }

    async fn replay(&self, replay: Replay) -> Result<ReplaySummary, Error> {
        let replayed = self.state().replay(&replay);
        if !replay.dry_run {
            self.changed.notify_one();
        }
        Ok(replayed)
    }

    async fn discard(&self, discard: Discard) -> Result<DiscardSummary, Error> {
        let mut state = self.state();
        let discarded = state.discard(&discard);
        self.tell_news(&mut state);
        Ok(discarded)
    }

    async fn prune(
        &self,
        limits: &Retention,
        now: Timestamp,
        limit: usize,
    ) -> Result<PruneSummary, Error> {
        Ok(self.state().prune(limits, now, limit))
    }

    async fn unrouted(&self) -> Result<Vec<Tally<SourceRef>>, Error> {
        Ok(self.state().unrouted())
    }
}

#[async_trait]
impl Jobs for MemoryStore {
    async fn claim(
        &self,
        wanted: &[JobRequest],
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<ClaimedJob>, Error> {
        let mut state = self.state();
        let mut claimed = Vec::new();
        for want in wanted {
            state.claim(want, now, now.after(lease), &mut claimed);
        }
        Ok(claimed)
    }

    async fn extend(&self, leases: &[JobLease], until: Timestamp) -> Result<(), Error> {
        let mut state = self.state();
        for lease in leases {
            if let Some((at, WorkState::Leased { until: before })) = state.leased(lease) {
                state.put(
                    at,
                    &lease.plugin,
                    WorkState::Leased {
                        until: until.max(before),
                    },
                );
            }
        }
        Ok(())
    }

    async fn give_back(&self, leases: &[JobLease]) -> Result<(), Error> {
        let mut state = self.state();
        for lease in leases {
            let Some((at, before)) = state.leased(lease) else {
                continue;
            };
            let routed = state.is_routed(at, &lease.plugin.name);
            if let Ok(next) = transitions::give_back(before, routed) {
                state.put(at, &lease.plugin, next).attempts -= 1;
            }
        }
        self.tell_news(&mut state);
        Ok(())
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), Error> {
        let Settlement {
            lease,
            attempt,
            next,
            is_watched,
            is_spared,
            effects,
            quota,
            outbox,
        } = settlement;
        let mut state = self.state();
        let Some((at, _)) = state.leased(&lease) else {
            return Err(Error::LeaseLost(lease));
        };
        if attempt.outcome == Outcome::Done {
            let more = OutboxUsage::of(&effects.messages);
            if let Some(excess) = state.outbox.exceeded(&lease.plugin, outbox, more) {
                return Err(excess);
            }
            state
                .kept
                .commit(&lease.plugin, effects.reads, effects.writes, quota)?;
            let ended_at = attempt.started_at.after(attempt.duration);
            for message in effects.messages {
                state
                    .outbox
                    .add(&lease.plugin, lease.event, message, ended_at);
                self.outbox_changed.notify_one();
            }
        }
        let routed = state.is_routed(at, &lease.plugin.name);
        let job = state.put(at, &lease.plugin, transitions::route(next, routed));
        if attempt.outcome == Outcome::Done && !effects.answers.is_empty() {
            job.answers = effects.answers;
        }
        job.failed_on = is_watched.then_some(attempt.revision);
        job.spared += u32::from(is_spared);
        job.history.push((lease.replays, attempt));
        self.tell_news(&mut state);
        Ok(())
    }

    async fn next_due(&self, plugins: &[PluginRef]) -> Result<Option<Timestamp>, Error> {
        let state = self.state();
        let queues = plugins.iter().filter_map(|plugin| state.queues.get(plugin));
        Ok(queues
            .filter_map(|queue| queue.first())
            .map(|place| place.due)
            .min())
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }

    async fn held(&self) -> Result<Vec<Tally<PluginRef>>, Error> {
        Ok(self.state().held())
    }

    async fn retry_failed(&self, plugin: &PluginRef, revision: Revision) -> Result<u64, Error> {
        let mut state = self.state();
        let retried = state.retry_failed(plugin, revision);
        self.tell_news(&mut state);
        Ok(retried)
    }
}

#[async_trait]
impl Routing for MemoryStore {
    async fn route_with(&self, routes: Routes, backlog: &Backlog) -> Result<(), Error> {
        self.state().route(routes, backlog);
        self.changed.notify_one();
        Ok(())
    }

    async fn routes(&self) -> Result<Routes, Error> {
        Ok(self.state().routes.clone())
    }

    async fn quarantine(&self, quarantine: Quarantine) -> Result<(), Error> {
        self.state().quarantine(quarantine);
        Ok(())
    }

    async fn lift(&self, plugin: &PluginRef) -> Result<(), Error> {
        self.state().lift(plugin);
        self.changed.notify_one();
        Ok(())
    }

    async fn quarantined(&self) -> Result<Vec<Quarantine>, Error> {
        Ok(self.state().quarantined.values().cloned().collect())
    }
}

#[async_trait]
impl Values for MemoryStore {
    async fn value(&self, plugin: &PluginRef, key: &Key) -> Result<Option<Versioned>, Error> {
        Ok(self.state().kept.value(plugin, key))
    }

    async fn keys(
        &self,
        plugin: &PluginRef,
        bucket: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        Ok(self.state().kept.keys(plugin, bucket, after, limit))
    }

    async fn usage(&self, plugin: &PluginRef) -> Result<KvUsage, Error> {
        Ok(self.state().kept.usage(plugin))
    }
}

#[derive(Default)]
struct State {
    /// In the order of their arrival; a place in it names an event.
    events: BTreeMap<usize, Stored>,
    /// How many events there have ever been.
    arrived: usize,
    by_id: BTreeMap<EventId, usize>,
    /// The event that claimed a key, and until when it is its alone.
    by_key: HashMap<(SourceRef, String), (EventId, Timestamp)>,
    routes: Routes,
    quarantined: BTreeMap<PluginRef, Quarantine>,
    queues: HashMap<PluginRef, BTreeSet<Place>>,
    lanes: lane::Lanes,
    kept: effects::Kept,
    outbox: outbox::Messages,
    /// Jobs became due through the call at hand.
    has_news: bool,
}

struct Stored {
    event: Arc<Event>,
    jobs: BTreeMap<PluginName, Job>,
    /// Before any plugin had taken it; `None` where it has jobs.
    discarded: Option<DiscardRecord>,
}

struct Job {
    state: WorkState,
    attempts: u32,
    /// Of them, those that don't count.
    spared: u32,
    replays: u32,
    /// What the last replay asked for.
    revision: Option<Revision>,
    /// When it was to run again by the last replay.
    since: Option<Timestamp>,
    /// The watched revision that the last attempt failed at, until the next one begins.
    failed_on: Option<Revision>,
    /// An earlier one of its lane comes first.
    is_blocked: bool,
    /// Each with the number of replays before it.
    history: Vec<(u32, Attempt)>,
    /// What was recorded of its requests, last.
    answers: Vec<RecordedAnswer>,
    /// Each with the number of replays before it.
    discards: Vec<(u32, DiscardRecord)>,
}

/// A job's place in its plugin's queue: the pending ones come first, in the order of their arrival.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    is_timed: bool,
    due: Timestamp,
    at: usize,
}

impl Place {
    fn of(state: WorkState, at: usize) -> Option<Self> {
        state.due_at().map(|due| Self {
            is_timed: state != WorkState::Pending,
            due,
            at,
        })
    }
}

impl State {
    fn append(&mut self, event: Event) -> (AppendResult, bool) {
        let key = (event.source.clone(), event.key.clone());
        if let Some((first, until)) = self.by_key.get(&key)
            && event.received_at < *until
        {
            return (AppendResult::Repeat(*first), false);
        }
        let at = self.arrived;
        self.arrived += 1;
        self.by_key.insert(key, (event.id, event.key_until));
        self.by_id.insert(event.id, at);
        let plugins = self
            .routes
            .0
            .get(&event.source)
            .cloned()
            .unwrap_or_default();
        self.events.insert(
            at,
            Stored {
                event: Arc::new(event),
                jobs: BTreeMap::new(),
                discarded: None,
            },
        );
        let has_jobs = !plugins.is_empty();
        for plugin in plugins {
            self.add_job(at, plugin, None);
        }
        (AppendResult::New, has_jobs)
    }

    /// Makes a job, which may run at `due`, or at once where `None`.
    fn add_job(&mut self, at: usize, plugin: PluginName, due: Option<Timestamp>) -> PluginRef {
        let job = Job {
            state: WorkState::Held,
            attempts: 0,
            spared: 0,
            replays: 0,
            revision: None,
            since: None,
            failed_on: None,
            is_blocked: false,
            history: Vec::new(),
            answers: Vec::new(),
            discards: Vec::new(),
        };
        let stored = self.stored(at);
        let plugin = stored.plugin(&plugin);
        stored.discarded = None;
        stored.jobs.insert(plugin.name.clone(), job);
        let state = transitions::begin(due, self.is_routed(at, &plugin.name));
        self.put(at, &plugin, state);
        plugin
    }

    fn stored(&mut self, at: usize) -> &mut Stored {
        self.events
            .get_mut(&at)
            .expect("callers name an event that is there")
    }

    /// The event's place and the job's state, where it is under just this lease.
    fn leased(&self, lease: &JobLease) -> Option<(usize, WorkState)> {
        let at = *self.by_id.get(&lease.event)?;
        let stored = &self.events[&at];
        let job = stored.jobs.get(&lease.plugin.name)?;
        let is_held = stored.event.source.tenant == lease.plugin.tenant
            && (job.replays, job.attempts) == (lease.replays, lease.attempt)
            && matches!(job.state, WorkState::Leased { .. });
        is_held.then_some((at, job.state))
    }

    /// The only place where a job's state changes: job, queue and lane change together.
    fn put(&mut self, at: usize, plugin: &PluginRef, next: WorkState) -> &mut Job {
        self.set(at, plugin, |job| job.state = next);
        self.line_up(at, plugin);
        self.stored(at)
            .jobs
            .get_mut(&plugin.name)
            .expect("callers name a job that is there")
    }

    /// Changes a job and its place in the queue.
    fn set(&mut self, at: usize, plugin: &PluginRef, change: impl FnOnce(&mut Job)) {
        let stored = self
            .events
            .get_mut(&at)
            .expect("callers name an event that is there");
        let job = stored
            .jobs
            .get_mut(&plugin.name)
            .expect("callers name a job that is there");
        let queue = self.queues.entry(plugin.clone()).or_default();
        if let Some(place) = job.place(at) {
            queue.remove(&place);
        }
        change(job);
        if let Some(place) = job.place(at) {
            queue.insert(place);
        }
    }
}

impl State {
    fn summary(&self, at: usize) -> EventSummary {
        let stored = &self.events[&at];
        let Event {
            id,
            source,
            provider,
            event_type,
            key,
            received_at,
            ..
        } = &*stored.event;
        let jobs = stored.jobs.iter();
        EventSummary {
            id: *id,
            source: source.clone(),
            provider: provider.clone(),
            event_type: event_type.clone(),
            key: key.clone(),
            received_at: *received_at,
            jobs: jobs
                .map(|(plugin, job)| job.summary(plugin, self.ahead_of(at, plugin)))
                .collect(),
            is_discarded: stored.discarded.is_some(),
        }
    }
}

impl Job {
    /// Where it stands in its plugin's queue, if it may be claimed there.
    fn place(&self, at: usize) -> Option<Place> {
        Place::of(self.state, at).filter(|_| !self.is_blocked)
    }

    fn summary(&self, plugin: &PluginName, behind: Option<Predecessor<EventId>>) -> JobSummary {
        JobSummary {
            plugin: plugin.clone(),
            state: self.state,
            behind,
            attempts: self.attempts,
            revision: self.history.last().map(|(_, attempt)| attempt.revision),
            last_outcome: self
                .history
                .last()
                .map(|(_, attempt)| attempt.outcome.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keeps_the_contract() {
        crate::conformance::run(async || {
            Arc::new(MemoryStore::new()) as Arc<dyn hookyard_store::Store>
        })
        .await;
        crate::conformance::recording::run(async || Arc::new(MemoryStore::new())).await;
    }
}
