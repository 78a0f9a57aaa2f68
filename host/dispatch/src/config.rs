//! What a dispatcher is made of, and what can be changed while it runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hookyard_model::{Clock, QuarantinePolicy, RetryPolicy, SourceRef};
use hookyard_store::Inbox;

use crate::{Probation, Runner};

/// What a dispatcher is made of.
#[derive(Clone)]
pub struct Config {
    /// Where jobs are claimed and settled.
    pub inbox: Arc<dyn Inbox>,
    /// What runs them.
    pub runner: Arc<dyn Runner>,
    /// Tells when a job is due and when a lease ends.
    pub clock: Arc<dyn Clock>,
    /// A random number in `0.0..1.0` at each call; spreads retries.
    pub jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
    /// How long a job is leased for. Long runs have their lease extended, so this is how soon a job is attempted again
    /// when its attempt is lost together with its host.
    pub lease: Duration,
    /// How many attempts may run at once over all plugins; at least 1. Each plugin's own bound is `Active::concurrency`.
    pub concurrency_max: usize,
    /// How many attempts of one tenant's plugins may run at once where several tenants have plugins, so that there are
    /// places left for the others; at least 1.
    pub tenant_concurrency_max: usize,
    /// How long attempts in flight may go on once the dispatcher is told to stop.
    pub shutdown_timeout: Duration,
    /// When failed attempts are made again.
    pub policies: RetryPolicies,
    /// When a revision has failed too often; `None` is never.
    pub quarantine: Option<QuarantinePolicy>,
    /// Watches over revisions that are new in service.
    pub probation: Arc<dyn Probation>,
}

/// The retry policy of every source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetryPolicies {
    /// For sources that have none of their own.
    pub fallback: RetryPolicy,
    /// For those that have.
    pub by_source: BTreeMap<SourceRef, RetryPolicy>,
}

impl RetryPolicies {
    /// The policy of one source.
    pub fn of(&self, source: &SourceRef) -> RetryPolicy {
        self.by_source.get(source).unwrap_or(&self.fallback).clone()
    }
}

/// Changes a dispatcher while it runs; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(crate) policies: Arc<ArcSwap<RetryPolicies>>,
    pub(crate) quarantine: Arc<ArcSwap<Option<QuarantinePolicy>>>,
}

impl Handle {
    /// Puts other retry policies in place of the present ones; attempts that end from now on follow them.
    pub fn replace(&self, policies: RetryPolicies) {
        self.policies.store(Arc::new(policies));
    }

    /// From now on a revision has failed too often when this says so; `None` is never. Who is quarantined stays so.
    pub fn replace_quarantine(&self, policy: Option<QuarantinePolicy>) {
        self.quarantine.store(Arc::new(policy));
    }
}
