//! The breaker: stops sending to a receiver after several failures in a row, for a pause that grows
//! with each failed probe.
//!
//! During a pause nothing is sent, so messages wait instead of using up their deliveries. After the
//! pause one message is sent as a probe: a failure begins a longer pause, a success ends the state.
//! The breaker lives in memory: a host that restarts learns of the failure again, with a few
//! deliveries.

use std::time::Duration;

use hookyard_model::MessageId;
use tokio::time::Instant;

/// How often a receiver may fail in a row, and how long the pauses are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// The number of failures in a row before the first pause; at least 1.
    pub failures: u32,
    /// The maximum of the first pause. Each pause is drawn from the upper half of its maximum,
    /// which doubles with each failed probe.
    pub pause: Duration,
    /// The maximum of any pause.
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

/// The breaker of one destination. It is open during a pause and until the probe after the pause
/// succeeds.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    /// The number of failures in a row.
    failures: u32,
    /// The message of the first of these failures.
    first_message: Option<MessageId>,
    /// Whether these failures are of more than one message.
    are_several_messages: bool,
    pause: Option<BreakerPause>,
    /// The number of pauses so far. It tells a probe from deliveries that began before the pause.
    pauses: u64,
}

#[derive(Debug)]
struct BreakerPause {
    until: Instant,
    /// The number of pauses in a row, including this one.
    number: u32,
}

/// The end of a delivery.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeliveryEnd {
    /// The message.
    pub(crate) message: MessageId,
    /// The value of [`Breaker::pauses`] when the delivery began.
    pub(crate) pauses: u64,
    /// Whether the receiver accepted the message.
    pub(crate) is_sent: bool,
    /// The current time.
    pub(crate) now: Instant,
    /// A random number in `0.0..1.0`.
    pub(crate) jitter: f64,
}

/// A change of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BreakerChange {
    /// A first pause begins.
    Opened(Duration),
    /// The probe failed, and a longer pause begins.
    Lengthened(Duration),
    /// The receiver accepts messages again.
    Closed,
}

impl Breaker {
    /// Returns how many concurrent deliveries are allowed, where the destination allows
    /// `concurrency`.
    pub(crate) fn concurrency(&self, concurrency: usize, now: Instant) -> usize {
        match &self.pause {
            None => concurrency,
            Some(pause) if now < pause.until => 0,
            // The probe.
            Some(_) => concurrency.min(1),
        }
    }

    /// Returns the time at which the next probe may begin.
    pub(crate) fn paused_until(&self) -> Option<Instant> {
        self.pause.as_ref().map(|pause| pause.until)
    }

    /// Returns the number of pauses so far, for [`DeliveryEnd::pauses`].
    pub(crate) fn pauses(&self) -> u64 {
        self.pauses
    }

    /// Returns whether the breaker is open because of several messages. Then a failure says nothing
    /// about the message that failed.
    pub(crate) fn is_destination_down(&self) -> bool {
        self.pause.is_some() && self.are_several_messages
    }

    /// Ends the pause, so that the next probe may begin at once.
    pub(crate) fn end_pause(&mut self, now: Instant) {
        if let Some(pause) = &mut self.pause {
            pause.until = now;
        }
    }

    /// Records the end of a delivery.
    pub(crate) fn record(
        &mut self,
        end: DeliveryEnd,
        policy: &BreakerPolicy,
    ) -> Option<BreakerChange> {
        if end.is_sent {
            let was_open = self.pause.is_some();
            *self = Self {
                pauses: self.pauses,
                ..Self::default()
            };
            return was_open.then_some(BreakerChange::Closed);
        }

        self.failures = self.failures.saturating_add(1);
        let first_message = *self.first_message.get_or_insert(end.message);
        self.are_several_messages |= first_message != end.message;

        match &self.pause {
            None if self.failures < policy.failures => None,
            None => Some(BreakerChange::Opened(self.begin_pause(1, end, policy))),
            // The delivery began before the pause, so its failure is not news.
            Some(_) if end.pauses < self.pauses => None,
            Some(pause) => {
                let number = pause.number.saturating_add(1);
                let pause = self.begin_pause(number, end, policy);
                Some(BreakerChange::Lengthened(pause))
            }
        }
    }

