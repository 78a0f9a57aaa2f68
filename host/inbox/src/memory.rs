//! The inbox in memory: for tests and simulations, and the plainest reading of the contract.
//!
//! Nothing in it outlives the process, so "durable" here means no more than "visible to the next call".

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hookyard_model::{Attempt, Event, EventId, JobState, PluginName, PluginRef, SourceRef, Timestamp};
use tokio::sync::Notify;

use crate::{Appended, Claimed, Error, EventSummary, Inbox, JobRef, JobSummary, Page, Routes, Settlement, Want, step};

/// An inbox in memory.
#[derive(Default)]
pub struct MemoryInbox {
    state: Mutex<State>,
    changed: Notify,
}

impl MemoryInbox {
    /// An empty inbox.
    pub fn new() -> Self {
        Self::default()
    }

    /// The record of a job's ended attempts, the first first.
    pub fn attempts(&self, event: EventId, plugin: &PluginName) -> Vec<Attempt> {
        let state = self.state();
        let job = state.by_id.get(&event).and_then(|at| state.events[*at].jobs.get(plugin));
        job.map(|job| job.history.clone()).unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Inbox for MemoryInbox {
    async fn append(&self, event: Event) -> Result<Appended, Error> {
        let (appended, has_jobs) = self.state().append(event);
        if has_jobs {
            self.changed.notify_one();
        }
        Ok(appended)
    }

    async fn route(&self, routes: Routes) -> Result<(), Error> {
        self.state().route(routes);
        self.changed.notify_one();
        Ok(())
    }

    async fn claim(&self, wanted: &[Want], now: Timestamp, lease: Duration) -> Result<Vec<Claimed>, Error> {
        let mut state = self.state();
        let mut claimed = Vec::new();
        for want in wanted {
            state.claim(want, now, now.after(lease), &mut claimed);
        }
        Ok(claimed)
    }

    async fn extend(&self, leases: &[JobRef], until: Timestamp) -> Result<(), Error> {
        let mut state = self.state();
        for lease in leases {
            if let Some((at, JobState::Leased { until: before })) = state.leased(lease) {
                state.put(at, &lease.plugin, JobState::Leased { until: until.max(before) });
            }
        }
        Ok(())
    }

    async fn release(&self, leases: &[JobRef]) -> Result<(), Error> {
        let mut state = self.state();
        for lease in leases {
            let Some((at, before)) = state.leased(lease) else { continue };
            let routed = state.is_routed(at, &lease.plugin.plugin);
            if let Ok(next) = step::release(before, routed) {
                state.put(at, &lease.plugin, next).attempts -= 1;
            }
        }
        Ok(())
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), Error> {
        let Settlement { lease, attempt, next, .. } = settlement;
        let mut state = self.state();
        let Some((at, _)) = state.leased(&lease) else { return Err(Error::LeaseLost(lease)) };
        let routed = state.is_routed(at, &lease.plugin.plugin);
        state.put(at, &lease.plugin, step::route(next, routed)).history.push(attempt);
        Ok(())
    }

    async fn next_due(&self, plugins: &[PluginRef]) -> Result<Option<Timestamp>, Error> {
        let state = self.state();
        let queues = plugins.iter().filter_map(|plugin| state.queues.get(plugin));
        Ok(queues.filter_map(|queue| queue.first()).map(|place| place.due).min())
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }

    async fn events(&self, page: Page) -> Result<Vec<EventSummary>, Error> {
        let state = self.state();
        let last = page.after.and_then(|id| state.by_id.range(..=id).next_back());
        let first = last.map_or(0, |(_, at)| at + 1);
        Ok(state.events.iter().skip(first).take(page.limit).map(Stored::summary).collect())
    }
}

#[derive(Default)]
struct State {
    /// In the order of their arrival; a place in it names an event.
    events: Vec<Stored>,
    by_id: BTreeMap<EventId, usize>,
    by_key: HashMap<(SourceRef, String), usize>,
    routes: Routes,
    queues: HashMap<PluginRef, BTreeSet<Place>>,
}

struct Stored {
    event: Arc<Event>,
    jobs: BTreeMap<PluginName, Job>,
}

struct Job {
    state: JobState,
    attempts: u32,
    history: Vec<Attempt>,
}

/// A job's place in its plugin's queue: the pending ones come first, in the order of their arrival.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    is_timed: bool,
    due: Timestamp,
    at: usize,
}

impl Place {
    fn of(state: JobState, at: usize) -> Option<Self> {
        state.due_at().map(|due| Self { is_timed: state != JobState::Pending, due, at })
    }
}

impl State {
    fn append(&mut self, event: Event) -> (Appended, bool) {
        let key = (event.source.clone(), event.key.clone());
        if let Some(at) = self.by_key.get(&key) {
            return (Appended::Repeat(self.events[*at].event.id), false);
        }
        let at = self.events.len();
        self.by_key.insert(key, at);
        self.by_id.insert(event.id, at);
        let plugins = self.routes.0.get(&event.source).cloned().unwrap_or_default();
        self.events.push(Stored { event: Arc::new(event), jobs: BTreeMap::new() });
        let has_jobs = !plugins.is_empty();
        plugins.into_iter().for_each(|plugin| self.add_job(at, plugin));
        (Appended::New, has_jobs)
    }

