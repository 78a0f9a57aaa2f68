//! The calls of the history of releases, which meet the planned faults.

use async_trait::async_trait;
use hookyard_model::PluginRef;
use hookyard_store::{AuditEntry, Block, Error, Order, ReleaseStep, Releases, RevisionRecord};

use super::{Call, FaultyStore};

#[async_trait]
impl Releases for FaultyStore {
    async fn record(&self, plugin: &PluginRef, steps: &[ReleaseStep]) -> Result<(), Error> {
        self.run(Call::Record, self.inner.record(plugin, steps))
            .await
    }

    async fn revisions(&self, plugin: Option<&PluginRef>) -> Result<Vec<RevisionRecord>, Error> {
        self.run(Call::Revisions, self.inner.revisions(plugin))
            .await
    }

    async fn steps(&self, plugin: &PluginRef) -> Result<Vec<ReleaseStep>, Error> {
        self.run(Call::Steps, self.inner.steps(plugin)).await
    }

    async fn order(&self, order: Order, audit: Option<AuditEntry>) -> Result<(), Error> {
        self.run(Call::Order, self.inner.order(order, audit)).await
    }

    async fn withdraw_order(
        &self,
        plugin: &PluginRef,
        audit: Option<AuditEntry>,
    ) -> Result<bool, Error> {
        self.run(
            Call::WithdrawOrder,
            self.inner.withdraw_order(plugin, audit),
        )
        .await
    }

    async fn orders(&self) -> Result<Vec<Order>, Error> {
        self.run(Call::Orders, self.inner.orders()).await
    }

    async fn block(&self, block: Block, audit: Option<AuditEntry>) -> Result<(), Error> {
        self.run(Call::Block, self.inner.block(block, audit)).await
    }

    async fn unblock(&self, plugin: &PluginRef, audit: Option<AuditEntry>) -> Result<bool, Error> {
        self.run(Call::Unblock, self.inner.unblock(plugin, audit))
            .await
    }

    async fn blocks(&self) -> Result<Vec<Block>, Error> {
        self.run(Call::Blocks, self.inner.blocks()).await
    }

    async fn releases_changed(&self) {
        self.inner.releases_changed().await;
        self.hang_if_crashed().await;
    }
}
