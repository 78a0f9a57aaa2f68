//! When a revision has failed so often that its jobs are better held than attempted.
//!
//! What is counted is events, each by its last attempt, and not attempts: an event that no code can take is attempted
//! again and again, and must not take the plugin out of service for all the others.

use std::collections::VecDeque;
use std::time::Duration;

use crate::{EventId, Revision, Timestamp};

/// Events that a breaker remembers at most, or as many as it needs to judge by.
const EVENTS_KEPT_MAX: usize = 256;

/// How often a revision may fail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuarantinePolicy {
    /// What happened longer ago doesn't count.
    pub window: Duration,
    /// The share of events, in `0.0..=1.0`, at which it has failed too often.
    pub rate: f64,
    /// How many events there have to be before that is judged; at least 1.
    pub events_min: usize,
}

impl Default for QuarantinePolicy {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(600),
            rate: 0.5,
            events_min: 10,
        }
    }
}

/// Counts the events that the active revision of one plugin failed at.
#[derive(Debug, Clone, Default)]
pub struct Breaker {
    revision: Option<Revision>,
    tally: Tally,
}

/// The last attempts at the last events of one revision.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// By when they ended; each event once.
    ended: VecDeque<Ended>,
}

/// The last attempt at one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The event.
    pub event: EventId,
    /// When the attempt ended.
    pub at: Timestamp,
    /// Whether it was the code that failed; see `Outcome::is_fault`.
    pub is_fault: bool,
}

/// How often a revision has failed; given by a breaker when that is too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Events that it failed at.
    pub faults: usize,
    /// Events in all.
    pub events: usize,
}

impl Breaker {
    /// Takes note of an attempt that the active revision made, and says whether it has now failed too often.
    ///
    /// Another revision than at the last call begins with a clean slate, and so does one that tripped it.
    pub fn record(
        &mut self,
        revision: Revision,
        ended: Ended,
        policy: &QuarantinePolicy,
    ) -> Option<Count> {
        if self.revision != Some(revision) {
            *self = Self {
                revision: Some(revision),
                tally: Tally::default(),
            };
        }
        self.tally.record(ended, policy.window, policy.events_min);
        let tripped = self.judge(policy).filter(|_| ended.is_fault)?;
        self.tally = Tally::default();
        Some(tripped)
    }

    fn judge(&self, policy: &QuarantinePolicy) -> Option<Count> {
        let Count { faults, events } = self.tally.count();
        let is_enough =
            events >= policy.events_min.max(1) && faults as f64 >= policy.rate * events as f64;
        is_enough.then_some(Count { faults, events })
    }
}

impl Count {
    /// The share of events that it failed at, in `0.0..=1.0`; zero where there is none.
    pub fn share(&self) -> f64 {
        self.faults as f64 / self.events.max(1) as f64
    }
}

impl Tally {
    /// Takes note of an attempt. What is longer ago than `window` is forgotten, and so is what is more than `kept`
    /// events back, or more than a fixed number where that is more.
    pub fn record(&mut self, ended: Ended, window: Duration, kept: usize) {
        self.ended
            .retain(|other| other.event != ended.event && ended.at.since(other.at) <= window);
        self.ended.push_back(ended);
        while self.ended.len() > kept.max(EVENTS_KEPT_MAX) {
            self.ended.pop_front();
        }
    }

