//! The configuration of a dispatcher, and the handle that changes it while the dispatcher runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hookyard_model::{Clock, QuarantinePolicy, RetryPolicy, SourceRef};
use hookyard_store::{Gatherer, Inbox, Waits};

use crate::{ReleaseGuard, Runner};

/// The configuration of a dispatcher. The fields from `lease` to `shutdown_timeout` are
/// configuration keys.
#[derive(Clone)]
pub struct Config {
    /// The inbox: the dispatcher claims and settles its jobs.
    pub inbox: Arc<dyn Inbox>,
    /// The runner of jobs.
    pub runner: Arc<dyn Runner>,
    /// The clock that says when a job is due and when a lease ends.
    pub clock: Arc<dyn Clock>,
    /// Returns a random number in `0.0..1.0` at each call; spreads retries.
    pub jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
    /// The time for which a job is leased. The lease of a long attempt is extended, so this is the
    /// time after which a job is attempted again if the host stopped during its attempt.
    pub lease: Duration,
    /// The maximum number of concurrent attempts of all plugins; at least 1.
    /// [`ActivePlugin::concurrency`] is the limit of each plugin.
    ///
    /// [`ActivePlugin::concurrency`]: crate::ActivePlugin::concurrency
    pub concurrency_max: usize,
    /// The maximum number of concurrent attempts of one tenant's plugins; at least 1. It applies
    /// while several tenants have plugins, so that a busy tenant leaves slots for the others.
    pub tenant_concurrency_max: usize,
    /// The time that running attempts have to end when the dispatcher shuts down.
    pub shutdown_timeout: Duration,
    /// The retry policies.
    pub policies: RetryPolicies,
    /// The policy that says when a revision fails too often; `None` to quarantine no revision.
    pub quarantine: Option<QuarantinePolicy>,
    /// The requests that wait for the outcomes of their events.
    pub waits: Arc<Waits>,
    /// Gathers the figures of attempts.
    pub gatherer: Arc<Gatherer>,
    /// The guard of new revisions.
    pub release_guard: Arc<dyn ReleaseGuard>,
}

/// The retry policies of all sources.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetryPolicies {
    /// The policy of sources that have none of their own.
    pub fallback: RetryPolicy,
    /// The policies of the other sources.
    pub by_source: BTreeMap<SourceRef, RetryPolicy>,
}

impl RetryPolicies {
    /// Returns the policy of a source.
    pub fn of(&self, source: &SourceRef) -> &RetryPolicy {
        self.by_source.get(source).unwrap_or(&self.fallback)
    }
}

/// Changes a dispatcher while it runs. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(crate) policies: Arc<ArcSwap<RetryPolicies>>,
    pub(crate) quarantine: Arc<ArcSwap<Option<QuarantinePolicy>>>,
}

impl Handle {
    /// Replaces the retry policies. Attempts that end from now on follow the new policies.
    pub fn replace_retry_policies(&self, policies: RetryPolicies) {
        self.policies.store(Arc::new(policies));
    }

    /// Replaces the quarantine policy; `None` quarantines no revision. Plugins that are quarantined
    /// stay quarantined.
    pub fn replace_quarantine_policy(&self, policy: Option<QuarantinePolicy>) {
        self.quarantine.store(Arc::new(policy));
    }
}
