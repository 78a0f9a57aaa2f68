//! The record of releases in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use hookyard_model::{PluginRef, Step};
use tokio::sync::Notify;

use crate::MemoryStore;
use hookyard_store::{BLOCKS_MAX, REVISIONS_MAX, STEPS_MAX};
use hookyard_store::{Block, Error, Order, ReleaseStep, Releases, RevisionRecord};

/// What is known of all plugins.
#[derive(Default)]
pub(super) struct Books {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    steps: BTreeMap<PluginRef, Vec<ReleaseStep>>,
    /// The latest step last.
    revisions: BTreeMap<PluginRef, Vec<RevisionRecord>>,
    orders: BTreeMap<PluginRef, Order>,
    blocks: BTreeMap<PluginRef, Vec<Block>>,
}

impl Books {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn record(&mut self, plugin: &PluginRef, stepped: &ReleaseStep) {
        let steps = self.steps.entry(plugin.clone()).or_default();
        steps.push(stepped.clone());
        drop_oldest(steps, STEPS_MAX, |_| true);
        let Some(revision) = stepped.revision else {
            return;
        };
        let revisions = self.revisions.entry(plugin.clone()).or_default();
        let before = revisions
            .iter()
            .position(|known| known.revision == revision)
            .map(|at| revisions.remove(at));
        let served_before = before.and_then(|before| before.served_at);
        revisions.push(RevisionRecord {
            plugin: plugin.clone(),
            revision,
            step: stepped.step,
            at: stepped.at,
            reason: stepped.reason.clone(),
            served_at: if stepped.step == Step::Active {
                Some(stepped.at)
            } else {
                served_before
            },
        });
        drop_oldest(revisions, REVISIONS_MAX, |known| known.step != Step::Active);
    }

    fn block(&mut self, block: Block) {
        let blocks = self.blocks.entry(block.plugin.clone()).or_default();
        blocks.retain(|known| known.revision != block.revision);
        blocks.push(block);
        drop_oldest(blocks, BLOCKS_MAX, |_| true);
    }
}

/// Drops what is first, as long as there's too much, of that which may go.
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
        let mut state = self.books.state();
        steps
            .iter()
            .for_each(|stepped| state.record(plugin, stepped));
        Ok(())
    }

    async fn revisions(&self, plugin: Option<&PluginRef>) -> Result<Vec<RevisionRecord>, Error> {
        let state = self.books.state();
        let wanted = state
            .revisions
            .iter()
            .filter(|(of, _)| plugin.is_none_or(|plugin| plugin == *of));
        Ok(wanted
            .flat_map(|(_, revisions)| revisions.iter().rev().cloned())
            .collect())
    }

    async fn steps(&self, plugin: &PluginRef) -> Result<Vec<ReleaseStep>, Error> {
        Ok(self
            .books
            .state()
            .steps
            .get(plugin)
            .cloned()
            .unwrap_or_default())
    }

    async fn order(&self, order: Order) -> Result<(), Error> {
        self.books
            .state()
            .orders
            .insert(order.plugin.clone(), order);
        self.books.changed.notify_one();
        Ok(())
    }

    async fn withdraw_order(&self, plugin: &PluginRef) -> Result<bool, Error> {
        let was_there = self.books.state().orders.remove(plugin).is_some();
        self.books.changed.notify_one();
        Ok(was_there)
    }

    async fn orders(&self) -> Result<Vec<Order>, Error> {
        Ok(self.books.state().orders.values().cloned().collect())
    }

    async fn block(&self, block: Block) -> Result<(), Error> {
        self.books.state().block(block);
        self.books.changed.notify_one();
        Ok(())
    }

    async fn unblock(&self, plugin: &PluginRef) -> Result<bool, Error> {
        let were_there = self.books.state().blocks.remove(plugin).is_some();
        self.books.changed.notify_one();
        Ok(were_there)
    }

    async fn blocks(&self) -> Result<Vec<Block>, Error> {
        Ok(self
            .books
            .state()
            .blocks
            .values()
            .flatten()
            .cloned()
            .collect())
    }

    async fn releases_changed(&self) {
        self.books.changed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn keeps_the_contract() {
        crate::conformance::releasing::run(async || {
            Arc::new(MemoryStore::new()) as Arc<dyn Releases>
        })
        .await;
    }
}
