//! What a deliverer is made of, and what can be changed while it runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hookyard_model::{Clock, DestinationRef, RetryPolicy};
use hookyard_schemes::Signer;
use hookyard_store::Outbox;
use tokio::sync::Notify;

use crate::{BreakerPolicy, Post};
use hookyard_egress::Policy;

/// What a deliverer is made of.
#[derive(Clone)]
pub struct Config {
    /// Where messages are claimed and settled.
    pub outbox: Arc<dyn Outbox>,
    /// What carries them to their receivers.
    pub post: Arc<dyn Post>,
    /// Tells when a message is due and what time a signature is of.
    pub clock: Arc<dyn Clock>,
    /// A random number in `0.0..1.0` at each call; spreads retries and pauses.
    pub jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
    /// How long a message is leased for. Long tries have their lease extended, so this is how soon a message is sent
    /// again when a try is lost together with its host.
    pub lease: Duration,
    /// How many tries may run at once over all destinations; at least 1. Each destination's own bound is
    /// `Destination::concurrency`.
    pub concurrency_max: usize,
    /// How many of one tenant's where several tenants have destinations; at least 1.
    pub tenant_concurrency_max: usize,
    /// How long tries under way may go on once the deliverer is told to stop.
    pub shutdown_timeout: Duration,
    /// Where to send to.
    pub destinations: Destinations,
}

/// Every destination that is configured.
pub type Destinations = BTreeMap<DestinationRef, Arc<Destination>>;

/// Where messages go, and how.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The whole URL.
    pub url: String,
    /// Proves to the receiver who sends.
    pub signer: Arc<Signer>,
    /// Under which rules its requests go out.
    pub policy: Policy,
    /// When failed tries are made again.
    pub retry: RetryPolicy,
    /// Messages a second at most; `None` is no bound. Anything above zero, so 0.1 is one in ten seconds.
    pub rate: Option<f64>,
    /// Tries at once; at least 1.
    pub concurrency: usize,
    /// The most time for a try, from finding the address to the last byte of the answer that is read.
    pub timeout: Duration,
    /// When the receiver is left alone for a while.
    pub breaker: BreakerPolicy,
}

/// The retries of a destination that says nothing of its own: at once at first and over three days in all, much as the
/// Standard Webhooks specification proposes. A receiver may be down over a weekend.
pub fn default_retry() -> RetryPolicy {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    let delays = [
        5,
        5 * MINUTE,
        30 * MINUTE,
        2 * HOUR,
        5 * HOUR,
        10 * HOUR,
        14 * HOUR,
        20 * HOUR,
        24 * HOUR,
    ];
    RetryPolicy {
        attempts_max: delays.len() as u32 + 1,
        delay_max: Duration::from_secs(24 * HOUR),
        schedule: Some(delays.into_iter().map(Duration::from_secs).collect()),
        ..RetryPolicy::default()
    }
}

/// Changes a deliverer while it runs; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) destinations: Arc<ArcSwap<Destinations>>,
    pub(super) changed: Arc<Notify>,
}

impl Handle {
    /// Puts other destinations in place of the present ones; tries that are under way end as they began. Messages of
    /// those that are no more are kept, and sent once they are there again. Every pause of a breaker ends, since what
    /// the receiver didn't take before it may take now.
    pub fn replace(&self, destinations: Destinations) {
        self.destinations.store(Arc::new(destinations));
        self.changed.notify_one();
    }
}
