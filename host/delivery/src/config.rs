//! The configuration of a deliverer, and the handle that changes it while the deliverer runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hookyard_egress::Policy;
use hookyard_model::{Clock, DestinationRef, RetryPolicy};
use hookyard_schemes::Signer;
use hookyard_store::{Gatherer, Outbox};
use tokio::sync::Notify;

use crate::{BreakerPolicy, Post};

/// The configuration of a deliverer. The fields from `lease` to `shutdown_timeout` are
/// configuration keys.
#[derive(Clone)]
pub struct Config {
    /// The outbox: the deliverer claims and settles its messages.
    pub outbox: Arc<dyn Outbox>,
    /// The way to the receivers.
    pub post: Arc<dyn Post>,
    /// The clock that says when a message is due. Signatures contain its time.
    pub clock: Arc<dyn Clock>,
    /// Returns a random number in `0.0..1.0` at each call; spreads retries and pauses.
    pub jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
    /// The time for which a message is leased. The lease of a long delivery is extended, so this is
    /// the time after which a message is sent again if the host stopped during its delivery.
    pub lease: Duration,
    /// The maximum number of concurrent deliveries to all destinations; at least 1.
    /// [`Destination::concurrency`] is the limit of each destination.
    pub concurrency_max: usize,
    /// The maximum number of concurrent deliveries to one tenant's destinations; at least 1. It
    /// applies while several tenants have destinations, so that a busy tenant leaves slots for the
    /// others.
    pub tenant_concurrency_max: usize,
    /// The time that running deliveries have to end when the deliverer shuts down.
    pub shutdown_timeout: Duration,
    /// Gathers the figures of deliveries.
    pub gatherer: Arc<Gatherer>,
    /// The destinations.
    pub destinations: Destinations,
}

/// All configured destinations.
pub type Destinations = BTreeMap<DestinationRef, Arc<Destination>>;

/// A configured receiver of messages.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The whole URL.
    pub url: String,
    /// The signer, which proves to the receiver who sends.
    pub signer: Arc<Signer>,
    /// The policy under which requests go out.
    pub policy: Policy,
    /// The retry policy.
    pub retry: RetryPolicy,
    /// The maximum number of messages per second; `None` for no limit. Greater than zero: 0.1 is
    /// one message in ten seconds.
    pub rate: Option<f64>,
    /// The maximum number of concurrent deliveries; at least 1.
    pub concurrency: usize,
    /// The maximum time of a delivery, from resolving the host to the last byte of the answer that
    /// is read.
    pub timeout: Duration,
    /// The policy that says when to stop sending for a while.
    pub breaker: BreakerPolicy,
}

/// Returns the retry policy of a destination that configures none. It retries soon at first and for
/// three days in all, much like the schedule that the Standard Webhooks specification proposes. So
/// it outlasts a weekend.
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

/// Changes a deliverer while it runs. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(crate) destinations: Arc<ArcSwap<Destinations>>,
    pub(crate) changed: Arc<Notify>,
}

impl Handle {
    /// Replaces the destinations. Running deliveries end as they began. Messages for a destination
    /// that is gone are kept, and sent once it is configured again. All pauses of breakers end,
    /// because the new configuration may help.
    pub fn replace_destinations(&self, destinations: Destinations) {
        self.destinations.store(Arc::new(destinations));
        self.changed.notify_one();
    }
}
