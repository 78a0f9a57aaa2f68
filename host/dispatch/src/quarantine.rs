//! Quarantines revisions that fail too often, and lifts the quarantine once another revision is
//! active.
//!
//! [`hookyard_model::FailureBreaker`] decides when a revision fails too often, and the inbox holds
//! the jobs of a quarantined plugin. The quarantine is durable before the attempt that caused it is
//! settled, so that the job of this attempt is held like all others. Otherwise only the operator
//! ends a quarantine; dispatch learns of that when it can claim jobs of the plugin again. A
//! revision that is rolled back instead, because the revision before did better, is not
//! quarantined.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use hookyard_model::quarantine::{AttemptEnd, FailureCount};
use hookyard_model::{
    Attempt, Clock, FailureBreaker, PluginRef, QuarantinePolicy, Revision, chain,
};
use hookyard_store::{ClaimedJob, Error, Inbox, Quarantine, Waits};
use hookyard_work::insist;

use crate::{ActivePlugin, Config, ReleaseGuard, Runner};

/// The quarantines of all plugins.
pub(crate) struct Quarantines {
    inbox: Arc<dyn Inbox>,
    runner: Arc<dyn Runner>,
    clock: Arc<dyn Clock>,
    waits: Arc<Waits>,
    release_guard: Arc<dyn ReleaseGuard>,
    pub(crate) policy: Arc<ArcSwap<Option<QuarantinePolicy>>>,
    plugins: Mutex<HashMap<PluginRef, PluginHealth>>,
    /// The number of quarantines that have become durable. It tells whether a claim began before or
    /// after a quarantine.
    count: AtomicU64,
}

/// How an attempt counts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Judgement {
    /// Whether a fault does not count against the job, because the revision is quarantined.
    pub(crate) is_spared: bool,
    /// Whether the attempt failed on a revision on probation. If the revision is rolled back, the
    /// job is attempted once more.
    pub(crate) failed_on_probation: bool,
}

/// The failures of a plugin's active revision.
#[derive(Default)]
struct PluginHealth {
    breaker: FailureBreaker,
    quarantine: Option<ActiveQuarantine>,
}

struct ActiveQuarantine {
    revision: Revision,
    /// The value of `Quarantines::count` before this quarantine became durable; `None` until then.
    durable_at: Option<u64>,
}

