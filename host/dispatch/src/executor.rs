//! The executor: takes a job from its lease to its settlement.
//!
//! The lease is extended for as long as this takes. [`hookyard_model::apply`] decides what the
//! outcome means for the job. If the settlement fails, the lease runs out and the job is attempted
//! again. An attempt that read a key which another attempt has changed meanwhile leaves no trace,
//! and runs again at once.

use std::fmt;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hookyard_crash::Point;
use hookyard_model::{Attempt, Clock, Input, Next, Outcome, WorkState, apply, chain};
use hookyard_store::{ClaimedJob, Error, Inbox, JobLease, Settlement};
use hookyard_work::{hold_lease, insist};

use crate::attempt_locks::AttemptLocks;
use crate::attempt_log::{AttemptCosts, report};
use crate::quarantine::{Judgement, Quarantines};
use crate::{AttemptResult, Config, RetryPolicies, RunError, Runner};

/// How often an attempt runs again under the same lease after a conflict. Then it has failed.
const CONFLICTS_MAX: u32 = 5;
/// The number of conflicts after which an attempt runs alone.
const SHARED_CONFLICTS_MAX: u32 = 2;

/// Attempts jobs. All attempts of a dispatcher share one executor.
pub(crate) struct Executor {
    pub(crate) inbox: Arc<dyn Inbox>,
    pub(crate) runner: Arc<dyn Runner>,
    pub(crate) clock: Arc<dyn Clock>,
    jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
    pub(crate) policies: Arc<ArcSwap<RetryPolicies>>,
    pub(crate) lease: Duration,
    locks: AttemptLocks,
    pub(crate) quarantines: Quarantines,
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
            locks: AttemptLocks::default(),
        }
    }

    /// Attempts a job and settles the outcome. Returns an error if no attempt was made; the job is
    /// unchanged then.
    pub(crate) async fn attempt(&self, job: ClaimedJob) -> Result<(), RunError> {
        let lease = &job.lease;
        let extend = || async move {
            if let Err(error) = self.inbox.extend(slice::from_ref(lease), self.lease).await {
                let (event, plugin) = (lease.event, &lease.plugin);
                tracing::warn!(%event, %plugin, error = chain(&error), "a lease was not extended");
            }
        };

        hold_lease(self.lease, extend, self.run_and_settle(&job)).await
    }

    async fn run_and_settle(&self, job: &ClaimedJob) -> Result<(), RunError> {
        if let Some(settlement) = self.give_up_after_losses(job).await {
            let settled = self.settle(&settlement).await;
            report_settled(job, &settlement, AttemptCosts::default(), settled);
            return Ok(());
        }

        let plugin = &job.lease.plugin;
        let mut conflicts = 0;
        loop {
            // Held until the settlement has ended.
            let _lock = if conflicts > SHARED_CONFLICTS_MAX {
                self.locks.exclusive(plugin).await
            } else {
                self.locks.shared(plugin).await
            };

            let (settlement, costs) = match self.run(job).await {
                Ok(ended) => ended,
                Err(error) => {
                    self.give_back(job).await;
                    return Err(error);
                }
            };
            match self.settle(&settlement).await {
                Err(error @ Error::Conflict(_)) if conflicts < CONFLICTS_MAX => {
                    tracing::debug!(job = %JobLabel(job), reason = chain(&error), "an attempt runs again at once");
                    conflicts += 1;
                }
                settled => {
                    self.finish(job, settlement, costs, settled).await;
                    return Ok(());
                }
            }
        }
    }

    /// Runs the plugin once.
    async fn run(&self, job: &ClaimedJob) -> Result<(Settlement, AttemptCosts), RunError> {
        Point::CallBefore.pass();
        let started_at = self.clock.now();
        let result = self.runner.run(job).await?;
        Point::CallAfter.pass();

        let costs = AttemptCosts {
            queue: started_at.since(job.due),
            measures: result.measures,
        };
        let AttemptResult {
            effects,
            quota,
            outbox,
            ..
        } = result;
        let attempt = Attempt {
            number: job.lease.attempt,
            revision: result.revision,
            started_at,
            duration: result.duration,
            outcome: result.outcome,
            log: result.log,
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
        Ok((settlement, costs))
    }

    /// Settles an attempt without its effects if the store refused them, and reports the attempt.
    async fn finish(
        &self,
        job: &ClaimedJob,
        mut settlement: Settlement,
        costs: AttemptCosts,
        mut settled: Result<(), Error>,
    ) {
        if let Err(error @ (Error::Conflict(_) | Error::OverQuota { .. })) = &settled {
            settlement = self.without_effects(job, settlement, error);
            settled = self.settle(&settlement).await;
        }

        let revision = settlement.attempt.revision;
        let may_need_retry = settlement.failed_on_probation && settled.is_ok();
        report_settled(job, &settlement, costs, settled);
        if may_need_retry {
            self.quarantines.retry_if_rolled_back(job, revision).await;
        }
    }

    /// Returns the settlement of an attempt whose effects the store refused: the attempt fails, its
    /// effects are dropped, and the job is retried. If the outbox was full, the attempt is spared,
    /// because there is room again once messages are sent.
    fn without_effects(
        &self,
        job: &ClaimedJob,
        settlement: Settlement,
        error: &Error,
    ) -> Settlement {
        let (outcome, is_spared) = match error {
            Error::OverQuota { limit, max } => {
                let (limit, max) = (*limit, *max);
                (
                    Outcome::Exceeded { limit, max },
                    limit.is_on_waiting_messages(),
                )
            }
            _ => {
                let reason = error.to_string();
                (
                    Outcome::Retry {
                        reason,
                        after: None,
                    },
                    false,
                )
            }
        };

        let attempt = Attempt {
            outcome,
            ..settlement.attempt
        };
        Settlement {
            next: self.next_state(job, &attempt, is_spared),
            is_spared,
            attempt,
            ..settlement
        }
    }

    async fn give_back(&self, job: &ClaimedJob) {
        if let Err(error) = self.inbox.give_back(slice::from_ref(&job.lease)).await {
            tracing::warn!(job = %JobLabel(job), error = chain(&error), "a lease could not be given back; it runs out");
        }
    }

    fn next_state(&self, job: &ClaimedJob, attempt: &Attempt, is_spared: bool) -> Next {
        // The delays of a job keep growing while its attempts are spared, so the count includes
        // them here.
        let attempts = if is_spared {
            attempt.number
        } else {
            attempt.number.saturating_sub(job.spared)
        };

        let policy = self.policies.load().of(&job.event.source);
        let input = Input::Settle {
            outcome: &attempt.outcome,
            attempts,
            since: job.since,
            policy: &policy,
            is_spared,
            jitter: (self.jitter)(),
        };
        let now = self.clock.now();
        apply(WorkState::Leased { until: now }, input, now)
            .ok()
            .and_then(|state| Next::of(state, now))
            .expect("a leased job takes any settlement")
    }

    /// Settles an attempt. A store that fails is called again for the time of a lease.
    async fn settle(&self, settlement: &Settlement) -> Result<(), Error> {
        insist(self.lease, || self.inbox.settle(settlement.clone())).await
    }
}

fn report_settled(
    job: &ClaimedJob,
    settlement: &Settlement,
    costs: AttemptCosts,
    settled: Result<(), Error>,
) {
    report(job, &settlement.attempt, settlement.next, costs);
    if let Err(error) = settled {
        tracing::error!(job = %JobLabel(job), error = chain(&error), "an attempt was made but could not be settled");
    }
}

/// A job as log lines name it.
struct JobLabel<'a>(&'a ClaimedJob);

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
