//! The state machine of a job, one event on its way through one plugin, and of an outbox message on its way to its
//! destination.
//!
//! ```text
//!            .------------ Held <---------.      no plugin can take it; kept, never refused
//!         Attach                        Detach
//!            v                            |
//! (new) -> Pending --Lease--> Leased --Settle--> Done | Dead
//!            ^                  |  |
//!            '----- GiveBack ----'  '--Settle--> Waiting --Lease (once due)--> Leased
//!
//! any but Leased --Replay--> Pending | Waiting (until its turn)
//! any but Leased, Done, Discarded --Discard--> Discarded
//! Waiting | Dead --Retry--> Pending
//! ```
//!
//! `apply` is the only way from one state to the next. Backends store what it returns and decide nothing themselves.

use std::fmt;
use std::time::Duration;

use crate::retry::Failure;
use crate::{DeliveryResult, Outcome, RetryPolicy, Timestamp};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkState {
    /// Ready to be attempted.
    Pending,
    /// Being attempted by whoever holds the lease.
    Leased {
        /// When somebody else may take it.
        until: Timestamp,
    },
    /// A failed attempt will be made again.
    Waiting {
        /// Not before this.
        until: Timestamp,
    },
    /// Handled.
    Done,
    /// Given up on.
    Dead,
    /// Kept until its plugin can take it: it isn't there, or it's quarantined.
    Held,
    /// Ended by an operator, without a further attempt.
    Discarded,
}

impl WorkState {
    /// The state's name, as it stands in the store and the CLI.
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

    /// Whether nothing is left to be done: no attempt follows unless the job is replayed.
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::Done | Self::Dead | Self::Discarded)
    }

    /// When the job may be leased; `None` when time alone won't make it so.
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

/// What happens to a job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Input<'a> {
    /// Somebody takes the right to attempt it until then.
    Lease {
        /// When the right ends.
        until: Timestamp,
    },
    /// The lease is given back unused.
    GiveBack,
    /// An attempt ended.
    Settle {
        /// What it came to.
        outcome: &'a Outcome,
        /// Attempts made that count, this one included.
        attempts: u32,
        /// When the event came in, or was to run again by a replay.
        since: Timestamp,
        /// The source's policy.
        policy: &'a RetryPolicy,
        /// Whether a fault doesn't use the job up: the revision that ran is quarantined, or there was no room for what the
        /// attempt asked for.
        is_spared: bool,
        /// A random number in `0.0..1.0`.
        jitter: f64,
    },
    /// A try at sending it ended; of messages only.
    Deliver {
        /// What it came to.
        result: &'a DeliveryResult,
        /// Tries made that count, this one included.
        attempts: u32,
        /// When the message was committed, or was to be sent again by a replay.
        since: Timestamp,
        /// The destination's policy.
        policy: &'a RetryPolicy,
        /// Whether other messages don't get there either: then a failure doesn't use this one up.
        is_spared: bool,
        /// A random number in `0.0..1.0`.
        jitter: f64,
    },
    /// The plugin is there, and not quarantined.
    Attach,
    /// The plugin is gone, or quarantined.
    Detach,
    /// It is to run again, whatever came of it so far.
    Replay {
        /// Not before this; at once where `None`.
        due: Option<Timestamp>,
    },
    /// An operator ends it.
    Discard,
    /// The revision that it failed at last is taken back: it is attempted once more, however often it was before.
    Retry,
}

/// An input that the state doesn't allow; the job stays as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {state} job takes no {input}")]
pub struct Illegal {
    /// The state's name.
    pub state: &'static str,
    /// The input's name.
    pub input: &'static str,
}

/// The next state of a job that is in `state` when `input` happens at `now`.
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
                asked: asked(outcome),
            };
            Ok(match is_spared && outcome.is_fault() {
                true => Waiting {
                    until: policy.again_after(failure, now, jitter),
                },
                false => settled(outcome, failure, policy, now, jitter),
            })
        }
        (
            Leased { .. },
            Input::Deliver {
                result,
                attempts,
                since,
                policy,
                is_spared,
                jitter,
            },
        ) => {
            let failure = Failure {
                attempts,
                since: since,
                asked: wait(result),
            };
            let again = match is_spared {
                true => policy.again_in_time(failure, now, jitter),
                false => policy.again_at(failure, now, jitter),
            };
            Ok(delivered(result, again))
        }
        (Pending | Waiting { .. } | Done | Dead | Held | Discarded, Input::Replay { due }) => {
            Ok(due.map_or(Pending, |until| Waiting { until }))
        }
        (Pending | Waiting { .. } | Dead | Held, Input::Discard) => Ok(Discarded),
        (Waiting { .. } | Dead, Input::Retry) => Ok(Pending),
        (Held, Input::Attach) => Ok(Pending),
        (Pending | Waiting { .. }, Input::Detach) => Ok(Held),
        // Nothing to do, and no fault: these are told of every job of a plugin that comes or goes.
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

