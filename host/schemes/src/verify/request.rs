//! A request as a verifier sees it.
//!
//! All headers are read through this module, so that the rule "a header that is read occurs exactly
//! once" has one place.

use hookyard_model::Header;

use super::Refusal;

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
    /// The headers in their order, with names in lower case.
    pub headers: &'a [Header],
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
        })
    }
}

/// Returns the value of a header that must occur at most once.
pub(crate) fn single_header<'a>(
    headers: &'a [Header],
    name: &str,
) -> Result<Option<&'a [u8]>, Refusal> {
    let mut values = headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case(name));
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Refusal::RepeatedHeader {
            name: name.to_owned(),
        }),
        (first, None) => Ok(first.map(|header| &*header.value)),
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
