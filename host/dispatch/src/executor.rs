//! The executor: takes a job from its lease to its settlement.
//!
//! The slot of an attempt is free when the call has ended and is judged: the settlement, which
//! waits for the disk, uses no processor. An attempt that read a key which another attempt has
//! changed meanwhile leaves no trace, and runs again at once.

use std::fmt;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hookyard_crash::Point;
use hookyard_model::{Attempt, AttemptUsage, Clock, Outcome, chain};
use hookyard_store::{ClaimedJob, Error, Gatherer, Inbox, JobLease, Settlement, Waits};

use crate::attempt_log::AttemptCosts;
use crate::freed_slots::Slot;
use crate::plugin::SharedPlugin;
use crate::quarantine::{Judgement, Quarantines};
use crate::spans::AttemptTrace;
use crate::{AttemptResult, Config, HostCall, RetryPolicies, RunError, Runner};

/// How often an attempt runs again under the same lease after a conflict. Then it has failed.
const CONFLICTS_MAX: u32 = 5;
/// The number of conflicts after which an attempt runs alone.
const SHARED_CONFLICTS_MAX: u32 = 2;

/// Attempts jobs. All attempts of a dispatcher share one executor.
pub(crate) struct Executor {
    pub(crate) inbox: Arc<dyn Inbox>,
    pub(crate) runner: Arc<dyn Runner>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
    pub(crate) policies: Arc<ArcSwap<RetryPolicies>>,
    pub(crate) lease: Duration,
    pub(crate) quarantines: Quarantines,
    pub(crate) waits: Arc<Waits>,
    pub(crate) gatherer: Arc<Gatherer>,
}

/// A job under lease, and the slot in which it runs.
pub(crate) struct AttemptTask {
    pub(crate) job: ClaimedJob,
    pub(crate) plugin: Arc<SharedPlugin>,
    pub(crate) slot: Slot,
}

/// The reason why no attempt was made, and the slot, which the dispatcher frees once it skips the
/// plugin.
#[derive(Debug)]
pub(crate) struct NoAttempt {
    pub(crate) error: RunError,
    pub(crate) slot: Option<Slot>,
}

/// An attempt that was made and is to be settled.
pub(crate) struct Made {
    pub(crate) settlement: Settlement,
    pub(crate) costs: AttemptCosts,
    pub(crate) host_calls: Vec<HostCall>,
    /// The trace, if it is recorded.
    pub(crate) trace: Option<AttemptTrace>,
}

impl Executor {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            quarantines: Quarantines::new(&config),
            inbox: config.inbox,
            runner: config.runner,
            clock: config.clock,
            jitter: config.jitter,
            policies: Arc::new(ArcSwap::from_pointee(config.policies)),
            lease: config.lease,
            waits: config.waits,
            gatherer: config.gatherer,
        }
    }

    /// Attempts a job and settles the outcome. Returns the time after which the job may be due
    /// again, or `None` if it will not be.
    ///
    /// # Errors
    ///
    /// Returns an error if no attempt was made; the job is unchanged then.
    pub(crate) async fn attempt(&self, task: AttemptTask) -> Result<Option<Duration>, NoAttempt> {
        let AttemptTask { job, plugin, slot } = task;
        if let Some(settlement) = self.give_up_after_losses(&job).await {
            drop(slot);
            return Ok(self.settle_lost(&job, &plugin, settlement).await);
        }

        let mut slot = Some(slot);
        let mut conflicts = 0;
        loop {
            // Held until the settlement has ended.
            let _lock = if conflicts > SHARED_CONFLICTS_MAX {
                plugin.lock_exclusive().await
            } else {
                plugin.lock_shared().await
            };

            let made = match self.run(&job).await {
                Ok(made) => made,
                Err(error) => {
                    self.give_back(&job).await;
                    return Err(NoAttempt { error, slot });
                }
            };
            slot = slot.filter(|_| can_conflict(&made.settlement));

            match self.settle(&made.settlement).await {
                Err(error @ Error::Conflict(_)) if conflicts < CONFLICTS_MAX => {
                    tracing::debug!(job = %JobLabel(&job), reason = chain(&error), "an attempt runs again at once");
                    conflicts += 1;
                }
                settled => return Ok(self.finish(&job, &plugin, made, settled).await),
            }
        }
    }

    /// Runs the plugin once, and judges how the attempt counts.
    async fn run(&self, job: &ClaimedJob) -> Result<Made, RunError> {
        Point::CallBefore.pass();
        let started_at = self.clock.now();
        let result = self.runner.run(job).await?;
        Point::CallAfter.pass();

        let costs = AttemptCosts {
            queue: started_at.since(job.due),
            measures: result.measures,
        };
        let AttemptResult {
            mut effects,
            quota,
            outbox,
            host_calls,
            ..
        } = result;
        self.drop_uncounted_response(job, &mut effects);
        let trace = AttemptTrace::of(job);
        effects.trace = trace.map(|trace| trace.context().to_string());
        let attempt = Attempt {
            number: job.lease.attempt,
            revision: result.revision,
            started_at,
            duration: result.duration,
            outcome: result.outcome,
            log: result.log,
            used: Some(AttemptUsage {
                cpu: costs.measures.cpu,
                memory_bytes: costs.measures.memory_bytes,
                host_calls: costs.measures.host_calls,
            }),
        };

        let Judgement {
            is_spared,
            failed_on_probation,
        } = self.quarantines.judge(job, &attempt, self.lease).await;
        let settlement = Settlement {
            lease: job.lease.clone(),
            next: self.next_state(job, &attempt, is_spared),
            failed_on_probation,
            is_spared: is_spared && attempt.outcome.is_fault(),
            attempt,
            effects,
            quota,
            outbox,
        };
        Ok(Made {
            settlement,
            costs,
            host_calls,
            trace,
        })
    }

    async fn give_back(&self, job: &ClaimedJob) {
        if let Err(error) = self.inbox.give_back(slice::from_ref(&job.lease)).await {
            tracing::warn!(job = %JobLabel(job), error = chain(&error), "a lease could not be given back; it runs out");
        }
    }
}

/// Returns whether the settlement can meet a conflict. Then the attempt keeps its slot, because it
/// may run again. Without this rule, a plugin whose attempts all read one key would have as many
/// attempts running again and again as it may have unsettled.
fn can_conflict(settlement: &Settlement) -> bool {
    settlement.attempt.outcome == Outcome::Done && !settlement.effects.reads.is_empty()
}

/// A job as log lines name it.
pub(crate) struct JobLabel<'a>(pub(crate) &'a ClaimedJob);

impl fmt::Display for JobLabel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let JobLease {
            event,
            plugin,
            attempt,
            ..
        } = &self.0.lease;
        write!(f, "{event} for {plugin}, attempt {attempt}")
    }
}
