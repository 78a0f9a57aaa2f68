//! The history of releases in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use hookyard_model::{PluginRef, Step};
use hookyard_store::{
    AuditEntry, BLOCKS_MAX, Block, Error, Hint, Order, REVISIONS_MAX, ReleaseStep, Releases,
    RevisionRecord, STEPS_MAX,
};
use tokio::sync::Notify;

use super::MemoryStore;

/// The history of releases of all plugins.
#[derive(Default)]
pub(super) struct History {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    steps: BTreeMap<PluginRef, Vec<ReleaseStep>>,
    /// The revisions in the order of their last steps, the latest last.
    revisions: BTreeMap<PluginRef, Vec<RevisionRecord>>,
    orders: BTreeMap<PluginRef, Order>,
    blocks: BTreeMap<PluginRef, Vec<Block>>,
}

impl History {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn record(&mut self, plugin: &PluginRef, step: &ReleaseStep) {
        let steps = self.steps.entry(plugin.clone()).or_default();
        steps.push(step.clone());
        drop_oldest(steps, STEPS_MAX, |_| true);

        let Some(revision) = step.revision else {
            return;
        };
        let revisions = self.revisions.entry(plugin.clone()).or_default();
        let known = revisions
            .iter()
            .position(|known| known.revision == revision)
            .map(|at| revisions.remove(at));
        let served_before = known.and_then(|known| known.served_at);

        revisions.push(RevisionRecord {
            plugin: plugin.clone(),
            revision,
            step: step.step,
            at: step.at,
            reason: step.reason.clone(),
            served_at: if step.step == Step::Active {
                Some(step.at)
            } else {
                served_before
            },
        });

        // The active revision always stays, so that the host knows it after a restart.
        drop_oldest(revisions, REVISIONS_MAX, |known| known.step != Step::Active);
    }

    fn block(&mut self, block: Block) {
        let blocks = self.blocks.entry(block.plugin.clone()).or_default();
        blocks.retain(|known| known.revision != block.revision);
        blocks.push(block);
        drop_oldest(blocks, BLOCKS_MAX, |_| true);
    }
}

/// Removes the first items that may go while there are more than `count_max`.
fn drop_oldest<T>(all: &mut Vec<T>, count_max: usize, may_go: impl Fn(&T) -> bool) {
    while all.len() > count_max
        && let Some(at) = all.iter().position(&may_go)
    {
        all.remove(at);
    }
}

#[async_trait]
impl Releases for MemoryStore {
    async fn record(&self, plugin: &PluginRef, steps: &[ReleaseStep]) -> Result<(), Error> {
        let mut state = self.history.state();
        for step in steps {
            state.record(plugin, step);
        }

        self.feed.tell(Hint::Release(plugin.clone()));
        Ok(())
    }

    async fn revisions(&self, plugin: Option<&PluginRef>) -> Result<Vec<RevisionRecord>, Error> {
        let state = self.history.state();
        let matching = state
            .revisions
            .iter()
            .filter(|(of, _)| plugin.is_none_or(|plugin| plugin == *of));
        Ok(matching
            .flat_map(|(_, revisions)| revisions.iter().rev().cloned())
            .collect())
    }

    async fn steps(&self, plugin: &PluginRef) -> Result<Vec<ReleaseStep>, Error> {
        Ok(self
            .history
            .state()
            .steps
            .get(plugin)
            .cloned()
            .unwrap_or_default())
    }

    async fn order(&self, order: Order, audit: Option<AuditEntry>) -> Result<(), Error> {
        self.note(audit);
        self.feed.tell(Hint::Release(order.plugin.clone()));
        self.history
            .state()
            .orders
            .insert(order.plugin.clone(), order);
        self.history.changed.notify_one();
        Ok(())
    }

    async fn withdraw_order(
        &self,
        plugin: &PluginRef,
        audit: Option<AuditEntry>,
    ) -> Result<bool, Error> {
        let was_there = self.history.state().orders.remove(plugin).is_some();
        self.history.changed.notify_one();
        if was_there {
            self.note(audit);
            self.feed.tell(Hint::Release(plugin.clone()));
        }
        Ok(was_there)
    }

    async fn orders(&self) -> Result<Vec<Order>, Error> {
        Ok(self.history.state().orders.values().cloned().collect())
    }

    async fn block(&self, block: Block, audit: Option<AuditEntry>) -> Result<(), Error> {
        self.note(audit);
        self.feed.tell(Hint::Release(block.plugin.clone()));
        self.history.state().block(block);
        self.history.changed.notify_one();
        Ok(())
    }

    async fn unblock(&self, plugin: &PluginRef, audit: Option<AuditEntry>) -> Result<bool, Error> {
        let were_there = self.history.state().blocks.remove(plugin).is_some();
        self.history.changed.notify_one();
        if were_there {
            self.note(audit);
            self.feed.tell(Hint::Release(plugin.clone()));
        }
        Ok(were_there)
    }

    async fn blocks(&self) -> Result<Vec<Block>, Error> {
        Ok(self
            .history
            .state()
            .blocks
            .values()
            .flatten()
            .cloned()
            .collect())
    }

    async fn releases_changed(&self) {
        self.history.changed.notified().await;
    }
}
