//! The events and jobs that a selection matches.

use hookyard_model::{PluginName, PluginRef};
use hookyard_store::EventSelection;

use super::{State, Stored, list};

impl State {
    /// Returns the jobs that a replay of the selection affects, and those that it creates, in the
    /// order of their events.
    pub(super) fn to_replay(&self, selection: &EventSelection) -> Vec<(usize, PluginRef)> {
        let Some(name) = selection
            .plugin
            .as_ref()
            .filter(|_| selection.creates_jobs())
        else {
            return self.selected_jobs(selection);
        };

        let mut jobs = Vec::new();
        for (at, stored) in &self.events {
            let has_state = selection.states.is_empty() || stored.is_unrouted();
            if has_state && matches_event(selection, stored) {
                jobs.push((*at, stored.plugin(name)));
            }
        }
        jobs
    }

    /// Returns the jobs that the selection matches, in the order of their events.
    pub(super) fn selected_jobs(&self, selection: &EventSelection) -> Vec<(usize, PluginRef)> {
        let mut jobs = Vec::new();
        for (at, stored) in &self.events {
            if !matches_event(selection, stored) {
                continue;
            }
            for (name, job) in &stored.jobs {
                if matches_job(selection, name, job.state.name()) {
                    jobs.push((*at, stored.plugin(name)));
                }
            }
        }

        jobs
    }
}

/// Returns whether the selection matches the event, by the event itself and by one of its jobs.
pub(super) fn matches(selection: &EventSelection, stored: &Stored) -> bool {
    if !matches_event(selection, stored) {
        return false;
    }
    if selection.plugin.is_none() && selection.states.is_empty() {
        return true;
    }

    let has_job = stored
        .jobs
        .iter()
        .any(|(name, job)| matches_job(selection, name, job.state.name()));
    let has_state_without_jobs = selection.plugin.is_none()
        && stored
            .state_without_jobs()
            .is_some_and(|state| selection.names_state(state));

    has_job || has_state_without_jobs
}

/// Returns whether the selection matches the event itself, whatever its jobs are.
pub(super) fn matches_event(selection: &EventSelection, stored: &Stored) -> bool {
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
            .is_none_or(|event_type| event.event_type.as_ref() == Some(event_type))
        && key.as_ref().is_none_or(|key| *key == event.key)
        && text
            .as_ref()
            .is_none_or(|text| list::contains(&event.body, text))
        && since.is_none_or(|since| event.received_at >= since)
        && until.is_none_or(|until| event.received_at < until)
}

fn matches_job(selection: &EventSelection, name: &PluginName, state: &str) -> bool {
    let has_plugin = selection
        .plugin
        .as_ref()
        .is_none_or(|plugin| plugin == name);
    let has_state = selection.states.is_empty() || selection.names_state(state);

    has_plugin && has_state
}

impl Stored {
    /// Returns the state of an event that has no jobs.
    fn state_without_jobs(&self) -> Option<&'static str> {
        if !self.jobs.is_empty() {
            None
        } else if self.discarded.is_some() {
            Some("discarded")
        } else {
            Some("unrouted")
        }
    }
}
