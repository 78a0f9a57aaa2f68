//! The idempotency key of an event: the text that the sender repeats when it sends the event again.

use std::borrow::Cow;

use super::described::{Described, Lack, hashed, hex_sha256, is_identifier};
use crate::value::{OwnPiece, Piece, Place, Template};
use crate::{JsonPointer, Refusal};

/// How the idempotency key of an event is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRule {
    /// The key is the first of these texts whose values are all present.
    FirstOf(Vec<Template<KeyPiece>>),
    /// The sender has no keys: each delivery is an event of its own.
    None,
}

/// The key of one event.
#[derive(Debug)]
pub(super) enum Key {
    /// The sender's key.
    Text(String),
    /// The replacement for a key that cannot be read.
    Digest(String),
    /// Each delivery is an event of its own.
    None,
}

/// What a key can contain besides the places of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPiece {
    /// The message id of the scheme, such as `webhook-id` or SNS's `MessageId`.
    SchemeId,
    /// The SHA-256 of the sender's event, in hexadecimal digits.
    BodySha256,
}

impl OwnPiece for KeyPiece {
    const FORMS: &'static [&'static str] = &["{scheme-id}", "{body-sha256}"];

    fn parse(text: &str) -> Option<Result<Self, String>> {
        match text {
            "scheme-id" => Some(Ok(Self::SchemeId)),
            "body-sha256" => Some(Ok(Self::BodySha256)),
            _ => None,
        }
    }
}

impl KeyRule {
    /// Returns the key that is the whole value at one place.
    pub fn at(place: Place) -> Self {
        Self::FirstOf(vec![place.into()])
    }

    /// Returns the key that is the message id of the scheme.
    pub fn scheme_id() -> Self {
        Self::FirstOf(vec![KeyPiece::SchemeId.into()])
    }

    /// Returns the texts that can be the key, in order.
    pub fn alternatives(&self) -> &[Template<KeyPiece>] {
        match self {
            Self::FirstOf(alternatives) => alternatives,
            Self::None => &[],
        }
    }

    /// Returns the headers whose whole values are the key, in order.
    pub fn headers(&self) -> impl Iterator<Item = &str> {
        let places = self
            .alternatives()
            .iter()
            .filter_map(Template::single_place);
        places.filter_map(Place::whole_header)
    }

    pub(super) fn pointers(&self) -> impl Iterator<Item = &JsonPointer> {
        self.alternatives().iter().flat_map(Template::pointers)
    }

    /// Returns the key of an event.
    ///
    /// A text that is too long for an identifier, or has hidden characters, is replaced by its
    /// digest, so that equal texts stay equal. If a value cannot be read because the body is not
    /// what the provider promises, the digest of the body is the key: a verified request is never
    /// refused for its body.
    pub(super) fn read(&self, event: &Described<'_>) -> Result<Key, Refusal> {
        let Self::FirstOf(alternatives) = self else {
            return Ok(Key::None);
        };

        let mut is_unreadable = false;
        let mut lacks = Vec::new();
        for alternative in alternatives {
            match event.fill(alternative, |piece| event.key_piece(*piece)) {
                Ok(key) if is_identifier(&key) => return Ok(Key::Text(key)),
                Ok(key) => return Ok(Key::Text(hashed(key.as_bytes()))),
                Err(Lack::Unreadable) => is_unreadable = true,
                Err(Lack::Missing(why)) => lacks.push(why),
            }
        }

        if is_unreadable {
            return Ok(Key::Digest(event.digest_key()));
        }
        Err(Refusal::MissingKey {
            why: lacks.join("; "),
        })
    }
}

impl Described<'_> {
    fn key_piece(&self, piece: KeyPiece) -> Result<Cow<'_, str>, Lack> {
        match piece {
            KeyPiece::BodySha256 => Ok(hex_sha256(self.event()).into()),
            KeyPiece::SchemeId => self
                .scheme_id()
                .map(Cow::Borrowed)
                .ok_or_else(|| Lack::Missing("the scheme has no message id".to_owned())),
        }
    }

    /// Returns the key of a request whose own key cannot be read.
    fn digest_key(&self) -> String {
        let digest = hashed(self.body());
        match self.scheme_id() {
            Some(id) => format!("{id}:{digest}"),
            None => digest,
        }
    }
}

impl From<KeyPiece> for Template<KeyPiece> {
    fn from(piece: KeyPiece) -> Self {
        Self::of(Piece::Own(piece))
    }
}
