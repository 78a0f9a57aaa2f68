//! Who is given the events of which source, what that means for the jobs that are there, and who waits for somebody.

use std::collections::BTreeMap;

use hookyard_model::{PluginName, PluginRef, SourceRef, Timestamp, WorkState};

use super::{State, Stored};
use hookyard_store::{Backlog, BacklogPolicy, Routes, Tally, transitions};

impl State {
    pub(super) fn route(&mut self, routes: Routes, backlog: &Backlog) {
        self.routes = routes;
        let mut turns = BTreeMap::new();
        for at in self.events.keys().copied().collect::<Vec<_>>() {
            if self.events[&at].is_unrouted() {
                self.adopt(at, backlog, &mut turns);
                continue;
            }

            let jobs: Vec<_> = self.events[&at]
                .jobs
                .iter()
                .map(|(name, job)| (name.clone(), job.state))
                .collect();
            for (plugin, state) in jobs {
                let next = transitions::route(state, self.is_routed(at, &plugin));
                let plugin = self.events[&at].plugin(&plugin);
                self.put(at, &plugin, next);
            }
        }
    }

    /// Gives an unrouted event to those plugins of its source that take a backlog. `turns` counts each plugin's jobs.
    fn adopt(&mut self, at: usize, backlog: &Backlog, turns: &mut BTreeMap<PluginRef, u64>) {
        let source = self.events[&at].event.source.clone();
        for name in self.routes.0.get(&source).cloned().unwrap_or_default() {
            let plugin = self.events[&at].plugin(&name);
            let BacklogPolicy::All { rate } = backlog.of(&plugin) else {
                continue;
            };
            let turn = turns.entry(plugin.clone()).or_default();
            let due = transitions::replay_due(backlog.now, rate, *turn);
            *turn += 1;

            self.add_job(at, name, due);
            if rate.is_some() {
                self.set(at, &plugin, |job| {
                    job.since = Some(due.unwrap_or(backlog.now))
                });
            }
        }
    }

    /// Whether the source's events are given to the plugin, and it isn't quarantined.
    pub(super) fn is_routed(&self, at: usize, plugin: &PluginName) -> bool {
        let plugin_ref = self.events[&at].plugin(plugin);
        self.has_route(at, plugin) && !self.is_quarantined(&plugin_ref)
    }

    pub(super) fn has_route(&self, at: usize, plugin: &PluginName) -> bool {
        self.routes
            .0
            .get(&self.events[&at].event.source)
            .is_some_and(|plugins| plugins.contains(plugin))
    }

    pub(super) fn unrouted(&self) -> Vec<Tally<SourceRef>> {
        let unrouted = self.events.values().filter(|stored| stored.is_unrouted());
        tallies(unrouted.map(|stored| (stored.event.source.clone(), stored.event.received_at)))
    }

    pub(super) fn held(&self) -> Vec<Tally<PluginRef>> {
        let jobs = self
            .events
            .values()
            .flat_map(|stored| stored.jobs.iter().map(move |job| (stored, job)));
        let held = jobs.filter(|(_, (_, job))| job.state == WorkState::Held);
        tallies(held.map(|(stored, (name, _))| (stored.plugin(name), stored.event.received_at)))
    }
}

fn tallies<N: Ord + Clone>(waiting: impl Iterator<Item = (N, Timestamp)>) -> Vec<Tally<N>> {
    let mut tallies = BTreeMap::<N, Tally<N>>::new();
    for (of, received_at) in waiting {
        let new = Tally {
            of: of.clone(),
            count: 0,
            oldest: received_at,
        };
        let tally = tallies.entry(of).or_insert(new);
        tally.count += 1;
        tally.oldest = tally.oldest.min(received_at);
    }
    tallies.into_values().collect()
}

impl Stored {
    /// Whether no plugin has taken it, and nobody has discarded it.
    pub(super) fn is_unrouted(&self) -> bool {
        self.jobs.is_empty() && self.discarded.is_none()
    }

    /// The plugin of this name that its tenant has.
    pub(super) fn plugin(&self, name: &PluginName) -> PluginRef {
        PluginRef {
            tenant: self.event.source.tenant.clone(),
            name: name.clone(),
        }
    }
}
