//! Decodes numbers from the digits that the sender wrote.
//!
//! An integer never becomes a float on the way: it is in range with all its digits, or it is an
//! error. `1.0` and `1e3` are not integers. A float takes an integer literal only if it can
//! represent that integer exactly. A literal with a fraction or an exponent is rounded to the
//! nearest float, as usual.

/// A decoded number.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(
    missing_docs,
    reason = "the variants have the names of the types in WIT"
)]
pub enum Number {
    S8(i8),
    U8(u8),
    S16(i16),
    U16(u16),
    S32(i32),
    U32(u32),
    S64(i64),
    U64(u64),
    F32(f32),
    F64(f64),
}

/// An integer type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the variants have the names of the types in WIT"
)]
pub enum Integer {
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
}

impl Integer {
    /// Decodes a JSON number. The error describes the fault of the number.
    #[inline]
    pub(crate) fn decode(self, literal: &str) -> Result<Number, String> {
        if !is_integer(literal) {
            return Err(format!(
                "found a number with a fraction or an exponent, wanted {}",
                self.name()
            ));
        }
        // Almost every integer fits into 64 bits, and is parsed faster so.
        let value = match literal.parse::<i64>() {
            Ok(value) => Some(i128::from(value)),
            Err(_) => literal.parse::<i128>().ok(),
        };
        let decoded = value.and_then(|value| match self {
            Self::S8 => value.try_into().ok().map(Number::S8),
            Self::U8 => value.try_into().ok().map(Number::U8),
            Self::S16 => value.try_into().ok().map(Number::S16),
            Self::U16 => value.try_into().ok().map(Number::U16),
            Self::S32 => value.try_into().ok().map(Number::S32),
            Self::U32 => value.try_into().ok().map(Number::U32),
            Self::S64 => value.try_into().ok().map(Number::S64),
            Self::U64 => value.try_into().ok().map(Number::U64),
        });
        decoded.ok_or_else(|| {
            format!(
                "found an integer that is out of range, wanted {}",
                self.name()
            )
        })
    }

    /// Returns the name of the type in WIT.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::S8 => "s8",
            Self::U8 => "u8",
            Self::S16 => "s16",
            Self::U16 => "u16",
            Self::S32 => "s32",
            Self::U32 => "u32",
            Self::S64 => "s64",
            Self::U64 => "u64",
        }
    }
}

pub(crate) fn decode_f64(literal: &str) -> Result<Number, String> {
    check_exact(literal, f64::MANTISSA_DIGITS, "f64")?;
    literal
        .parse()
        .ok()
        .filter(|value: &f64| value.is_finite())
        .map(Number::F64)
        .ok_or_else(|| too_large("f64"))
}

pub(crate) fn decode_f32(literal: &str) -> Result<Number, String> {
    check_exact(literal, f32::MANTISSA_DIGITS, "f32")?;
    literal
        .parse()
        .ok()
        .filter(|value: &f32| value.is_finite())
        .map(Number::F32)
        .ok_or_else(|| too_large("f32"))
}

fn is_integer(literal: &str) -> bool {
    literal.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

/// Checks that a float with that many binary digits can represent an integer literal. A literal of
/// more than 128 bits counts as too long.
fn check_exact(literal: &str, digits: u32, name: &str) -> Result<(), String> {
    if !is_integer(literal) {
        return Ok(());
    }
    let magnitude = literal.trim_start_matches('-').parse::<u128>().ok();
    let fits = |value: u128| {
        value == 0 || u128::BITS - value.leading_zeros() - value.trailing_zeros() <= digits
    };
    if magnitude.is_some_and(fits) {
        Ok(())
    } else {
        let has_type = literal.parse::<i64>().is_ok() || literal.parse::<u64>().is_ok();
        let way_out = if has_type {
            "take it as s64 or u64"
        } else {
            "no number type can"
        };
        Err(format!(
            "found an integer with more digits than {name} can hold; {way_out}"
        ))
    }
}

fn too_large(name: &str) -> String {
    format!("found a number that is too large for {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integer_keeps_every_digit() {
        for (kind, literal, expected) in [
            (
                Integer::U64,
                "18446744073709551615",
                Some(Number::U64(u64::MAX)),
            ),
            (Integer::U64, "18446744073709551616", None),
            (
                Integer::U64,
                "9007199254740993",
                Some(Number::U64(9_007_199_254_740_993)),
            ),
            (Integer::U64, "-0", Some(Number::U64(0))),
            (Integer::U64, "-1", None),
            (
                Integer::S64,
                "-9223372036854775808",
                Some(Number::S64(i64::MIN)),
            ),
            (Integer::S64, "-9223372036854775809", None),
            (Integer::S64, "9223372036854775808", None),
            (Integer::U8, "255", Some(Number::U8(255))),
            (Integer::U8, "256", None),
            (Integer::S8, "-128", Some(Number::S8(-128))),
            (Integer::S8, "-129", None),
            (Integer::S16, "32768", None),
            (Integer::U16, "65535", Some(Number::U16(65535))),
            (Integer::S32, "2147483648", None),
            (Integer::U32, "4294967295", Some(Number::U32(u32::MAX))),
            (Integer::U32, "1.0", None),
            (Integer::U32, "1e3", None),
            (Integer::U32, "1E3", None),
            (
                Integer::U64,
                "340282366920938463463374607431768211456",
                None,
            ),
        ] {
            assert_eq!(
                kind.decode(literal).ok(),
                expected,
                "{} from {literal}",
                kind.name()
            );
        }
    }

    #[test]
    fn float_takes_exact_integers_only() {
        for (literal, expected) in [
            ("9007199254740992", Some(9_007_199_254_740_992.0)),
            ("9007199254740993", None),
            ("-9007199254740993", None),
            ("18446744073709551615", None),
            ("18446744073709551616", Some(18_446_744_073_709_551_616.0)),
            ("100000000000000000000", Some(1e20)),
            ("1000000000000000000000000000000000000000000", None),
            ("0", Some(0.0)),
            ("0.1", Some(0.1)),
            ("1e308", Some(1e308)),
            ("1e309", None),
            ("-1e309", None),
        ] {
            assert_eq!(
                decode_f64(literal).ok(),
                expected.map(Number::F64),
                "{literal}"
            );
        }
        assert_eq!(decode_f32("16777216").ok(), Some(Number::F32(16_777_216.0)));
        assert!(decode_f32("16777217").is_err());
        assert!(decode_f32("3.5e38").is_err());
    }
}
