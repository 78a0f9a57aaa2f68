//! The request as a verifier sees it.
//!
//! Reading a header goes through here, so that the rule "a header that is read occurs exactly once" has one place.

use hookyard_model::Header;

use crate::Refusal;

/// A request whose body has been read whole.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// As received.
    pub method: &'a str,
    /// The path as received, such as `/acme/payments`; it includes the tail.
    pub path: &'a str,
    /// What follows `/tenant/source/`, for sources that are proven by a secret path.
    pub tail: Option<&'a str>,
    /// The query as received, without the question mark.
    pub query: Option<&'a str>,
    /// In their order, names in lower case.
    pub headers: &'a [Header],
    /// The bytes as received.
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// The value of a header that has to be there exactly once; `name` is in lower case.
    pub fn header(&self, name: &str) -> Result<&'a [u8], Refusal> {
        self.optional_header(name)?
            .ok_or_else(|| Refusal::MissingHeader {
                name: name.to_owned(),
            })
    }

    /// The value of a header that has to be there once or not at all; `name` is in lower case.
    pub fn optional_header(&self, name: &str) -> Result<Option<&'a [u8]>, Refusal> {
        single_header(self.headers, name)
    }

    /// As [`Request::header`], for values that have to be printable ASCII.
    pub fn ascii_header(&self, name: &str) -> Result<&'a str, Refusal> {
        let value = self.header(name)?;
        ascii(value).ok_or_else(|| Refusal::MalformedHeader {
            name: name.to_owned(),
        })
    }
}

/// The value of a header that occurs at most once.
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

/// The text, if all of it is printable ASCII.
pub(crate) fn ascii(value: &[u8]) -> Option<&str> {
    let fits = value.iter().all(|byte| (b' '..=b'~').contains(byte));
    if fits {
        std::str::from_utf8(value).ok()
    } else {
        None
    }
}
