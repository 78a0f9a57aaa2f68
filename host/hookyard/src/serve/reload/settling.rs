//! A value that counts only once it has stayed the same for a while.

use std::time::{Duration, Instant};

/// The last value seen, and the last value acted on.
#[derive(Debug)]
pub(super) struct Settling<T> {
    seen: T,
    /// When `seen` was first seen.
    since: Instant,
    handled: T,
}

impl<T: Clone + PartialEq> Settling<T> {
    /// Starts with a value that needs no action.
    pub(super) fn new(value: T, now: Instant) -> Self {
        Self {
            seen: value.clone(),
            since: now,
            handled: value,
        }
    }

    /// Notes the value that is present now.
    pub(super) fn see(&mut self, value: T, now: Instant) {
        if self.seen != value {
            self.seen = value;
            self.since = now;
        }
    }

    /// Returns the last value seen.
    pub(super) fn seen(&self) -> &T {
        &self.seen
    }

    /// Returns when the last value will count if it does not change, or `None` if it needs no
    /// action.
    pub(super) fn due(&self, window: Duration) -> Option<Instant> {
        (self.seen != self.handled).then(|| self.since + window)
    }

    /// Returns whether the last value counts now. If it does, it needs no further action.
    pub(super) fn take(&mut self, window: Duration, now: Instant) -> bool {
        let is_due = self.due(window).is_some_and(|due| now >= due);
        if is_due {
            self.handled = self.seen.clone();
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_counts_once_after_a_quiet_window() {
        let start = Instant::now();
        let window = Duration::from_millis(200);
        let mut settling = Settling::new('a', start);

        for (at, value, expected) in [
            (0, 'a', false),
            (100, 'b', false),
            (250, 'b', false),
            (260, 'c', false),
            (459, 'c', false),
            (460, 'c', true),
            (900, 'c', false),
            (1000, 'd', false),
            (1100, 'c', false),
            (1500, 'c', false),
        ] {
            let now = start + Duration::from_millis(at);
            settling.see(value, now);
            assert_eq!(settling.take(window, now), expected, "at {at} ms");
        }
        assert_eq!(settling.due(window), None);
    }
}
