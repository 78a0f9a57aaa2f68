//! Routes and quarantines in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use hookyard_model::{PluginName, PluginRef, Timestamp};
use hookyard_store::{
    Backlog, BacklogPolicy, Error, Quarantine, Routes, Routing, Tally, transitions,
};

use super::{MemoryStore, State};

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
        let plugin = quarantine.plugin.clone();
        let mut state = self.state();
        state.quarantined.insert(plugin.clone(), quarantine);
        state.reroute_jobs(&plugin);

        Ok(())
    }

    async fn lift(&self, plugin: &PluginRef) -> Result<(), Error> {
        let mut state = self.state();
        if state.quarantined.remove(plugin).is_some() {
            state.reroute_jobs(plugin);
        }
        self.changed.notify_one();

        Ok(())
    }

    async fn quarantined(&self) -> Result<Vec<Quarantine>, Error> {
        Ok(self.state().quarantined.values().cloned().collect())
    }
}

impl State {
    fn route(&mut self, routes: Routes, backlog: &Backlog) {
        self.routes = routes;
        let mut job_counts = BTreeMap::new();

        for at in self.events.keys().copied().collect::<Vec<_>>() {
            if self.events[&at].is_unrouted() {
                self.take_backlog(at, backlog, &mut job_counts);
            } else {
                self.reroute_event(at);
            }
        }
    }

    /// Creates the jobs of an unrouted event for the plugins of its source that take a backlog.
    /// `job_counts` counts the jobs of each plugin.
    fn take_backlog(
        &mut self,
        at: usize,
        backlog: &Backlog,
        job_counts: &mut BTreeMap<PluginRef, u64>,
    ) {
        let routed = self.routes.0.get(&self.events[&at].event.source);
        for name in routed.cloned().unwrap_or_default() {
            let plugin = self.events[&at].plugin(&name);
            let BacklogPolicy::All { rate } = backlog.of(&plugin) else {
                continue;
            };

            let count = job_counts.entry(plugin.clone()).or_default();
            let due = transitions::replay_due(backlog.now, rate, *count);
            *count += 1;

            self.add_job(at, name, due);
            if rate.is_some() {
                let since = due.unwrap_or(backlog.now);
                self.set(at, &plugin, |job| job.since = Some(since));
            }
        }
    }

    /// Holds or frees every job of an event, by the current routes.
    fn reroute_event(&mut self, at: usize) {
        let stored = &self.events[&at];
        let jobs: Vec<_> = stored
            .jobs
            .iter()
            .map(|(name, job)| (stored.plugin(name), job.state))
            .collect();

        for (plugin, state) in jobs {
            let next = transitions::route(state, self.is_routed(at, &plugin.name));
            self.put(at, &plugin, next);
        }
    }

    /// Holds or frees every job of a plugin, by the current routes and quarantines.
    fn reroute_jobs(&mut self, plugin: &PluginRef) {
        for (at, state) in self.jobs_of(plugin) {
            let next = transitions::route(state, self.is_routed(at, &plugin.name));
            self.put(at, plugin, next);
        }
    }

    /// Returns whether the source of the event is routed to the plugin and the plugin is not
    /// quarantined.
    pub(super) fn is_routed(&self, at: usize, plugin: &PluginName) -> bool {
        let plugin_ref = self.events[&at].plugin(plugin);
        self.has_route(at, plugin) && !self.quarantined.contains_key(&plugin_ref)
    }

    pub(super) fn has_route(&self, at: usize, plugin: &PluginName) -> bool {
        self.routes
            .0
            .get(&self.events[&at].event.source)
            .is_some_and(|plugins| plugins.contains(plugin))
    }
}

/// Counts events or jobs by what they wait for. Each comes with the arrival of its event.
pub(super) fn tallies<Ref: Ord + Clone>(
    waiting: impl Iterator<Item = (Ref, Timestamp)>,
) -> Vec<Tally<Ref>> {
    let mut tallies = BTreeMap::<Ref, Tally<Ref>>::new();

    for (of, received_at) in waiting {
        let tally = tallies.entry(of.clone()).or_insert(Tally {
            of,
            count: 0,
            oldest: received_at,
        });
        tally.count += 1;
        tally.oldest = tally.oldest.min(received_at);
    }

    tallies.into_values().collect()
}
