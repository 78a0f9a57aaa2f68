//! An id on the command line: whole, or its first digits.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use uuid::Uuid;

/// The number of hexadecimal digits of an id.
const DIGITS: usize = 32;

/// The first digits of an id, with or without hyphens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdPrefix {
    text: String,
    first: Uuid,
    last: Uuid,
}

impl IdPrefix {
    /// Returns the range of all ids that begin with these digits.
    pub(crate) fn range<I>(&self, id: impl Fn(Uuid) -> I) -> RangeInclusive<I> {
        id(self.first)..=id(self.last)
    }

    /// Returns the id if these digits are a whole one.
    pub(crate) fn whole<I>(&self, id: impl Fn(Uuid) -> I) -> Option<I> {
        (self.first == self.last).then(|| id(self.first))
    }
}

impl fmt::Display for IdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for IdPrefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        let is_prefix = (1..=DIGITS).contains(&digits.len())
            && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !is_prefix {
            return Err(
                "must be an id, or its first hexadecimal digits, such as 0197308f-0000-7"
                    .to_owned(),
            );
        }

        Ok(Self {
            text: text.to_owned(),
            first: padded(&digits, "0"),
            last: padded(&digits, "f"),
        })
    }
}

/// Returns the id with these first digits, and with `padding` as every further digit.
fn padded(digits: &str, padding: &str) -> Uuid {
    let missing = DIGITS - digits.len();
    let digits = format!("{digits}{}", padding.repeat(missing));
    let number = u128::from_str_radix(&digits, 16).expect("32 hexadecimal digits");
    Uuid::from_u128(number)
}

#[cfg(test)]
mod tests {
    use hookyard_model::EventId;

    use super::*;

    const ID: &str = "0197308f-0000-7000-8000-000000000001";

    fn prefix(text: &str) -> IdPrefix {
        text.parse().expect("a prefix")
    }

    #[test]
    fn prefix_covers_a_range_of_ids() {
        let range = |text: &str| {
            let range = prefix(text).range(EventId::from_uuid);
            (range.start().to_string(), range.end().to_string())
        };

        assert_eq!(range(ID), (ID.to_owned(), ID.to_owned()));
        assert_eq!(range(&ID.replace('-', "")), range(ID));
        let (first, last) = range("0197308F-0000-7");
        assert_eq!(first, "0197308f-0000-7000-0000-000000000000");
        assert_eq!(last, "0197308f-0000-7fff-ffff-ffffffffffff");
    }

    #[test]
    fn whole_id_is_recognized() {
        let whole = |text: &str| prefix(text).whole(EventId::from_uuid);

        assert_eq!(whole(ID).map(|id| id.to_string()), Some(ID.to_owned()));
        assert_eq!(whole(&ID[..35]), None);
    }

    #[test]
    fn invalid_id_prefix_is_refused() {
        for text in ["", "-", "0197308g", "acme", &format!("{ID}0"), "0x12"] {
            assert!(text.parse::<IdPrefix>().is_err(), "{text}");
        }
    }
}
