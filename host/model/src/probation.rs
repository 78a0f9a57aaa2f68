//! When a revision that is new in service does so much worse than the one before that this one is to come back.
//!
//! It is the difference that counts: where the one before failed as often, going back would help nobody. As with
//! `Breaker`, what is counted is events, each by its last attempt.

use std::time::Duration;

use crate::Timestamp;
use crate::quarantine::{Count, Ended, Tally};

/// For how long a new revision is watched, and how much worse it may do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProbationPolicy {
    /// How long after it became active.
    pub probation: Duration,
    /// How many events there have to be before that is judged; at least 1.
    pub events_min: usize,
    /// How many of them it has to fail at; at least 1. One event that no code can take must not condemn a release.
    pub faults_min: usize,
    /// By how much, in `0.0..=1.0` of its events, it may fail more often than the one before.
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

/// What the active revision of one plugin did, and for a time after a release, what the one before had done.
#[derive(Debug, Clone, Default)]
pub struct Probation {
    tally: Tally,
    trial: Option<Trial>,
}

/// A release that is watched.
#[derive(Debug, Clone, Copy)]
struct Trial {
    since: Timestamp,
    before: Count,
}

/// A revision did worse than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worse {
    /// What it did.
    pub now: Count,
    /// What the one before did in its last events.
    pub before: Count,
}

impl Probation {
    /// A revision that is watched from `since` on and is to do as well as the one that this was about.
    #[must_use]
    pub fn next(&self, since: Timestamp) -> Self {
        Self {
            tally: Tally::default(),
            trial: Some(Trial {
                since,
                before: self.tally.count(),
            }),
        }
    }

    /// A revision that there's nothing to compare with, or nothing to go back from.
    #[must_use]
    pub fn settled() -> Self {
        Self::default()
    }

    /// Whether a release is being watched at that time.
    pub fn is_open(&self, policy: &ProbationPolicy, now: Timestamp) -> bool {
        self.trial
            .is_some_and(|trial| now.since(trial.since) <= policy.probation)
    }

    /// Takes note of an attempt of the active revision, and says whether the one before is to come back.
    pub fn record(&mut self, ended: Ended, policy: &ProbationPolicy) -> Option<Worse> {
        self.tally
            .record(ended, policy.probation, policy.events_min);
        let now = self.tally.count();
        let is_enough =
            now.events >= policy.events_min.max(1) && now.faults >= policy.faults_min.max(1);
        self.worse(policy, ended.at)
            .filter(|worse| ended.is_fault && is_enough && worse.by() >= policy.worse)
    }

    /// How it compares with the one before, however few its events; none where it does no worse, or isn't watched.
    pub fn worse(&self, policy: &ProbationPolicy, now: Timestamp) -> Option<Worse> {
        let trial = self.trial.filter(|_| self.is_open(policy, now))?;
        Some(Worse {
            now: self.tally.count(),
            before: trial.before,
        })
        .filter(|worse| worse.by() > 0.0)
    }
}

impl Worse {
    fn by(&self) -> f64 {
        self.now.share() - self.before.share()
    }
}

