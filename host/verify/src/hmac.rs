//! HMAC schemes as data: where the signature stands, what it is over, how it is written.

use std::time::Duration;

use hookyard_model::Timestamp;

use crate::freshness::Freshness;
use crate::{Refusal, Request, Secret, SetupError};

/// What a source with an HMAC scheme is configured with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The sender's way of signing.
    pub recipe: Recipe,
    /// As the recipe's `key` says. All are live at once.
    pub secrets: Vec<Secret>,
    /// How far the timestamp may be from now where the source says so, instead of what the recipe says.
    pub tolerance: Option<Duration>,
}

/// A sender's way of signing with an HMAC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The hash.
    pub hash: Hash,
    /// How the signature is written.
    pub encoding: Encoding,
    /// How the secret is written.
    pub key: Encoding,
    /// Where the signature stands. Where a pair's name occurs more than once, any that fits is enough.
    pub signature: Field,
    /// Where the time of signing stands.
    pub timestamp: Option<TimeField>,
    /// Where the sender's id of the message stands.
    pub id: Option<Field>,
    /// What is signed, with `{body}`, `{timestamp}` and `{id}` for what was sent, such as `v0:{timestamp}:{body}`.
    pub signed: String,
}

/// A place in the request's headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The header's name.
    pub header: String,
    /// What part of the header's value it is.
    pub part: Part,
}

/// A part of a header's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// What follows this, which has to be there, such as `sha256=`.
    After(String),
    /// The value of this name in a list of `name=value`, such as Stripe's `t=1,v1=ab`.
    Pair {
        /// What stands between two pairs.
        separator: char,
        /// The name.
        name: String,
    },
}

/// A time in the request's headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeField {
    /// Where it stands.
    pub field: Field,
    /// How it is written.
    pub format: TimeFormat,
    /// How far it may be from now.
    pub freshness: Freshness,
}

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeFormat {
    /// Seconds since the Unix epoch, digits only.
    UnixSeconds,
    /// Milliseconds since the Unix epoch, digits only.
    UnixMillis,
    /// Such as `2026-05-19T10:30:00Z`.
    Rfc3339,
}

/// A hash to make an HMAC with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-1, for senders that have nothing better.
    Sha1,
    /// SHA-512.
    Sha512,
}

/// How bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As they are.
    Utf8,
    /// Lower-case hexadecimal digits.
    Hex,
    /// Padded base64.
    Base64,
}

#[derive(Debug)]
pub(crate) struct Compiled;
impl Compiled {
    pub(crate) fn new(_: &Settings) -> Result<Self, SetupError> {
        Ok(Self)
    }
    pub(crate) fn verify(&self, _: &Request<'_>, _: Timestamp) -> Result<Option<String>, Refusal> {
        Err(Refusal::BadSignature)
    }
}
