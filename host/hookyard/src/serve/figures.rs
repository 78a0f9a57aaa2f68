//! Adds what ingress, dispatch and delivery have counted to the store, every few seconds, for the
//! charts and for the refusals of each source.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hookyard_model::{Clock, chain};
use hookyard_store::{Gatherer, Store};

/// How often the counts are added. A host that is killed loses the counts since the last time.
const PERIOD: Duration = Duration::from_secs(5);

/// Adds the gathered counts to the store.
pub(super) struct Figures {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    gatherer: Arc<Gatherer>,
    /// Whether the store took the last counts.
    is_failing: bool,
}

impl Figures {
    pub(super) fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        gatherer: Arc<Gatherer>,
    ) -> Self {
        Self {
            store,
            clock,
            gatherer,
            is_failing: false,
        }
    }

    /// Adds the counts at intervals, and once more when `shutdown` completes.
    pub(super) async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        loop {
            let is_over = tokio::select! {
                () = &mut shutdown => true,
                () = tokio::time::sleep(PERIOD) => false,
            };
            self.add().await;
            if is_over {
                return;
            }
        }
    }

    /// Counts that the store does not take are lost: they are not worth the memory to keep them.
    async fn add(&mut self) {
        let (figures, refusals) = self.gatherer.take(self.clock.now());
        let mut added = Ok(());
        if !figures.is_empty() {
            added = self.store.add_figures(figures).await;
        }
        if !refusals.is_empty() {
            added = added.and(self.store.add_refusals(refusals).await);
        }

        let was_failing = std::mem::replace(&mut self.is_failing, added.is_err());
        if let Err(error) = added
            && !was_failing
        {
            tracing::warn!(
                target: "hookyard::serve", reason = chain(&error),
                "the figures of the charts could not be stored; they are lost until the store takes them again"
            );
        }
    }
}
