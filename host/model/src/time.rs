//! Points in time, as whole milliseconds since the Unix epoch.
//!
//! The store keeps milliseconds, and handlers are given milliseconds. Only the outermost crates
//! read a clock.

use std::fmt;
use std::time::Duration;

use ::time::OffsetDateTime;
use ::time::format_description::well_known::{Rfc2822, Rfc3339};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Creates a timestamp from milliseconds since the Unix epoch.
    pub const fn from_unix_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Creates a timestamp from whole seconds since the Unix epoch, saturating at the ends of the
    /// range.
    pub const fn from_unix_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Parses an RFC 3339 text such as `2026-05-19T10:30:00Z`.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let parsed = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(parsed.unix_timestamp_nanos() / 1_000_000)
            .ok()
            .map(Self)
    }

    /// Parses an HTTP date such as `Sun, 06 Nov 1994 08:49:37 GMT`.
    ///
    /// Of the three forms in RFC 9110, section 5.6.7, only the one that senders must use is
    /// accepted.
    pub fn parse_http_date(text: &str) -> Option<Self> {
        if !text.ends_with(" GMT") {
            return None;
        }
        let parsed = OffsetDateTime::parse(text, &Rfc2822).ok()?;
        Some(Self::from_unix_secs(parsed.unix_timestamp()))
    }

    /// Returns the milliseconds since the Unix epoch.
    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    /// Returns the whole seconds since the Unix epoch, rounded down.
    pub const fn unix_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Returns the point in time that is later by `by`, saturating.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// Returns the point in time that is earlier by `by`, saturating.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(millis))
    }

    /// Returns the time from `earlier` to this point; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    /// Writes RFC 3339 in UTC, always with milliseconds, so that texts sort in the order of time.
    ///
    /// For years that RFC 3339 cannot express, writes the bare number of milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .filter(|moment| (0..=9999).contains(&moment.year()));
        let Some(moment) = moment else {
            return write!(f, "{}", self.0);
        };

        let (year, month, day) = moment.to_calendar_date();
        let (hour, minute, second, millis) = moment.to_hms_milli();
        let month = u8::from(month);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
        )
    }
}

/// A source of the current time. Only the binary reads a real clock; every other crate is given
/// one.
pub trait Clock: Send + Sync + 'static {
    /// Returns the current time.
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamp_reads_back_from_rfc3339() {
        let moment = Timestamp::from_unix_millis(1_780_400_200_250);

        assert_eq!(moment.to_string(), "2026-06-02T11:36:40.250Z");
        assert_eq!(
            Timestamp::from_unix_secs(0).to_string(),
            "1970-01-01T00:00:00.000Z"
        );
        assert_eq!(Timestamp::parse_rfc3339(&moment.to_string()), Some(moment));
        assert_eq!(
            Timestamp::from_unix_millis(i64::MAX).to_string(),
            i64::MAX.to_string()
        );
    }

    #[test]
    fn http_date_is_parsed() {
        let check = |text: &str, expected: Option<i64>| {
            assert_eq!(
                Timestamp::parse_http_date(text),
                expected.map(Timestamp::from_unix_secs),
                "{text}"
            );
        };

        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777));
        check("Sun, 06 Nov 1994 08:49:37 +0000", None);
        check("Sun, 31 Feb 1994 08:49:37 GMT", None);
        check("soon", None);
    }

    #[test]
    fn timestamp_arithmetic_saturates() {
        let last = Timestamp::from_unix_millis(i64::MAX);

        assert_eq!(last.after(Duration::MAX), last);
        assert_eq!(
            Timestamp::from_unix_millis(-2).before(Duration::MAX),
            Timestamp::from_unix_millis(i64::MIN)
        );
        assert_eq!(
            last.before(Duration::from_millis(7))
                .after(Duration::from_millis(7)),
            last
        );
        assert_eq!(Timestamp::from_unix_millis(0).since(last), Duration::ZERO);
    }
}
