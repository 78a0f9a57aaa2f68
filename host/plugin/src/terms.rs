//! What is the same for every revision of a plugin: its name, limits, grants and settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use hookyard_model::PluginRef;
use tokio::sync::Semaphore;

use crate::scrub::Scrub;
use crate::text::one_line;
use crate::{Contracts, Grants, InstanceReuse, Limits};

/// The terms under which a plugin runs.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) plugin: PluginRef,
    pub(crate) contracts: Contracts,
    pub(crate) limits: Limits,
    pub(crate) grants: Arc<Grants>,
    /// The settings that `wasi:config` returns.
    pub(crate) config: Arc<BTreeMap<String, String>>,
    /// The maximum size of the recorded answers of one attempt, in bytes. 0 to record nothing.
    pub(crate) record_bytes_max: usize,
    /// When an instance handles further events. `None` to use a fresh instance for each attempt.
    pub(crate) reuse: Option<InstanceReuse>,
    /// Removes the plugin's credentials from texts and answers.
    pub(crate) scrub: Scrub,
    /// A semaphore with a permit for each HTTP request that the plugin's attempts may have in
    /// flight together.
    pub(crate) http_permits: Semaphore,
}

impl Terms {
    /// Whether two sets of terms have the same limits, grants, settings, recording and reuse.
    pub(crate) fn are_same_as(&self, other: &Self) -> bool {
        self.limits == other.limits
            && self.grants == other.grants
            && self.config == other.config
            && self.record_bytes_max == other.record_bytes_max
            && self.reuse == other.reuse
    }

    /// Returns the terms under which a component initializes itself: the same limits, and no grants,
    /// settings and credentials.
    pub(crate) fn of_initialization(&self) -> Self {
        Self {
            plugin: self.plugin.clone(),
            contracts: Contracts::default(),
            limits: self.limits.clone(),
            grants: Arc::default(),
            config: Arc::default(),
            record_bytes_max: 0,
            reuse: None,
            scrub: Scrub::default(),
            http_permits: Semaphore::new(1),
        }
    }

    /// Returns a text that the guest chose as one line that may be shown: cut to the limit and
    /// without credentials.
    pub(crate) fn line(&self, text: &str) -> String {
        one_line(&self.scrub.text(text), self.limits.log_line_max)
    }

    /// Returns the terms of a plugin that has these limits and no grants.
    #[cfg(test)]
    pub(crate) fn limited(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            plugin: crate::support::plugin(),
            contracts: Contracts::default(),
            http_permits: Semaphore::new(limits.http_concurrency),
            limits,
            grants: Arc::default(),
            config: Arc::default(),
            record_bytes_max: 0,
            reuse: None,
            scrub: Scrub::default(),
        })
    }
}
