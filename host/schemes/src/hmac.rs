//! HMAC schemes as data: where a request has its signature, what the signature covers, and how it
//! is written.
//!
//! The same recipe verifies what a sender signs and signs what the host sends.

use std::time::Duration;

use aws_lc_rs::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, HMAC_SHA512};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookyard_model::Timestamp;

use crate::base64_text::{self, Decoded};
use crate::scheme::header_name;
use crate::verify::freshness::{digits, unix_seconds};
use crate::{Freshness, Secret, SetupError};

/// The settings of a source with an HMAC scheme.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The sender's recipe.
    pub recipe: Recipe,
    /// The secrets, written as the recipe's `key` prescribes. All are accepted.
    pub secrets: Vec<Secret>,
    /// The maximum distance of the timestamp from now, in place of the recipe's own freshness.
    pub tolerance: Option<Duration>,
}

/// A sender's way of signing with an HMAC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The hash of the HMAC.
    pub hash: Hash,
    /// The encoding of the signature.
    pub encoding: Encoding,
    /// The encoding of the secret.
    pub key: Encoding,
    /// The location of the signature. If the name of a pair occurs more than once, one valid
    /// signature is enough.
    pub signature: Field,
    /// The location of the time of signing.
    pub timestamp: Option<TimeField>,
    /// The location of the sender's id of the message.
    pub id: Option<Field>,
    /// The text that is signed, such as `v0:{timestamp}:{body}`. `{body}`, `{timestamp}` and `{id}`
    /// are replaced by the values of the request.
    pub signed: String,
}

/// A location in the headers of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name of the header.
    pub header: String,
    /// The part of the header's value.
    pub part: Part,
}

/// A part of a header's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The whole value.
    Whole,
    /// The text after this prefix, such as `sha256=`. The prefix must be there.
    After(String),
    /// The value of a name in a list of `name=value`, such as Stripe's `t=1,v1=ab`.
    Pair {
        /// The character between two pairs.
        separator: char,
        /// The name.
        name: String,
    },
}

/// A time in the headers of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeField {
    /// The location of the time.
    pub field: Field,
    /// The format of the time.
    pub format: TimeFormat,
    /// The maximum distance of the time from now.
    pub freshness: Freshness,
}

/// The format of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeFormat {
    /// Seconds since the Unix epoch, digits only.
    UnixSeconds,
    /// Milliseconds since the Unix epoch, digits only.
    UnixMillis,
    /// RFC 3339, such as `2026-05-19T10:30:00Z`.
    Rfc3339,
}

/// The hash of an HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-1, for senders that offer nothing better.
    Sha1,
    /// SHA-512.
    Sha512,
}

/// The encoding of bytes as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// No encoding: the bytes are the text.
    Utf8,
    /// Hexadecimal digits in lower case.
    Hex,
    /// Base64 with padding.
    Base64,
}

/// A piece of the text that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    Body,
    Timestamp,
    Id,
}

/// The values that fill in the pieces of the signed text.
pub(crate) struct SignedValues<'a> {
    pub(crate) body: &'a [u8],
    pub(crate) timestamp: &'a str,
    pub(crate) id: &'a str,
}

