//! HMAC schemes as data: where the signature stands, what it is over, how it is written.

use std::time::Duration;

use hookyard_model::Timestamp;

use aws_lc_rs::constant_time;
use aws_lc_rs::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, HMAC_SHA512};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::base64_text::{self, Decoded};
use crate::credential::check_keys;
use crate::freshness::{Freshness, digits, unix_seconds};
use crate::scheme::header_name;
use crate::{Refusal, Request, Secret, SetupError};

/// Senders sign once for each live key, of which there are two during a rotation.
const SIGNATURES_MAX: usize = 32;
const ID_BYTES_MAX: usize = 512;

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
pub(crate) struct Compiled {
    recipe: Recipe,
    signed: Vec<Piece>,
    keys: Vec<hmac::Key>,
}

/// A part of what is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    Body,
    Timestamp,
    Id,
}

impl Compiled {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SetupError> {
        let mut recipe = normal(settings.recipe.clone())?;
        if let (Some(time), Some(tolerance)) = (&mut recipe.timestamp, settings.tolerance) {
            time.freshness = Freshness {
                past: tolerance,
                future: tolerance,
            };
        }
        check_keys("secret", &settings.secrets)?;
        let keys = settings
            .secrets
            .iter()
            .map(|secret| key(&recipe, secret))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            signed: pieces(&recipe)?,
            recipe,
            keys,
        })
    }

    /// Returns the message's id, where the sender gives one.
    pub(crate) fn verify(
        &self,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Option<String>, Refusal> {
        let signatures = self.recipe.signature.all(request)?;
        let timestamp = self
            .recipe
            .timestamp
            .as_ref()
            .map(|time| time.field.single(request))
            .transpose()?;
        let id = self.id(request)?;
        let signed = self.signed.iter().fold(Vec::new(), |mut signed, piece| {
            signed.extend_from_slice(match piece {
                Piece::Text(text) => text.as_bytes(),
                Piece::Body => request.body,
                Piece::Timestamp => timestamp.unwrap_or_default().as_bytes(),
                Piece::Id => id.unwrap_or_default().as_bytes(),
            });
            signed
        });
        self.check_signatures(&signatures, &signed)?;
        if let (Some(time), Some(text)) = (&self.recipe.timestamp, timestamp) {
            let signed_at = time
                .format
                .read(text)
                .ok_or_else(|| time.field.malformed())?;
            time.freshness.check(signed_at, now)?;
        }
        Ok(id.map(str::to_owned))
    }

    fn check_signatures(&self, signatures: &[&str], signed: &[u8]) -> Result<(), Refusal> {
        if signatures.len() > SIGNATURES_MAX {
            return Err(self.recipe.signature.malformed());
        }
        let given: Vec<_> = signatures
            .iter()
            .filter_map(|text| self.recipe.encoding.decode(text.as_bytes()))
            .collect();
        let fits = self
            .keys
            .iter()
            .map(|key| hmac::sign(key, signed))
            .fold(false, |fits, tag| {
                given.iter().fold(fits, |fits, given| {
                    fits | constant_time::verify_slices_are_equal(tag.as_ref(), given).is_ok()
                })
            });
        if fits {
            Ok(())
        } else {
            Err(Refusal::BadSignature)
        }
    }

    /// An id that is signed has to be there; another one is taken where it is.
    fn id<'a>(&self, request: &Request<'a>) -> Result<Option<&'a str>, Refusal> {
        let Some(field) = &self.recipe.id else {
            return Ok(None);
        };
        if !self.signed.contains(&Piece::Id) && request.optional_header(&field.header)?.is_none() {
            return Ok(None);
        }
        let id = field.single(request)?;
        if id.is_empty() || id.len() > ID_BYTES_MAX {
            Err(field.malformed())
        } else {
            Ok(Some(id))
        }
    }
}

impl Recipe {
    /// Its places, in the order in which they are written.
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
}

impl Field {
    /// Every value at this place; at least one.
    fn all<'a>(&self, request: &Request<'a>) -> Result<Vec<&'a str>, Refusal> {
        let value = request.ascii_header(&self.header)?;
        let values: Vec<_> = match &self.part {
            Part::Whole => vec![value],
            Part::After(prefix) => value.strip_prefix(prefix.as_str()).into_iter().collect(),
            Part::Pair { separator, name } => {
                let pairs = value
                    .split(*separator)
                    .filter_map(|pair| pair.split_once('='));
                pairs
                    .filter(|(found, _)| found == name)
                    .map(|(_, value)| value)
                    .collect()
            }
        };
        if values.is_empty() {
            Err(self.malformed())
        } else {
            Ok(values)
        }
    }

    /// The one value at this place.
    fn single<'a>(&self, request: &Request<'a>) -> Result<&'a str, Refusal> {
        match self.all(request)?.as_slice() {
            [value] => Ok(value),
            _ => Err(self.malformed()),
        }
    }

    fn malformed(&self) -> Refusal {
        Refusal::MalformedHeader {
            name: self.header.clone(),
        }
    }
}

