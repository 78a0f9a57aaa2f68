//! Plugins that are skipped for a moment because they could not be run.

use std::collections::HashMap;
use std::time::Duration;

use hookyard_model::PluginRef;
use tokio::time::Instant;

/// The time for which a plugin is skipped.
const SKIP: Duration = Duration::from_secs(1);

/// Skipped plugins, each with the end of its time.
#[derive(Debug, Default)]
pub(crate) struct SkippedPlugins(HashMap<PluginRef, Instant>);

impl SkippedPlugins {
    /// Skips a plugin from now on. Returns whether the plugin was not skipped before.
    pub(crate) fn insert(&mut self, plugin: &PluginRef) -> bool {
        let now = Instant::now();
        let previous = self.0.insert(plugin.clone(), now + SKIP);
        previous.is_none_or(|until| until <= now)
    }

    /// Forgets the plugins whose pause has ended.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.0.retain(|_, until| *until > now);
    }

    /// Forgets all plugins.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns whether a plugin is skipped.
    pub(crate) fn contains(&self, plugin: &PluginRef) -> bool {
        self.0.contains_key(plugin)
    }

    /// Returns the time at which the first plugin is no longer skipped.
    pub(crate) fn next_end(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }
}