impl Recipe {
    /// Returns the fields in the order in which they are written.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        let timestamp = self.timestamp.as_ref().map(|time| &time.field);
        [timestamp, self.id.as_ref(), Some(&self.signature)]
            .into_iter()
            .flatten()
    }

    fn fields_mut(&mut self) -> impl Iterator<Item = &mut Field> {
        let timestamp = self.timestamp.as_mut().map(|time| &mut time.field);
        [Some(&mut self.signature), timestamp, self.id.as_mut()]
            .into_iter()
            .flatten()
    }

    /// Returns the recipe with header names in lower case. Refuses signatures that are not encoded.
    pub(crate) fn normalized(mut self) -> Result<Self, SetupError> {
        if self.encoding == Encoding::Utf8 {
            return Err(SetupError::Senseless(
                "a signature consists of bytes; write it as hex or base64, not as text",
            ));
        }
        for field in self.fields_mut() {
            field.header = header_name(&field.header)?;
        }
        Ok(self)
    }

    /// Reads a secret as the recipe's `key` prescribes.
    pub(crate) fn read_key(&self, secret: &Secret) -> Result<hmac::Key, SetupError> {
        let decoded = self.key.decode_key(secret.expose());
        let unusable = |why| SetupError::UnusableKey {
            what: "secret",
            why: format!("it {why}"),
        };
        let bytes = decoded.map_err(unusable)?.bytes;

        let algorithm = match self.hash {
            Hash::Sha256 => HMAC_SHA256,
            Hash::Sha1 => HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha512 => HMAC_SHA512,
        };
        Ok(hmac::Key::new(algorithm, &bytes))
    }

    /// Parses the text that is signed into its pieces, in order.
    pub(crate) fn signed_pieces(&self) -> Result<Vec<Piece>, SetupError> {
        let refuse = |why: &str| SetupError::Template {
            given: self.signed.clone(),
            why: why.to_owned(),
        };

        let mut pieces = Vec::new();
        let mut rest = self.signed.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| refuse("a `{` has no `}`"))?;
            let piece = match name {
                "body" => Piece::Body,
                "timestamp" if self.timestamp.is_some() => Piece::Timestamp,
                "id" if self.id.is_some() => Piece::Id,
                "timestamp" | "id" => {
                    return Err(refuse(
                        "it names a value, and the recipe does not say where to find it",
                    ));
                }
                _ => return Err(refuse("it can contain `{body}`, `{timestamp}` and `{id}`")),
            };
            pieces.extend([Piece::Text(before.to_owned()), piece]);
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));

        if !pieces.contains(&Piece::Body) {
            return Err(refuse(
                "it does not contain `{body}`, so that anybody could change the body",
            ));
        }
        if self.timestamp.is_some() && !pieces.contains(&Piece::Timestamp) {
            return Err(refuse(
                "the recipe has a timestamp, which proves nothing unless `{timestamp}` is signed",
            ));
        }
        Ok(pieces)
    }
}

impl SignedValues<'_> {
    /// Returns the text that is signed, as the slices that it consists of.
    pub(crate) fn fill<'a>(&'a self, pieces: &'a [Piece]) -> Vec<&'a [u8]> {
        let filled = pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_bytes(),
            Piece::Body => self.body,
            Piece::Timestamp => self.timestamp.as_bytes(),
            Piece::Id => self.id.as_bytes(),
        });
        filled.collect()
    }
}

/// Returns the HMAC of slices that follow each other. They are not copied into one buffer.
pub(crate) fn tag(key: &hmac::Key, signed: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    for slice in signed {
        context.update(slice);
    }
    context.sign()
}

impl TimeFormat {
    /// Writes a time in the only form that [`read`](Self::read) accepts; `None` if there is no
    /// form.
    pub(crate) fn write(self, time: Timestamp) -> Option<String> {
        let number = match self {
            Self::UnixSeconds => time.unix_secs(),
            Self::UnixMillis => time.unix_millis(),
            Self::Rfc3339 => {
                return Some(time.to_string()).filter(|text| Self::Rfc3339.read(text).is_some());
            }
        };
        u64::try_from(number).ok().map(|number| number.to_string())
    }

    pub(crate) fn read(self, text: &str) -> Option<Timestamp> {
        match self {
            Self::UnixSeconds => unix_seconds(text),
            Self::UnixMillis => digits(text).map(Timestamp::from_unix_millis),
            Self::Rfc3339 => Timestamp::parse_rfc3339(text),
        }
    }
}

impl Encoding {
    /// Writes a signature in the only form that [`decode`](Self::decode) accepts.
    pub(crate) fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Self::Hex => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            Self::Base64 => BASE64_STANDARD.encode(bytes),
        }
    }

    /// Decodes a signature. Only the canonical form is accepted: otherwise one signature could be
    /// written in several ways.
    pub(crate) fn decode(self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Utf8 => Some(text.to_vec()),
            Self::Hex => lower_hex(text),
            Self::Base64 => BASE64_STANDARD.decode(text).ok(),
        }
    }

    /// Decodes a secret, which may be written less strictly. The error completes "the secret …".
    pub(crate) fn decode_key(self, secret: &[u8]) -> Result<Decoded, String> {
        match self {
            Self::Utf8 => Ok(Decoded {
                bytes: secret.to_vec(),
                oddities: Vec::new(),
            }),
            Self::Base64 => base64_text::decode(secret, 0),
            Self::Hex => {
                if let Some(index) = secret.iter().position(|byte| !byte.is_ascii_hexdigit()) {
                    let position = index + 1;
                    return Err(format!(
                        "is not hexadecimal: byte {position} is not a hexadecimal digit"
                    ));
                }
                let bytes = lower_hex(&secret.to_ascii_lowercase()).ok_or(
                    "is not hexadecimal: it has an odd number of digits; copy the whole secret",
                )?;
                Ok(Decoded {
                    bytes,
                    oddities: Vec::new(),
                })
            }
        }
    }
}

fn lower_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });

    pairs.collect()
}
