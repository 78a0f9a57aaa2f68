//! How a sender's names find a plugin's names.
//!
//! `paymentMethod`, `payment_method` and `payment-method` are one name: `-` and `_` are dropped and ASCII letters are
//! lower-cased on both sides. The plugin's side is folded once, at load; the sender's side is folded as it is compared.

use std::cmp::Ordering;

/// Names folded and sorted, each with its place in the declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names(Vec<(Box<str>, usize)>);

/// Two declared names that no sender's name could tell apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clash(pub(crate) String, pub(crate) String);

impl Names {
    /// Takes names in the order of their declaration.
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

    /// The place of the name that a sender's name stands for.
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
    fn a_name_is_found_however_it_is_written() {
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
    fn names_that_fold_to_the_same_clash() {
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