impl std::fmt::Display for Worse {
    /// Completes "it did worse than the one before: ".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (now, before) = (self.now, self.before);
        write!(f, "it failed at {} of {} events", now.faults, now.events)?;
        match before.events {
            0 => f.write_str(", the one before at none"),
            events => write!(f, ", the one before at {} of {events}", before.faults),
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

    fn ended(event: u64, second: i64, is_fault: bool) -> Ended {
        let event = EventId::from_uuid(Uuid::from_u64_pair(0, event));
        Ended {
            event,
            at: Timestamp::from_unix_secs(second),
            is_fault,
        }
    }

    /// One that has done this much, at second 0.
    fn before(faults: u64, events: u64) -> Probation {
        let mut probation = Probation::settled();
        for event in 0..events {
            assert_eq!(
                probation.record(ended(1000 + event, 0, event < faults), &POLICY),
                None,
                "it isn't watched"
            );
        }
        probation
    }

    /// The first of these attempts (second, whether it failed), each at another event, at which the one before, which
    /// had failed that often, comes back.
    fn back_at(was: (u64, u64), attempts: &[(i64, bool)]) -> Option<usize> {
        let mut probation = before(was.0, was.1).next(Timestamp::from_unix_secs(0));
        let mut numbered = (0..).zip(attempts);
        numbered.position(|(event, (second, is_fault))| {
            probation
                .record(ended(event, *second, *is_fault), &POLICY)
                .is_some()
        })
    }

    #[test]
    fn a_release_that_does_worse_goes_back() {
        let all_bad = [(1, true); 9];
        assert_eq!(
            back_at((0, 0), &all_bad),
            Some(3),
            "once there is enough to judge by"
        );
        assert_eq!(back_at((0, 20), &all_bad), Some(3));
        assert_eq!(
            back_at((10, 20), &all_bad),
            Some(3),
            "half of them before, all of them now"
        );
        assert_eq!(back_at((20, 20), &all_bad), None, "it was no better before");
        assert_eq!(back_at((0, 20), &[(1, false); 9]), None);
    }

    #[test]
    fn one_bad_event_condemns_nobody() {
        assert_eq!(
            back_at((0, 20), &[(1, false), (1, false), (1, false), (1, true)]),
            None,
            "a quarter, but only one"
        );
        let mut probation = before(0, 20).next(Timestamp::from_unix_secs(0));
        for second in 0..50 {
            assert_eq!(
                probation.record(ended(1, second, true), &POLICY),
                None,
                "again and again"
            );
        }
    }

    #[test]
    fn it_is_watched_for_its_time_and_no_longer() {
        assert_eq!(back_at((0, 20), &[(60, true); 4]), Some(3));
        assert_eq!(back_at((0, 20), &[(61, true); 9]), None);
        let probation = before(0, 20).next(Timestamp::from_unix_secs(10));
        assert!(probation.is_open(&POLICY, Timestamp::from_unix_secs(70)));
        assert!(!probation.is_open(&POLICY, Timestamp::from_unix_secs(71)));
        assert!(!before(0, 20).is_open(&POLICY, Timestamp::from_unix_secs(0)));
    }

    #[test]
    fn what_it_says_is_readable() {
        let worse = |before| {
            Worse {
                now: Count {
                    faults: 4,
                    events: 5,
                },
                before,
            }
            .to_string()
        };
        assert_eq!(
            worse(Count::default()),
            "it failed at 4 of 5 events, the one before at none"
        );
        assert_eq!(
            worse(Count {
                faults: 1,
                events: 90
            }),
            "it failed at 4 of 5 events, the one before at 1 of 90"
        );
    }

    proptest! {
        #[test]
        fn it_goes_back_just_when_the_policy_says(
            attempts in proptest::collection::vec((0..12u64, 0..9i64, any::<bool>()), 1..60),
            was in (0..20u64, 1..20u64),
            events_min in 1..8usize,
            faults_min in 1..4usize,
            worse in 0.01..1.0f64,
        ) {
            let policy = ProbationPolicy { probation: Duration::from_secs(60), events_min, faults_min, worse };
            let (before_faults, before_events) = (was.0.min(was.1), was.1);
            let mut probation = before(before_faults, before_events).next(Timestamp::from_unix_secs(0));
            let mut history: Vec<Ended> = Vec::new();
            let mut now = 0;
            for (event, pause, is_fault) in attempts {
                now += pause;
                let this = ended(event, now, is_fault);
                history.push(this);
                // The plain reading: the last attempt of each event within the window.
                let recent = history.iter().enumerate().filter(|(at, one)| {
                    this.at.since(one.at) <= policy.probation && history[at + 1..].iter().all(|later| later.event != one.event)
                });
                let recent: Vec<bool> = recent.map(|(_, one)| one.is_fault).collect();
                let faults = recent.iter().filter(|is_fault| **is_fault).count();
                let by = faults as f64 / recent.len() as f64 - before_faults as f64 / before_events as f64;
                let expected = is_fault && now <= 60 && recent.len() >= events_min && faults >= faults_min && by >= worse;
                prop_assert_eq!(probation.record(this, &policy).is_some(), expected);
            }
        }

        #[test]
        fn one_that_does_no_worse_never_goes_back(
            faults in proptest::collection::vec(any::<bool>(), 4..60),
            worse in 0.0..1.0f64,
        ) {
            // Every prefix fails at most as often as all: the one before failed at each.
            let policy = ProbationPolicy { worse, ..POLICY };
            let mut probation = before(9, 9).next(Timestamp::from_unix_secs(0));
            for (event, is_fault) in (0..).zip(faults) {
                prop_assert_eq!(probation.record(ended(event, 1, is_fault), &policy), None);
            }
        }
    }
}
