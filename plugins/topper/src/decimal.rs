//! Exact decimal amounts. Topper sends them as text with up to 20 decimal places, which a float
//! cannot represent.

use std::fmt;

/// A decimal: `digits` times ten to the power of minus `places`.
#[derive(Debug, Clone, Copy)]
pub struct Decimal {
    digits: i128,
    places: u32,
}

impl Decimal {
    pub const ZERO: Decimal = Decimal {
        digits: 0,
        places: 0,
    };

    /// Reads a text such as `12`, `12.30` or `-0.5`. Returns `None` for any other form, and for
    /// more than 38 digits.
    pub fn parse(text: &str) -> Option<Decimal> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, part) = match unsigned.split_once('.') {
            Some((_, "")) => return None,
            Some(split) => split,
            None => (unsigned, ""),
        };
        if whole.is_empty()
            || !whole
                .bytes()
                .chain(part.bytes())
                .all(|byte| byte.is_ascii_digit())
        {
            return None;
        }
        let digits: i128 = format!("{whole}{part}").parse().ok()?;
        let digits = if unsigned.len() < text.len() {
            -digits
        } else {
            digits
        };
        Some(Decimal {
            digits,
            places: u32::try_from(part.len()).ok()?,
        })
    }

    pub fn is_positive(self) -> bool {
        self.digits > 0
    }

    pub fn is_negative(self) -> bool {
        self.digits < 0
    }

    /// Returns the sum, or `None` if it has too many digits.
    pub fn plus(self, other: Decimal) -> Option<Decimal> {
        let (a, b, places) = self.aligned(other)?;
        Some(Decimal {
            digits: a.checked_add(b)?,
            places,
        })
    }

    /// Returns the difference, or `None` if it has too many digits.
    pub fn minus(self, other: Decimal) -> Option<Decimal> {
        self.plus(Decimal {
            digits: -other.digits,
            places: other.places,
        })
    }

    fn aligned(self, other: Decimal) -> Option<(i128, i128, u32)> {
        let places = self.places.max(other.places);
        Some((self.digits_at(places)?, other.digits_at(places)?, places))
    }

    fn digits_at(self, places: u32) -> Option<i128> {
        self.digits
            .checked_mul(10i128.checked_pow(places - self.places)?)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.places as usize;
        let sign = if self.digits < 0 { "-" } else { "" };
        let text = format!(
            "{:0>width$}",
            self.digits.unsigned_abs(),
            width = places + 1
        );
        match text.split_at(text.len() - places) {
            (whole, "") => write!(f, "{sign}{whole}"),
            (whole, part) => write!(f, "{sign}{whole}.{part}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_decimals_are_read() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(
                Decimal::parse(text)
                    .map(|decimal| decimal.to_string())
                    .as_deref(),
                expected,
                "{text:?}"
            );
        };
        check("100.00", Some("100.00"));
        check("0.041872906511240937", Some("0.041872906511240937"));
        check("7", Some("7"));
        check("-0.50", Some("-0.50"));
        for nonsense in [
            "",
            ".",
            "1.",
            ".5",
            "1e3",
            "+1",
            "--1",
            "1,00",
            "NaN",
            "１",
            "1.0.0",
            &"9".repeat(39),
        ] {
            check(nonsense, None);
        }
    }

    #[test]
    fn decimal_sums_are_exact() {
        let sum = |a: &str, b: &str| Some(Decimal::parse(a)?.plus(Decimal::parse(b)?)?.to_string());
        assert_eq!(sum("0.1", "0.2").as_deref(), Some("0.3"));
        assert_eq!(
            sum("100.00", "-0.000000000000000001").as_deref(),
            Some("99.999999999999999999")
        );
        assert_eq!(sum(&"9".repeat(37), "0.00000000000000000001"), None);
    }
}
