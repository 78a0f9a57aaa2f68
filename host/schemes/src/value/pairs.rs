//! The pairs of a query or a form (`application/x-www-form-urlencoded`, as the URL Standard of the
//! WHATWG parses it).

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// The maximum number of pairs that are read. Forms of senders have fewer than 100.
const PAIRS_MAX: usize = 10_000;

/// The pairs of a query or a form, decoded, in their order.
#[derive(Debug)]
pub(crate) struct Pairs<'a>(Vec<Pair<'a>>);

/// A name and its value. The bytes need not be UTF-8.
pub(crate) type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// The values of a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named<'p, 'a> {
    None,
    One(&'p Cow<'a, [u8]>),
    Several,
}

impl<'a> Pairs<'a> {
    /// Parses pairs; `None` if there are too many.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        let pairs = text.split(|byte| *byte == b'&');
        let mut pairs = pairs.filter(|pair| !pair.is_empty());

        let read: Vec<_> = pairs.by_ref().take(PAIRS_MAX).map(pair).collect();
        pairs.next().is_none().then_some(Self(read))
    }

    /// Returns the pairs in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pair<'a>> {
        self.0.iter()
    }

    pub(super) fn named(&self, name: &str) -> Named<'_, 'a> {
        let named = |(found, _): &&Pair<'a>| **found == *name.as_bytes();
        let mut values = self.0.iter().filter(named);
        match (values.next(), values.next()) {
            (None, _) => Named::None,
            (Some((_, value)), None) => Named::One(value),
            (Some(_), Some(_)) => Named::Several,
        }
    }
}

fn pair(text: &[u8]) -> Pair<'_> {
    match text.iter().position(|byte| *byte == b'=') {
        Some(end) => (decoded(&text[..end]), decoded(&text[end + 1..])),
        None => (decoded(text), Cow::Borrowed(b"")),
    }
}

/// Decodes `+` and `%` with two digits. Any other `%` stands for itself.
fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'+') {
        return percent_decode(text).into();
    }
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    Cow::Owned(percent_decode(&spaced).collect())
}
