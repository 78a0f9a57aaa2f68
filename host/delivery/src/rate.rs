//! So many a second and no more: a bucket that fills with time.
//!
//! It holds a tenth of a second's worth, so that what waited for long goes out evenly rather than all at once, and a
//! high rate doesn't need a look at the outbox for each message.

use std::time::Duration;

use tokio::time::Instant;

/// How much of a second's worth may go at once.
const BURST: f64 = 0.1;

#[derive(Debug, Clone)]
pub(super) struct Rate {
    per_second: f64,
    /// How many might have gone at `at`.
    left: f64,
    at: Instant,
}

impl Rate {
    /// A full bucket.
    pub(super) fn new(per_second: f64, now: Instant) -> Self {
        // Once in a year is as good as never, and a time that can still be told.
        let per_second = per_second.max(1.0 / (365.0 * 24.0 * 3600.0));
        Self {
            per_second,
            left: Self::most(per_second),
            at: now,
        }
    }

    fn most(per_second: f64) -> f64 {
        (per_second * BURST).max(1.0)
    }

    /// The same bucket, filled from now on at another rate.
    pub(super) fn change(&mut self, per_second: f64, now: Instant) {
        let left = self.left(now);
        *self = Self::new(per_second, now);
        self.left = left.min(self.left);
    }

    /// How many may go now.
    pub(super) fn places(&self, now: Instant) -> usize {
        // Binary fractions of a token are not worth waiting for.
        (self.left(now) + 1e-6) as usize
    }

    /// When the next one may go.
    pub(super) fn next_at(&self, now: Instant) -> Instant {
        let missing = (1.0 - self.left(now)).max(0.0);
        now + Duration::from_secs_f64(missing / self.per_second)
    }

    /// One goes.
    pub(super) fn take(&mut self, now: Instant) {
        self.left = self.left(now) - 1.0;
        self.at = now;
    }

    fn left(&self, now: Instant) -> f64 {
        let filled = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        (self.left + filled).min(Self::most(self.per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes whatever may go, at every moment at which something may, and says how much that is in so many seconds.
    fn taken(per_second: f64, seconds: u64) -> usize {
        let began = Instant::now();
        let (mut rate, mut now, mut taken) = (Rate::new(per_second, began), began, 0);
        while now < began + Duration::from_secs(seconds) {
            for _ in 0..rate.places(now) {
                rate.take(now);
                taken += 1;
            }
            now = rate.next_at(now).max(now + Duration::from_millis(1));
        }
        taken
    }

    #[test]
    fn no_more_than_the_rate_and_a_tenth_of_it_goes() {
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
    fn what_was_not_used_is_not_saved_up() {
        let now = Instant::now();
        let rate = Rate::new(20.0, now);
        assert_eq!(rate.places(now + Duration::from_secs(3600)), 2);
        assert_eq!(Rate::new(0.0, now).places(now), 1);
    }

    #[test]
    fn another_rate_gives_nothing_away() {
        let now = Instant::now();
        let mut rate = Rate::new(1.0, now);
        rate.take(now);
        rate.change(100.0, now);
        assert_eq!(rate.places(now), 0);
        assert_eq!(rate.next_at(now), now + Duration::from_millis(10));
    }
}
