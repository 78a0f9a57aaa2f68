//! Lanes: the jobs of one source, plugin and ordering key. Only the first unfinished job of a lane
//! may be claimed.

use std::collections::{BTreeSet, HashMap};

use hookyard_model::{EventId, PluginName, PluginRef, SourceName, WorkState};
use hookyard_store::Predecessor;

use super::State;

/// The lanes that have unfinished jobs.
pub(super) type Lanes = HashMap<LaneKey, Lane>;

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct LaneKey {
    plugin: PluginRef,
    source: SourceName,
    ordering_key: String,
}

#[derive(Default)]
pub(super) struct Lane {
    /// The unfinished jobs, by the numbers of their events.
    unfinished: BTreeSet<usize>,
    /// The job that may be claimed. All others are blocked.
    head: Option<usize>,
}

impl State {
    /// Updates the lane of a job after the state of the job changed.
    pub(super) fn update_lane(&mut self, at: usize, plugin: &PluginRef) {
        let Some(key) = self.lane_key(at, plugin) else {
            return;
        };

        let is_over = self.events[&at].jobs[&plugin.name].state.is_over();
        let lane = self.lanes.entry(key.clone()).or_default();
        if is_over {
            lane.unfinished.remove(&at);
            lane.head.take_if(|head| *head == at);
        } else if lane.unfinished.insert(at) {
            self.set(at, plugin, |job| job.is_blocked = true);
        }

        self.update_head(&key, plugin);
        if self.lanes[&key].unfinished.is_empty() {
            self.lanes.remove(&key);
        }
    }

    fn update_head(&mut self, key: &LaneKey, plugin: &PluginRef) {
        let lane = &self.lanes[key];
        let (head, first) = (lane.head, lane.unfinished.first().copied());

        // A replay may bring an earlier job back. It waits while the current head is being
        // attempted.
        let is_head_leased = head.is_some_and(|head| {
            let state = self.events[&head].jobs[&plugin.name].state;
            matches!(state, WorkState::Leased { .. })
        });
        if head == first || is_head_leased {
            return;
        }

        if let Some(head) = head {
            self.set(head, plugin, |job| job.is_blocked = true);
        }
        if let Some(first) = first {
            self.set(first, plugin, |job| job.is_blocked = false);
        }
        self.due.insert(plugin.clone());
        self.lanes.entry(key.clone()).or_default().head = first;
    }

    /// Returns the job that must be over before this job is claimed.
    pub(super) fn predecessor(
        &self,
        at: usize,
        plugin: &PluginName,
    ) -> Option<Predecessor<EventId>> {
        let stored = &self.events[&at];
        let job = stored.jobs.get(plugin)?;
        if !job.is_blocked || job.state.is_over() {
            return None;
        }

        let key = self.lane_key(at, &stored.plugin(plugin))?;
        let head = &self.events[&self.lanes.get(&key)?.head?];
        Some(Predecessor {
            id: head.event.id,
            state: head.jobs.get(plugin)?.state,
        })
    }

    fn lane_key(&self, at: usize, plugin: &PluginRef) -> Option<LaneKey> {
        let event = &self.events[&at].event;

        Some(LaneKey {
            plugin: plugin.clone(),
            source: event.source.name.clone(),
            ordering_key: event.ordering_key.clone()?,
        })
    }
}
