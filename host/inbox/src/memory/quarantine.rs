//! Quarantine: the jobs of a plugin are held, as if no source were routed to it.

use hookyard_model::{JobState, PluginRef};

use super::State;
use crate::{Quarantine, step};

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
            let next = step::route(state, self.is_routed(at, &plugin.plugin));
            self.put(at, plugin, next);
        }
    }

    fn jobs_of(&self, plugin: &PluginRef) -> Vec<(usize, JobState)> {
        let of_tenant = self.events.iter().filter(|(_, stored)| stored.event.source.tenant == plugin.tenant);
        of_tenant.filter_map(|(at, stored)| Some((*at, stored.jobs.get(&plugin.plugin)?.state))).collect()
    }
}
