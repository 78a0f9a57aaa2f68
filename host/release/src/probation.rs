//! The probation of active revisions: counts the faults of each, and reports those that must be
//! rolled back.
//!
//! Dispatch reports every attempt here through [`hookyard_dispatch::ReleaseGuard`]. The pure rule
//! that compares a revision with the one before is [`hookyard_model::Probation`]. The keeper takes
//! the revisions that failed, and [`step`](crate::decide::step) decides whether a rollback follows.
//! This state is apart from [`Plugin`](crate::plugin::Plugin) because dispatch's tasks change it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hookyard_dispatch::ReleaseGuard;
use hookyard_model::quarantine::AttemptEnd;
use hookyard_model::{Attempt, Clock, PluginRef, ProbationPolicy, Revision};
use hookyard_store::ClaimedJob;
use tokio::sync::Notify;

use crate::decide::Activation;

/// The probations of all active revisions.
pub struct Probations {
    clock: Arc<dyn Clock>,
    policy: Mutex<Option<ProbationPolicy>>,
    plugins: Mutex<HashMap<PluginRef, ActiveRevision>>,
    failed: Notify,
}

/// The active revision of a plugin.
struct ActiveRevision {
    revision: Revision,
    probation: hookyard_model::Probation,
    /// The reason for which it must be rolled back, once there is one.
    failure: Option<String>,
    /// The revision that was rolled back last, which may have attempts under way.
    rolled_back: Option<Revision>,
}

/// A revision that must be rolled back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FailedProbation {
    pub(crate) plugin: PluginRef,
    pub(crate) revision: Revision,
    pub(crate) reason: String,
}

impl Probations {
    /// Creates the probations of a host that has no active revision yet. Without a policy, no
    /// revision is rolled back.
    pub fn new(clock: Arc<dyn Clock>, policy: Option<ProbationPolicy>) -> Self {
        Self {
            clock,
            policy: Mutex::new(policy),
            plugins: Mutex::default(),
            failed: Notify::new(),
        }
    }

    /// Replaces the policy.
    pub(crate) fn replace_policy(&self, policy: Option<ProbationPolicy>) {
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner) = policy;
    }

    /// Notes that a revision becomes active. Must be called before the revision has its first
    /// attempt.
    pub(crate) fn begin(&self, plugin: &PluginRef, activation: Activation) {
        let mut plugins = self.plugins();
        let before = plugins.get(plugin);
        let revision = activation.revision;
        if before.is_some_and(|before| before.revision == revision) {
            return;
        }

        let closed = hookyard_model::Probation::closed();
        let probation = match (before, activation.probation_since) {
            (_, None) => closed,
            (Some(before), Some(since)) => before.probation.next(since),
            (None, Some(since)) => closed.next(since),
        };
        let rolled_back = activation
            .rolled_back
            .or(before.and_then(|before| before.rolled_back))
            .filter(|rolled_back| *rolled_back != revision);
        let active = ActiveRevision {
            revision,
            probation,
            failure: None,
            rolled_back,
        };
        plugins.insert(plugin.clone(), active);
    }

    /// Ends the probation of a plugin's active revision.
    pub(crate) fn end(&self, plugin: &PluginRef) {
        if let Some(active) = self.plugins().get_mut(plugin) {
            active.probation = hookyard_model::Probation::closed();
            active.failure = None;
        }
    }

    /// Forgets a plugin that is not in service any more.
    pub(crate) fn forget(&self, plugin: &PluginRef) {
        self.plugins().remove(plugin);
    }

    /// Waits until a revision has failed its probation since the last call. May return although
    /// none has.
    pub(crate) async fn changed(&self) {
        self.failed.notified().await;
    }

    /// Returns the revisions that have failed their probation and are still active.
    pub(crate) fn failed(&self) -> Vec<FailedProbation> {
        let plugins = self.plugins();
        let failed = plugins.iter().filter_map(|(plugin, active)| {
            let reason = active.failure.clone()?;
            Some(FailedProbation {
                plugin: plugin.clone(),
                revision: active.revision,
                reason,
            })
        });

        failed.collect()
    }

    fn policy(&self) -> Option<ProbationPolicy> {
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, active: &mut ActiveRevision, reason: String) {
        if active.failure.is_none() {
            active.failure = Some(reason);
            self.failed.notify_one();
        }
    }

    fn plugins(&self) -> MutexGuard<'_, HashMap<PluginRef, ActiveRevision>> {
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReleaseGuard for Probations {
    fn record(&self, job: &ClaimedJob, attempt: &Attempt) -> bool {
        let Some(policy) = self.policy() else {
            return false;
        };
        let now = self.clock.now();
        let mut plugins = self.plugins();
        let Some(active) = plugins.get_mut(&job.lease.plugin) else {
            return false;
        };
        if active.revision != attempt.revision {
            return active.rolled_back == Some(attempt.revision);
        }

        let ended = AttemptEnd {
            event: job.lease.event,
            at: now,
            is_fault: attempt.outcome.is_fault(),
        };
        let is_on_probation = active.probation.is_open(&policy, now);
        if let Some(regression) = active.probation.record(ended, &policy) {
            let reason = format!("{regression}; the last outcome was {}", attempt.outcome);
            self.fail(active, reason);
        }
        is_on_probation || active.failure.is_some()
    }

    fn is_rolled_back(&self, plugin: &PluginRef, revision: Revision) -> bool {
        self.plugins()
            .get(plugin)
            .is_some_and(|active| active.rolled_back == Some(revision))
    }

    fn roll_back(&self, plugin: &PluginRef, revision: Revision, reason: &str) -> bool {
        let Some(policy) = self.policy() else {
            return false;
        };
        let now = self.clock.now();
        let mut plugins = self.plugins();
        let Some(active) = plugins.get_mut(plugin) else {
            return false;
        };
        if active.revision != revision {
            return false;
        }
        if active.failure.is_none() && active.probation.regression(&policy, now).is_none() {
            return false;
        }

        self.fail(active, reason.to_owned());
        true
    }
}

#[cfg(test)]
mod tests;
