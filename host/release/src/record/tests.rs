use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use hookyard_model::{Revision, Timestamp};
use hookyard_store::{AuditEntry, ReleaseStep};
use hookyard_store_testing::MemoryStore;

use super::*;

/// A store that can be down.
#[derive(Default)]
struct Shaky {
    inner: MemoryStore,
    is_down: AtomicBool,
}

impl Shaky {
    fn down() -> Arc<Self> {
        Arc::new(Self {
            is_down: true.into(),
            ..Self::default()
        })
    }

    fn mend(&self) {
        self.is_down.store(false, Ordering::Relaxed);
    }

    fn up(&self) -> Result<&MemoryStore, Error> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(Error::Busy);
        }
        Ok(&self.inner)
    }
}

#[async_trait]
impl Releases for Shaky {
    async fn record(&self, plugin: &PluginRef, steps: &[ReleaseStep]) -> Result<(), Error> {
        self.up()?.record(plugin, steps).await
    }

    async fn revisions(&self, plugin: Option<&PluginRef>) -> Result<Vec<RevisionRecord>, Error> {
        self.up()?.revisions(plugin).await
    }

    async fn steps(&self, plugin: &PluginRef) -> Result<Vec<ReleaseStep>, Error> {
        self.up()?.steps(plugin).await
    }

    async fn order(&self, order: Order, audit: Option<AuditEntry>) -> Result<(), Error> {
        self.up()?.order(order, audit).await
    }

    async fn withdraw_order(
        &self,
        plugin: &PluginRef,
        audit: Option<AuditEntry>,
    ) -> Result<bool, Error> {
        self.up()?.withdraw_order(plugin, audit).await
    }

    async fn orders(&self) -> Result<Vec<Order>, Error> {
        self.up()?.orders().await
    }

    async fn block(&self, block: Block, audit: Option<AuditEntry>) -> Result<(), Error> {
        self.up()?.block(block, audit).await
    }

    async fn unblock(&self, plugin: &PluginRef, audit: Option<AuditEntry>) -> Result<bool, Error> {
        self.up()?.unblock(plugin, audit).await
    }

    async fn blocks(&self) -> Result<Vec<Block>, Error> {
        self.up()?.blocks().await
    }

    async fn releases_changed(&self) {
        self.inner.releases_changed().await;
    }
}

fn block() -> Block {
    let plugin = PluginRef {
        tenant: "acme".parse().expect("a name"),
        name: "books".parse().expect("a name"),
    };

    let (revision, since) = (Revision::from_sha256([1; 32]), Timestamp::from_unix_secs(1));
    Block {
        plugin,
        revision,
        reason: "worse".into(),
        since,
        blocked_by: None,
    }
}

#[tokio::test(start_paused = true)]
async fn unstored_block_counts_and_is_stored_later() {
    let store = Shaky::down();
    let mut recorder = Recorder::new(Arc::clone(&store) as Arc<dyn Releases>);
    recorder.block(block()).await;

    store.mend();
    assert_eq!(store.blocks().await.expect("read"), []);
    let orders = recorder.orders().await.expect("read");
    assert_eq!(orders[&block().plugin], (None, vec![block()]));

    recorder.store_blocks().await;
    assert!(recorder.unstored.is_empty());
    assert_eq!(store.blocks().await.expect("read"), [block()]);
    let orders = recorder.orders().await.expect("read");
    assert_eq!(orders[&block().plugin], (None, vec![block()]));
}

#[tokio::test(start_paused = true)]
async fn start_waits_for_the_record() {
    let store = Shaky::down();
    store.inner.block(block(), None).await.expect("stored");
    let waiting = Record::wait_for(&*store);
    tokio::pin!(waiting);
    let hour = Duration::from_secs(3600);
    assert!(
        tokio::time::timeout(hour, &mut waiting).await.is_err(),
        "nothing is known without it"
    );

    store.mend();
    let record = tokio::time::timeout(hour, waiting).await.expect("read");
    assert_eq!(record.orders[&block().plugin], (None, vec![block()]));
}
