//! A store in memory, for tests and simulations, and the simplest implementation of the contract.
//!
//! Nothing in it outlives the process, so "durable" here only means "visible to the next call".

mod append;
mod events;
mod jobs;
mod lane;
mod list;
mod outbox;
mod refused;
mod releases;
mod retention;
mod routing;
mod search;
mod selection;
mod values;
mod view;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hookyard_model::{
    Attempt, Clock, Event, EventId, PluginName, PluginRef, RecordedAnswer, Revision, SourceRef,
    Timestamp, WorkState,
};
use hookyard_store::{
    DifferingRepeats, DiscardRecord, Feed, GivenResponse, Handover, JobLease, LeaseToken,
    Quarantine, Routes, transitions,
};
use tokio::sync::Notify;

use crate::TestClock;

/// A store in memory.
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    history: releases::History,
    refused: refused::Kept,
    changed: Notify,
    outbox_changed: Notify,
    kept: view::Kept,
    feed: Feed,
}

impl MemoryStore {
    /// Creates an empty store that counts time by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Mutex::default(),
            history: releases::History::default(),
            refused: refused::Kept::default(),
            changed: Notify::new(),
            outbox_changed: Notify::new(),
            kept: view::Kept::default(),
            feed: Feed::default(),
        }
    }

    /// Returns the ended attempts of a job, the oldest first.
    pub fn attempts(&self, event: EventId, plugin: &PluginName) -> Vec<Attempt> {
        let state = self.state();
        let Some(job) = state
            .by_id
            .get(&event)
            .and_then(|at| state.events[at].jobs.get(plugin))
        else {
            return Vec::new();
        };

        job.history
            .iter()
            .map(|(_, attempt)| attempt.clone())
            .collect()
    }

    /// Wakes the worker if the call has made jobs due.
    fn wake_if_due(&self, state: &mut State) {
        let due = std::mem::take(&mut state.due);
        match &state.handover {
            Some(handover) => due.iter().for_each(|plugin| handover.note_due(plugin)),
            None if due.is_empty() => {}
            None => self.changed.notify_one(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    /// Creates an empty store for which no time passes.
    fn default() -> Self {
        Self::new(Arc::new(TestClock::default()))
    }
}

#[derive(Default)]
struct State {
    /// The events by the number of their arrival, which names an event everywhere in this module.
    events: BTreeMap<usize, Stored>,
    /// The number of events that have ever arrived.
    arrived: usize,
    by_id: BTreeMap<EventId, usize>,
    /// The event that owns an idempotency key, and the time at which it no longer does.
    by_key: HashMap<(SourceRef, String), (EventId, Timestamp)>,
    routes: Routes,
    quarantined: BTreeMap<PluginRef, Quarantine>,
    queues: HashMap<PluginRef, BTreeSet<QueueKey>>,
    lanes: lane::Lanes,
    values: values::AllValues,
    outbox: outbox::Messages,
    tokens: Tokens,
    /// The handover that new jobs go through, if a worker has given one.
    handover: Option<Arc<Handover>>,
    /// The plugins that the current call has made jobs due for.
    due: BTreeSet<PluginRef>,
}

/// The tokens of all leases of a store, which are counted.
#[derive(Default)]
struct Tokens {
    last: u128,
    /// The tokens whose attempt or delivery was settled.
    settled: HashSet<LeaseToken>,
}

impl Tokens {
    fn next(&mut self) -> LeaseToken {
        self.last += 1;
        LeaseToken::from_u128(self.last)
    }
}

struct Stored {
    event: Arc<Event>,
    jobs: BTreeMap<PluginName, Job>,
    /// The record of the discard, if the event was discarded while it was unrouted.
    discarded: Option<DiscardRecord>,
    /// The later requests that had the key of the event and another body.
    differing_repeats: Option<DifferingRepeats>,
    /// The first response of a plugin.
    response: Option<GivenResponse>,
}

impl Stored {
    fn is_unrouted(&self) -> bool {
        self.jobs.is_empty() && self.discarded.is_none()
    }

    /// Returns the plugin of this name of the event's tenant.
    fn plugin(&self, name: &PluginName) -> PluginRef {
        PluginRef {
            tenant: self.event.source.tenant.clone(),
            name: name.clone(),
        }
    }
}

struct Job {
    state: WorkState,
    attempts: u32,
    /// The number of attempts that do not count.
    spared: u32,
    replays: u32,
    /// The revision that the last replay asked for.
    revision: Option<Revision>,
    /// The time at which the last replay made the job due.
    since: Option<Timestamp>,
    /// The revision on probation on which the last attempt failed. Cleared when the next attempt
    /// begins.
    failed_on: Option<Revision>,
    /// The proof of the current lease, or of the last one.
    token: Option<LeaseToken>,
    /// Whether an earlier job of the same lane comes first.
    is_blocked: bool,
    /// The ended attempts, each with the number of replays before it.
    history: Vec<(u32, Attempt)>,
    /// The answers that the last successful attempt with answers recorded.
    answers: Vec<RecordedAnswer>,
    /// The discards, each with the number of replays before it.
    discards: Vec<(u32, DiscardRecord)>,
}

impl Job {
    fn new() -> Self {
        Self {
            state: WorkState::Held,
            attempts: 0,
            spared: 0,
            replays: 0,
            revision: None,
            since: None,
            failed_on: None,
            token: None,
            is_blocked: false,
            history: Vec::new(),
            answers: Vec::new(),
            discards: Vec::new(),
        }
    }

    /// Returns the key of the job in the queue of its plugin, if the job may be claimed from there.
    fn queue_key(&self, at: usize) -> Option<QueueKey> {
        if self.is_blocked {
            return None;
        }

        QueueKey::of(self.state, at)
    }
}

/// The position of a job in the queue of its plugin. Pending jobs come first, in the order of their
/// arrival.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct QueueKey {
    is_timed: bool,
    due: Timestamp,
    at: usize,
}

impl QueueKey {
    fn of(state: WorkState, at: usize) -> Option<Self> {
        let due = state.due_at()?;

        Some(Self {
            is_timed: state != WorkState::Pending,
            due,
            at,
        })
    }
}

impl State {
    /// Creates a job that is due at `due`, or at once if `due` is `None`.
    fn add_job(&mut self, at: usize, name: PluginName, due: Option<Timestamp>) -> PluginRef {
        let stored = self.stored(at);
        let plugin = stored.plugin(&name);
        stored.discarded = None;
        stored.jobs.insert(name, Job::new());

        let state = transitions::begin(due, self.is_routed(at, &plugin.name));
        self.put(at, &plugin, state);
        plugin
    }

    fn stored(&mut self, at: usize) -> &mut Stored {
        self.events
            .get_mut(&at)
            .expect("callers name a stored event")
    }

    /// Returns whether a job of the plugin is pending and may be claimed.
    fn has_pending(&self, plugin: &PluginRef) -> bool {
        let first = self.queues.get(plugin).and_then(BTreeSet::first);
        first.is_some_and(|key| !key.is_timed)
    }

    /// Returns the number of the event and the state of the job, if the job is under this lease.
    fn leased(&self, lease: &JobLease) -> Option<(usize, WorkState)> {
        let at = *self.by_id.get(&lease.event)?;
        let stored = &self.events[&at];
        let job = stored.jobs.get(&lease.plugin.name)?;

        let is_same_lease = stored.event.source.tenant == lease.plugin.tenant
            && (job.replays, job.attempts) == (lease.replays, lease.attempt)
            && job.token == Some(lease.token)
            && matches!(job.state, WorkState::Leased { .. });

        is_same_lease.then_some((at, job.state))
    }

    /// Changes the state of a job, together with its queue and its lane. No other function changes
    /// a job's state.
    fn put(&mut self, at: usize, plugin: &PluginRef, next: WorkState) -> &mut Job {
        self.set(at, plugin, |job| job.state = next);
        self.update_lane(at, plugin);

        self.stored(at)
            .jobs
            .get_mut(&plugin.name)
            .expect("callers name a stored job")
    }

    /// Changes a job and its position in the queue.
    fn set(&mut self, at: usize, plugin: &PluginRef, change: impl FnOnce(&mut Job)) {
        let stored = self
            .events
            .get_mut(&at)
            .expect("callers name a stored event");
        let job = stored
            .jobs
            .get_mut(&plugin.name)
            .expect("callers name a stored job");
        let queue = self.queues.entry(plugin.clone()).or_default();

        if let Some(key) = job.queue_key(at) {
            queue.remove(&key);
        }
        change(job);
        if let Some(key) = job.queue_key(at) {
            queue.insert(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use hookyard_store::Store;

    use super::*;
    use crate::conformance;

    #[tokio::test]
    async fn memory_store_passes_conformance() {
        conformance::run(async |clock| Arc::new(MemoryStore::new(clock)) as Arc<dyn Store>).await;
    }
}
