//! The state machine of jobs and messages.
//!
//! A job is one event on its way through one plugin; a message is one webhook on its way to its
//! destination. Both follow the same states:
//!
//! ```text
//!            .------------ Held <---------.      no plugin can take it; kept, never refused
//!         Attach                        Detach
//!            v                            |
//! (new) -> Pending --Lease--> Leased --Settle--> Done | Dead
//!            ^                  |  |
//!            '----- GiveBack ----'  '--Settle--> Waiting --Lease (once due)--> Leased
//!
//! any but Leased --Replay--> Pending | Waiting (until it is due)
//! any but Leased, Done, Discarded --Discard--> Discarded
//! Waiting | Dead --Retry--> Pending
//! ```
//!
//! [`apply`] is the only way from one state to the next. Stores record the state that it returns
//! and decide nothing themselves.

use std::fmt;
use std::time::Duration;

use crate::retry::Failure;
use crate::{DeliveryResult, Outcome, RetryPolicy, Timestamp};

/// The state of a job or message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkState {
    /// Ready for an attempt or delivery.
    Pending,
    /// Being attempted or delivered by the holder of the lease.
    Leased {
        /// The time at which the lease ends.
        until: Timestamp,
    },
    /// Waiting for a retry.
    Waiting {
        /// The earliest time of the retry.
        until: Timestamp,
    },
    /// Handled or delivered.
    Done,
    /// Given up: no retry follows.
    Dead,
    /// Kept until a plugin can take the job: the plugin is not there, or is quarantined.
    Held,
    /// Ended by an operator, without another attempt or delivery.
    Discarded,
}

impl WorkState {
    /// Returns the name of the state in the store and the CLI.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Leased { .. } => "leased",
            Self::Waiting { .. } => "waiting",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Held => "held",
            Self::Discarded => "discarded",
        }
    }

    /// Returns whether the work has ended: nothing more happens unless it is replayed.
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::Done | Self::Dead | Self::Discarded)
    }

    /// Returns the earliest time at which the work may be leased; `None` if time alone does not
    /// make it due.
    pub const fn due_at(&self) -> Option<Timestamp> {
        match self {
            Self::Pending => Some(Timestamp::from_unix_millis(0)),
            Self::Leased { until } | Self::Waiting { until } => Some(*until),
            Self::Done | Self::Dead | Self::Held | Self::Discarded => None,
        }
    }
}

impl fmt::Display for WorkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The state that follows an attempt or a delivery, as the worker that made it asks for it.
///
/// A delay counts from the settlement, by the clock of the store, so that the clocks of worker and
/// store need not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The work was handled or delivered.
    Done,
    /// The work waits for a retry.
    Waiting {
        /// The time until the retry.
        delay: Duration,
    },
    /// The work was given up.
    Dead,
}

impl Next {
    /// Returns what a worker whose clock shows `now` asks for, so that `state` follows. Returns
    /// `None` for a state that follows no attempt and no delivery.
    pub fn of(state: WorkState, now: Timestamp) -> Option<Self> {
        match state {
            WorkState::Done => Some(Self::Done),
            WorkState::Waiting { until } => Some(Self::Waiting {
                delay: until.since(now),
            }),
            WorkState::Dead => Some(Self::Dead),
            _ => None,
        }
    }

    /// Returns the name of the state that follows.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Waiting { .. } => "waiting",
            Self::Dead => "dead",
        }
    }

    /// Returns the state that follows in a store whose clock shows `now`.
    pub fn at(self, now: Timestamp) -> WorkState {
        match self {
            Self::Done => WorkState::Done,
            Self::Waiting { delay } => WorkState::Waiting {
                until: now.after(delay),
            },
            Self::Dead => WorkState::Dead,
        }
    }
}

