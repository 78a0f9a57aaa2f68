//! Replaces what may be a credential in a refused request, so that the request can be kept and read.
//!
//! A wrong credential may be the right one of another source, so that every value at the place of a
//! credential is replaced. Signatures stay: they are worth nothing for another request, and
//! `hookyard try` needs them. Of a JSON Web Token, only the signature is replaced.

use std::borrow::Cow;

use bytes::Bytes;
use hookyard_model::Header;
use percent_encoding::percent_decode;

use crate::handshake::SourceHandshakes;
use crate::value::PlaceKind;
use crate::{JsonPointer, Request, Verifier};

/// The text that replaces a credential.
const REPLACEMENT: &str = "redacted";

const MARK: &[u8] = b"\xef\xbb\xbf";

/// A place of a request whose value is a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretPlace {
    pub(crate) kind: PlaceKind,
    /// Whether the value is a JSON Web Token, which is harmless without its signature.
    pub(crate) is_token: bool,
}

/// A request without credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted {
    /// The path.
    pub path: String,
    /// The query, without the question mark.
    pub query: Option<String>,
    /// The headers, in their order.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Vec<u8>,
    /// The parts that were replaced, such as "the header `authorization`".
    pub replaced: Vec<String>,
}

/// Returns a request without the credentials that the scheme and the handshakes of a source read.
pub fn redact(
    request: &Request<'_>,
    verifier: &Verifier,
    handshakes: &SourceHandshakes,
) -> Redacted {
    let mut redacted = Redacted {
        path: request.path.to_owned(),
        query: request.query.map(str::to_owned),
        headers: request.headers.all(),
        body: request.body.to_vec(),
        replaced: Vec::new(),
    };

    if let Some(tail) = request.tail.filter(|_| verifier.takes_tail()) {
        let end = request.path.len() - tail.len();
        redacted.path = format!("{}{REPLACEMENT}", &request.path[..end]);
        redacted.replaced.push("the end of the path".to_owned());
    }
    let places = verifier.secret_places();
    let of_handshakes = handshakes.secret_places().map(|kind| SecretPlace {
        kind: kind.clone(),
        is_token: false,
    });
    for place in places.into_iter().chain(of_handshakes) {
        let name = place.kind.to_string();
        if redacted.replace(&place) && !redacted.replaced.contains(&name) {
            redacted.replaced.push(name);
        }
    }
    redacted
}

impl Redacted {
    /// Replaces the values at a place. Returns whether there were any.
    fn replace(&mut self, place: &SecretPlace) -> bool {
        match &place.kind {
            PlaceKind::Header(name) => self.replace_header(name, place.is_token),
            PlaceKind::Query(name) => {
                let replaced = self.query.as_ref().and_then(|query| {
                    let replaced = without_pair(query.as_bytes(), name)?;
                    String::from_utf8(replaced).ok()
                });
                let is_replaced = replaced.is_some();
                self.query = replaced.or(self.query.take());
                is_replaced
            }
            PlaceKind::Form(name) => {
                let replaced = without_pair(&self.body, name);
                let is_replaced = replaced.is_some();
                self.body = replaced.unwrap_or(std::mem::take(&mut self.body));
                is_replaced
            }
            PlaceKind::Json(pointer) => self.replace_json(pointer),
        }
    }

    fn replace_header(&mut self, name: &str, is_token: bool) -> bool {
        let mut named = self
            .headers
            .iter_mut()
            .filter(|it| it.name == name)
            .peekable();
        let is_found = named.peek().is_some();
        for header in named {
            header.value = match is_token.then(|| unsigned(&header.value)).flatten() {
                Some(token) => Bytes::from(token),
                None => Bytes::from_static(REPLACEMENT.as_bytes()),
            };
        }
        is_found
    }

    /// Replaces a value of the JSON. A body in which the value cannot be found for certain is not
    /// kept at all.
    fn replace_json(&mut self, pointer: &JsonPointer) -> bool {
        if self.body.is_empty() {
            return false;
        }
        let has_every_item = pointer.as_str().split('/').any(|token| token == "*");
        let json = self.body.strip_prefix(MARK).unwrap_or(&self.body);
        let found = pointer.find(json);
        let value = match (has_every_item, found) {
            (false, Ok(Some(value))) => value.get(),
            (false, Ok(None)) => return false,
            (true, _) | (false, Err(_)) => {
                self.body = REPLACEMENT.as_bytes().to_vec();
                return true;
            }
        };

        // The value is a part of the body.
        let start = value.as_ptr().addr() - self.body.as_ptr().addr();
        let end = start + value.len();
        let text = format!("\"{REPLACEMENT}\"");
        self.body.splice(start..end, text.into_bytes());
        true
    }
}

/// Returns a token with its signature replaced; `None` if the value is not a token.
fn unsigned(value: &[u8]) -> Option<String> {
    let (signed, _) = std::str::from_utf8(value).ok()?.rsplit_once('.')?;
    signed
        .contains('.')
        .then(|| format!("{signed}.{REPLACEMENT}"))
}

/// Returns a query or form with the values of a name replaced; `None` if the name does not occur.
fn without_pair(pairs: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut is_found = false;
    let replaced = pairs.split(|byte| *byte == b'&').map(|pair| {
        let end = pair.iter().position(|byte| *byte == b'=');
        let found = end.filter(|end| is_name(&pair[..*end], name));
        is_found |= found.is_some();
        match found {
            Some(end) => Cow::Owned([&pair[..=end], REPLACEMENT.as_bytes()].concat()),
            None => Cow::Borrowed(pair),
        }
    });
    let replaced: Vec<_> = replaced.collect();
    is_found.then(|| replaced.join(&b'&'))
}

/// Returns whether an encoded name is this one.
fn is_name(encoded: &[u8], name: &str) -> bool {
    let spaced: Vec<u8> = encoded
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_decode(&spaced).eq(name.bytes())
}
