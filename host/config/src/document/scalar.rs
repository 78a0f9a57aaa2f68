//! Single values: how each kind is written, and the fault of a value that is written wrongly.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use hookyard_model::{SourceName, TenantName, Timestamp};
use toml::de::DeValue;

use super::entry::kind_of;

/// A type that can be read from one value of a document.
pub trait Scalar: Sized {
    /// Reads the value.
    ///
    /// # Errors
    ///
    /// Returns the message of the fault, which follows the path of the key.
    fn read(value: &DeValue<'_>) -> Result<Self, String>;
}

/// A size in bytes, written as `"64KiB"` or `"1MiB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl Size {
    /// Returns the size as a `usize`, or the largest `usize` if the size does not fit.
    pub fn in_memory(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// A rate per second, written as `20` or `0.5`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate(pub f64);

/// A share in `0.0..=1.0`, written as `"50%"`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(pub f64);

/// A share of events in `0.0..=1.0`, written as `"0.5%"`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShareOfEvents(pub f64);

const SIZES: [(&str, u64); 7] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];
const DURATIONS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Parses a whole number with a unit. Returns the number in the smallest unit.
fn measure(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);

    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Parses a duration such as `30s` or `6h`.
pub fn duration(text: &str) -> Option<Duration> {
    measure(text, &DURATIONS).map(Duration::from_millis)
}

fn text<'v>(value: &'v DeValue<'_>, what: &str) -> Result<&'v str, String> {
    value
        .as_str()
        .ok_or_else(|| format!("must be {what}, not {}", kind_of(value)))
}

fn integer(value: &DeValue<'_>, what: &str) -> Result<u64, String> {
    let number = value
        .as_integer()
        .ok_or_else(|| format!("must be {what}, not {}", kind_of(value)))?;
    u64::from_str_radix(number.as_str(), number.radix())
        .map_err(|_| format!("must be {what}, not {number}"))
}

impl Scalar for String {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        text(value, "a string in quotes").map(str::to_owned)
    }
}

impl Scalar for PathBuf {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        match text(value, "a path in quotes")? {
            "" => Err("must be a path, not an empty string".to_owned()),
            path => Ok(path.into()),
        }
    }
}

impl Scalar for bool {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        value
            .as_bool()
            .ok_or_else(|| format!("must be true or false, not {}", kind_of(value)))
    }
}

impl Scalar for NonZeroU32 {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        const WHAT: &str = "a whole number from 1 to 4294967295";
        let given = integer(value, WHAT)?;
        u32::try_from(given)
            .ok()
            .and_then(Self::new)
            .ok_or_else(|| format!("must be {WHAT}, not {given}"))
    }
}

impl Scalar for NonZeroUsize {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        NonZeroU32::read(value).map(|number| Self::try_from(number).unwrap_or(Self::MAX))
    }
}

impl Scalar for usize {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        const WHAT: &str = "a whole number from 0 to 4294967295";
        let given = integer(value, WHAT)?;
        u32::try_from(given)
            .ok()
            .and_then(|given| given.try_into().ok())
            .ok_or_else(|| format!("must be {WHAT}, not {given}"))
    }
}

impl Scalar for Size {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        const WHAT: &str = "a size above zero in quotes, such as \"64KiB\" or \"1MiB\"";
        let given = text(value, WHAT)?;
        match measure(given, &SIZES) {
            None | Some(0) => Err(format!("must be {WHAT}, not {given:?}")),
            Some(bytes) => Ok(Self(bytes)),
        }
    }
}

impl Scalar for Rate {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        const WHAT: &str = "a number above zero, such as 20 or 0.5";
        let number = match value {
            DeValue::Integer(number) => number.as_str().parse().ok(),
            DeValue::Float(number) => number.as_str().parse::<f64>().ok(),
            other => return Err(format!("must be {WHAT}, not {}", kind_of(other))),
        };

        number
            .filter(|rate| rate.is_finite() && *rate > 0.0)
            .map(Self)
            .ok_or_else(|| format!("must be {WHAT}"))
    }
}

impl Scalar for Timestamp {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        const WHAT: &str = "a time in RFC 3339 format, such as \"2026-12-01T00:00:00Z\"";
        let given = match value {
            DeValue::Datetime(time) => time.to_string(),
            value => text(value, WHAT)?.to_owned(),
        };

        Self::parse_rfc3339(&given).ok_or_else(|| format!("must be {WHAT}, not {given:?}"))
    }
}

impl Scalar for Share {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        const WHAT: &str = "a share from \"1%\" to \"100%\", in quotes";
        match measure(text(value, WHAT)?, &[("%", 1)]) {
            Some(percent @ 1..=100) => Ok(Self(percent as f64 / 100.0)),
            _ => Err(format!("must be {WHAT}")),
        }
    }
}

impl Scalar for ShareOfEvents {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        const WHAT: &str = "a share from \"0%\" to \"100%\", in quotes, such as \"0.5%\"";
        let given = text(value, WHAT)?;
        let number = given.strip_suffix('%').map(str::trim_end);
        let is_plain = |number: &&str| {
            number
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'.'))
        };

        let percent = number
            .filter(is_plain)
            .and_then(|number| number.parse::<f64>().ok());
        match percent {
            Some(percent) if percent <= 100.0 => Ok(Self(percent / 100.0)),
            _ => Err(format!("must be {WHAT}")),
        }
    }
}

impl Scalar for Duration {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        const WHAT: &str =
            "a duration above zero in quotes, such as \"200ms\", \"30s\", \"5m\" or \"6h\"";
        let given = text(value, WHAT)?;
        match measure(given, &DURATIONS) {
            None | Some(0) => Err(format!("must be {WHAT}, not {given:?}")),
            Some(millis) => Ok(Self::from_millis(millis)),
        }
    }
}

impl Scalar for SocketAddr {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        const WHAT: &str = "an address and a port in quotes, such as \"127.0.0.1:8080\"";
        let given = text(value, WHAT)?;
        given
            .parse()
            .map_err(|_| format!("must be {WHAT}, not {given:?}"))
    }
}

impl Scalar for TenantName {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        Self::new(text(value, "a tenant's name in quotes")?).map_err(|error| error.to_string())
    }
}

impl Scalar for SourceName {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        Self::new(text(value, "a source's name in quotes")?).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_are_parsed_exactly() {
        for (text, expected) in [
            ("1MiB", Some(1 << 20)),
            ("64 KiB", Some(65_536)),
            ("10B", Some(10)),
            ("2GB", Some(2_000_000_000)),
            ("1", None),
            ("MiB", None),
            ("-1B", None),
            ("1mib", None),
            ("1.5MiB", None),
            ("99999999999GiB", None),
        ] {
            assert_eq!(measure(text, &SIZES), expected, "{text}");
        }
        for (text, expected) in [
            ("200ms", Some(200)),
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("2d", Some(172_800_000)),
            ("30", None),
            ("s", None),
            ("30sec", None),
            ("", None),
        ] {
            assert_eq!(measure(text, &DURATIONS), expected, "{text}");
        }
    }
}