impl Quarantines {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            inbox: Arc::clone(&config.inbox),
            runner: Arc::clone(&config.runner),
            clock: Arc::clone(&config.clock),
            waits: Arc::clone(&config.waits),
            release_guard: Arc::clone(&config.release_guard),
            policy: Arc::new(ArcSwap::from_pointee(config.quarantine)),
            plugins: Mutex::default(),
            count: AtomicU64::new(0),
        }
    }

    /// Records an attempt and judges how it counts.
    ///
    /// If this quarantines the revision, the quarantine is durable once this returns, or the store
    /// has failed for `time_max`.
    pub(crate) async fn judge(
        &self,
        job: &ClaimedJob,
        attempt: &Attempt,
        time_max: Duration,
    ) -> Judgement {
        // An operator who replays on a named revision has accepted its failures.
        if job.revision.is_some() {
            return Judgement::default();
        }

        let on_probation = self.release_guard.record(job, attempt);
        let is_spared = self.is_quarantined(job, attempt, time_max).await;
        Judgement {
            is_spared,
            failed_on_probation: on_probation && attempt.outcome.is_fault(),
        }
    }

    /// Makes a job due again if its revision was rolled back while the attempt ran. Must be called
    /// after the settlement of an attempt that failed on probation: the rollback found only the
    /// jobs that were settled before it.
    pub(crate) async fn retry_if_rolled_back(&self, job: &ClaimedJob, revision: Revision) {
        let plugin = &job.lease.plugin;
        if !self.release_guard.is_rolled_back(plugin, revision) {
            return;
        }

        if let Err(error) = self.inbox.retry_failed(plugin, revision).await {
            tracing::warn!(
                event = %job.lease.event, %plugin, error = chain(&error),
                "an event that failed on a revision which was rolled back is not attempted again yet"
            );
        }
    }

    /// Records an attempt and returns whether its revision is quarantined, by this attempt or an
    /// earlier one.
    async fn is_quarantined(
        &self,
        job: &ClaimedJob,
        attempt: &Attempt,
        time_max: Duration,
    ) -> bool {
        let Some(policy) = **self.policy.load() else {
            return false;
        };

        let plugin = &job.lease.plugin;
        let reason = {
            let mut plugins = self.plugins();
            if !plugins.contains_key(plugin) {
                plugins.insert(plugin.clone(), PluginHealth::default());
            }
            let Some(health) = plugins.get_mut(plugin) else {
                return false;
            };
            if health.is_quarantined(attempt.revision) {
                return true;
            }

            let Some(reason) = self.failure(health, job, attempt, &policy) else {
                return false;
            };
            // The revision serves until the rollback is done, so its faults count until then.
            if self
                .release_guard
                .roll_back(plugin, attempt.revision, &reason)
            {
                return false;
            }

            health.quarantine = Some(ActiveQuarantine {
                revision: attempt.revision,
                durable_at: None,
            });
            reason
        };

        self.quarantine(plugin, attempt.revision, reason, time_max)
            .await;
        true
    }

    /// Records an attempt. Returns a reason if the active revision has now failed too often.
    fn failure(
        &self,
        health: &mut PluginHealth,
        job: &ClaimedJob,
        attempt: &Attempt,
        policy: &QuarantinePolicy,
    ) -> Option<String> {
        let end = AttemptEnd {
            event: job.lease.event,
            at: self.clock.now(),
            is_fault: attempt.outcome.is_fault(),
        };
        let FailureCount { faults, events } =
            health.breaker.record(attempt.revision, end, policy)?;

        // An attempt may end after another revision became active. It says nothing about that
        // revision.
        if !self.is_active(&job.lease.plugin, attempt.revision) {
            return None;
        }
        Some(format!(
            "it failed at {faults} of {events} events; the last outcome was {}",
            attempt.outcome
        ))
    }

    async fn quarantine(
        &self,
        plugin: &PluginRef,
        revision: Revision,
        reason: String,
        time_max: Duration,
    ) {
        let quarantine = Quarantine {
            plugin: plugin.clone(),
            revision,
            reason: reason.clone(),
            since: self.clock.now(),
        };
        let result = insist(time_max, || self.inbox.quarantine(quarantine.clone())).await;

        {
            let mut plugins = self.plugins();
            let health = plugins.entry(plugin.clone()).or_default();
            health.quarantine = result.is_ok().then(|| ActiveQuarantine {
                revision,
                durable_at: Some(self.count.fetch_add(1, Ordering::Relaxed)),
            });
        }

        self.waits.report_held(plugin);
        match result {
            Ok(()) => tracing::error!(
                target: "hookyard::quarantine",
                tenant = %plugin.tenant, plugin = %plugin.name, revision = revision.short(), reason,
                "plugin quarantined: its events are held until another revision is active or `hookyard plugins clear` ends the quarantine"
            ),
            Err(error) => tracing::error!(
                %plugin, error = chain(&error),
                "a plugin must be quarantined, but the store failed"
            ),
        }
    }

    /// Returns whether a revision of a plugin is durably quarantined, as far as dispatch knows.
    pub(crate) fn is_held(&self, plugin: &PluginRef, revision: Revision) -> bool {
        let plugins = self.plugins();
        let quarantine = plugins
            .get(plugin)
            .and_then(|health| health.quarantine.as_ref());

        quarantine.is_some_and(|quarantine| {
            quarantine.revision == revision && quarantine.durable_at.is_some()
        })
    }

    /// Returns a mark for [`Quarantines::note_claim`]. Must be taken before the claim begins. It
    /// grows with each quarantine.
    pub(crate) fn mark(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Notes that a claim which began at `mark` returned jobs of this plugin. So a quarantine that
    /// was durable before the claim has been lifted.
    pub(crate) fn note_claim(&self, plugin: &PluginRef, mark: u64) {
        if let Some(health) = self.plugins().get_mut(plugin) {
            health.quarantine.take_if(|quarantine| {
                quarantine
                    .durable_at
                    .is_some_and(|durable_at| durable_at < mark)
            });
        }
    }

    /// Lifts the quarantines of plugins whose active revision is not the revision that failed.
    pub(crate) async fn lift_outdated(&self, active: &[ActivePlugin]) -> Result<(), Error> {
        let active: HashMap<&PluginRef, Revision> = active
            .iter()
            .map(|active| (&active.plugin, active.revision))
            .collect();
        self.plugins()
            .retain(|plugin, _| active.contains_key(plugin));

        for quarantine in self.inbox.quarantined().await? {
            let Quarantine {
                plugin, revision, ..
            } = quarantine;
            let Some(active) = active.get(&plugin).filter(|active| **active != revision) else {
                continue;
            };

            self.inbox.lift(&plugin).await?;
            tracing::info!(
                target: "hookyard::quarantine",
                tenant = %plugin.tenant, plugin = %plugin.name,
                revision = active.short(), previous = revision.short(),
                "quarantine lifted: another revision is active and gets the held events"
            );
        }
        Ok(())
    }

    fn is_active(&self, plugin: &PluginRef, revision: Revision) -> bool {
        let active = self.runner.active();
        active
            .iter()
            .any(|active| active.plugin == *plugin && active.revision == revision)
    }

    fn plugins(&self) -> MutexGuard<'_, HashMap<PluginRef, PluginHealth>> {
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PluginHealth {
    fn is_quarantined(&self, revision: Revision) -> bool {
        self.quarantine
            .as_ref()
            .is_some_and(|quarantine| quarantine.revision == revision)
    }
}
