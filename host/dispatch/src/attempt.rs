//! One attempt, from lease to settlement.
//!
//! The lease is kept for as long as this takes. What the outcome means for the job is `hookyard_model::apply`'s to say;
//! what can't be settled is left to its lease, which runs out. An attempt that went by a key which another attempt has
//! changed meanwhile left no trace, and is run again at once.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hookyard_crash::Point;
use hookyard_model::{Attempt, Clock, Input, Outcome, WorkState, apply, chain};
use hookyard_store::{ClaimedJob, Error, Inbox, JobLease, Settlement};
use hookyard_work::insist;
use tokio::time::sleep;

use crate::quarantine::{Judgement, Quarantines};
use crate::report::{Taken, report};
use crate::turn::Turns;
use crate::{RetryPolicies, Runner, Unrun};

/// How often an attempt is run again, at once and under the same lease, since a key that it went by was changed by
/// another one meanwhile. Then it has failed.
const CONFLICTS_MAX: u32 = 5;
/// After how many of these it runs alone.
const CONFLICTS_BESIDE_OTHERS_MAX: u32 = 2;

/// What every attempt needs.
pub(crate) struct Means {
    pub(crate) inbox: Arc<dyn Inbox>,
    pub(crate) runner: Arc<dyn Runner>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
    pub(crate) policies: Arc<ArcSwap<RetryPolicies>>,
    pub(crate) lease: Duration,
    pub(crate) turns: Turns,
    pub(crate) quarantines: Quarantines,
}

/// How work on a claimed job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// An attempt was made.
    Ran,
    /// No attempt was made, and the job is as it was.
    Unrun(Unrun),
}

impl Means {
    /// Attempts a job and settles what it came to.
    pub(crate) async fn attempt(&self, job: ClaimedJob) -> End {
        tokio::select! {
            end = self.run_and_settle(&job) => end,
            never = self.keep(&job.lease) => match never {},
        }
    }

    async fn run_and_settle(&self, job: &ClaimedJob) -> End {
        if let Some(settlement) = self.given_up(job).await {
            let settled = self.settle(&settlement).await;
            return end(job, &settlement, Taken::default(), settled);
        }
        let mut conflicts = 0;
        loop {
            let _turn = self
                .turns
                .take(&job.lease.plugin, conflicts > CONFLICTS_BESIDE_OTHERS_MAX)
                .await;
            let (mut settlement, taken) = match self.run(job).await {
                Ok(ran) => ran,
                Err(unrun) => return self.give_back(job, unrun).await,
            };
            let mut settled = self.settle(&settlement).await;
            match &settled {
                Err(error @ Error::Conflict(_)) if conflicts < CONFLICTS_MAX => {
                    tracing::debug!(job = %Name(job), reason = chain(error), "an attempt is run again at once");
                    conflicts += 1;
                    continue;
                }
                Err(error @ (Error::Conflict(_) | Error::OverQuota { .. })) => {
                    settlement = self.refused(job, settlement, error);
                    settled = self.settle(&settlement).await;
                }
                _ => {}
            }
            let is_open = settlement.is_watched && settled.is_ok();
            let ended = end(job, &settlement, taken, settled);
            if is_open {
                self.quarantines
                    .settled(job, settlement.attempt.revision)
                    .await;
            }
            return ended;
        }
    }

    /// Runs the plugin once.
    async fn run(&self, job: &ClaimedJob) -> Result<(Settlement, Taken), Unrun> {
        Point::CallBefore.pass();
        let started_at = self.clock.now();
        let ran = self.runner.run(job).await?;
        Point::CallAfter.pass();
        let attempt = Attempt {
            number: job.lease.attempt,
            revision: ran.revision,
            started_at,
            duration: ran.duration,
            outcome: ran.outcome,
            log: ran.log,
        };
        let Judgement {
            is_quarantined,
            is_watched,
        } = self.quarantines.judge(job, &attempt, self.lease).await;
        let next = self.next_state(job, &attempt, is_quarantined);
        let taken = Taken {
            queue: started_at.since(job.due),
            measures: ran.measures,
        };
        let lease = job.lease.clone();
        let is_spared = is_quarantined && attempt.outcome.is_fault();
        let (effects, quota, outbox) = (ran.effects, ran.quota, ran.outbox);
        Ok((
            Settlement {
                lease,
                attempt,
                next,
                is_watched,
                is_spared,
                effects,
                quota,
                outbox,
            },
            taken,
        ))
    }

    /// What an attempt comes to whose effects can't be had: it fails, and so has none, and is made again later. It doesn't
    /// count where the outbox was full: there is room again once messages are sent.
    fn refused(&self, job: &ClaimedJob, settlement: Settlement, why: &Error) -> Settlement {
        let (outcome, is_spared) = match why {
            Error::OverQuota { limit, max } => (
                Outcome::Exceeded {
                    limit: *limit,
                    max: *max,
                },
                limit.is_on_waiting_messages(),
            ),
            _ => (
                Outcome::Retry {
                    reason: why.to_string(),
                    after: None,
                },
                false,
            ),
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

    async fn give_back(&self, job: &ClaimedJob, unrun: Unrun) -> End {
        if let Err(error) = self.inbox.give_back(std::slice::from_ref(&job.lease)).await {
            tracing::warn!(job = %Name(job), error = chain(&error), "a lease could not be given back; it runs out");
        }
        End::Unrun(unrun)
    }

    fn next_state(&self, job: &ClaimedJob, attempt: &Attempt, is_spared: bool) -> WorkState {
        let policy = self.policies.load().of(&job.event.source);
        let input = Input::Settle {
            outcome: &attempt.outcome,
            // Delays grow with those that are spared, too.
            attempts: if is_spared {
                attempt.number
            } else {
                attempt.number.saturating_sub(job.spared)
            },
            since: job.since,
            policy: &policy,
            is_spared,
            jitter: (self.jitter)(),
        };
        let leased = WorkState::Leased { until: job.until };
        apply(leased, input, self.clock.now()).expect("a leased job takes any settlement")
    }

    /// Tries for as long as a lease lasts: what the store can't do now it may be able to do soon.
    async fn settle(&self, settlement: &Settlement) -> Result<(), Error> {
        insist(self.lease, || self.inbox.settle(settlement.clone())).await
    }

    /// Extends the lease again and again; never returns.
    async fn keep(&self, lease: &JobLease) -> Infallible {
        loop {
            sleep(self.lease / 3).await;
            let until = self.clock.now().after(self.lease);
            if let Err(error) = self.inbox.extend(std::slice::from_ref(lease), until).await {
                tracing::warn!(event = %lease.event, plugin = %lease.plugin, error = chain(&error), "a lease was not extended");
            }
        }
    }
}

/// Tells what became of an attempt.
fn end(job: &ClaimedJob, settlement: &Settlement, taken: Taken, settled: Result<(), Error>) -> End {
    report(job, &settlement.attempt, settlement.next, taken);
    if let Err(error) = settled {
        tracing::error!(job = %Name(job), error = chain(&error), "an attempt was made but could not be settled");
    }
    End::Ran
}

/// A job as log lines name it.
struct Name<'a>(&'a ClaimedJob);

impl std::fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let JobLease {
            event,
            plugin,
            attempt,
            ..
        } = &self.0.lease;
        write!(f, "{event} for {plugin}, attempt {attempt}")
    }
}
