//! An id as it is given on the command line: whole, or its first digits.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use uuid::Uuid;

/// Hexadecimal digits of a whole id.
const DIGITS: usize = 32;

/// The first digits of an id, as many as tell it from others. Hyphens may be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdPrefix {
    text: String,
    first: Uuid,
    last: Uuid,
}

impl IdPrefix {
    /// All the ids that begin like this.
    pub(crate) fn range<I>(&self, id: fn(Uuid) -> I) -> RangeInclusive<I> {
        id(self.first)..=id(self.last)
    }

    /// The id, where this is a whole one.
    pub(crate) fn whole<I>(&self, id: fn(Uuid) -> I) -> Option<I> {
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
        let is_id = (1..=DIGITS).contains(&digits.len())
            && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = |padding: char| {
            let padded: String = digits
                .chars()
                .chain(std::iter::repeat(padding))
                .take(DIGITS)
                .collect();
            u128::from_str_radix(&padded, 16).map(Uuid::from_u128)
        };
        match (is_id, number('0'), number('f')) {
            (true, Ok(first), Ok(last)) => Ok(Self {
                text: text.to_owned(),
                first,
                last,
            }),
            _ => Err(
                "must be an id, or its first hexadecimal digits, such as 0197308f-0000-7"
                    .to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use hookyard_model::EventId;

    use super::*;

    const ID: &str = "0197308f-0000-7000-8000-000000000001";

    #[test]
    fn a_prefix_stands_for_all_ids_that_begin_like_it() {
        let range = |text: &str| {
            let range = text
                .parse::<IdPrefix>()
                .expect("a prefix")
                .range(EventId::from_uuid);
            (range.start().to_string(), range.end().to_string())
        };
        assert_eq!(range(ID), (ID.to_owned(), ID.to_owned()));
        assert_eq!(range(&ID.replace('-', "")), range(ID));
        let expected = (
            "0197308f-0000-7000-0000-000000000000",
            "0197308f-0000-7fff-ffff-ffffffffffff",
        );
        let (first, last) = range("0197308F-0000-7");
        assert_eq!((first.as_str(), last.as_str()), expected);
        let whole = |text: &str| {
            text.parse::<IdPrefix>()
                .expect("a prefix")
                .whole(EventId::from_uuid)
        };
        assert_eq!(whole(ID).map(|id| id.to_string()), Some(ID.to_owned()));
        assert_eq!(whole(&ID[..35]), None);
    }

    #[test]
    fn what_no_id_begins_with_is_refused() {
        for text in ["", "-", "0197308g", "acme", &format!("{ID}0"), "0x12"] {
            assert!(text.parse::<IdPrefix>().is_err(), "{text}");
        }
    }
}
