//! The stored events in memory: storing, listing, replaying, discarding, and the recent events of
//! rehearsals.

use std::sync::Arc;

use async_trait::async_trait;
use hookyard_model::{
    Event, EventId, PluginName, PluginRef, RecordedAnswer, SourceRef, Timestamp, WorkState,
};
use hookyard_store::{
    AppendResult, Discard, DiscardSummary, Error, EventPage, EventRecord, EventSummary, Events,
    GivenResponse, Hint, JobRecord, JobSummary, Predecessor, PruneSummary, Recent, Replay,
    ReplaySummary, Retention, Tally, transitions,
};

use super::routing::tallies;
use super::selection::{matches, matches_event};
use super::{Job, MemoryStore, State, list};

#[async_trait]
impl Events for MemoryStore {
    async fn append(&self, event: Event) -> Result<AppendResult, Error> {
        let hint = Hint::Event {
            id: event.id,
            source: event.source.clone(),
        };
        let mut state = self.state();
        let arrived_before = state.arrived;
        let result = state.append(event, self.clock.now());
        if state.arrived > arrived_before {
            self.feed.tell(hint);
        }
        self.wake_if_due(&mut state);

        Ok(result)
    }

    async fn events(&self, page: EventPage) -> Result<Vec<EventSummary>, Error> {
        Ok(self.state().page(&page))
    }

    async fn read(&self, id: EventId) -> Result<Option<EventRecord>, Error> {
        Ok(self.state().read(id))
    }

    async fn response(&self, id: EventId) -> Result<Option<GivenResponse>, Error> {
        let state = self.state();
        let stored = state.by_id.get(&id).map(|at| &state.events[at]);

        Ok(stored.and_then(|stored| stored.response.clone()))
    }

    async fn replay(&self, replay: Replay) -> Result<ReplaySummary, Error> {
        let mut state = self.state();
        let summary = state.replay(&replay);
        state.due.clear();
        if !replay.dry_run {
            self.changed.notify_one();
            self.feed.tell(Hint::Everything);
        }

        Ok(summary)
    }

    async fn discard(&self, discard: Discard) -> Result<DiscardSummary, Error> {
        let mut state = self.state();
        let summary = state.discard(&discard);
        if !discard.dry_run {
            self.feed.tell(Hint::Everything);
        }
        self.wake_if_due(&mut state);

        Ok(summary)
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
        let state = self.state();
        let unrouted = state.events.values().filter(|stored| stored.is_unrouted());

        Ok(tallies(unrouted.map(|stored| {
            (stored.event.source.clone(), stored.event.received_at)
        })))
    }
}

#[async_trait]
impl Recent for MemoryStore {
    async fn recent(&self, sources: &[SourceRef], limit: usize) -> Result<Vec<EventId>, Error> {
        let state = self.state();
        let newest_first = state.events.values().rev();

        Ok(newest_first
            .filter(|stored| sources.contains(&stored.event.source))
            .take(limit)
            .map(|stored| stored.event.id)
            .collect())
    }

    async fn event(&self, id: EventId) -> Result<Option<Arc<Event>>, Error> {
        let state = self.state();
        let stored = state.by_id.get(&id).map(|at| &state.events[at]);

        Ok(stored.map(|stored| Arc::clone(&stored.event)))
    }

    async fn answers(&self, id: EventId, plugin: &PluginRef) -> Result<Vec<RecordedAnswer>, Error> {
        let state = self.state();
        let job = state
            .by_id
            .get(&id)
            .map(|at| &state.events[at])
            .filter(|stored| stored.event.source.tenant == plugin.tenant)
            .and_then(|stored| stored.jobs.get(&plugin.name));

        Ok(job.map(|job| job.answers.clone()).unwrap_or_default())
    }
}

impl State {
    pub(super) fn page(&self, page: &EventPage) -> Vec<EventSummary> {
        list::in_order(&self.events, &self.by_id, page.order, page.after)
            .filter(|stored| matches(&page.selection, stored))
            .take(page.limit)
            .map(|stored| self.summary(self.by_id[&stored.event.id]))
            .collect()
    }

    fn summary(&self, at: usize) -> EventSummary {
        let stored = &self.events[&at];
        let event = &stored.event;
        let jobs = stored.jobs.iter();

        EventSummary {
            id: event.id,
            source: event.source.clone(),
            provider: event.provider.clone(),
            event_type: event.event_type.clone(),
            key: event.key.clone(),
            received_at: event.received_at,
            jobs: jobs
                .map(|(plugin, job)| job.summary(plugin, self.predecessor(at, plugin)))
                .collect(),
            is_discarded: stored.discarded.is_some(),
        }
    }

