//! ListOrder: of the jobs of one source, plugin and ordering key, one at a time may be claimed, the earliest first.

use std::collections::{BTreeSet, HashMap};

use hookyard_model::{EventId, PluginName, PluginRef, SourceName, WorkState};

use super::State;
use hookyard_store::Predecessor;

/// Jobs whose events are to be handled in their order.
pub(super) type Lanes = HashMap<Name, Lane>;

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Name {
    plugin: PluginRef,
    source: SourceName,
    ordering_key: String,
}

#[derive(Default)]
pub(super) struct Lane {
    /// The jobs that are not over.
    alive: BTreeSet<usize>,
    /// The one that may be claimed; all others are blocked.
    head: Option<usize>,
}

impl State {
    /// To be called after a job's state was changed.
    pub(super) fn line_up(&mut self, at: usize, plugin: &PluginRef) {
        let Some(name) = self.lane_of(at, plugin) else {
            return;
        };
        let lane = self.lanes.entry(name.clone()).or_default();
        if self.events[&at].jobs[&plugin.name].state.is_over() {
            lane.alive.remove(&at);
            lane.head.take_if(|head| *head == at);
        } else if lane.alive.insert(at) {
            self.set(at, plugin, |job| job.is_blocked = true);
        }
        let lane = &self.lanes[&name];
        let (head, first) = (lane.head, lane.alive.first().copied());
        // An earlier one may have come back to life by a replay: it waits for an attempt that is under way.
        let is_busy = |at: usize| {
            matches!(
                self.events[&at].jobs[&plugin.name].state,
                WorkState::Leased { .. }
            )
        };
        if head != first && !head.is_some_and(is_busy) {
            head.into_iter()
                .for_each(|head| self.set(head, plugin, |job| job.is_blocked = true));
            first
                .into_iter()
                .for_each(|first| self.set(first, plugin, |job| job.is_blocked = false));
            self.has_news = true;
            self.lanes.entry(name.clone()).or_default().head = first;
        }
        if self.lanes[&name].alive.is_empty() {
            self.lanes.remove(&name);
        }
    }

    /// The one that has to be over before this job is claimed.
    pub(super) fn ahead_of(&self, at: usize, plugin: &PluginName) -> Option<Predecessor<EventId>> {
        let stored = &self.events[&at];
        stored
            .jobs
            .get(plugin)
            .filter(|job| job.is_blocked && !job.state.is_over())?;
        let head = &self.events[&self
            .lanes
            .get(&self.lane_of(at, &stored.plugin(plugin))?)?
            .head?];
        Some(Predecessor {
            id: head.event.id,
            state: head.jobs.get(plugin)?.state,
        })
    }

    fn lane_of(&self, at: usize, plugin: &PluginRef) -> Option<Name> {
        let event = &self.events[&at].event;
        let ordering_key = event.ordering_key.clone()?;
        Some(Name {
            plugin: plugin.clone(),
            source: event.source.name.clone(),
            ordering_key,
        })
    }
}