    /// How many events there are, and how many of them it failed at.
    pub fn count(&self) -> Count {
        let faults = self.ended.iter().filter(|ended| ended.is_fault).count();
        Count {
            faults,
            events: self.ended.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const POLICY: QuarantinePolicy = QuarantinePolicy {
        window: Duration::from_secs(60),
        rate: 0.5,
        events_min: 4,
    };
    const ONE: Revision = Revision::from_sha256([1; 32]);
    const TWO: Revision = Revision::from_sha256([2; 32]);

    fn ended(event: u64, second: i64, is_fault: bool) -> Ended {
        let event = EventId::from_uuid(Uuid::from_u64_pair(0, event));
        Ended {
            event,
            at: Timestamp::from_unix_secs(second),
            is_fault,
        }
    }

    /// Which of these attempts (event, second, whether it failed) trip the breaker.
    fn trips(attempts: &[(u64, i64, bool)]) -> Vec<usize> {
        let mut breaker = Breaker::default();
        let tripped = attempts
            .iter()
            .enumerate()
            .filter(|(_, (event, second, is_fault))| {
                breaker
                    .record(ONE, ended(*event, *second, *is_fault), &POLICY)
                    .is_some()
            });
        tripped.map(|(at, _)| at).collect()
    }

    #[test]
    fn enough_failures_trip_it_and_begin_a_new_count() {
        let faults: Vec<_> = (0..9).map(|event| (event, 0, true)).collect();
        assert_eq!(trips(&faults[..3]), [0; 0], "too few to judge by");
        assert_eq!(trips(&faults), [3, 7]);
        assert_eq!(
            trips(&[(1, 0, true), (2, 0, false), (3, 0, false), (4, 0, true)]),
            [3],
            "half of them"
        );
        assert_eq!(
            trips(&[(1, 0, true), (2, 0, true), (3, 0, false), (4, 0, false)]),
            [0; 0],
            "success trips nothing"
        );
        assert_eq!(
            trips(&[
                (1, 0, false),
                (2, 0, false),
                (3, 0, false),
                (4, 0, true),
                (5, 0, true)
            ]),
            [0; 0]
        );
    }

    #[test]
    fn one_event_counts_once_and_by_its_last_attempt() {
        let same: Vec<_> = (0..50).map(|second| (1, second, true)).collect();
        assert_eq!(
            trips(&same),
            [0; 0],
            "an event that can't be handled is that event's trouble"
        );
        let healed = [
            (1, 0, true),
            (2, 0, true),
            (1, 1, false),
            (2, 1, false),
            (3, 2, true),
            (4, 2, false),
        ];
        assert_eq!(trips(&healed), [0; 0]);
    }

    #[test]
    fn what_is_long_ago_is_forgotten() {
        assert_eq!(
            trips(&[(1, 0, true), (2, 0, true), (3, 0, true), (4, 60, true)]),
            [3]
        );
        assert_eq!(
            trips(&[(1, 0, true), (2, 0, true), (3, 0, true), (4, 61, true)]),
            [0; 0]
        );
    }

    #[test]
    fn each_revision_answers_for_itself() {
        let mut breaker = Breaker::default();
        for event in 0..3 {
            assert_eq!(breaker.record(ONE, ended(event, 0, true), &POLICY), None);
        }
        assert_eq!(breaker.record(TWO, ended(3, 0, true), &POLICY), None);
        assert_eq!(
            breaker.record(ONE, ended(4, 0, true), &POLICY),
            None,
            "and one that comes back begins anew"
        );
    }

    proptest! {
        #[test]
        fn it_trips_just_when_the_policy_says(
            attempts in proptest::collection::vec((0..12u64, 0..30i64, any::<bool>()), 1..60),
            rate in 0.01..1.0f64,
            events_min in 1..8usize,
        ) {
            let policy = QuarantinePolicy { window: Duration::from_secs(60), rate, events_min };
            let mut breaker = Breaker::default();
            // The plain reading: all attempts since the last trip, the last one of each event, within the window.
            let mut history: Vec<Ended> = Vec::new();
            let mut now = 0;
            for (event, pause, is_fault) in attempts {
                now += pause;
                let this = ended(event, now, is_fault);
                history.push(this);
                let recent = history.iter().enumerate().filter(|(at, one)| {
                    this.at.since(one.at) <= policy.window && history[at + 1..].iter().all(|later| later.event != one.event)
                });
                let recent: Vec<bool> = recent.map(|(_, one)| one.is_fault).collect();
                let faults = recent.iter().filter(|is_fault| **is_fault).count();
                let expected = is_fault && recent.len() >= events_min && faults as f64 >= rate * recent.len() as f64;
                let tripped = breaker.record(ONE, this, &policy);
                prop_assert_eq!(tripped, expected.then_some(Count { faults, events: recent.len() }));
                if expected {
                    history.clear();
                }
            }
        }

        #[test]
        fn it_remembers_no_more_than_it_may(count in 0..600u64, events_min in 1..400usize) {
            let policy = QuarantinePolicy { window: Duration::MAX, rate: 1.0, events_min };
            let mut breaker = Breaker::default();
            for event in 0..count {
                breaker.record(ONE, ended(event, 0, event % 2 == 0), &policy);
                prop_assert!(breaker.tally.ended.len() <= events_min.max(EVENTS_KEPT_MAX));
            }
        }
    }
}