    fn read(&self, id: EventId) -> Option<EventRecord> {
        let at = *self.by_id.get(&id)?;
        let stored = &self.events[&at];
        let jobs = stored.jobs.iter();

        Some(EventRecord {
            event: (*stored.event).clone(),
            jobs: jobs
                .map(|(plugin, job)| job.record(plugin, self.predecessor(at, plugin)))
                .collect(),
            discarded: stored.discarded.clone(),
            differing_repeats: stored.differing_repeats,
        })
    }

    fn replay(&mut self, replay: &Replay) -> ReplaySummary {
        let mut summary = ReplaySummary::default();

        for (at, plugin) in self.to_replay(&replay.selection) {
            let due = transitions::replay_due(replay.now, replay.rate, summary.replayed);
            let is_replayed = match self.events[&at].jobs.get(&plugin.name).map(|job| job.state) {
                Some(state) => self.replay_job(replay, (at, &plugin), state, due, &mut summary),
                None => self.create_job(replay, (at, &plugin), due, &mut summary),
            };
            if !is_replayed {
                continue;
            }

            summary.replayed += 1;
            if !replay.dry_run {
                self.set(at, &plugin, |job| {
                    job.revision = replay.revision;
                    job.since = Some(due.unwrap_or(replay.now));
                });
            }
        }

        summary
    }

    fn replay_job(
        &mut self,
        replay: &Replay,
        (at, plugin): (usize, &PluginRef),
        state: WorkState,
        due: Option<Timestamp>,
        summary: &mut ReplaySummary,
    ) -> bool {
        let Ok(next) = transitions::replay(state, due, self.is_routed(at, &plugin.name)) else {
            summary.leased += 1;
            return false;
        };

        if !replay.dry_run {
            let job = self.put(at, plugin, next);
            job.replays += 1;
            job.attempts = 0;
            job.spared = 0;
            job.failed_on = None;
        }
        true
    }

    fn create_job(
        &mut self,
        replay: &Replay,
        (at, plugin): (usize, &PluginRef),
        due: Option<Timestamp>,
        summary: &mut ReplaySummary,
    ) -> bool {
        if !self.has_route(at, &plugin.name) {
            summary.not_routed += 1;
            return false;
        }

        summary.created += 1;
        if !replay.dry_run {
            self.add_job(at, plugin.name.clone(), due);
        }
        true
    }

    fn discard(&mut self, discard: &Discard) -> DiscardSummary {
        let mut summary = DiscardSummary {
            events: self.discard_events(discard),
            ..DiscardSummary::default()
        };

        for (at, plugin) in self.selected_jobs(&discard.selection) {
            let state = self.events[&at].jobs[&plugin.name].state;
            let Ok(next) = transitions::discard(state) else {
                summary.leased += u64::from(matches!(state, WorkState::Leased { .. }));
                continue;
            };

            summary.jobs += 1;
            if !discard.dry_run {
                let job = self.put(at, &plugin, next);
                job.discards.push((job.replays, discard.record()));
            }
        }

        summary
    }

    /// Discards the selected unrouted events and returns their number.
    fn discard_events(&mut self, discard: &Discard) -> u64 {
        if !discard.selection.matches_unrouted() {
            return 0;
        }

        let mut count = 0;
        for stored in self.events.values_mut() {
            if stored.is_unrouted() && matches_event(&discard.selection, stored) {
                count += 1;
                stored.discarded = (!discard.dry_run).then(|| discard.record());
            }
        }
        count
    }
}

impl Job {
    fn summary(&self, plugin: &PluginName, behind: Option<Predecessor<EventId>>) -> JobSummary {
        let last = self.history.last().map(|(_, attempt)| attempt);

        JobSummary {
            plugin: plugin.clone(),
            state: self.state,
            behind,
            attempts: self.attempts,
            revision: last.map(|attempt| attempt.revision),
            last_outcome: last.map(|attempt| attempt.outcome.to_string()),
            ended_at: self.ended_at(),
        }
    }

    fn ended_at(&self) -> Option<Timestamp> {
        match self.state {
            WorkState::Done | WorkState::Dead => {
                self.history.last().map(|(_, last)| last.ended_at())
            }
            WorkState::Discarded => self.discards.last().map(|(_, discard)| discard.at),
            _ => None,
        }
    }

    fn record(&self, plugin: &PluginName, behind: Option<Predecessor<EventId>>) -> JobRecord {
        JobRecord {
            plugin: plugin.clone(),
            state: self.state,
            behind,
            replays: self.replays,
            attempts: self.history.clone(),
            discards: self.discards.clone(),
        }
    }
}
