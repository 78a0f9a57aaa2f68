//! When a receiver is left alone: after some failures in a row, for a pause that grows with each probe that fails too.
//!
//! While it is open nothing is sent but one probe after each pause, so messages wait rather than use up their tries.
//! One success closes it. It lives in memory: a host that starts finds out again, at the price of a few tries.

use std::time::Duration;

use hookyard_model::MessageId;
use tokio::time::Instant;

/// How often a receiver may fail in a row, and for how long it is left alone then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures in a row before the first pause; at least 1.
    pub failures: u32,
    /// The ceiling of the first pause; each is drawn from its upper half. It doubles with each failed probe.
    pub pause: Duration,
    /// The ceiling of any pause.
    pub pause_max: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self {
            failures: 10,
            pause: Duration::from_secs(30),
            pause_max: Duration::from_secs(300),
        }
    }
}

/// The breaker of one destination.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// In a row, up to now.
    failures: u32,
    /// The message that the first of them was about.
    first: Option<MessageId>,
    /// Whether they were about more than one.
    are_several: bool,
    pause: Option<Pause>,
    /// Counts pauses, so that a probe can be told from what was under way before it.
    pauses: u64,
}

#[derive(Debug)]
struct Pause {
    until: Instant,
    /// How many there were in a row, this one included.
    number: u32,
}

/// A try that has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) message: MessageId,
    /// What `begin` said.
    pub(super) begun: u64,
    pub(super) is_sent: bool,
    pub(super) now: Instant,
    /// A random number in `0.0..1.0`.
    pub(super) jitter: f64,
}

/// What a try has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The receiver is left alone from now on.
    Opened(Duration),
    /// The probe failed as well.
    Lengthened(Duration),
    /// It takes messages again.
    Closed,
}

impl Breaker {
    /// How many tries there may be at once, where there might be so many.
    pub(super) fn places(&self, most: usize, now: Instant) -> usize {
        match &self.pause {
            None => most,
            Some(pause) if now < pause.until => 0,
            Some(_) => most.min(1),
        }
    }

    /// When the next probe may begin.
    pub(super) fn until(&self) -> Option<Instant> {
        self.pause.as_ref().map(|pause| pause.until)
    }

    /// To be kept with a try that begins.
    pub(super) fn begin(&self) -> u64 {
        self.pauses
    }

    /// Whether it is open, and by more than one message: then a failure says nothing about the message that failed.
    pub(super) fn is_destination_down(&self) -> bool {
        self.pause.is_some() && self.are_several
    }

    /// Lets the next probe begin at once.
    pub(super) fn end_pause(&mut self, now: Instant) {
        if let Some(pause) = &mut self.pause {
            pause.until = now;
        }
    }

    /// Takes note of a try.
    pub(super) fn ended(&mut self, ended: Ended, policy: &BreakerPolicy) -> Option<Change> {
        if ended.is_sent {
            let was_open = self.pause.is_some();
            *self = Self {
                pauses: self.pauses,
                ..Self::default()
            };
            return was_open.then_some(Change::Closed);
        }
        self.failures = self.failures.saturating_add(1);
        let first = *self.first.get_or_insert(ended.message);
        self.are_several |= first != ended.message;
        match &self.pause {
            None if self.failures < policy.failures => None,
            None => Some(Change::Opened(self.pause(1, ended, policy))),
            // It was under way before the pause, and is no news.
            Some(_) if ended.begun < self.pauses => None,
            Some(pause) => {
                let number = pause.number.saturating_add(1);
                Some(Change::Lengthened(self.pause(number, ended, policy)))
            }
        }
    }

