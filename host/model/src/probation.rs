//! The rule that decides when a newly active revision must be rolled back.
//!
//! A [`Probation`] compares the active revision with the previous one. Only the difference counts:
//! if the previous revision failed as often, a rollback would not help. As with
//! [`FailureBreaker`](crate::FailureBreaker), the rule counts events, each by its last attempt.

use std::time::Duration;

use crate::Timestamp;
use crate::quarantine::{AttemptEnd, FailureCount, RecentAttempts};

/// How long a new revision is on probation, and how much more often it may fail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProbationPolicy {
    /// The length of the probation, from the time at which the revision became active.
    pub probation: Duration,
    /// The number of events that must be known before the revision is judged; at least 1.
    pub events_min: usize,
    /// The number of events that must have failed; at least 1. One event that no code can handle
    /// must not cause a rollback.
    pub faults_min: usize,
    /// The increase in the share of failed events, in `0.0..=1.0`, that causes a rollback.
    pub worse: f64,
}

impl Default for ProbationPolicy {
    fn default() -> Self {
        Self {
            probation: Duration::from_secs(600),
            events_min: 5,
            faults_min: 3,
            worse: 0.2,
        }
    }
}

/// The recent attempts of a plugin's active revision, and the baseline to compare them with while
/// the revision is on probation.
#[derive(Debug, Clone, Default)]
pub struct Probation {
    recent: RecentAttempts,
    baseline: Option<Baseline>,
}

/// What the previous revision did, and when the probation of the new one began.
#[derive(Debug, Clone, Copy)]
struct Baseline {
    since: Timestamp,
    previous: FailureCount,
}

/// The finding that a revision fails more often than the previous one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Regression {
    /// The failures of the active revision.
    pub active: FailureCount,
    /// The failures of the previous revision in its last events.
    pub previous: FailureCount,
}

impl Probation {
    /// Returns the probation of the next revision, which is compared with this one from `since` on.
    #[must_use]
    pub fn next(&self, since: Timestamp) -> Self {
        Self {
            recent: RecentAttempts::default(),
            baseline: Some(Baseline {
                since,
                previous: self.recent.count(),
            }),
        }
    }

    /// Returns the state of a revision that is not on probation: no other revision can serve in its
    /// place, or the operator wants exactly this one.
    #[must_use]
    pub fn closed() -> Self {
        Self::default()
    }

    /// Returns whether the revision is on probation at `now`.
    pub fn is_open(&self, policy: &ProbationPolicy, now: Timestamp) -> bool {
        self.baseline
            .is_some_and(|baseline| now.since(baseline.since) <= policy.probation)
    }

    /// Records an attempt of the active revision. Returns the regression if the revision must now
    /// be rolled back.
    pub fn record(&mut self, end: AttemptEnd, policy: &ProbationPolicy) -> Option<Regression> {
        self.recent.record(end, policy.probation, policy.events_min);
        let active = self.recent.count();
        let is_enough =
            active.events >= policy.events_min.max(1) && active.faults >= policy.faults_min.max(1);

        self.regression(policy, end.at)
            .filter(|regression| end.is_fault && is_enough && regression.increase() >= policy.worse)
    }

    /// Returns the regression against the previous revision, however few events are known; `None`
    /// if the revision does not fail more often, or is not on probation.
    pub fn regression(&self, policy: &ProbationPolicy, now: Timestamp) -> Option<Regression> {
        let baseline = self.baseline.filter(|_| self.is_open(policy, now))?;
        let regression = Regression {
            active: self.recent.count(),
            previous: baseline.previous,
        };
        (regression.increase() > 0.0).then_some(regression)
    }
}

impl Regression {
    /// Returns by how much the share of failed events grew.
    fn increase(&self) -> f64 {
        self.active.share() - self.previous.share()
    }
}

impl std::fmt::Display for Regression {
    /// Completes the sentence "the revision was rolled back: …".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (active, previous) = (self.active, self.previous);

