//! The check that a signed time is close enough to now.

use std::time::Duration;

use hookyard_model::Timestamp;

use super::Refusal;

/// The maximum distance of a signed time from now; both limits are inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// The maximum time in the past.
    pub past: Duration,
    /// The maximum time in the future, which allows for clocks that differ.
    pub future: Duration,
}

impl Freshness {
    pub(crate) fn check(self, signed_at: Timestamp, now: Timestamp) -> Result<(), Refusal> {
        if now.since(signed_at) > self.past {
            return Err(Refusal::StaleTimestamp);
        }
        if signed_at.since(now) > self.future {
            return Err(Refusal::FutureTimestamp);
        }
        Ok(())
    }
}

/// Parses seconds since the Unix epoch, written in digits only.
pub(crate) fn unix_seconds(text: &str) -> Option<Timestamp> {
    digits(text).map(Timestamp::from_unix_secs)
}

/// Parses a number written in digits only, without sign or space.
pub(crate) fn digits(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}
