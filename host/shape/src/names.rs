//! Matches a sender's names with a plugin's names.
//!
//! `paymentMethod`, `payment_method`, `payment-method` and `payment.method` are the same name:
//! spaces and ASCII punctuation are dropped, and ASCII letters are converted to lower case. A name
//! in WIT has letters, digits and `-`, so without this rule no name would match `latestCard.bin` or
//! `too heated`. The plugin's names are folded once, when it is loaded. The sender's names are
//! folded when they are compared.

use std::cmp::Ordering;

/// The names of a type's parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The names in the order of the declaration, with `_` for `-`, which is how many senders spell
    /// them.
    spelled: Vec<Box<str>>,
    /// The folded names in sorted order, each with its index in the declaration.
    folded: Vec<(Box<str>, usize)>,
}

/// Two declared names that fold to the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash(pub String, pub String);

impl Names {
    /// Folds names, which are given in the order of their declaration.
    ///
    /// # Errors
    ///
    /// Fails if two names fold to the same name.
    pub fn new<'a>(declared: impl IntoIterator<Item = &'a str>) -> Result<Self, Clash> {
        let declared: Vec<&str> = declared.into_iter().collect();
        let mut folded: Vec<(Box<str>, usize)> = declared
            .iter()
            .enumerate()
            .map(|(place, name)| (fold(name).into(), place))
            .collect();
        folded.sort();
        match folded.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(Clash(
                declared[pair[0].1].to_owned(),
                declared[pair[1].1].to_owned(),
            )),
            None => Ok(Self {
                spelled: declared
                    .iter()
                    .map(|name| name.replace('-', "_").into())
                    .collect(),
                folded,
            }),
        }
    }

    /// Returns the index of the name that matches a sender's name.
    pub fn find(&self, name: &str) -> Option<usize> {
        let order = |(folded, _): &(Box<str>, usize)| -> Ordering {
            folded.bytes().cmp(folded_bytes(name))
        };
        self.folded
            .binary_search_by(order)
            .ok()
            .map(|found| self.folded[found].1)
    }

    /// Returns the index of the name that matches a sender's name, and looks at the expected index
    /// first.
    #[inline]
    pub fn find_near(&self, expected: usize, name: &str) -> Option<usize> {
        match self.spelled.get(expected) {
            Some(spelled) if **spelled == *name => Some(expected),
            _ => self.find(name),
        }
    }
}

/// Returns the part of a name that counts when names are compared.
pub fn fold(name: &str) -> String {
    name.chars()
        .filter(|c| !(c.is_ascii_punctuation() || *c == ' '))
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// Returns the bytes of a folded name. The order of bytes is the order of characters.
fn folded_bytes(name: &str) -> impl Iterator<Item = u8> {
    name.bytes()
        .filter(|byte| !(byte.is_ascii_punctuation() || *byte == b' '))
        .map(|byte| byte.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_found_in_every_spelling() {
        let names = Names::new(["payment-method", "id", "created-at", "line1"]).expect("no clash");
        for (written, place) in [
            ("paymentMethod", Some(0)),
            ("payment_method", Some(0)),
            ("payment-method", Some(0)),
            ("PaymentMethod", Some(0)),
            ("PAYMENT_METHOD", Some(0)),
            ("ID", Some(1)),
            ("createdAt", Some(2)),
            ("line_1", Some(3)),
            ("payment method", Some(0)),
            ("payment.method", Some(0)),
            ("$payment:[method]", Some(0)),
            ("@id", Some(1)),
            ("payment\tmethod", None),
            ("payment\u{a0}method", None),
            ("payment", None),
            ("", None),
            ("+", None),
            ("íd", None),
        ] {
            assert_eq!(names.find(written), place, "{written}");
            for expected in 0..5 {
                assert_eq!(names.find_near(expected, written), place, "{written}");
            }
        }
    }

    #[test]
    fn equal_folded_names_clash() {
        assert_eq!(
            Names::new(["a-b", "c", "ab"]),
            Err(Clash("a-b".into(), "ab".into()))
        );
        assert_eq!(
            Names::new(["line1", "line-1"]),
            Err(Clash("line1".into(), "line-1".into()))
        );
    }
}
