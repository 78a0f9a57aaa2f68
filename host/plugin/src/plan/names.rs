//! Matches a sender's names with a plugin's names.
//!
//! `paymentMethod`, `payment_method` and `payment-method` are the same name: `-` and `_` are
//! dropped, and ASCII letters are converted to lower case. The plugin's names are folded once, when
//! it is loaded. The sender's names are folded when they are compared.

use std::cmp::Ordering;

/// Folded names in sorted order, each with its index in the declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names(Vec<(Box<str>, usize)>);

/// Two declared names that fold to the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clash(pub(crate) String, pub(crate) String);

impl Names {
    /// Folds names, which are given in the order of their declaration.
    ///
    /// # Errors
    ///
    /// Fails if two names fold to the same name.
    pub(crate) fn new<'a>(declared: impl IntoIterator<Item = &'a str>) -> Result<Self, Clash> {
        let declared: Vec<&str> = declared.into_iter().collect();
        let mut folded: Vec<(Box<str>, usize)> = declared
            .iter()
            .enumerate()
            .map(|(place, name)| (fold(name).collect::<String>().into(), place))
            .collect();
        folded.sort();
        match folded.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(Clash(
                declared[pair[0].1].to_owned(),
                declared[pair[1].1].to_owned(),
            )),
            None => Ok(Self(folded)),
        }
    }

    /// Returns the index of the name that matches a sender's name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let order =
            |(folded, _): &(Box<str>, usize)| -> Ordering { folded.chars().cmp(fold(name)) };
        self.0
            .binary_search_by(order)
            .ok()
            .map(|found| self.0[found].1)
    }
}

fn fold(name: &str) -> impl Iterator<Item = char> {
    name.chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .map(|c| c.to_ascii_lowercase())
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
            ("payment method", None),
            ("payment", None),
            ("", None),
            ("íd", None),
        ] {
            assert_eq!(names.find(written), place, "{written}");
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
