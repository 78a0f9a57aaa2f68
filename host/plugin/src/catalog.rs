//! Which revision of which plugin is active.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use hookyard_dispatch::{Active, Ran, Runner};
use hookyard_inbox::Claimed;
use hookyard_model::PluginRef;
use tokio::sync::Notify;

use crate::Loaded;

/// The plugins that are active, each with one revision. Calls in flight keep the revision that they began with
/// (invariant 7), whatever is activated or removed meanwhile.
#[derive(Default)]
pub struct Catalog {
    active: ArcSwap<BTreeMap<PluginRef, Arc<Loaded>>>,
    changed: Notify,
}

impl Catalog {
    /// With no plugin.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes this the active revision of its plugin; the one that was active before.
    pub fn activate(&self, loaded: Arc<Loaded>) -> Option<Arc<Loaded>> {
        self.replace(&loaded.plugin().clone(), Some(&loaded))
    }

    /// Gives the plugin no more jobs; the revision that was active.
    pub fn remove(&self, plugin: &PluginRef) -> Option<Arc<Loaded>> {
        self.replace(plugin, None)
    }

    /// The active revision of every plugin, as of one moment.
    pub fn snapshot(&self) -> Arc<BTreeMap<PluginRef, Arc<Loaded>>> {
        self.active.load_full()
    }

    fn replace(&self, plugin: &PluginRef, with: Option<&Arc<Loaded>>) -> Option<Arc<Loaded>> {
        let before = self.active.rcu(|active| {
            let mut next = BTreeMap::clone(active);
            match with {
                Some(loaded) => next.insert(plugin.clone(), Arc::clone(loaded)),
                None => next.remove(plugin),
            };
            next
        });
        self.changed.notify_waiters();
        self.changed.notify_one();
        before.get(plugin).cloned()
    }
}

#[async_trait]
impl Runner for Catalog {
    fn active(&self) -> Vec<Active> {
        let active = self.active.load();
        active
            .iter()
            .map(|(plugin, loaded)| Active { plugin: plugin.clone(), concurrency: loaded.limits().concurrency })
            .collect()
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }

    async fn run(&self, job: &Claimed) -> Option<Ran> {
        let loaded = Arc::clone(self.active.load().get(&job.lease.plugin)?);
        let began = Instant::now();
        let (outcome, log) = loaded.attempt(job).await;
        Some(Ran {
            revision: loaded.revision(),
            duration: began.elapsed(),
            outcome,
            log,
            effects: hookyard_model::Effects::default(),
            quota: hookyard_inbox::Usage { keys: u64::MAX, bytes: u64::MAX },
        })
    }
}