impl TimeFormat {
    /// The one way in which `read` takes it; `None` where there is none.
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

    fn read(self, text: &str) -> Option<Timestamp> {
        match self {
            Self::UnixSeconds => unix_seconds(text),
            Self::UnixMillis => digits(text).map(Timestamp::from_unix_millis),
            Self::Rfc3339 => Timestamp::parse_rfc3339(text),
        }
    }
}

impl Encoding {
    /// Canonical writing only: any other would let one signature be written in several ways.
    fn decode(self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Utf8 => Some(text.to_vec()),
            Self::Hex => lower_hex(text),
            Self::Base64 => BASE64_STANDARD.decode(text).ok(),
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

/// The bytes of a key that is written like this. The error continues "the secret …".
pub(crate) fn decode_key(encoding: Encoding, secret: &[u8]) -> Result<Decoded, String> {
    match encoding {
        Encoding::Utf8 => Ok(Decoded {
            bytes: secret.to_vec(),
            oddities: Vec::new(),
        }),
        Encoding::Base64 => base64_text::decode(secret, 0),
        Encoding::Hex => {
            if let Some(at) = secret.iter().position(|byte| !byte.is_ascii_hexdigit()) {
                return Err(format!(
                    "is not hexadecimal: byte {} is no hexadecimal digit",
                    at + 1
                ));
            }
            let bytes = lower_hex(&secret.to_ascii_lowercase());
            let bytes =
                bytes.ok_or("is not hexadecimal: it has an odd number of digits; copy it whole")?;
            Ok(Decoded {
                bytes,
                oddities: Vec::new(),
            })
        }
    }
}

/// A secret as the recipe's `key` says.
pub(crate) fn key(recipe: &Recipe, secret: &Secret) -> Result<hmac::Key, SetupError> {
    let decoded = decode_key(recipe.key, secret.expose());
    let unusable = |why| SetupError::UnusableKey {
        what: "secret",
        why: format!("it {why}"),
    };
    let bytes = decoded.map_err(unusable)?.bytes;
    let algorithm = match recipe.hash {
        Hash::Sha256 => HMAC_SHA256,
        Hash::Sha1 => HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha512 => HMAC_SHA512,
    };
    Ok(hmac::Key::new(algorithm, &bytes))
}

/// The recipe with header names in lower case; a signature that is text is refused.
pub(crate) fn normal(mut recipe: Recipe) -> Result<Recipe, SetupError> {
    if recipe.encoding == Encoding::Utf8 {
        return Err(SetupError::Senseless(
            "a signature is bytes; it is written as hex or base64, and not as text",
        ));
    }
    for field in recipe.fields_mut() {
        field.header = header_name(&field.header)?;
    }
    Ok(recipe)
}

/// What is signed, in its order.
pub(crate) fn pieces(recipe: &Recipe) -> Result<Vec<Piece>, SetupError> {
    let refuse = |why: &str| SetupError::Template {
        given: recipe.signed.clone(),
        why: why.to_owned(),
    };
    let mut pieces = Vec::new();
    let mut rest = recipe.signed.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| refuse("a `{` has no `}`"))?;
        let piece = match name {
            "body" => Piece::Body,
            "timestamp" if recipe.timestamp.is_some() => Piece::Timestamp,
            "id" if recipe.id.is_some() => Piece::Id,
            "timestamp" | "id" => {
                return Err(refuse(
                    "it names a value that the recipe doesn't say where to find",
                ));
            }
            _ => return Err(refuse("it may name `{body}`, `{timestamp}` and `{id}`")),
        };
        pieces.extend([Piece::Text(before.to_owned()), piece]);
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    if !pieces.contains(&Piece::Body) {
        return Err(refuse(
            "it doesn't name `{body}`, so that anybody could change the body",
        ));
    }
    if recipe.timestamp.is_some() && !pieces.contains(&Piece::Timestamp) {
        return Err(refuse(
            "the recipe has a timestamp, which is worth nothing unless `{timestamp}` is signed",
        ));
    }
    Ok(pieces)
}