    fn add_job(&mut self, at: usize, plugin: PluginName) {
        let job = Job { state: JobState::Held, attempts: 0, history: Vec::new() };
        let tenant = self.events[at].event.source.tenant.clone();
        self.events[at].jobs.insert(plugin.clone(), job);
        self.put(at, &PluginRef { tenant, plugin }, JobState::Pending);
    }

    fn route(&mut self, routes: Routes) {
        self.routes = routes;
        for at in 0..self.events.len() {
            let source = self.events[at].event.source.clone();
            if self.events[at].jobs.is_empty() {
                let plugins = self.routes.0.get(&source).cloned().unwrap_or_default();
                plugins.into_iter().for_each(|plugin| self.add_job(at, plugin));
                continue;
            }
            let jobs: Vec<_> = self.events[at].jobs.iter().map(|(name, job)| (name.clone(), job.state)).collect();
            for (plugin, state) in jobs {
                let next = step::route(state, self.is_routed(at, &plugin));
                self.put(at, &PluginRef { tenant: source.tenant.clone(), plugin }, next);
            }
        }
    }

    fn is_routed(&self, at: usize, plugin: &PluginName) -> bool {
        self.routes.0.get(&self.events[at].event.source).is_some_and(|plugins| plugins.contains(plugin))
    }

    fn claim(&mut self, want: &Want, now: Timestamp, until: Timestamp, claimed: &mut Vec<Claimed>) {
        let Some(queue) = self.queues.get(&want.plugin) else { return };
        let pending = queue.iter().take_while(|place| !place.is_timed).take(want.limit);
        let timed = queue.iter().skip_while(|place| !place.is_timed).take_while(|place| place.due <= now);
        let mut found: Vec<Place> = pending.chain(timed).copied().collect();
        found.sort_by_key(|place| (self.due_since(place), place.at));
        let mut wanted = want.limit;
        for place in found {
            if wanted == 0 {
                break;
            }
            let Some(job) = self.events[place.at].jobs.get(&want.plugin.plugin) else { continue };
            match step::claim(job.state, self.is_routed(place.at, &want.plugin.plugin), until, now) {
                step::Claim::Leave => {}
                step::Claim::Keep(next) => drop(self.put(place.at, &want.plugin, next)),
                step::Claim::Lease(next) => {
                    let job = self.put(place.at, &want.plugin, next);
                    job.attempts += 1;
                    let attempt = job.attempts;
                    let event = Arc::clone(&self.events[place.at].event);
                    let lease = JobRef { event: event.id, plugin: want.plugin.clone(), attempt };
                    claimed.push(Claimed { lease, until, event, revision: None });
                    wanted -= 1;
                }
            }
        }
    }

    /// Since when the job could have been claimed.
    fn due_since(&self, place: &Place) -> Timestamp {
        if place.is_timed { place.due } else { self.events[place.at].event.received_at }
    }

    /// The event's place and the job's state, where it is under just this lease.
    fn leased(&self, lease: &JobRef) -> Option<(usize, JobState)> {
        let at = *self.by_id.get(&lease.event)?;
        let stored = &self.events[at];
        let job = stored.jobs.get(&lease.plugin.plugin)?;
        let is_held = stored.event.source.tenant == lease.plugin.tenant
            && job.attempts == lease.attempt
            && matches!(job.state, JobState::Leased { .. });
        is_held.then_some((at, job.state))
    }

    /// The only place where a job's state changes: job and queue change together.
    fn put(&mut self, at: usize, plugin: &PluginRef, next: JobState) -> &mut Job {
        let job = self.events[at].jobs.get_mut(&plugin.plugin).expect("callers name a job that is there");
        let queue = self.queues.entry(plugin.clone()).or_default();
        if let Some(place) = Place::of(job.state, at) {
            queue.remove(&place);
        }
        if let Some(place) = Place::of(next, at) {
            queue.insert(place);
        }
        job.state = next;
        job
    }
}

impl Stored {
    fn summary(&self) -> EventSummary {
        let Event { id, source, provider, event_type, key, received_at, .. } = &*self.event;
        EventSummary {
            id: *id,
            source: source.clone(),
            provider: provider.clone(),
            event_type: event_type.clone(),
            key: key.clone(),
            received_at: *received_at,
            jobs: self.jobs.iter().map(|(plugin, job)| job.summary(plugin)).collect(),
        }
    }
}

impl Job {
    fn summary(&self, plugin: &PluginName) -> JobSummary {
        JobSummary {
            plugin: plugin.clone(),
            state: self.state,
            attempts: self.attempts,
            revision: self.history.last().map(|attempt| attempt.revision),
            last_outcome: self.history.last().map(|attempt| attempt.outcome.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keeps_the_contract() {
        crate::conformance::run(async || Arc::new(MemoryInbox::new()) as Arc<dyn Inbox>).await;
    }
}