        write!(
            f,
            "it failed at {} of {} events",
            active.faults, active.events
        )?;
        if previous.events == 0 {
            f.write_str(", the previous revision at none")
        } else {
            let FailureCount { faults, events } = previous;
            write!(f, ", the previous revision at {faults} of {events}")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::EventId;

    const POLICY: ProbationPolicy = ProbationPolicy {
        probation: Duration::from_secs(60),
        events_min: 4,
        faults_min: 2,
        worse: 0.25,
    };

    fn end(event: u64, second: i64, is_fault: bool) -> AttemptEnd {
        let event = EventId::from_uuid(Uuid::from_u64_pair(0, event));
        AttemptEnd {
            event,
            at: Timestamp::from_unix_secs(second),
            is_fault,
        }
    }

    /// Returns a revision that is not on probation and failed at `faults` of `events` events at
    /// second 0.
    fn before(faults: u64, events: u64) -> Probation {
        let mut probation = Probation::closed();
        for event in 0..events {
            assert_eq!(
                probation.record(end(1000 + event, 0, event < faults), &POLICY),
                None,
                "it is not on probation"
            );
        }
        probation
    }

    /// Returns which of these attempts (second, whether it failed), each at another event, causes a
    /// rollback to a revision that failed at `previous` (faults, events).
    fn rollback_at(previous: (u64, u64), attempts: &[(i64, bool)]) -> Option<usize> {
        let mut probation = before(previous.0, previous.1).next(Timestamp::from_unix_secs(0));
        let mut numbered = (0..).zip(attempts);
        numbered.position(|(event, (second, is_fault))| {
            probation
                .record(end(event, *second, *is_fault), &POLICY)
                .is_some()
        })
    }

    #[test]
    fn worse_revision_is_rolled_back() {
        let all_bad = [(1, true); 9];

        assert_eq!(
            rollback_at((0, 0), &all_bad),
            Some(3),
            "once enough events are known"
        );
        assert_eq!(rollback_at((0, 20), &all_bad), Some(3));
        assert_eq!(
            rollback_at((10, 20), &all_bad),
            Some(3),
            "half of them before, all of them now"
        );
        assert_eq!(
            rollback_at((20, 20), &all_bad),
            None,
            "the previous revision failed as often"
        );
        assert_eq!(rollback_at((0, 20), &[(1, false); 9]), None);
    }

    #[test]
    fn one_bad_event_causes_no_rollback() {
        assert_eq!(
            rollback_at((0, 20), &[(1, false), (1, false), (1, false), (1, true)]),
            None,
            "a quarter of the events, but only one event"
        );

        let mut probation = before(0, 20).next(Timestamp::from_unix_secs(0));
        for second in 0..50 {
            assert_eq!(
                probation.record(end(1, second, true), &POLICY),
                None,
                "one event fails again and again"
            );
        }
    }

    #[test]
    fn probation_ends_after_its_time() {
        assert_eq!(rollback_at((0, 20), &[(60, true); 4]), Some(3));
        assert_eq!(rollback_at((0, 20), &[(61, true); 9]), None);
        let probation = before(0, 20).next(Timestamp::from_unix_secs(10));
        assert!(probation.is_open(&POLICY, Timestamp::from_unix_secs(70)));
        assert!(!probation.is_open(&POLICY, Timestamp::from_unix_secs(71)));
        assert!(!before(0, 20).is_open(&POLICY, Timestamp::from_unix_secs(0)));
    }

    #[test]
    fn regression_displays_both_counts() {
        let text = |previous| {
            Regression {
                active: FailureCount {
                    faults: 4,
                    events: 5,
                },
                previous,
            }
            .to_string()
        };

        assert_eq!(
            text(FailureCount::default()),
            "it failed at 4 of 5 events, the previous revision at none"
        );
        assert_eq!(
            text(FailureCount {
                faults: 1,
                events: 90
            }),
            "it failed at 4 of 5 events, the previous revision at 1 of 90"
        );
    }

    proptest! {
        #[test]
        fn rollback_follows_the_policy(
            attempts in proptest::collection::vec((0..12u64, 0..9i64, any::<bool>()), 1..60),
            previous in (0..20u64, 1..20u64),
            events_min in 1..8usize,
            faults_min in 1..4usize,
            worse in 0.01..1.0f64,
        ) {
            let probation = Duration::from_secs(60);
            let policy = ProbationPolicy { probation, events_min, faults_min, worse };
            let (before_faults, before_events) = (previous.0.min(previous.1), previous.1);
            let start = Timestamp::from_unix_secs(0);
            let mut probation = before(before_faults, before_events).next(start);
            let mut history: Vec<AttemptEnd> = Vec::new();
            let mut now = 0;

            for (event, pause, is_fault) in attempts {
                now += pause;
                let this = end(event, now, is_fault);
                history.push(this);
                // The rule in plain terms: the last attempt of each event within the window.
                let recent = history.iter().enumerate().filter(|(at, one)| {
                    this.at.since(one.at) <= policy.probation
                        && history[at + 1..].iter().all(|later| later.event != one.event)
                });
                let recent: Vec<bool> = recent.map(|(_, one)| one.is_fault).collect();
                let faults = recent.iter().filter(|is_fault| **is_fault).count();
                let events = recent.len();
                let before = before_faults as f64 / before_events as f64;
                let increase = faults as f64 / events as f64 - before;
                let is_enough = events >= events_min && faults >= faults_min;
                let expected = is_fault && now <= 60 && is_enough && increase >= worse;

                prop_assert_eq!(probation.record(this, &policy).is_some(), expected);
            }
        }

        #[test]
        fn equal_revision_is_never_rolled_back(
            faults in proptest::collection::vec(any::<bool>(), 4..60),
            worse in 0.0..1.0f64,
        ) {
            // No revision can fail more often than the previous one, which failed at every event.
            let policy = ProbationPolicy { worse, ..POLICY };
            let mut probation = before(9, 9).next(Timestamp::from_unix_secs(0));
            for (event, is_fault) in (0..).zip(faults) {
                prop_assert_eq!(probation.record(end(event, 1, is_fault), &policy), None);
            }
        }
    }
}
