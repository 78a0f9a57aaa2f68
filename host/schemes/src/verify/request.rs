//! A request as a verifier sees it.
//!
//! All headers are read through this module, so that the rule "a header that is read occurs exactly
//! once" has one place.

use std::fmt;

use hookyard_model::Header;

use super::Refusal;

/// What a value other than printable ASCII is refused for.
const NOT_ASCII: &str = "has characters other than printable ASCII";

/// The headers of a request, in the form in which the caller has them.
///
/// A request that is refused then costs no copy of its headers.
pub trait Headers: fmt::Debug + Sync {
    /// Returns the value of the header with this name, if it occurs exactly once. `name` is in
    /// lower case.
    fn find(&self, name: &str) -> FoundHeader<'_>;

    /// Returns a copy of all headers, in their order.
    fn all(&self) -> Vec<Header>;
}

/// The result of [`Headers::find`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundHeader<'a> {
    /// No header has this name.
    Missing,
    /// The value of the only header with this name.
    Once(&'a [u8]),
    /// More than one header has this name.
    Repeated,
}

impl<'a> FoundHeader<'a> {
    /// Returns the result for the values of all headers with a name.
    pub fn of(mut values: impl Iterator<Item = &'a [u8]>) -> Self {
        match (values.next(), values.next()) {
            (None, _) => Self::Missing,
            (Some(value), None) => Self::Once(value),
            (Some(_), Some(_)) => Self::Repeated,
        }
    }
}

/// No headers.
impl Headers for () {
    fn find(&self, _name: &str) -> FoundHeader<'_> {
        FoundHeader::Missing
    }

    fn all(&self) -> Vec<Header> {
        Vec::new()
    }
}

impl Headers for &[Header] {
    fn find(&self, name: &str) -> FoundHeader<'_> {
        find(self, name)
    }

    fn all(&self) -> Vec<Header> {
        self.to_vec()
    }
}

impl Headers for Vec<Header> {
    fn find(&self, name: &str) -> FoundHeader<'_> {
        find(self, name)
    }

    fn all(&self) -> Vec<Header> {
        self.clone()
    }
}

fn find<'a>(headers: &'a [Header], name: &str) -> FoundHeader<'a> {
    let named = headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case(name));
    FoundHeader::of(named.map(|header| &*header.value))
}

/// A request whose body has been read completely.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method, as received.
    pub method: &'a str,
    /// The path as received, such as `/acme/payments`, including the tail.
    pub path: &'a str,
    /// The part of the path after `/tenant/source/`, for sources with a secret path.
    pub tail: Option<&'a str>,
    /// The query as received, without the question mark.
    pub query: Option<&'a str>,
    /// The headers.
    pub headers: &'a dyn Headers,
    /// The body, as received.
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// Returns the value of a header that must occur exactly once; `name` is in lower case.
    ///
    /// # Errors
    ///
    /// Returns a [`Refusal`] if the header is missing or occurs more than once.
    pub fn header(&self, name: &str) -> Result<&'a [u8], Refusal> {
        self.optional_header(name)?
            .ok_or_else(|| Refusal::MissingHeader {
                name: name.to_owned(),
            })
    }

    /// Returns the value of a header that must occur at most once; `name` is in lower case.
    ///
    /// # Errors
    ///
    /// Returns a [`Refusal`] if the header occurs more than once.
    pub fn optional_header(&self, name: &str) -> Result<Option<&'a [u8]>, Refusal> {
        single_header(self.headers, name)
    }

    /// Returns the value of a header that must occur exactly once and be printable ASCII.
    ///
    /// # Errors
    ///
    /// Returns a [`Refusal`] if the header is missing, occurs more than once, or has other bytes.
    pub fn ascii_header(&self, name: &str) -> Result<&'a str, Refusal> {
        let value = self.header(name)?;
        ascii(value).ok_or_else(|| Refusal::MalformedHeader {
            name: name.to_owned(),
            why: NOT_ASCII.to_owned(),
        })
    }
}

/// Returns the value of a header that must occur at most once.
pub(crate) fn single_header<'a>(
    headers: &'a dyn Headers,
    name: &str,
) -> Result<Option<&'a [u8]>, Refusal> {
    match headers.find(name) {
        FoundHeader::Missing => Ok(None),
        FoundHeader::Once(value) => Ok(Some(value)),
        FoundHeader::Repeated => Err(Refusal::RepeatedHeader {
            name: name.to_owned(),
        }),
    }
}

/// Returns the bytes as text if they are all printable ASCII.
pub(crate) fn ascii(value: &[u8]) -> Option<&str> {
    let is_printable = value.iter().all(|byte| (b' '..=b'~').contains(byte));
    if is_printable {
        std::str::from_utf8(value).ok()
    } else {
        None
    }
}
