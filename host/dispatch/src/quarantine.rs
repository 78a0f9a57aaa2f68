//! Takes revisions that fail too often out of service, and ends that once another one is active.
//!
//! When is `hookyard_model::FailureBreaker`'s to say, and holding the jobs is the inbox's part. The quarantine is durable before
//! the attempt that brought it about is settled, so that this attempt's job is held like all the others and none is
//! used up. Only the operator ends a quarantine otherwise, and that is seen by jobs being given out again.
//! A revision that can be taken back, since the one before did better, is taken back and not quarantined.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use hookyard_model::quarantine::{AttemptEnd, FailureCount};
use hookyard_model::{
    Attempt, Clock, FailureBreaker, PluginRef, QuarantinePolicy, Revision, chain,
};
use hookyard_store::{ClaimedJob, Error, Inbox, Quarantine};
use hookyard_work::insist;

use crate::{Active, Probation, Runner};

/// What is known of every plugin's standing.
pub(crate) struct Quarantines {
    inbox: Arc<dyn Inbox>,
    runner: Arc<dyn Runner>,
    clock: Arc<dyn Clock>,
    probation: Arc<dyn Probation>,
    pub(crate) policy: Arc<ArcSwap<Option<QuarantinePolicy>>>,
    plugins: Mutex<HashMap<PluginRef, Standing>>,
    /// Counts quarantines that have become durable, so that claims can be told to have begun before or after one.
    count: AtomicU64,
}

/// How the revision of an attempt stands.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Judgement {
    /// Its faults use no job up.
    pub(crate) is_quarantined: bool,
    /// It failed and is watched: its job is attempted once more if it is taken back.
    pub(crate) is_watched: bool,
}

#[derive(Default)]
struct Standing {
    breaker: FailureBreaker,
    quarantined: Option<Quarantined>,
}

struct Quarantined {
    revision: Revision,
    /// The count before it became durable; none while it isn't.
    durable_at: Option<u64>,
}

impl Quarantines {
    pub(crate) fn new(
        inbox: Arc<dyn Inbox>,
        runner: Arc<dyn Runner>,
        clock: Arc<dyn Clock>,
        probation: Arc<dyn Probation>,
        policy: Option<QuarantinePolicy>,
    ) -> Self {
        let policy = Arc::new(ArcSwap::from_pointee(policy));
        Self {
            inbox,
            runner,
            clock,
            probation,
            policy,
            plugins: Mutex::default(),
            count: AtomicU64::new(0),
        }
    }

    /// Takes note of an attempt, and says how its revision stands: it is quarantined, by this attempt or an earlier one, or
    /// is watched since it is new.
    ///
    /// When it is quarantined, this is durable, or the store has failed for as long as `time_max`.
    pub(crate) async fn judge(
        &self,
        job: &ClaimedJob,
        attempt: &Attempt,
        time_max: Duration,
    ) -> Judgement {
        // Whoever asks for a certain revision by its name has chosen what may come of it.
        if job.revision.is_some() {
            return Judgement::default();
        }
        let is_watched = self.probation.note(job, attempt);
        let is_quarantined = self.is_quarantined(job, attempt, time_max).await;
        Judgement {
            is_quarantined,
            is_watched: is_watched && attempt.outcome.is_fault(),
        }
    }

