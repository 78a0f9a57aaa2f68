//! A verified request while its key and its type are read, and what both have in common.

use std::borrow::Cow;

use aws_lc_rs::digest;
use hookyard_model::is_hidden;
use serde_json::value::RawValue;

use crate::json::{payload_bytes, string};
use crate::value::{Fields, Piece, Template};
use crate::{JsonPointer, Refusal, Request, Unreadable, Verified};

/// The maximum size of an identifier, in bytes.
const IDENTIFIER_BYTES_MAX: usize = 512;

/// A verified request while its key and its type are read.
#[derive(Debug)]
pub(super) struct Described<'a> {
    verified: &'a Verified,
    /// The sender's event. Empty if the body does not contain what the scheme says.
    event: &'a [u8],
    fields: Fields<'a>,
}

/// Why a text has no value.
#[derive(Debug)]
pub(super) enum Lack {
    /// A value is not there, or is not a text. The reason is a sentence without a full stop.
    Missing(String),
    /// The body is not what the provider promises, or it is uncertain which value counts.
    Unreadable,
}

impl<'a> Described<'a> {
    pub(super) fn new(
        verified: &'a Verified,
        request: Request<'a>,
        event: &'a [u8],
        pointers: impl Iterator<Item = &'a JsonPointer>,
    ) -> Self {
        let fields = Fields::new(request).with_document(event);
        Self {
            verified,
            event,
            fields: fields.with_pointers(pointers),
        }
    }

    /// Returns the bytes of the sender's event.
    pub(super) fn event(&self) -> &'a [u8] {
        self.event
    }

    /// Returns the body as received.
    pub(super) fn body(&self) -> &'a [u8] {
        self.fields.request().body
    }

    /// Returns the message id of the scheme. An empty id would make all events without one the same
    /// event.
    pub(super) fn scheme_id(&self) -> Option<&'a str> {
        self.verified.id.as_deref().filter(|id| !id.is_empty())
    }

    pub(super) fn json(&self, pointer: &JsonPointer) -> Result<Option<&'a RawValue>, Unreadable> {
        self.fields.json(pointer)
    }

    /// Returns a template with its values. Each value must be there and must not be empty.
    pub(super) fn fill<'f, X>(
        &'f self,
        template: &Template<X>,
        own: impl Fn(&X) -> Result<Cow<'f, str>, Lack>,
    ) -> Result<String, Lack> {
        let mut filled = String::new();
        for piece in template.pieces() {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Own(piece) => filled.push_str(&own(piece)?),
                Piece::Value(place) => {
                    let value = self.fields.get(place).map_err(Lack::from)?;
                    if value.is_empty() {
                        return Err(Lack::Missing(format!("{} is empty", place.kind)));
                    }
                    filled.push_str(&value);
                }
            }
        }
        Ok(filled)
    }
}

impl From<Refusal> for Lack {
    fn from(refusal: Refusal) -> Self {
        let is_unreadable = matches!(
            refusal,
            Refusal::UnreadableBody { .. } | Refusal::TooManyParameters { .. }
        );
        if is_unreadable || refusal.is_repetition() {
            Self::Unreadable
        } else {
            Self::Missing(refusal.to_string())
        }
    }
}

/// Returns the sender's event within the body of a verified request.
pub(super) fn event<'a>(verified: &Verified, body: &'a [u8]) -> Cow<'a, [u8]> {
    payload_bytes(&verified.payload, body).unwrap_or_default()
}

/// Returns the text of a string, or a number as it is written.
pub(crate) fn identifier(value: &RawValue) -> Option<String> {
    let text = value.get();
    let is_number = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    if is_number {
        Some(text.to_owned())
    } else {
        string(value)
    }
}

/// Returns whether a text can be a name. Hidden characters are refused: they would break lines in
/// logs, or make one name look like another.
pub(super) fn is_name(text: &str, bytes_max: usize) -> bool {
    !text.is_empty() && text.len() <= bytes_max && !text.chars().any(is_hidden)
}

/// Returns whether a text can be an identifier.
pub(crate) fn is_identifier(text: &str) -> bool {
    is_name(text, IDENTIFIER_BYTES_MAX)
}

/// Returns the replacement for bytes that cannot be an identifier.
pub(crate) fn hashed(bytes: &[u8]) -> String {
    format!("sha256:{}", hex_sha256(bytes))
}

/// Returns the SHA-256 of bytes in hexadecimal digits.
pub(super) fn hex_sha256(bytes: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, bytes);
    hash.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}
