//! Quarantine: the jobs of a plugin are held, as if no source were routed to it. And what follows when a revision is
//! taken back instead.

use hookyard_model::{PluginRef, Revision, WorkState};

use super::State;
use hookyard_store::{Quarantine, transitions};

impl State {
    pub(super) fn quarantine(&mut self, quarantine: Quarantine) {
        let plugin = quarantine.plugin.clone();
        self.quarantined.insert(plugin.clone(), quarantine);
        self.turn(&plugin);
    }

    pub(super) fn lift(&mut self, plugin: &PluginRef) {
        if self.quarantined.remove(plugin).is_some() {
            self.turn(plugin);
        }
    }

    pub(super) fn is_quarantined(&self, plugin: &PluginRef) -> bool {
        self.quarantined.contains_key(plugin)
    }

    /// Attaches or detaches every job of the plugin, by what is so now.
    fn turn(&mut self, plugin: &PluginRef) {
        for (at, state) in self.jobs_of(plugin) {
            let next = transitions::route(state, self.is_routed(at, &plugin.name));
            self.put(at, plugin, next);
        }
    }

    /// Makes the jobs due that failed while this revision was watched.
    pub(super) fn retry_failed(&mut self, plugin: &PluginRef, revision: Revision) -> u64 {
        let mut retried = 0;
        for (at, state) in self.jobs_of(plugin) {
            let failed_on = self.events[&at].jobs[&plugin.name].failed_on;
            let Ok(next) = transitions::retry(state, self.is_routed(at, &plugin.name)) else {
                continue;
            };
            if failed_on == Some(revision) {
                self.put(at, plugin, next).failed_on = None;
                self.has_news = true;
                retried += 1;
            }
        }
        retried
    }

    fn jobs_of(&self, plugin: &PluginRef) -> Vec<(usize, WorkState)> {
        let of_tenant = self
            .events
            .iter()
            .filter(|(_, stored)| stored.event.source.tenant == plugin.tenant);
        of_tenant
            .filter_map(|(at, stored)| Some((*at, stored.jobs.get(&plugin.name)?.state)))
            .collect()
    }
}
