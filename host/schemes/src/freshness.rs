//! Whether a signed time is near enough to now.

use std::time::Duration;

use hookyard_model::Timestamp;

use crate::Refusal;

/// How far a signed time may be from now; both ends are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// How long ago.
    pub past: Duration,
    /// How far ahead, which allows for clocks that differ.
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

/// Seconds since the Unix epoch, written in digits only.
pub(crate) fn unix_seconds(text: &str) -> Option<Timestamp> {
    digits(text).map(Timestamp::from_unix_secs)
}

/// A number written in digits only: no sign, no space.
pub(crate) fn digits(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}