/// An input to the state machine: what happened to a job or message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Input<'a> {
    /// A worker takes the lease.
    Lease {
        /// The time at which the lease ends.
        until: Timestamp,
    },
    /// The worker gives the lease back unused.
    GiveBack,
    /// An attempt of a job ended.
    Settle {
        /// The outcome of the attempt.
        outcome: &'a Outcome,
        /// The number of attempts so far that were not spared, including this one.
        attempts: u32,
        /// The time at which the event arrived, or at which a replay made the job due.
        since: Timestamp,
        /// The retry policy of the source.
        policy: &'a RetryPolicy,
        /// Whether a fault does not count against the maximum: the revision is quarantined or on
        /// probation, or the outbox had no room for the messages of the attempt.
        is_spared: bool,
        /// A random number in `0.0..1.0`.
        jitter: f64,
    },
    /// A delivery of a message ended.
    Deliver {
        /// The result of the delivery.
        result: &'a DeliveryResult,
        /// The number of deliveries so far that were not spared, including this one.
        deliveries: u32,
        /// The time at which the message was committed, or at which a replay made it due.
        since: Timestamp,
        /// The retry policy of the destination.
        policy: &'a RetryPolicy,
        /// Whether a failure does not count against the maximum: the destination is down, and other
        /// messages fail too.
        is_spared: bool,
        /// A random number in `0.0..1.0`.
        jitter: f64,
    },
    /// The plugin is active, and not quarantined.
    Attach,
    /// The plugin is gone or quarantined.
    Detach,
    /// An operator wants the work done again, regardless of its result so far.
    Replay {
        /// The earliest time to run; `None` means at once.
        due: Option<Timestamp>,
    },
    /// An operator ends the work.
    Discard,
    /// The revision that failed last is rolled back: the job gets one more attempt, even if it has
    /// used all of its attempts.
    Retry,
}

/// An input that the state does not allow; the job or message stays as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {state} job or message cannot take {input}")]
pub struct Illegal {
    /// The name of the state.
    pub state: &'static str,
    /// The name of the input, with its article.
    pub input: &'static str,
}

/// Returns the next state of a job or message that is in `state` when `input` happens at `now`.
///
/// # Errors
///
/// Returns [`Illegal`] if `state` does not allow `input`.
pub fn apply(state: WorkState, input: Input<'_>, now: Timestamp) -> Result<WorkState, Illegal> {
    use WorkState::{Dead, Discarded, Done, Held, Leased, Pending, Waiting};
    match (state, input) {
        (Pending | Waiting { .. } | Leased { .. }, Input::Lease { until })
            if state.due_at().is_some_and(|due| due <= now) =>
        {
            Ok(Leased { until })
        }
        (Leased { .. }, Input::GiveBack) => Ok(Pending),
        (
            Leased { .. },
            Input::Settle {
                outcome,
                attempts,
                since,
                policy,
                is_spared,
                jitter,
            },
        ) => {
            let failure = Failure {
                attempts,
                since,
                delay_min: handlers_delay(outcome),
            };
            if is_spared && outcome.is_fault() {
                let until = policy.retry_always(failure, now, jitter);
                Ok(Waiting { until })
            } else {
                let retry_at = policy.retry_at(failure, now, jitter);
                Ok(after_attempt(outcome, retry_at))
            }
        }
        (
            Leased { .. },
            Input::Deliver {
                result,
                deliveries,
                since,
                policy,
                is_spared,
                jitter,
            },
        ) => {
            let failure = Failure {
                attempts: deliveries,
                since,
                delay_min: receivers_delay(result),
            };
            let retry_at = if is_spared {
                policy.retry_before_deadline(failure, now, jitter)
            } else {
                policy.retry_at(failure, now, jitter)
            };
            Ok(after_delivery(result, retry_at))
        }
        (Pending | Waiting { .. } | Done | Dead | Held | Discarded, Input::Replay { due }) => {
            Ok(due.map_or(Pending, |until| Waiting { until }))
        }
        (Pending | Waiting { .. } | Dead | Held, Input::Discard) => Ok(Discarded),
        (Waiting { .. } | Dead, Input::Retry) => Ok(Pending),
        (Held, Input::Attach) => Ok(Pending),
        (Pending | Waiting { .. }, Input::Detach) => Ok(Held),
        // No change and no error: every job of a plugin that comes or goes receives these inputs.
        (Pending | Waiting { .. } | Leased { .. } | Done | Dead | Discarded, Input::Attach) => {
            Ok(state)
        }
        (Held | Leased { .. } | Done | Dead | Discarded, Input::Detach) => Ok(state),
        (_, input) => Err(Illegal {
            state: state.name(),
            input: name(&input),
        }),
    }
}

fn after_attempt(outcome: &Outcome, retry_at: Option<Timestamp>) -> WorkState {
    match (outcome, retry_at) {
        (Outcome::Done, _) => WorkState::Done,
        (outcome, Some(until)) if outcome.is_retryable() => WorkState::Waiting { until },
        _ => WorkState::Dead,
    }
}

