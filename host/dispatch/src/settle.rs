//! Settlements: the end of an attempt in the store.
//!
//! [`hookyard_model::apply`] decides what the outcome means for the job. If the settlement fails,
//! the lease runs out and the job is attempted again.

use std::time::Duration;

use hookyard_model::{Attempt, Input, Next, Outcome, WorkState, apply, chain};
use hookyard_store::{ClaimedJob, Error, Settlement};
use hookyard_work::insist;

use crate::attempt_log::{AttemptCosts, report};
use crate::executor::{Executor, JobLabel, Made};
use crate::plugin::SharedPlugin;

impl Executor {
    /// Settles an attempt. A store that fails, or whose answer is lost, is called again for the
    /// time of a lease; it takes a settlement twice.
    pub(crate) async fn settle(&self, settlement: &Settlement) -> Result<(), Error> {
        insist(self.lease, || self.inbox.settle(settlement.clone())).await
    }

    /// Settles a job whose attempts were lost. Returns what [`Executor::attempt`] returns.
    pub(crate) async fn settle_lost(
        &self,
        job: &ClaimedJob,
        plugin: &SharedPlugin,
        settlement: Settlement,
    ) -> Option<Duration> {
        let settled = self.settle(&settlement).await;
        let mut made = Made {
            settlement,
            costs: AttemptCosts::default(),
            host_calls: Vec::new(),
            trace: None,
        };
        self.report_settled(job, plugin, &mut made, settled)
    }

    /// Settles an attempt without its effects if the store refused them, and reports the attempt.
    /// Returns what [`Executor::attempt`] returns.
    pub(crate) async fn finish(
        &self,
        job: &ClaimedJob,
        plugin: &SharedPlugin,
        mut made: Made,
        mut settled: Result<(), Error>,
    ) -> Option<Duration> {
        if let Err(error @ (Error::Conflict(_) | Error::OverQuota { .. })) = &settled {
            made.settlement = self.without_effects(job, made.settlement, error);
            settled = self.settle(&made.settlement).await;
        }

        let may_need_retry = made.settlement.failed_on_probation && settled.is_ok();
        let due = self.report_settled(job, plugin, &mut made, settled);
        if may_need_retry {
            let revision = made.settlement.attempt.revision;
            self.quarantines.retry_if_rolled_back(job, revision).await;
        }
        due
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

    pub(crate) fn next_state(&self, job: &ClaimedJob, attempt: &Attempt, is_spared: bool) -> Next {
        // The delays of a job keep growing while its attempts are spared, so the count includes
        // them here.
        let attempts = if is_spared {
            attempt.number
        } else {
            attempt.number.saturating_sub(job.spared)
        };

        let policies = self.policies.load();
        let input = Input::Settle {
            outcome: &attempt.outcome,
            attempts,
            since: job.since,
            policy: policies.of(&job.event.source),
            is_spared,
            jitter: (self.jitter)(),
        };
        let now = self.clock.now();
        apply(WorkState::Leased { until: now }, input, now)
            .ok()
            .and_then(|state| Next::of(state, now))
            .expect("a leased job takes any settlement")
    }

    fn gather(&self, job: &ClaimedJob, made: &Made) {
        let attempt = &made.settlement.attempt;
        let waited = (attempt.number == 1).then_some(made.costs.queue);
        self.gatherer.attempt(
            &job.lease.plugin,
            attempt.outcome.name(),
            attempt.duration,
            waited,
        );
    }

    /// Reports an attempt. Returns the time after which the job may be due again.
    fn report_settled(
        &self,
        job: &ClaimedJob,
        plugin: &SharedPlugin,
        made: &mut Made,
        settled: Result<(), Error>,
    ) -> Option<Duration> {
        report(job, &plugin.metrics, made);
        self.gather(job, made);
        self.report_end(made, settled.is_ok());
        if let Some(trace) = &made.trace {
            trace.record(job, made, settled.is_ok());
        }
        if let Err(error) = settled {
            tracing::error!(job = %JobLabel(job), error = chain(&error), "an attempt was made but could not be settled");
            return Some(self.lease);
        }

        match made.settlement.next {
            Next::Waiting { delay } => Some(delay),
            Next::Done | Next::Dead => None,
        }
    }
}
