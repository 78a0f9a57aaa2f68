//! The time of signing.

use hookyard_model::Timestamp;

use crate::Freshness;
use crate::value::Place;
use crate::verify::freshness::{digits, unix_seconds};

/// The place of a time in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimePlace {
    /// The place.
    pub place: Place,
    /// The format of the time.
    pub format: TimeFormat,
    /// The maximum distance of the time from now.
    pub freshness: Freshness,
}

/// The format of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeFormat {
    /// Seconds since the Unix epoch, digits only.
    UnixSeconds,
    /// Milliseconds since the Unix epoch, digits only.
    UnixMillis,
    /// RFC 3339, such as `2026-05-19T10:30:00Z`.
    Rfc3339,
}

impl TimeFormat {
    /// Every format with its name in configuration.
    pub const ALL: [(&'static str, Self); 3] = [
        ("unix-seconds", Self::UnixSeconds),
        ("unix-millis", Self::UnixMillis),
        ("rfc3339", Self::Rfc3339),
    ];

    /// Returns what a text in another format is not; completes "the header `x` …".
    pub(crate) const fn lack(self) -> &'static str {
        match self {
            Self::UnixSeconds => "is not a time in seconds since 1970",
            Self::UnixMillis => "is not a time in milliseconds since 1970",
            Self::Rfc3339 => "is not a time in RFC 3339",
        }
    }

    /// Writes a time in the only form that [`read`](Self::read) accepts; `None` if there is no
    /// form.
    pub(crate) fn write(self, time: Timestamp) -> Option<String> {
        let number = match self {
            Self::UnixSeconds => time.unix_secs(),
            Self::UnixMillis => time.unix_millis(),
            Self::Rfc3339 => {
                return Some(time.to_string()).filter(|text| Self::Rfc3339.read(text).is_some());
            }
        };
        u64::try_from(number).ok().map(|number| number.to_string())
    }

    pub(crate) fn read(self, text: &str) -> Option<Timestamp> {
        match self {
            Self::UnixSeconds => unix_seconds(text),
            Self::UnixMillis => digits(text).map(Timestamp::from_unix_millis),
            Self::Rfc3339 => Timestamp::parse_rfc3339(text),
        }
    }
}