fn after_delivery(result: &DeliveryResult, retry_at: Option<Timestamp>) -> WorkState {
    match (result, retry_at) {
        (DeliveryResult::Sent { .. }, _) => WorkState::Done,
        (result, Some(until)) if result.is_retryable() => WorkState::Waiting { until },
        _ => WorkState::Dead,
    }
}

/// Returns the shortest delay that the handler asks for.
fn handlers_delay(outcome: &Outcome) -> Option<Duration> {
    match outcome {
        Outcome::Retry { after, .. } => *after,
        _ => None,
    }
}

/// Returns the shortest delay that the receiver asks for.
fn receivers_delay(result: &DeliveryResult) -> Option<Duration> {
    match result {
        DeliveryResult::Failed { after, .. } => *after,
        _ => None,
    }
}

const fn name(input: &Input<'_>) -> &'static str {
    match input {
        Input::Lease { .. } => "a lease",
        Input::GiveBack => "a lease that is given back",
        Input::Settle { .. } => "a settlement",
        Input::Deliver { .. } => "a delivery",
        Input::Attach => "an attachment",
        Input::Detach => "a detachment",
        Input::Replay { .. } => "a replay",
        Input::Discard => "a discard",
        Input::Retry => "a retry",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_000_000);
    const LATER: Timestamp = Timestamp::from_unix_millis(2_000_000);

    fn settlement<'a>(outcome: &'a Outcome, attempts: u32, policy: &'a RetryPolicy) -> Input<'a> {
        Input::Settle {
            outcome,
            attempts,
            since: NOW,
            policy,
            is_spared: false,
            jitter: 0.5,
        }
    }

    fn settle(outcome: &Outcome, attempts: u32) -> WorkState {
        let policy = RetryPolicy {
            attempts_max: 3,
            ..RetryPolicy::default()
        };
        let input = settlement(outcome, attempts, &policy);
        apply(WorkState::Leased { until: LATER }, input, NOW).expect("a leased job settles")
    }

    #[test]
    fn each_outcome_leads_to_its_state() {
        let retry = |after| Outcome::Retry {
            reason: "later".into(),
            after,
        };
        let trapped = Outcome::Trapped {
            message: "unreachable".into(),
        };

        assert_eq!(settle(&Outcome::Done, 1), WorkState::Done);
        assert_eq!(
            settle(
                &Outcome::Rejected {
                    reason: "no".into()
                },
                1
            ),
            WorkState::Dead
        );
        assert_eq!(
            settle(&trapped, 1),
            WorkState::Waiting {
                until: NOW.after(Duration::from_millis(3_750))
            }
        );
        assert_eq!(settle(&trapped, 3), WorkState::Dead);
        let hour = Duration::from_secs(3600);
        assert_eq!(
            settle(&retry(Some(hour)), 1),
            WorkState::Waiting {
                until: NOW.after(hour)
            }
        );
        let capped = RetryPolicy::default().delay_max;

        assert_eq!(
            settle(&retry(Some(Duration::MAX)), 1),
            WorkState::Waiting {
                until: NOW.after(capped)
            }
        );
    }

    #[test]
    fn each_delivery_result_leads_to_its_state() {
        let minute = Duration::from_secs(60);
        let policy = RetryPolicy {
            attempts_max: 3,
            delay_max: minute,
            deadline: Some(2 * minute),
            ..RetryPolicy::default()
        };
        let check = |result: DeliveryResult, deliveries, since, is_spared, expected| {
            let (result, policy) = (&result, &policy);
            let input = Input::Deliver {
                result,
                deliveries,
                since,
                policy,
                is_spared,
                jitter: 0.5,
            };
            assert_eq!(
                apply(WorkState::Leased { until: LATER }, input, NOW),
                Ok(expected),
                "{result}, delivery {deliveries}"
            );
        };
        let failed = |after| DeliveryResult::Failed {
            status: Some(503),
            reason: "busy".into(),
            after,
        };
        let again_in = |delay| WorkState::Waiting {
            until: NOW.after(delay),
        };

        check(
            DeliveryResult::Sent { status: 204 },
            1,
            NOW,
            false,
            WorkState::Done,
        );
        check(
            DeliveryResult::Sent { status: 204 },
            9,
            NOW,
            true,
            WorkState::Done,
        );
        for never in [
            DeliveryResult::Refused { status: 404 },
            DeliveryResult::Gone,
            DeliveryResult::Unsendable {
                reason: "no".into(),
            },
            DeliveryResult::Lost { deliveries: 3 },
        ] {
            check(never.clone(), 1, NOW, false, WorkState::Dead);
            check(never, 1, NOW, true, WorkState::Dead);
        }
        check(
            failed(None),
            1,
            NOW,
            false,
            again_in(Duration::from_millis(3_750)),
        );
        check(
            failed(Some(minute / 2)),
            1,
            NOW,
            false,
            again_in(minute / 2),
        );
        check(
            failed(Some(Duration::from_secs(1))),
            1,
            NOW,
            false,
            again_in(Duration::from_millis(3_750)),
        );
        check(failed(Some(Duration::MAX)), 1, NOW, false, again_in(minute));
        check(failed(None), 3, NOW, false, WorkState::Dead);
        check(
            failed(None),
            3,
            NOW,
            true,
            again_in(Duration::from_secs(15)),
        );
        check(
            failed(None),
            3,
            NOW.before(2 * minute),
            true,
            WorkState::Dead,
        );
    }

    #[test]
    fn job_past_its_deadline_is_dead() {
        let policy = RetryPolicy {
            deadline: Some(Duration::from_secs(60)),
            ..RetryPolicy::default()
        };
        let trapped = Outcome::Trapped {
            message: String::new(),
        };
        let settle = |since, attempts| {
            let (outcome, policy) = (&trapped, &policy);
            let input = Input::Settle {
                outcome,
                attempts,
                since,
                policy,
                is_spared: false,
                jitter: 1.0,
            };
            apply(WorkState::Leased { until: LATER }, input, NOW).expect("a leased job settles")
        };
        let long_ago = Timestamp::from_unix_millis(NOW.unix_millis() - 56_000);

        assert_eq!(
            settle(NOW, 1),
            WorkState::Waiting {
                until: NOW.after(Duration::from_secs(5))
            }
        );
        assert_eq!(settle(long_ago, 1), WorkState::Dead);
        assert_eq!(
            settle(NOW, 5),
            WorkState::Dead,
            "the next delay alone is longer"
        );
    }

    #[test]
    fn spared_fault_does_not_count() {
        let policy = RetryPolicy {
            attempts_max: 3,
            deadline: Some(Duration::ZERO),
            ..RetryPolicy::default()
        };
        let settle = |outcome: &Outcome| {
            let since = Timestamp::from_unix_millis(0);
            let input = Input::Settle {
                outcome,
                attempts: 9,
                since,
                policy: &policy,
                is_spared: true,
                jitter: 0.0,
            };
            apply(WorkState::Leased { until: LATER }, input, NOW).expect("a leased job settles")
        };
        let undecodable = Outcome::Undecodable {
            path: "$".into(),
            message: String::new(),
        };
        let delay = policy.delay(9, 0.0);

        for fault in [
            Outcome::Trapped {
                message: String::new(),
            },
            undecodable,
        ] {
            assert_eq!(
                settle(&fault),
                WorkState::Waiting {
                    until: NOW.after(delay)
                },
                "{fault}"
            );
        }
        assert_eq!(settle(&Outcome::Done), WorkState::Done);
        assert_eq!(
            settle(&Outcome::Rejected {
                reason: String::new()
            }),
            WorkState::Dead,
            "the handler itself rejects the event"
        );
    }

    #[test]
    fn lease_waits_until_due() {
        let lease = Input::Lease { until: LATER };
        assert!(apply(WorkState::Waiting { until: LATER }, lease, NOW).is_err());
        assert!(apply(WorkState::Leased { until: LATER }, lease, NOW).is_err());
        assert_eq!(
            apply(WorkState::Leased { until: NOW }, lease, NOW),
            Ok(WorkState::Leased { until: LATER })
        );
        assert!(apply(WorkState::Dead, lease, NOW).is_err());
    }

    #[test]
    fn replay_makes_any_unleased_job_due() {
        let waiting = WorkState::Waiting { until: LATER };
        let discarded = WorkState::Discarded;

        for state in [
            WorkState::Pending,
            waiting,
            WorkState::Done,
            WorkState::Dead,
            WorkState::Held,
            discarded,
        ] {
            assert_eq!(
                apply(state, Input::Replay { due: None }, NOW),
                Ok(WorkState::Pending)
            );
            assert_eq!(
                apply(state, Input::Replay { due: Some(LATER) }, NOW),
                Ok(waiting)
            );
        }
        // This holds even after the lease has ended: its holder may still settle the job.
        let leased = WorkState::Leased { until: NOW };
        let refused = Illegal {
            state: "leased",
            input: "a replay",
        };
        assert_eq!(
            apply(leased, Input::Replay { due: None }, LATER),
            Err(refused)
        );
    }

    #[test]
    fn discard_ends_only_unfinished_jobs() {
        let waiting = WorkState::Waiting { until: LATER };
        for state in [
            WorkState::Pending,
            waiting,
            WorkState::Dead,
            WorkState::Held,
        ] {
            assert_eq!(
                apply(state, Input::Discard, NOW),
                Ok(WorkState::Discarded),
                "{state}"
            );
        }

        for state in [
            WorkState::Leased { until: NOW },
            WorkState::Done,
            WorkState::Discarded,
        ] {
            let refused = Illegal {
                state: state.name(),
                input: "a discard",
            };
            assert_eq!(apply(state, Input::Discard, LATER), Err(refused));
        }

        let discarded = WorkState::Discarded;
        assert!(apply(discarded, Input::Lease { until: LATER }, NOW).is_err());
        assert_eq!(apply(discarded, Input::Attach, NOW), Ok(discarded));
        assert_eq!(apply(discarded, Input::Detach, NOW), Ok(discarded));
    }

    #[test]
    fn retry_brings_back_failed_jobs_only() {
        let waiting = WorkState::Waiting { until: LATER };
        for state in [waiting, WorkState::Dead] {
            assert_eq!(
                apply(state, Input::Retry, NOW),
                Ok(WorkState::Pending),
                "{state}"
            );
        }
        let leased = WorkState::Leased { until: NOW };
        for state in [
            WorkState::Pending,
            leased,
            WorkState::Done,
            WorkState::Held,
            WorkState::Discarded,
        ] {
            assert!(apply(state, Input::Retry, LATER).is_err(), "{state}");
        }

        // One more attempt than `attempts_max` at the most: the next failure ends it again.
        let trapped = Outcome::Trapped {
            message: "unreachable".into(),
        };
        assert_eq!(
            (settle(&trapped, 3), settle(&trapped, 4)),
            (WorkState::Dead, WorkState::Dead)
        );
    }

    fn any_state() -> impl Strategy<Value = WorkState> {
        let moment = (0..3_000_000i64).prop_map(Timestamp::from_unix_millis);

        prop_oneof![
            Just(WorkState::Pending),
            moment.clone().prop_map(|until| WorkState::Leased { until }),
            moment.prop_map(|until| WorkState::Waiting { until }),
            Just(WorkState::Done),
            Just(WorkState::Dead),
            Just(WorkState::Held),
            Just(WorkState::Discarded),
        ]
    }

    fn any_outcome() -> impl Strategy<Value = Outcome> {
        prop_oneof![
            Just(Outcome::Done),
            proptest::option::of(any::<Duration>()).prop_map(|after| Outcome::Retry {
                reason: String::new(),
                after
            }),
            Just(Outcome::Rejected {
                reason: String::new()
            }),
            Just(Outcome::Trapped {
                message: String::new()
            }),
            Just(Outcome::Undecodable {
                path: "$".into(),
                message: String::new()
            }),
        ]
    }

    proptest! {
        #[test]
        fn finished_job_stays_finished(
            state in any_state(),
            outcome in any_outcome(),
            attempts: u32,
            jitter in 0.0..1.0f64,
        ) {
            let policy = RetryPolicy::default();
            let (since, outcome_ref) = (NOW, &outcome);
            let settle = |is_spared| {
                let (outcome, policy) = (outcome_ref, &policy);
                Input::Settle { outcome, attempts, since, policy, is_spared, jitter }
            };

            for input in [
                Input::Lease { until: LATER },
                Input::GiveBack,
                settle(false),
                settle(true),
                Input::Attach,
                Input::Detach,
            ] {
                let next = apply(state, input, NOW);
                if matches!(state, WorkState::Done | WorkState::Dead) {
                    prop_assert!(next.is_err() || next == Ok(state));
                }
                if matches!(next, Ok(WorkState::Done)) && state != WorkState::Done {
                    prop_assert_eq!(&outcome, &Outcome::Done);
                }
            }
        }

        #[test]
        fn last_failed_attempt_ends_in_dead(outcome in any_outcome()) {
            let policy = RetryPolicy::default();
            let input =
                settlement(&outcome, policy.attempts_max, &policy);
            let end = apply(WorkState::Leased { until: LATER }, input, NOW);
            prop_assert!(matches!(end, Ok(WorkState::Done | WorkState::Dead)));
        }
    }
}
