//! The retry policy: whether a failed attempt or delivery is retried, and when.

use std::sync::Arc;
use std::time::Duration;

use crate::Timestamp;

/// How often a failed attempt or delivery is retried, after which delays, and for how long.
///
/// Without a schedule, delays are an exponential back-off with equal jitter. The ceiling of the
/// delay after attempt `n` is `min(delay_max, delay_first * 2^(n-1))`; the delay is half the
/// ceiling and a random part of the other half, as in "Exponential Backoff And Jitter" (AWS
/// Architecture Blog, 2015). The fixed half keeps attempts apart. The random half keeps jobs that
/// failed together from being retried together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The maximum number of attempts of a job before it is dead; at least 1.
    pub attempts_max: u32,
    /// The ceiling of the first delay.
    pub delay_first: Duration,
    /// The ceiling of every delay that is not in the schedule, including delays that a handler or
    /// receiver asks for.
    pub delay_max: Duration,
    /// The delays in order, in place of the back-off; the last delay repeats. `None` or an empty
    /// schedule means the back-off.
    ///
    /// Each delay is lengthened by up to a tenth, so that jobs that failed together are not all
    /// retried together.
    pub schedule: Option<Arc<[Duration]>>,
    /// The time after the arrival or the last replay of an event during which retries are made. The
    /// first attempt is always made. A failure is final if its retry would be later than this.
    pub deadline: Option<Duration>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts_max: 10,
            delay_first: Duration::from_secs(5),
            delay_max: Duration::from_secs(6 * 3600),
            schedule: None,
            deadline: None,
        }
    }
}

impl RetryPolicy {
    /// Returns the delay after the failed attempt number `attempts`. `jitter` is a random number in
    /// `0.0..1.0`.
    pub fn delay(&self, attempts: u32, jitter: f64) -> Duration {
        let failed_before = attempts.saturating_sub(1);
        match self.scheduled(failed_before) {
            Some(delay) => delay.saturating_add(part(delay / 10, jitter)),
            None => {
                let ceiling = self.ceiling(failed_before);
                let fixed = ceiling / 2;

                fixed + part(ceiling - fixed, jitter)
            }
        }
    }

    /// Returns the time of the retry after a failure at `now`; `None` if the failure is final.
    pub fn retry_at(&self, failure: Failure, now: Timestamp, jitter: f64) -> Option<Timestamp> {
        if failure.attempts >= self.attempts_max {
            return None;
        }
        self.retry_before_deadline(failure, now, jitter)
    }

    /// Does the same as [`retry_at`](Self::retry_at), but without a maximum number of attempts:
    /// only the deadline makes the failure final.
    pub fn retry_before_deadline(
        &self,
        failure: Failure,
        now: Timestamp,
        jitter: f64,
    ) -> Option<Timestamp> {
        let retry_at = self.retry_always(failure, now, jitter);
        self.deadline
            .is_none_or(|deadline| retry_at <= failure.since.after(deadline))
            .then_some(retry_at)
    }

    /// Does the same as [`retry_at`](Self::retry_at), but for a failure that is never final.
    pub fn retry_always(&self, failure: Failure, now: Timestamp, jitter: f64) -> Timestamp {
        let delay_min = failure.delay_min.unwrap_or_default().min(self.delay_max);
        now.after(self.delay(failure.attempts, jitter).max(delay_min))
    }

    fn scheduled(&self, failed_before: u32) -> Option<Duration> {
        let schedule = self.schedule.as_deref()?;
        schedule
            .get(usize::try_from(failed_before).ok()?)
            .or(schedule.last())
            .copied()
    }

    fn ceiling(&self, failed_before: u32) -> Duration {
        let doubled = self
            .delay_first
            .as_millis()
            .saturating_mul(1 << failed_before.min(63));
        let millis = doubled.min(self.delay_max.as_millis());
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}

/// A failed attempt or delivery, as a retry policy sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// The number of attempts so far, including this one.
    pub attempts: u32,
    /// The time at which the event arrived or was last replayed.
    pub since: Timestamp,
    /// The shortest delay that the handler or receiver asks for.
    pub delay_min: Option<Duration>,
}

