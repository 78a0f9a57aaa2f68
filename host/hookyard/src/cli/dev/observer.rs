//! Sees every attempt of the host: a runner in front of the host's own.

use std::sync::Arc;

use async_trait::async_trait;
use hookyard_dispatch::{ActivePlugin, AttemptResult, RunError, Runner};
use hookyard_store::ClaimedJob;
use tokio::sync::mpsc;

/// An attempt that has ended.
pub(super) struct Observed {
    pub(super) job: ClaimedJob,
    pub(super) result: AttemptResult,
}

/// Runs jobs as the inner runner does, and reports each attempt.
pub(super) struct ObservedRunner {
    pub(super) inner: Arc<dyn Runner>,
    pub(super) seen: mpsc::Sender<Box<Observed>>,
}

#[async_trait]
impl Runner for ObservedRunner {
    fn active(&self) -> Vec<ActivePlugin> {
        self.inner.active()
    }

    async fn changed(&self) {
        self.inner.changed().await;
    }

    async fn run(&self, job: &ClaimedJob) -> Result<AttemptResult, RunError> {
        let result = self.inner.run(job).await?;
        let observed = Observed {
            job: job.clone(),
            result: result.clone(),
        };
        // A screen that cannot keep up misses attempts; the host does not wait for it.
        let _ = self.seen.try_send(Box::new(observed));
        Ok(result)
    }
}
