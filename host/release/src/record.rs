//! The record of releases: writes steps and blocks to the store, and reads what previous hosts and
//! operators wrote.
//!
//! A release does not wait for its record: steps that cannot be stored appear in the log alone.
//! Blocks are different. A block that was forgotten would let a bad revision back into service, so
//! a block that cannot be stored is kept and stored later, and counts in the meantime.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hookyard_model::{PluginRef, Step, chain};
use hookyard_store::{Block, Error, Inbox, Order, ReleaseStep, Releases, RevisionRecord, Routes};
use hookyard_work::insist;

/// How long a call to a store that fails is repeated before the failure is logged.
const INSIST_MAX: Duration = Duration::from_secs(5);

/// What operators want of each plugin.
pub(crate) type OperatorOrders = BTreeMap<PluginRef, (Option<Order>, Vec<Block>)>;

/// Writes the record of releases.
pub(crate) struct Recorder {
    store: Arc<dyn Releases>,
    /// The blocks that the store has not taken yet, the oldest first.
    unstored: Vec<Block>,
}

impl Recorder {
    /// Creates a recorder that writes to a store.
    pub(crate) fn new(store: Arc<dyn Releases>) -> Self {
        Self {
            store,
            unstored: Vec::new(),
        }
    }

    /// Records steps of a plugin's revisions, in their order.
    pub(crate) async fn record(&self, plugin: &PluginRef, steps: &[ReleaseStep]) {
        for step in steps {
            log(plugin, step);
        }

        if let Err(error) = self.store.record(plugin, steps).await {
            let reason = chain(&error);
            tracing::error!(
                target: "hookyard::release", %plugin, reason,
                "the steps of a release could not be stored; `hookyard plugins show` will not \
                 list them"
            );
        }
    }

    /// Stores a block, or keeps it to be stored later.
    pub(crate) async fn block(&mut self, block: Block) {
        let plugin = block.plugin.clone();
        if let Err(error) = insist(INSIST_MAX, || self.store.block(block.clone(), None)).await {
            self.unstored.push(block);
            let reason = chain(&error);
            tracing::error!(
                target: "hookyard::release", %plugin, reason,
                "a block could not be stored; it counts, and the host tries again to store it"
            );
        }
    }

    /// Tries once to store the blocks that could not be stored before.
    pub(crate) async fn store_blocks(&mut self) {
        while let Some(block) = self.unstored.first() {
            if let Err(error) = self.store.block(block.clone(), None).await {
                let reason = chain(&error);
                tracing::debug!(
                    target: "hookyard::release", reason,
                    "a block still cannot be stored"
                );
                return;
            }
            self.unstored.remove(0);
        }
    }

    /// Reads what operators want. Blocks that are not stored yet count as well.
    pub(crate) async fn orders(&self) -> Result<OperatorOrders, Error> {
        let mut all = read_orders(&*self.store).await?;
        for block in &self.unstored {
            let (_, blocks) = all.entry(block.plugin.clone()).or_default();
            if blocks.iter().all(|known| known.revision != block.revision) {
                blocks.push(block.clone());
            }
        }
        Ok(all)
    }
}

/// What previous hosts and operators have left in the store.
pub(crate) struct Record {
    /// The records of all revisions, by plugin.
    pub(crate) revisions: Vec<RevisionRecord>,
    /// What operators want.
    pub(crate) orders: OperatorOrders,
}

impl Record {
    /// Reads the record, however long that takes. Without it, a revision that was taken out of
    /// service could come back.
    pub(crate) async fn wait_for(store: &dyn Releases) -> Self {
        loop {
            match Self::read(store).await {
                Ok(record) => return record,
                Err(error) => {
                    let reason = chain(&error);
                    tracing::error!(
                        target: "hookyard::release", reason,
                        "the record of releases cannot be read; no plugin is loaded until it can"
                    );
                }
            }
            tokio::time::sleep(INSIST_MAX).await;
        }
    }

    async fn read(store: &dyn Releases) -> Result<Self, Error> {
        Ok(Self {
            revisions: insist(INSIST_MAX, || store.revisions(None)).await?,
            orders: read_orders(store).await?,
        })
    }
}

/// Reads the routes of the previous host, however long that takes. Without them, events could be
/// left without jobs.
pub(crate) async fn wait_for_routes(inbox: &dyn Inbox) -> Routes {
    loop {
        match insist(INSIST_MAX, || inbox.routes()).await {
            Ok(routes) => return routes,
            Err(error) => {
                let reason = chain(&error);
                tracing::error!(
                    target: "hookyard::release", reason,
                    "the routes of events cannot be read; no plugin is loaded until they can"
                );
            }
        }
        tokio::time::sleep(INSIST_MAX).await;
    }
}

async fn read_orders(store: &dyn Releases) -> Result<OperatorOrders, Error> {
    let orders = insist(INSIST_MAX, || store.orders()).await?;
    let blocks = insist(INSIST_MAX, || store.blocks()).await?;

    let mut all = OperatorOrders::new();
    for order in orders {
        let plugin = order.plugin.clone();
        all.entry(plugin).or_default().0 = Some(order);
    }
    for block in blocks {
        let (_, blocks) = all.entry(block.plugin.clone()).or_default();
        blocks.push(block);
    }
    Ok(all)
}

/// Logs a step, unless it has a line of its own elsewhere.
fn log(plugin: &PluginRef, stepped: &ReleaseStep) {
    let revision = stepped.revision.map(|revision| revision.short());
    let (step, reason) = (stepped.step, stepped.reason.as_deref());

    match step {
        // Logged with more detail where the decision is carried out, or as soon as the step begins.
        Step::Active
        | Step::Refused
        | Step::Blocked
        | Step::Seen
        | Step::Queued
        | Step::Compiling => {}
        Step::Settled | Step::Checked => {
            tracing::debug!(
                target: "hookyard::release", %plugin, revision, reason,
                "plugin {step}"
            );
        }
        Step::Compiled | Step::Rehearsed | Step::Draining | Step::Retired => {
            tracing::info!(
                target: "hookyard::release", %plugin, revision, reason,
                "plugin {step}"
            );
        }
    }
}

#[cfg(test)]
mod tests;
