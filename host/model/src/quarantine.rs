//! The rule that decides when a revision fails too often to serve.
//!
//! A [`FailureBreaker`] watches the active revision of one plugin. It counts events, not attempts,
//! and each event by its last attempt: an event that no code can handle is retried again and again,
//! and must not take the plugin out of service for all other events. When the breaker trips, the
//! caller quarantines the plugin, so that its jobs are held.

use std::collections::VecDeque;
use std::time::Duration;

use crate::{EventId, Revision, Timestamp};

/// The number of events that a window remembers, unless the policy needs more.
const EVENTS_KEPT_MAX: usize = 256;

/// How often a revision may fail before it is quarantined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuarantinePolicy {
    /// The time for which an attempt counts.
    pub window: Duration,
    /// The share of failed events, in `0.0..=1.0`, at which the revision is quarantined.
    pub rate: f64,
    /// The number of events that must be known before the revision is judged; at least 1.
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

/// Counts the events at which the active revision of one plugin failed.
#[derive(Debug, Clone, Default)]
pub struct FailureBreaker {
    revision: Option<Revision>,
    recent: RecentAttempts,
}

/// The last attempt at each recent event of one revision.
#[derive(Debug, Clone, Default)]
pub struct RecentAttempts {
    /// Ordered by the time at which they ended; each event occurs once.
    ends: VecDeque<AttemptEnd>,
    /// The number of these ends that are faults.
    faults: usize,
}

/// The end of an attempt, as the rules for quarantine and probation see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptEnd {
    /// The event that was attempted.
    pub event: EventId,
    /// The time at which the attempt ended.
    pub at: Timestamp,
    /// Whether the code failed; see [`Outcome::is_fault`](crate::Outcome::is_fault).
    pub is_fault: bool,
}

/// The number of events at which a revision failed, out of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FailureCount {
    /// The number of events at which the revision failed.
    pub faults: usize,
    /// The number of events in all.
    pub events: usize,
}

impl FailureBreaker {
    /// Records an attempt of the active revision. Returns the count of failures if the revision has
    /// now failed too often.
    ///
    /// The count starts anew when `revision` differs from that of the last call, and when the
    /// breaker has tripped.
    pub fn record(
        &mut self,
        revision: Revision,
        end: AttemptEnd,
        policy: &QuarantinePolicy,
    ) -> Option<FailureCount> {
        if self.revision != Some(revision) {
            *self = Self {
                revision: Some(revision),
                recent: RecentAttempts::default(),
            };
        }
        self.recent.record(end, policy.window, policy.events_min);

        // A success never trips the breaker, even if old failures still exceed the rate.
        let tripped = self.judge(policy).filter(|_| end.is_fault)?;
        self.recent = RecentAttempts::default();
        Some(tripped)
    }

    fn judge(&self, policy: &QuarantinePolicy) -> Option<FailureCount> {
        let FailureCount { faults, events } = self.recent.count();
        let is_too_often =
            events >= policy.events_min.max(1) && faults as f64 >= policy.rate * events as f64;
        is_too_often.then_some(FailureCount { faults, events })
    }
}

impl FailureCount {
    /// Returns the share of events at which the revision failed, in `0.0..=1.0`; zero if there are
    /// no events.
    pub fn share(&self) -> f64 {
        self.faults as f64 / self.events.max(1) as f64
    }
}

impl RecentAttempts {
    /// Records the end of an attempt, in the place of an earlier attempt at the same event.
    ///
    /// Attempts older than `window` are forgotten. Of the rest, the last `events_min` are kept, or
    /// a fixed number if that is larger.
    pub fn record(&mut self, end: AttemptEnd, window: Duration, events_min: usize) {
        let same = self.ends.iter().position(|other| other.event == end.event);
        if let Some(earlier) = same.and_then(|index| self.ends.remove(index)) {
            self.faults -= usize::from(earlier.is_fault);
        }
        self.ends.push_back(end);
        self.faults += usize::from(end.is_fault);

        let kept_max = events_min.max(EVENTS_KEPT_MAX);
        while let Some(first) = self.ends.front() {
            if self.ends.len() <= kept_max && end.at.since(first.at) <= window {
                break;
            }
            self.faults -= usize::from(first.is_fault);
            self.ends.pop_front();
        }
    }

