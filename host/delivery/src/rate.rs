//! The rate of a destination: a token bucket that fills with time.
//!
//! The bucket holds the tokens of a tenth of a second. So messages that have waited go out evenly
//! rather than all at once, and a high rate does not need a look at the outbox for each message.

use std::time::Duration;

use tokio::time::Instant;

/// The capacity of the bucket, in seconds of the rate.
const BURST_SECONDS: f64 = 0.1;

/// The lowest rate: once a year. It keeps the time of the next token within the range of an
/// `Instant`.
const PER_SECOND_MIN: f64 = 1.0 / (365.0 * 24.0 * 3600.0);

/// A token bucket. Each delivery takes a token.
#[derive(Debug, Clone)]
pub(crate) struct Rate {
    per_second: f64,
    /// The tokens at the time `at`.
    tokens: f64,
    at: Instant,
}

impl Rate {
    /// Returns a full bucket.
    pub(crate) fn new(per_second: f64, now: Instant) -> Self {
        let per_second = per_second.max(PER_SECOND_MIN);
        Self {
            per_second,
            tokens: Self::capacity(per_second),
            at: now,
        }
    }

    fn capacity(per_second: f64) -> f64 {
        (per_second * BURST_SECONDS).max(1.0)
    }

    /// Changes the rate from now on. The tokens in the bucket stay.
    pub(crate) fn change(&mut self, per_second: f64, now: Instant) {
        let tokens = self.tokens(now);
        *self = Self::new(per_second, now);
        self.tokens = tokens.min(self.tokens);
    }

    /// Returns the number of deliveries that may begin now.
    pub(crate) fn available(&self, now: Instant) -> usize {
        // Rounding errors must not make a token wait.
        (self.tokens(now) + 1e-6) as usize
    }

    /// Returns the time at which the next delivery may begin.
    pub(crate) fn next_at(&self, now: Instant) -> Instant {
        let missing = (1.0 - self.tokens(now)).max(0.0);
        now + Duration::from_secs_f64(missing / self.per_second)
    }

    /// Takes a token for a delivery.
    pub(crate) fn take(&mut self, now: Instant) {
        self.tokens = self.tokens(now) - 1.0;
        self.at = now;
    }

    fn tokens(&self, now: Instant) -> f64 {
        let filled = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        (self.tokens + filled).min(Self::capacity(self.per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes every token as soon as it is available, and returns how many tokens there are in this
    /// number of seconds.
    fn taken(per_second: f64, seconds: u64) -> usize {
        let began = Instant::now();
        let (mut rate, mut now, mut taken) = (Rate::new(per_second, began), began, 0);

        while now < began + Duration::from_secs(seconds) {
            for _ in 0..rate.available(now) {
                rate.take(now);
                taken += 1;
            }
            now = rate.next_at(now).max(now + Duration::from_millis(1));
        }

        taken
    }

    #[test]
    fn rate_limits_the_number_of_tokens() {
        for (per_second, seconds, expected) in [
            (20.0, 1, 22),
            (20.0, 60, 1202),
            (0.5, 10, 6),
            (1.0, 10, 11),
            (3.0, 10, 31),
        ] {
            let taken = taken(per_second, seconds);
            assert!(
                taken.abs_diff(expected) <= 1,
                "{taken} in {seconds} s at {per_second}"
            );
            assert!(taken <= expected, "{taken} in {seconds} s at {per_second}");
        }
    }

    #[test]
    fn unused_tokens_are_capped() {
        let now = Instant::now();
        let rate = Rate::new(20.0, now);
        assert_eq!(rate.available(now + Duration::from_secs(3600)), 2);
        assert_eq!(Rate::new(0.0, now).available(now), 1);
    }

    #[test]
    fn changed_rate_adds_no_tokens() {
        let now = Instant::now();
        let mut rate = Rate::new(1.0, now);
        rate.take(now);
        rate.change(100.0, now);
        assert_eq!(rate.available(now), 0);
        assert_eq!(rate.next_at(now), now + Duration::from_millis(10));
    }
}
