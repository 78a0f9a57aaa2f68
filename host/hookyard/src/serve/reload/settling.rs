//! A value that counts only once it has stayed the same for a while.

use std::time::{Duration, Instant};

/// What was seen last, since when, and what was last acted on.
#[derive(Debug)]
pub(super) struct Settling<T> {
    seen: T,
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

    /// Takes in what is there now.
    pub(super) fn see(&mut self, value: T, now: Instant) {
        if self.seen != value {
            self.seen = value;
            self.since = now;
        }
    }

    /// What was seen last.
    pub(super) fn seen(&self) -> &T {
        &self.seen
    }

    /// When what was seen will count, if it stays; none if it needs no action.
    pub(super) fn due(&self, window: Duration) -> Option<Instant> {
        (self.seen != self.handled).then(|| self.since + window)
    }

    /// Whether it's time to act; if so, what was seen needs no further action.
    pub(super) fn take(&mut self, window: Duration, now: Instant) -> bool {
        let is_time = self.due(window).is_some_and(|due| now >= due);
        if is_time {
            self.handled = self.seen.clone();
        }
        is_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_once_after_a_quiet_window() {
        let (start, window) = (Instant::now(), Duration::from_millis(200));
        let mut settling = Settling::new('a', start);
        let script = [
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
        ];
        for (at, value, expected) in script {
            let now = start + Duration::from_millis(at);
            settling.see(value, now);
            assert_eq!(settling.take(window, now), expected, "at {at} ms");
        }
        assert_eq!(settling.due(window), None);
    }
}