fn settled(
    outcome: &Outcome,
    failure: Failure,
    policy: &RetryPolicy,
    now: Timestamp,
    jitter: f64,
) -> WorkState {
    match outcome {
        Outcome::Done => WorkState::Done,
        outcome if !outcome.is_retryable() => WorkState::Dead,
        _ => policy
            .again_at(failure, now, jitter)
            .map_or(WorkState::Dead, |until| WorkState::Waiting { until }),
    }
}

fn delivered(result: &DeliveryResult, again: Option<Timestamp>) -> WorkState {
    match result {
        DeliveryResult::Sent { .. } => WorkState::Done,
        result if !result.is_retryable() => WorkState::Dead,
        _ => again.map_or(WorkState::Dead, |until| WorkState::Waiting { until }),
    }
}

/// The least delay that the receiver asks for.
fn wait(result: &DeliveryResult) -> Option<Duration> {
    match result {
        DeliveryResult::Failed { after, .. } => *after,
        _ => None,
    }
}

/// The least delay that the handler asks for.
fn asked(outcome: &Outcome) -> Option<Duration> {
    match outcome {
        Outcome::Retry { after, .. } => *after,
        _ => None,
    }
}

const fn name(input: &Input<'_>) -> &'static str {
    match input {
        Input::Lease { .. } => "lease",
        Input::GiveBack => "give back",
        Input::Settle { .. } => "settlement",
        Input::Deliver { .. } => "delivery",
        Input::Attach => "attachment",
        Input::Detach => "detachment",
        Input::Replay { .. } => "replay",
        Input::Discard => "discard",
        Input::Retry => "retry",
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
    fn outcomes_lead_where_they_should() {
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
    fn results_of_deliveries_lead_where_they_should() {
        let minute = Duration::from_secs(60);
        let policy = RetryPolicy {
            attempts_max: 3,
            delay_max: minute,
            deadline: Some(2 * minute),
            ..RetryPolicy::default()
        };
        let check = |result: DeliveryResult, attempts, since, is_spared, expected| {
            let (result, policy) = (&result, &policy);
            let input = Input::Deliver {
                result,
                attempts,
                since,
                policy,
                is_spared,
                jitter: 0.5,
            };
            assert_eq!(
                apply(WorkState::Leased { until: LATER }, input, NOW),
                Ok(expected),
                "{result}, try {attempts}"
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
            DeliveryResult::Lost { attempts: 3 },
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
    fn what_can_not_be_made_again_in_time_is_dead() {
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
    fn faults_that_are_spared_use_no_job_up() {
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
            "the handler's own word"
        );
    }

    #[test]
    fn a_lease_waits_for_its_time() {
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
    fn a_replay_makes_anything_due_but_what_is_under_way() {
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
        // Even one whose lease ran out: whoever has it may still settle it.
        let leased = WorkState::Leased { until: NOW };
        let refused = Illegal {
            state: "leased",
            input: "replay",
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
                input: "discard",
            };
            assert_eq!(apply(state, Input::Discard, LATER), Err(refused));
        }

        let discarded = WorkState::Discarded;
        assert!(apply(discarded, Input::Lease { until: LATER }, NOW).is_err());
        assert_eq!(apply(discarded, Input::Attach, NOW), Ok(discarded));
        assert_eq!(apply(discarded, Input::Detach, NOW), Ok(discarded));
    }

    #[test]
    fn a_retry_brings_back_what_failed_and_nothing_else() {
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
        fn what_is_over_stays_over(state in any_state(), outcome in any_outcome(), attempts: u32, jitter in 0.0..1.0f64) {
            let policy = RetryPolicy::default();
            let (since, outcome_is) = (NOW, &outcome);
            let settle = |is_spared| {
                Input::Settle { outcome: outcome_is, attempts, since, policy: &policy, is_spared, jitter }
            };
            for input in [Input::Lease { until: LATER }, Input::GiveBack, settle(false), settle(true), Input::Attach, Input::Detach] {
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
        fn enough_failures_end_in_dead(outcome in any_outcome()) {
            let policy = RetryPolicy::default();
            let input =
                settlement(&outcome, policy.attempts_max, &policy);
            let end = apply(WorkState::Leased { until: LATER }, input, NOW);
            prop_assert!(matches!(end, Ok(WorkState::Done | WorkState::Dead)));
        }
    }
}
