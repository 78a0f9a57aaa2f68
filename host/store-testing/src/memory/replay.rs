//! Looking at what is stored, and running it again.

use hookyard_model::{EventId, PluginName, PluginRef};

use super::{Job, State, Stored, listing};
use hookyard_store::{
    EventPage, EventRecord, EventSelection, EventSummary, JobRecord, Predecessor, Replay,
    ReplaySummary, transitions,
};

impl State {
    pub(super) fn page(&self, page: &EventPage) -> Vec<EventSummary> {
        let found = listing::in_order(&self.events, &self.by_id, page.order, page.after);
        let found = found
            .filter(|stored| selects(&page.selection, stored))
            .take(page.limit);
        found
            .map(|stored| self.summary(self.by_id[&stored.event.id]))
            .collect()
    }

    pub(super) fn read(&self, id: EventId) -> Option<EventRecord> {
        let at = *self.by_id.get(&id)?;
        let stored = &self.events[&at];
        let jobs = stored
            .jobs
            .iter()
            .map(|(plugin, job)| job.record(plugin, self.ahead_of(at, plugin)))
            .collect();
        Some(EventRecord {
            event: (*stored.event).clone(),
            jobs,
            discarded: stored.discarded.clone(),
        })
    }

    pub(super) fn replay(&mut self, replay: &Replay) -> ReplaySummary {
        let mut replayed = ReplaySummary::default();
        for (at, plugin) in self.to_replay(&replay.selection) {
            let due = transitions::replay_due(replay.now, replay.rate, replayed.replayed);
            match self.events[&at].jobs.get(&plugin.name).map(|job| job.state) {
                Some(state) => {
                    let Ok(next) =
                        transitions::replay(state, due, self.is_routed(at, &plugin.name))
                    else {
                        replayed.leased += 1;
                        continue;
                    };
                    if !replay.dry_run {
                        let job = self.put(at, &plugin, next);
                        job.replays += 1;
                        (job.attempts, job.spared) = (0, 0);
                        job.failed_on = None;
                    }
                }
                None if !self.has_route(at, &plugin.name) => {
                    replayed.not_routed += 1;
                    continue;
                }
                None => {
                    replayed.created += 1;
                    if !replay.dry_run {
                        self.add_job(at, plugin.name.clone(), due);
                    }
                }
            }
            replayed.replayed += 1;
            if !replay.dry_run {
                self.set(at, &plugin, |job| {
                    job.revision = replay.revision;
                    job.since = Some(due.unwrap_or(replay.now));
                });
            }
        }
        replayed
    }

    /// The jobs that are meant, and those that are missing, in the order of their events.
    fn to_replay(&self, selection: &EventSelection) -> Vec<(usize, PluginRef)> {
        let Some(name) = selection
            .plugin
            .as_ref()
            .filter(|_| selection.creates_jobs())
        else {
            return self.selected_jobs(selection);
        };
        let events = self
            .events
            .iter()
            .filter(|(_, stored)| selects_event(selection, stored));
        let is_meant = |stored: &Stored| selection.states.is_empty() || stored.is_unrouted();
        events
            .filter(|(_, stored)| is_meant(stored))
            .map(|(at, stored)| (*at, stored.plugin(name)))
            .collect()
    }

    pub(super) fn selected_jobs(&self, selection: &EventSelection) -> Vec<(usize, PluginRef)> {
        let events = self
            .events
            .iter()
            .filter(|(_, stored)| selects_event(selection, stored));
        let jobs = events.flat_map(|(at, stored)| {
            stored
                .jobs
                .iter()
                .map(move |(name, job)| (at, stored, name, job))
        });
        let jobs = jobs.filter(|(_, _, name, job)| selects_job(selection, name, job.state.name()));
        jobs.map(|(at, stored, name, _)| (*at, stored.plugin(name)))
            .collect()
    }
}

/// Whether the event is meant, by itself or by one of its jobs.
fn selects(selection: &EventSelection, stored: &Stored) -> bool {
    let by_job = selection.plugin.is_some() || !selection.states.is_empty();
    let has_job = || {
        stored
            .jobs
            .iter()
            .any(|(name, job)| selects_job(selection, name, job.state.name()))
            || (selection.plugin.is_none()
                && stored
                    .state_without_jobs()
                    .is_some_and(|state| selection.names_state(state)))
    };
    selects_event(selection, stored) && (!by_job || has_job())
}

pub(super) fn selects_event(selection: &EventSelection, stored: &Stored) -> bool {
    let EventSelection {
        ids,
        id_range,
        tenant,
        source,
        plugin: _,
        event_type,
        key,
        text,
        states: _,
        since,
        until,
    } = selection;
    let event = &stored.event;
    (ids.is_empty() || ids.contains(&event.id))
        && id_range
            .as_ref()
            .is_none_or(|range| range.contains(&event.id))
        && tenant
            .as_ref()
            .is_none_or(|tenant| *tenant == event.source.tenant)
        && source
            .as_ref()
            .is_none_or(|source| *source == event.source.name)
        && event_type
            .as_ref()
            .is_none_or(|wanted| event.event_type.as_ref() == Some(wanted))
        && key.as_ref().is_none_or(|key| *key == event.key)
        && text
            .as_ref()
            .is_none_or(|text| listing::contains(&event.body, text))
        && since.is_none_or(|since| event.received_at >= since)
        && until.is_none_or(|until| event.received_at < until)
}

fn selects_job(selection: &EventSelection, name: &PluginName, state: &str) -> bool {
    selection
        .plugin
        .as_ref()
        .is_none_or(|plugin| plugin == name)
        && (selection.states.is_empty() || selection.names_state(state))
}

impl Stored {
    /// The state of an event that has no jobs.
    fn state_without_jobs(&self) -> Option<&'static str> {
        match &self.discarded {
            _ if !self.jobs.is_empty() => None,
            Some(_) => Some("discarded"),
            None => Some("unrouted"),
        }
    }
}

impl Job {
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