/// Returns the fraction `jitter` of `whole`, in whole milliseconds.
fn part(whole: Duration, jitter: f64) -> Duration {
    let millis = u64::try_from(whole.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis((millis as f64 * jitter.clamp(0.0, 1.0)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);
    const RECEIVED: Timestamp = Timestamp::from_unix_secs(1_000);

    fn scheduled(seconds: &[u64]) -> RetryPolicy {
        let delays = seconds
            .iter()
            .map(|seconds| Duration::from_secs(*seconds))
            .collect();
        RetryPolicy {
            schedule: Some(delays),
            ..RetryPolicy::default()
        }
    }

    fn seconds(policy: &RetryPolicy, jitter: f64) -> Vec<f64> {
        (1..=5)
            .map(|attempts| policy.delay(attempts, jitter).as_secs_f64())
            .collect()
    }

    #[test]
    fn delay_ceiling_doubles_up_to_max() {
        let policy = RetryPolicy {
            delay_first: SECOND,
            delay_max: 5 * SECOND,
            ..RetryPolicy::default()
        };
        assert_eq!(seconds(&policy, 1.0), [1.0, 2.0, 4.0, 5.0, 5.0]);
        assert_eq!(policy.delay(3, 0.5), 3 * SECOND);
    }

    #[test]
    fn half_of_each_delay_is_fixed() {
        let policy = RetryPolicy {
            delay_first: SECOND,
            delay_max: 5 * SECOND,
            ..RetryPolicy::default()
        };

        assert_eq!(
            seconds(&policy, 0.0),
            [0.5, 1.0, 2.0, 2.5, 2.5],
            "the shortest delays"
        );
        assert_eq!(
            seconds(&policy, 0.5),
            [0.75, 1.5, 3.0, 3.75, 3.75],
            "the delays in the middle"
        );
        assert_eq!(
            seconds(&policy, 1.0),
            [1.0, 2.0, 4.0, 5.0, 5.0],
            "the longest delays"
        );
    }

    #[test]
    fn requested_delay_has_no_jitter() {
        let policy = RetryPolicy {
            delay_first: SECOND,
            delay_max: 100 * SECOND,
            ..RetryPolicy::default()
        };
        let asked = Some(30 * SECOND);
        let failure = Failure {
            attempts: 1,
            since: RECEIVED,
            delay_min: asked,
        };

        for jitter in [0.0, 0.5, 1.0] {
            let again = policy.retry_always(failure, RECEIVED, jitter);
            assert_eq!(again.since(RECEIVED), 30 * SECOND, "with jitter {jitter}");
        }
    }

    #[test]
    fn last_delay_of_schedule_repeats() {
        assert_eq!(
            seconds(&scheduled(&[10, 60, 30]), 0.0),
            [10.0, 60.0, 30.0, 30.0, 30.0]
        );
        assert_eq!(
            seconds(&scheduled(&[10, 60, 30]), 1.0),
            [11.0, 66.0, 33.0, 33.0, 33.0]
        );
        assert_eq!(
            seconds(&scheduled(&[]), 1.0),
            seconds(&RetryPolicy::default(), 1.0),
            "an empty schedule means the back-off"
        );
    }

    #[test]
    fn failure_is_final_by_number_or_age() {
        let again = |policy: &RetryPolicy, attempts, age: u64| {
            let failure = Failure {
                attempts,
                since: RECEIVED,
                delay_min: None,
            };
            let now = RECEIVED.after(Duration::from_secs(age));
            policy
                .retry_at(failure, now, 0.0)
                .map(|again| again.since(RECEIVED).as_secs())
        };
        let policy = RetryPolicy {
            attempts_max: 3,
            deadline: Some(100 * SECOND),
            ..scheduled(&[10, 20])
        };

        assert_eq!(again(&policy, 1, 0), Some(10));
        assert_eq!(again(&policy, 2, 10), Some(30));
        assert_eq!(again(&policy, 3, 30), None, "three attempts are allowed");
        assert_eq!(again(&policy, 1, 90), Some(100), "just in time");
        assert_eq!(again(&policy, 1, 91), None, "too late");
        assert_eq!(
            again(
                &RetryPolicy {
                    deadline: None,
                    ..policy
                },
                1,
                1_000_000
            ),
            Some(1_000_010)
        );
    }

    #[test]
    fn handler_can_only_lengthen_the_delay() {
        let policy = RetryPolicy {
            delay_max: 100 * SECOND,
            ..scheduled(&[10])
        };
        let failure = |asked| Failure {
            attempts: 1,
            since: RECEIVED,
            delay_min: asked,
        };
        let again = |asked| {
            policy
                .retry_always(failure(asked), RECEIVED, 0.0)
                .since(RECEIVED)
        };

        assert_eq!(again(None), 10 * SECOND);
        assert_eq!(again(Some(5 * SECOND)), 10 * SECOND);
        assert_eq!(again(Some(50 * SECOND)), 50 * SECOND);
        assert_eq!(
            again(Some(Duration::MAX)),
            100 * SECOND,
            "up to the longest delay"
        );
        let late = RetryPolicy {
            deadline: Some(20 * SECOND),
            ..policy
        };
        let asks = failure(Some(50 * SECOND));

        assert_eq!(
            late.retry_at(asks, RECEIVED, 0.0),
            None,
            "a handler does not outlast the deadline"
        );
    }

    fn any_policy() -> impl Strategy<Value = RetryPolicy> {
        let delay = || (0..1_000_000u64).prop_map(Duration::from_millis);
        let schedule =
            proptest::option::of(proptest::collection::vec(delay(), 0..5).prop_map(Arc::from));

        (
            1..20u32,
            delay(),
            delay(),
            schedule,
            proptest::option::of(delay()),
        )
            .prop_map(
                |(attempts_max, delay_first, delay_max, schedule, deadline)| RetryPolicy {
                    attempts_max,
                    delay_first,
                    delay_max,
                    schedule,
                    deadline,
                },
            )
    }

    proptest! {
        #[test]
        fn no_delay_exceeds_its_ceiling(
            attempts: u32,
            jitter in 0.0..1.0f64,
            policy in any_policy(),
        ) {
            let scheduled = policy.schedule.as_deref().unwrap_or_default().iter().max();
            let ceiling = scheduled.map_or(policy.delay_max, |longest| *longest * 11 / 10);
            prop_assert!(policy.delay(attempts, jitter) <= ceiling);
        }

        #[test]
        fn no_delay_is_under_half_its_ceiling(
            attempts in 1..30u32,
            jitter in 0.0..1.0f64,
            first in 0..1_000_000u64,
            max in 0..1_000_000u64,
        ) {
            let delay_first = Duration::from_millis(first);
            let delay_max = Duration::from_millis(max);
            let policy = RetryPolicy { delay_first, delay_max, ..RetryPolicy::default() };
            let ceiling = policy.delay(attempts, 1.0);
            let delay = policy.delay(attempts, jitter);

            // The random part is rounded down to whole milliseconds.
            prop_assert!(delay >= ceiling / 2 && delay <= ceiling + Duration::from_millis(1));
        }

        #[test]
        fn retry_is_within_every_limit(
            policy in any_policy(),
            attempts in 1..30u32,
            age in 0..2_000_000u64,
            asked in proptest::option::of((0..2_000_000u64).prop_map(Duration::from_millis)),
            jitter in 0.0..1.0f64,
        ) {
            let now = RECEIVED.after(Duration::from_millis(age));
            let failure = Failure { attempts, since: RECEIVED, delay_min: asked };

            match policy.retry_at(failure, now, jitter) {
                Some(again) => {
                    prop_assert!(attempts < policy.attempts_max);
                    let asked = asked.unwrap_or_default().min(policy.delay_max);
                    prop_assert!(again >= now && again.since(now) >= asked);
                    let age = again.since(RECEIVED);
                    prop_assert!(policy.deadline.is_none_or(|deadline| age <= deadline));
                }
                None => {
                    let is_late = policy.deadline.is_some_and(|deadline| {
                        policy.retry_always(failure, now, jitter).since(RECEIVED) > deadline
                    });
                    prop_assert!(attempts >= policy.attempts_max || is_late);
                }
            }
        }
    }
}