    fn begin_pause(&mut self, number: u32, end: DeliveryEnd, policy: &BreakerPolicy) -> Duration {
        let factor = 1_u32.checked_shl(number - 1).unwrap_or(u32::MAX);
        let pause_max = policy.pause_max.max(policy.pause);
        let ceiling = policy.pause.saturating_mul(factor).min(pause_max);
        let pause = ceiling.mul_f64(0.5 + end.jitter.clamp(0.0, 1.0) / 2.0);

        self.pause = Some(BreakerPause {
            until: end.now + pause,
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

        fn end(&mut self, message: u128, pauses: u64, is_sent: bool) -> Option<BreakerChange> {
            let message = MessageId::from_uuid(Uuid::from_u128(message));

            self.breaker.record(
                DeliveryEnd {
                    message,
                    pauses,
                    is_sent,
                    now: self.now,
                    jitter: 1.0,
                },
                &POLICY,
            )
        }

        fn fail(&mut self, message: u128) -> Option<BreakerChange> {
            self.end(message, self.breaker.pauses(), false)
        }
    }

    #[test]
    fn failed_probes_lengthen_the_pause() {
        let mut receiver = Receiver::new();
        assert_eq!(receiver.fail(1), None);
        assert_eq!(receiver.fail(2), None);
        assert_eq!(receiver.end(3, 0, true), None, "a success in between");
        assert_eq!([receiver.fail(1), receiver.fail(1)], [None, None]);
        assert_eq!(receiver.breaker.concurrency(4, receiver.now), 4);
        assert_eq!(receiver.fail(2), Some(BreakerChange::Opened(SECOND)));

        for seconds in [2, 4, 5, 5] {
            let until = receiver.breaker.paused_until().expect("a pause");
            assert_eq!(
                receiver
                    .breaker
                    .concurrency(4, until - Duration::from_millis(1)),
                0
            );
            receiver.now = until;
            assert_eq!(receiver.breaker.concurrency(4, until), 1, "one probe");
            assert_eq!(
                receiver.fail(7),
                Some(BreakerChange::Lengthened(seconds * SECOND))
            );
        }

        assert_eq!(
            receiver.end(7, receiver.breaker.pauses(), true),
            Some(BreakerChange::Closed)
        );
        assert_eq!(receiver.breaker.concurrency(4, receiver.now), 4);
        assert_eq!(receiver.fail(1), None, "the count starts again");
    }

    #[test]
    fn running_deliveries_are_not_probes() {
        let mut receiver = Receiver::new();
        let before = receiver.breaker.pauses();

        for message in 1..=3 {
            receiver.fail(message);
        }

        let until = receiver.breaker.paused_until();

        assert_eq!(receiver.end(4, before, false), None);
        assert_eq!(receiver.breaker.paused_until(), until);
        assert_eq!(
            receiver.end(5, before, true),
            Some(BreakerChange::Closed),
            "a success closes the breaker in any case"
        );
    }

    #[test]
    fn single_message_does_not_mean_destination_down() {
        let mut receiver = Receiver::new();
        for _ in 0..9 {
            receiver.fail(1);
        }
        assert!(
            receiver.breaker.paused_until().is_some() && !receiver.breaker.is_destination_down()
        );
        receiver.fail(2);
        assert!(receiver.breaker.is_destination_down());
    }

    #[test]
    fn jitter_spreads_the_pauses() {
        let mut breaker = Breaker::default();
        let message = MessageId::from_uuid(Uuid::nil());
        let end = DeliveryEnd {
            message,
            pauses: 0,
            is_sent: false,
            now: Instant::now(),
            jitter: 0.0,
        };
        let policy = BreakerPolicy {
            failures: 1,
            ..POLICY
        };

        assert_eq!(
            breaker.record(end, &policy),
            Some(BreakerChange::Opened(SECOND / 2))
        );
    }
}
