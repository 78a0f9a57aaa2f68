//! The state machine of a job: one event on its way through one plugin.
//!
//! ```text
//!            .------------ Held <---------.      no plugin can take it; kept, never refused
//!         Attach                        Detach
//!            v                            |
//! (new) -> Pending --Lease--> Leased --Settle--> Done | Dead
//!            ^                  |  |
//!            '----- Release ----'  '--Settle--> Waiting --Lease (once due)--> Leased
//! ```
//!
//! `apply` is the only way from one state to the next. Backends store what it returns and decide nothing themselves.

use std::fmt;

use crate::{Outcome, RetryPolicy, Timestamp};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
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
    /// Kept until its plugin is there to take it.
    Held,
}

impl JobState {
    /// The state's name, as it stands in the store and the CLI.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Leased { .. } => "leased",
            Self::Waiting { .. } => "waiting",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Held => "held",
        }
    }

    /// When the job may be leased; `None` when time alone won't make it so.
    pub const fn due_at(&self) -> Option<Timestamp> {
        match self {
            Self::Pending => Some(Timestamp::from_unix_millis(0)),
            Self::Leased { until } | Self::Waiting { until } => Some(*until),
            Self::Done | Self::Dead | Self::Held => None,
        }
    }
}

impl fmt::Display for JobState {
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
    Release,
    /// An attempt ended.
    Settle {
        /// What it came to.
        outcome: &'a Outcome,
        /// Attempts made, this one included.
        attempts: u32,
        /// The source's policy.
        policy: &'a RetryPolicy,
        /// A random number in `0.0..1.0`.
        jitter: f64,
    },
    /// The plugin is there.
    Attach,
    /// The plugin is gone.
    Detach,
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
pub fn apply(state: JobState, input: Input<'_>, now: Timestamp) -> Result<JobState, Illegal> {
    use JobState::{Dead, Done, Held, Leased, Pending, Waiting};
    match (state, input) {
        (Pending | Waiting { .. } | Leased { .. }, Input::Lease { until })
            if state.due_at().is_some_and(|due| due <= now) =>
        {
            Ok(Leased { until })
        }
        (Leased { .. }, Input::Release) => Ok(Pending),
        (Leased { .. }, Input::Settle { outcome, attempts, policy, jitter }) => {
            Ok(settled(outcome, attempts, policy, now, jitter))
        }
        (Held, Input::Attach) => Ok(Pending),
        (Pending | Waiting { .. }, Input::Detach) => Ok(Held),
        // Nothing to do, and no fault: these are told of every job of a plugin that comes or goes.
        (Pending | Waiting { .. } | Leased { .. } | Done | Dead, Input::Attach) => Ok(state),
        (Held | Leased { .. } | Done | Dead, Input::Detach) => Ok(state),
        (_, input) => Err(Illegal { state: state.name(), input: name(&input) }),
    }
}

fn settled(outcome: &Outcome, attempts: u32, policy: &RetryPolicy, now: Timestamp, jitter: f64) -> JobState {
    if matches!(outcome, Outcome::Done) {
        return JobState::Done;
    }
    if !outcome.is_retryable() || attempts >= policy.attempts_max {
        return JobState::Dead;
    }
    let asked = match outcome {
        Outcome::Retry { after, .. } => after.unwrap_or_default().min(policy.delay_max),
        _ => std::time::Duration::ZERO,
    };
    JobState::Waiting { until: now.after(policy.delay(attempts, jitter).max(asked)) }
}

const fn name(input: &Input<'_>) -> &'static str {
    match input {
        Input::Lease { .. } => "lease",
        Input::Release => "release",
        Input::Settle { .. } => "settlement",
        Input::Attach => "attachment",
        Input::Detach => "detachment",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_000_000);
    const LATER: Timestamp = Timestamp::from_unix_millis(2_000_000);

    fn settle(outcome: &Outcome, attempts: u32) -> JobState {
        let policy = RetryPolicy { attempts_max: 3, ..RetryPolicy::default() };
        let input = Input::Settle { outcome, attempts, policy: &policy, jitter: 0.5 };
        apply(JobState::Leased { until: LATER }, input, NOW).expect("a leased job settles")
    }

    #[test]
    fn outcomes_lead_where_they_should() {
        let retry = |after| Outcome::Retry { reason: "later".into(), after };
        let trapped = Outcome::Trapped { message: "unreachable".into() };
        assert_eq!(settle(&Outcome::Done, 1), JobState::Done);
        assert_eq!(settle(&Outcome::Rejected { reason: "no".into() }, 1), JobState::Dead);
        assert_eq!(settle(&trapped, 1), JobState::Waiting { until: NOW.after(Duration::from_millis(2_500)) });
        assert_eq!(settle(&trapped, 3), JobState::Dead);
        let hour = Duration::from_secs(3600);
        assert_eq!(settle(&retry(Some(hour)), 1), JobState::Waiting { until: NOW.after(hour) });
        let capped = RetryPolicy::default().delay_max;
        assert_eq!(settle(&retry(Some(Duration::MAX)), 1), JobState::Waiting { until: NOW.after(capped) });
    }

    #[test]
    fn a_lease_waits_for_its_time() {
        let lease = Input::Lease { until: LATER };
        assert!(apply(JobState::Waiting { until: LATER }, lease, NOW).is_err());
        assert!(apply(JobState::Leased { until: LATER }, lease, NOW).is_err());
        assert_eq!(apply(JobState::Leased { until: NOW }, lease, NOW), Ok(JobState::Leased { until: LATER }));
        assert!(apply(JobState::Dead, lease, NOW).is_err());
    }

    fn any_state() -> impl Strategy<Value = JobState> {
        let moment = (0..3_000_000i64).prop_map(Timestamp::from_unix_millis);
        prop_oneof![
            Just(JobState::Pending),
            moment.clone().prop_map(|until| JobState::Leased { until }),
            moment.prop_map(|until| JobState::Waiting { until }),
            Just(JobState::Done),
            Just(JobState::Dead),
            Just(JobState::Held),
        ]
    }

    fn any_outcome() -> impl Strategy<Value = Outcome> {
        prop_oneof![
            Just(Outcome::Done),
            proptest::option::of(any::<Duration>()).prop_map(|after| Outcome::Retry { reason: String::new(), after }),
            Just(Outcome::Rejected { reason: String::new() }),
            Just(Outcome::Trapped { message: String::new() }),
            Just(Outcome::Undecodable { path: "$".into(), message: String::new() }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_over_stays_over(state in any_state(), outcome in any_outcome(), attempts: u32, jitter in 0.0..1.0f64) {
            let policy = RetryPolicy::default();
            let settle = Input::Settle { outcome: &outcome, attempts, policy: &policy, jitter };
            for input in [Input::Lease { until: LATER }, Input::Release, settle, Input::Attach, Input::Detach] {
                let next = apply(state, input, NOW);
                if matches!(state, JobState::Done | JobState::Dead) {
                    prop_assert!(next.is_err() || next == Ok(state));
                }
                if matches!(next, Ok(JobState::Done)) && state != JobState::Done {
                    prop_assert_eq!(&outcome, &Outcome::Done);
                }
            }
        }

        #[test]
        fn enough_failures_end_in_dead(outcome in any_outcome(), jitter in 0.0..1.0f64) {
            let policy = RetryPolicy::default();
            let input = Input::Settle { outcome: &outcome, attempts: policy.attempts_max, policy: &policy, jitter };
            let end = apply(JobState::Leased { until: LATER }, input, NOW);
            prop_assert!(matches!(end, Ok(JobState::Done | JobState::Dead)));
        }
    }
}
