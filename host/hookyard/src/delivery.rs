//! The deliverer as a configuration asks for it.

use std::sync::Arc;

use hookyard_delivery::{Config, Destinations};
use hookyard_egress::Door;
use hookyard_store::Outbox;

use crate::system::SystemClock;
use hookyard_config::Settings;

/// What the deliverer is made of.
pub(crate) fn config(settings: &Settings, outbox: Arc<dyn Outbox>, door: Door) -> Config {
    Config {
        outbox,
        post: Arc::new(door),
        clock: Arc::new(SystemClock),
        jitter: Arc::new(fastrand::f64),
        lease: settings.delivery.lease,
        concurrency_max: settings.delivery.concurrency_max,
        tenant_concurrency_max: settings.delivery.tenant_concurrency_max,
        shutdown_timeout: settings.shutdown_timeout,
        destinations: destinations(settings),
    }
}

/// The destinations as the deliverer takes them.
pub(crate) fn destinations(settings: &Settings) -> Destinations {
    settings
        .destinations
        .iter()
        .map(|(name, destination)| (name.clone(), Arc::clone(&destination.delivery)))
        .collect()
}