    /// To be called once an attempt is settled that failed at a watched revision: where the revision was taken back
    /// meanwhile, nobody else may come upon its job.
    pub(crate) async fn settled(&self, job: &ClaimedJob, revision: Revision) {
        let plugin = &job.lease.plugin;
        if !self.probation.is_taken_back(plugin, revision) {
            return;
        }
        if let Err(error) = self.inbox.retry_failed(plugin, revision).await {
            tracing::warn!(event = %job.lease.event, %plugin, error = chain(&error), "an event that failed at a revision which was taken back is not attempted again yet");
        }
    }

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
            let standing = plugins.entry(plugin.clone()).or_default();
            if standing.is_quarantined(attempt.revision) {
                return true;
            }
            let is_fault = attempt.outcome.is_fault();
            let ended = AttemptEnd {
                event: job.lease.event,
                at: self.clock.now(),
                is_fault,
            };
            let Some(tripped) = standing.breaker.record(attempt.revision, ended, &policy) else {
                return false;
            };
            // A call that outlives its revision says nothing about the next one.
            if !self.is_active(plugin, attempt.revision) {
                return false;
            }
            let FailureCount { faults, events } = tripped;
            let reason = format!(
                "it failed at {faults} of {events} events; the last time it was {}",
                attempt.outcome
            );
            // It serves until the one before does, so its faults count until then.
            if self.probation.take_back(plugin, attempt.revision, &reason) {
                return false;
            }
            standing.quarantined = Some(Quarantined {
                revision: attempt.revision,
                durable_at: None,
            });
            reason
        };
        self.quarantine(plugin, attempt, reason, time_max).await;
        true
    }

    async fn quarantine(
        &self,
        plugin: &PluginRef,
        attempt: &Attempt,
        reason: String,
        time_max: Duration,
    ) {
        let quarantine = Quarantine {
            plugin: plugin.clone(),
            revision: attempt.revision,
            reason: reason.clone(),
            since: self.clock.now(),
        };
        let done = insist(time_max, || self.inbox.quarantine(quarantine.clone())).await;
        let mut plugins = self.plugins();
        let standing = plugins.entry(plugin.clone()).or_default();
        match done {
            Ok(()) => {
                let durable_at = Some(self.count.fetch_add(1, Ordering::Relaxed));
                standing.quarantined = Some(Quarantined {
                    revision: attempt.revision,
                    durable_at,
                });
                drop(plugins);
                tracing::error!(
                    target: "hookyard::quarantine",
                    tenant = %plugin.tenant, plugin = %plugin.name, revision = attempt.revision.short(), reason,
                    "plugin quarantined: its events are held until another revision of it is active, or you release it"
                );
            }
            Err(error) => {
                standing.quarantined = None;
                drop(plugins);
                tracing::error!(%plugin, error = chain(&error), "a plugin should be quarantined and could not be");
            }
        }
    }

    /// To be taken before a claim, for `claimed`.
    pub(crate) fn mark(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// A claim that was begun at `mark` has given out jobs of this plugin: a quarantine from before has been lifted.
    pub(crate) fn claimed(&self, plugin: &PluginRef, mark: u64) {
        if let Some(standing) = self.plugins().get_mut(plugin) {
            let is_over =
                |quarantined: &Quarantined| quarantined.durable_at.is_some_and(|at| at < mark);
            standing
                .quarantined
                .take_if(|quarantined| is_over(quarantined));
        }
    }

    /// Lifts the quarantine of every plugin that has another revision active than the one that failed.
    pub(crate) async fn lift_outdated(&self) -> Result<(), Error> {
        let active = self.active();
        self.plugins()
            .retain(|plugin, _| active.contains_key(plugin));
        for Quarantine {
            plugin, revision, ..
        } in self.inbox.quarantined().await?
        {
            let Some(active) = active.get(&plugin).filter(|active| **active != revision) else {
                continue;
            };
            self.inbox.lift(&plugin).await?;
            let (tenant, name) = (&plugin.tenant, &plugin.name);
            tracing::info!(
                target: "hookyard::quarantine",
                %tenant, plugin = %name, revision = active.short(), previous = revision.short(),
                "quarantine lifted: another revision is active, and is given the events that were held"
            );
        }
        Ok(())
    }

    fn is_active(&self, plugin: &PluginRef, revision: Revision) -> bool {
        self.active().get(plugin) == Some(&revision)
    }

    fn active(&self) -> HashMap<PluginRef, Revision> {
        self.runner
            .active()
            .into_iter()
            .map(
                |Active {
                     plugin, revision, ..
                 }| (plugin, revision),
            )
            .collect()
    }

    fn plugins(&self) -> MutexGuard<'_, HashMap<PluginRef, Standing>> {
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    fn is_quarantined(&self, revision: Revision) -> bool {
        self.quarantined
            .as_ref()
            .is_some_and(|quarantined| quarantined.revision == revision)
    }
}
