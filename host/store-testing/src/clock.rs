//! A clock that a test sets.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hookyard_model::{Clock, Timestamp};

/// A clock that shows the time that a test has set, and stands still in between.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// Creates a clock that shows `now`.
    pub const fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.unix_millis()))
    }

    /// Sets the clock, also back.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.unix_millis(), Ordering::SeqCst);
    }

    /// Sets the clock forward.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().after(by));
    }
}

impl Default for TestClock {
    /// Creates a clock that shows a time in the year 2023.
    fn default() -> Self {
        Self::new(Timestamp::from_unix_secs(1_700_000_000))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.0.load(Ordering::SeqCst))
    }
}