    fn pause(&mut self, number: u32, ended: Ended, policy: &BreakerPolicy) -> Duration {
        let doubled = policy
            .pause
            .saturating_mul(1_u32.checked_shl(number - 1).unwrap_or(u32::MAX));
        let ceiling = doubled.min(policy.pause_max.max(policy.pause));
        let pause = ceiling.mul_f64(0.5 + ended.jitter.clamp(0.0, 1.0) / 2.0);
        self.pause = Some(Pause {
            until: ended.now + pause,
            number,
        });
        self.pauses += 1;
        pause
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const POLICY: BreakerPolicy = BreakerPolicy {
        failures: 3,
        pause: SECOND,
        pause_max: Duration::from_secs(5),
    };

    struct Receiver {
        breaker: Breaker,
        now: Instant,
    }

    impl Receiver {
        fn new() -> Self {
            Self {
                breaker: Breaker::default(),
                now: Instant::now(),
            }
        }

        fn tried(&mut self, message: u128, begun: u64, is_sent: bool) -> Option<Change> {
            let message = MessageId::from_uuid(Uuid::from_u128(message));
            self.breaker.ended(
                Ended {
                    message,
                    begun,
                    is_sent,
                    now: self.now,
                    jitter: 1.0,
                },
                &POLICY,
            )
        }

        fn fail(&mut self, message: u128) -> Option<Change> {
            self.tried(message, self.breaker.begin(), false)
        }
    }

    #[test]
    fn failures_in_a_row_open_it_and_probes_that_fail_lengthen_the_pause() {
        let mut receiver = Receiver::new();
        assert_eq!(receiver.fail(1), None);
        assert_eq!(receiver.fail(2), None);
        assert_eq!(receiver.tried(3, 0, true), None, "a success between them");
        assert_eq!([receiver.fail(1), receiver.fail(1)], [None, None]);
        assert_eq!(receiver.breaker.places(4, receiver.now), 4);
        assert_eq!(receiver.fail(2), Some(Change::Opened(SECOND)));
        for seconds in [2, 4, 5, 5] {
            let until = receiver.breaker.until().expect("a pause");
            assert_eq!(
                receiver.breaker.places(4, until - Duration::from_millis(1)),
                0
            );
            receiver.now = until;
            assert_eq!(receiver.breaker.places(4, until), 1, "one probe");
            assert_eq!(receiver.fail(7), Some(Change::Lengthened(seconds * SECOND)));
        }
        assert_eq!(
            receiver.tried(7, receiver.breaker.begin(), true),
            Some(Change::Closed)
        );
        assert_eq!(receiver.breaker.places(4, receiver.now), 4);
        assert_eq!(receiver.fail(1), None, "and counts from one again");
    }

    #[test]
    fn what_was_under_way_before_is_no_probe() {
        let mut receiver = Receiver::new();
        let before = receiver.breaker.begin();
        for message in 1..=3 {
            receiver.fail(message);
        }
        let until = receiver.breaker.until();
        assert_eq!(receiver.tried(4, before, false), None);
        assert_eq!(receiver.breaker.until(), until);
        assert_eq!(
            receiver.tried(5, before, true),
            Some(Change::Closed),
            "but if it arrived, messages arrive"
        );
    }

    #[test]
    fn one_message_that_nobody_takes_says_nothing_about_the_destination() {
        let mut receiver = Receiver::new();
        for _ in 0..9 {
            receiver.fail(1);
        }
        assert!(receiver.breaker.until().is_some() && !receiver.breaker.is_destination_down());
        receiver.fail(2);
        assert!(receiver.breaker.is_destination_down());
    }

    #[test]
    fn pauses_are_spread_over_their_upper_half() {
        let mut breaker = Breaker::default();
        let message = MessageId::from_uuid(Uuid::nil());
        let ended = Ended {
            message,
            begun: 0,
            is_sent: false,
            now: Instant::now(),
            jitter: 0.0,
        };
        let policy = BreakerPolicy {
            failures: 1,
            ..POLICY
        };
        assert_eq!(
            breaker.ended(ended, &policy),
            Some(Change::Opened(SECOND / 2))
        );
    }
}