    /// Returns the number of events and the number of those that failed.
    pub fn count(&self) -> FailureCount {
        FailureCount {
            faults: self.faults,
            events: self.ends.len(),
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

    fn end(event: u64, second: i64, is_fault: bool) -> AttemptEnd {
        let event = EventId::from_uuid(Uuid::from_u64_pair(0, event));
        AttemptEnd {
            event,
            at: Timestamp::from_unix_secs(second),
            is_fault,
        }
    }

    /// Returns which of these attempts (event, second, whether it failed) trip the breaker.
    fn trips(attempts: &[(u64, i64, bool)]) -> Vec<usize> {
        let mut breaker = FailureBreaker::default();
        let tripped = attempts
            .iter()
            .enumerate()
            .filter(|(_, (event, second, is_fault))| {
                breaker
                    .record(ONE, end(*event, *second, *is_fault), &POLICY)
                    .is_some()
            });

        tripped.map(|(at, _)| at).collect()
    }

    #[test]
    fn enough_failures_trip_the_breaker() {
        let faults: Vec<_> = (0..9).map(|event| (event, 0, true)).collect();

        assert_eq!(trips(&faults[..3]), [0; 0], "too few events");
        assert_eq!(trips(&faults), [3, 7]);
        assert_eq!(
            trips(&[(1, 0, true), (2, 0, false), (3, 0, false), (4, 0, true)]),
            [3],
            "half of the events failed"
        );
        assert_eq!(
            trips(&[(1, 0, true), (2, 0, true), (3, 0, false), (4, 0, false)]),
            [0; 0],
            "a success does not trip the breaker"
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
    fn event_counts_by_its_last_attempt() {
        let same: Vec<_> = (0..50).map(|second| (1, second, true)).collect();

        assert_eq!(
            trips(&same),
            [0; 0],
            "one event that always fails does not trip the breaker"
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
    fn old_attempts_are_forgotten() {
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
    fn each_revision_starts_a_new_count() {
        let mut breaker = FailureBreaker::default();

        for event in 0..3 {
            assert_eq!(breaker.record(ONE, end(event, 0, true), &POLICY), None);
        }
        assert_eq!(breaker.record(TWO, end(3, 0, true), &POLICY), None);
        assert_eq!(
            breaker.record(ONE, end(4, 0, true), &POLICY),
            None,
            "a revision that returns starts a new count"
        );
    }

    proptest! {
        #[test]
        fn breaker_trips_as_the_policy_says(
            attempts in proptest::collection::vec((0..12u64, 0..30i64, any::<bool>()), 1..60),
            rate in 0.01..1.0f64,
            events_min in 1..8usize,
        ) {
            let policy = QuarantinePolicy { window: Duration::from_secs(60), rate, events_min };
            let mut breaker = FailureBreaker::default();

            // The rule in plain terms: the last attempt of each event since the last trip, within
            // the window.
            let mut history: Vec<AttemptEnd> = Vec::new();
            let mut now = 0;
            for (event, pause, is_fault) in attempts {
                now += pause;
                let this = end(event, now, is_fault);
                history.push(this);
                let recent = history.iter().enumerate().filter(|(at, one)| {
                    this.at.since(one.at) <= policy.window
                        && history[at + 1..].iter().all(|later| later.event != one.event)
                });
                let recent: Vec<bool> = recent.map(|(_, one)| one.is_fault).collect();
                let faults = recent.iter().filter(|is_fault| **is_fault).count();
                let events = recent.len();
                let expected =
                    is_fault && events >= events_min && faults as f64 >= rate * events as f64;

                let tripped = breaker.record(ONE, this, &policy);
                prop_assert_eq!(tripped, expected.then_some(FailureCount { faults, events }));
                if expected {
                    history.clear();
                }
            }
        }

        #[test]
        fn breaker_remembers_a_bounded_number(count in 0..600u64, events_min in 1..400usize) {
            let policy = QuarantinePolicy { window: Duration::MAX, rate: 1.0, events_min };
            let mut breaker = FailureBreaker::default();
            for event in 0..count {
                breaker.record(ONE, end(event, 0, event % 2 == 0), &policy);
                prop_assert!(breaker.recent.ends.len() <= events_min.max(EVENTS_KEPT_MAX));
            }
        }
    }
}
