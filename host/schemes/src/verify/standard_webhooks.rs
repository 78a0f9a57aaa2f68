//! Verifies Standard Webhooks (standardwebhooks.com), including the headers of Svix.
//!
//! The signature covers `id.timestamp.body`, byte for byte. `v1` signatures are HMAC-SHA256, `v1a`
//! signatures are Ed25519, and other versions are skipped; one valid signature is enough. The three
//! headers are named `webhook-*` or `svix-*`. If a request has both families, they must agree, so
//! that an unsigned id cannot become the idempotency key.

use std::cell::LazyCell;
use std::time::Duration;

use aws_lc_rs::signature::{ED25519, ParsedPublicKey};
use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookyard_model::Timestamp;

use super::checks::Checks;
use super::credential::check_keys;
use super::freshness::unix_seconds;
use super::recipe::tag;
use super::{FoundHeader, Freshness, Refusal, Request};
use crate::base64_text::{self, Decoded};
use crate::diagnose::SignatureTrace;
use crate::{Secret, SetupError};

/// The default of [`Settings::tolerance`].
pub const TOLERANCE: Duration = Duration::from_secs(300);

const FAMILIES: [HeaderFamily; 2] = [
    HeaderFamily {
        id: "webhook-id",
        timestamp: "webhook-timestamp",
        signature: "webhook-signature",
    },
    HeaderFamily {
        id: "svix-id",
        timestamp: "svix-timestamp",
        signature: "svix-signature",
    },
];
const ID_BYTES_MAX: usize = 256;
/// Senders sign once for each live key, and have two live keys during a rotation.
const SIGNATURES_MAX: usize = 32;
/// The room for a decoded signature: the 64 bytes of Ed25519, and what the decoder of base64 asks
/// for in addition. A longer signature is not valid.
const SIGNATURE_ROOM: usize = 72;

/// The settings of a source with this scheme.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Secrets for `v1`: base64, with or without the prefix `whsec_`. All are accepted.
    pub secrets: Vec<Secret>,
    /// Public keys for `v1a`: base64, with or without the prefix `whpk_`. All are accepted.
    pub public_keys: Vec<String>,
    /// The maximum distance of a timestamp from now, in both directions; usually [`TOLERANCE`].
    pub tolerance: Duration,
}

/// The names of the three headers.
struct HeaderFamily {
    id: &'static str,
    timestamp: &'static str,
    signature: &'static str,
}

/// The values of the three headers.
struct HeaderValues<'a> {
    id: &'a str,
    timestamp: &'a str,
    signatures: &'a str,
}

#[derive(Debug)]
pub(crate) struct StandardWebhooksVerifier {
    secrets: Vec<hmac::Key>,
    public_keys: Vec<ParsedPublicKey>,
    freshness: Freshness,
}

impl StandardWebhooksVerifier {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SetupError> {
        if settings.secrets.is_empty() && settings.public_keys.is_empty() {
            return Err(SetupError::NoKeys {
                what: "secret or public key",
            });
        }

        let secrets = settings
            .secrets
            .iter()
            .map(read_secret)
            .collect::<Result<_, _>>()?;
        let public_keys = settings
            .public_keys
            .iter()
            .map(|key| read_public_key(key))
            .collect::<Result<_, _>>()?;

        Ok(Self {
            secrets,
            public_keys,
            freshness: Freshness {
                past: settings.tolerance,
                future: settings.tolerance,
            },
        })
    }

    /// Verifies a request. Returns the id of the message.
    pub(crate) fn verify(&self, request: &Request<'_>, now: Timestamp) -> Result<String, Refusal> {
        let (family, values) = read_headers(request)?;
        check_id(family, values.id)?;
        let signed_at = unix_seconds(values.timestamp)
            .ok_or_else(|| malformed(family.timestamp, "is not a time in seconds since 1970"))?;

        let signed = [
            values.id.as_bytes(),
            b".",
            values.timestamp.as_bytes(),
            b".",
            request.body,
        ];
        self.check_signatures(family, values.signatures, &signed)?;

        self.check_age(signed_at, now)?;
        Ok(values.id.to_owned())
    }

    /// Checks the age of a message that was signed at a time.
    pub(crate) fn check_age(&self, signed_at: Timestamp, now: Timestamp) -> Result<(), Refusal> {
        self.freshness.check(signed_at, now)
    }

    /// Returns how the signature of a request is checked.
    pub(crate) fn trace(&self, request: &Request<'_>) -> Result<SignatureTrace, Refusal> {
        let (_, values) = read_headers(request)?;
        let HeaderValues {
            id,
            timestamp,
            signatures,
        } = values;
        let signed = [format!("{id}.{timestamp}.").as_bytes(), request.body].concat();
        let computed = self.secrets.iter().map(|key| {
            let signature = BASE64_STANDARD.encode(tag(key, &[&signed]).as_ref());
            format!("v1,{signature}")
        });
        Ok(SignatureTrace {
            computed: computed.collect(),
            came: signatures.split(' ').map(str::to_owned).collect(),
            signed_at: unix_seconds(timestamp),
            signed,
        })
    }

    fn check_signatures(
        &self,
        family: &HeaderFamily,
        signatures: &str,
        signed: &[&[u8]],
    ) -> Result<(), Refusal> {
        if signatures.split(' ').count() > SIGNATURES_MAX {
            let why = format!("has more than {SIGNATURES_MAX} signatures");
            return Err(malformed(family.signature, &why));
        }

        let tags: Vec<_> = self.secrets.iter().map(|key| tag(key, signed)).collect();
        let joined = LazyCell::new(|| signed.concat());
        let checks = Checks::default();
        for entry in signatures.split(' ') {
            let mut bytes = [0; SIGNATURE_ROOM];
            let Some((version, signature)) = entry.split_once(',') else {
                continue;
            };
            let Ok(length) = BASE64_STANDARD.decode_slice(signature, &mut bytes) else {
                continue;
            };
            let signature = &bytes[..length];
            let is_valid = match version {
                "v1" => is_one_of(&tags, signature),
                "v1a" => self.is_signed_by_public_key(&joined, signature, &checks)?,
                _ => false,
            };
            if is_valid {
                return Ok(());
            }
        }
        Err(Refusal::BadSignature)
    }

    fn is_signed_by_public_key(
        &self,
        signed: &[u8],
        signature: &[u8],
        checks: &Checks,
    ) -> Result<bool, Refusal> {
        for key in &self.public_keys {
            checks.begin()?;
            if key.verify_sig(signed, signature).is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn is_one_of(tags: &[hmac::Tag], signature: &[u8]) -> bool {
    let equals =
        |tag: &hmac::Tag| constant_time::verify_slices_are_equal(tag.as_ref(), signature).is_ok();
    // All tags are compared, so that the time does not reveal which one matches.
    tags.iter().fold(false, |found, tag| found | equals(tag))
}

fn read_headers<'a>(
    request: &Request<'a>,
) -> Result<(&'static HeaderFamily, HeaderValues<'a>), Refusal> {
    let [webhook, svix] = &FAMILIES;

    match (webhook.is_in(request), svix.is_in(request)) {
        (true, true) => {
            let (values, others) = (webhook.read(request)?, svix.read(request)?);
            for (one, value, other, other_value) in [
                (webhook.id, values.id, svix.id, others.id),
                (
                    webhook.timestamp,
                    values.timestamp,
                    svix.timestamp,
                    others.timestamp,
                ),
                (
                    webhook.signature,
                    values.signatures,
                    svix.signature,
                    others.signatures,
                ),
            ] {
                if value != other_value {
                    return Err(Refusal::Disagreement {
                        one: one.to_owned(),
                        other: other.to_owned(),
                    });
                }
            }
            Ok((webhook, values))
        }
        (false, true) => Ok((svix, svix.read(request)?)),
        (_, false) => Ok((webhook, webhook.read(request)?)),
    }
}

impl HeaderFamily {
    fn is_in(&self, request: &Request<'_>) -> bool {
        let names = [self.id, self.timestamp, self.signature];
        names
            .iter()
            .any(|name| request.headers.find(name) != FoundHeader::Missing)
    }

    fn read<'a>(&self, request: &Request<'a>) -> Result<HeaderValues<'a>, Refusal> {
        Ok(HeaderValues {
            id: request.ascii_header(self.id)?,
            timestamp: request.ascii_header(self.timestamp)?,
            signatures: request.ascii_header(self.signature)?,
        })
    }
}

/// Checks an id. With a `.` in the id, the borders between id, timestamp and body could move.
fn check_id(family: &HeaderFamily, id: &str) -> Result<(), Refusal> {
    let is_id_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if id.is_empty() || id.len() > ID_BYTES_MAX || !id.bytes().all(is_id_byte) {
        let why = format!("is not an id of at most {ID_BYTES_MAX} letters, digits, `_` and `-`");
        return Err(malformed(family.id, &why));
    }
    Ok(())
}

fn malformed(name: &str, why: &str) -> Refusal {
    Refusal::MalformedHeader {
        name: name.to_owned(),
        why: why.to_owned(),
    }
}

pub(crate) fn read_secret(given: &Secret) -> Result<hmac::Key, SetupError> {
    let decoded = decode_secret(given.expose()).map_err(|why| unusable("secret", &why))?;
    check_keys("secret", &[Secret::new(&*decoded.bytes)])?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &decoded.bytes))
}

/// Returns the bytes of a shared secret. The error completes "the secret …".
pub(crate) fn decode_secret(given: &[u8]) -> Result<Decoded, String> {
    if given.starts_with(b"whpk_") || given.starts_with(b"whsk_") {
        return Err(
            "is an Ed25519 key; configure the public key, `whpk_...`, as a key and not as a secret"
                .to_owned(),
        );
    }

    // Some senders show their secrets with the version of the signature in front.
    let (encoded, has_version) = match given.strip_prefix(b"v1,") {
        Some(rest) if !rest.starts_with(b"whsec_") => {
            return Err(
                "looks like a signature, `v1,...`, and not like a secret, `whsec_...`".to_owned(),
            );
        }
        Some(rest) => (rest, true),
        None => (given, false),
    };
    let encoded = match encoded.strip_prefix(b"whsec_") {
        Some(rest) => rest,
        // The URL-safe alphabet contains `_`, so a slip in the prefix would become part of the
        // secret.
        None if encoded
            .get(..5)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"whsec")) =>
        {
            return Err(
                "begins like `whsec_` but is written differently; copy the secret again".to_owned(),
            );
        }
        None => encoded,
    };

    let mut decoded = base64_text::decode(encoded, given.len() - encoded.len())?;
    if has_version {
        decoded
            .oddities
            .push("begins with `v1,`, the version of a signature, which is ignored");
    }
    Ok(decoded)
}

/// Checks one public key for `v1a`, so that an error can name the key's file or variable.
///
/// # Errors
///
/// Returns [`SetupError`] if the key cannot verify.
pub fn check_public_key(given: &[u8]) -> Result<(), SetupError> {
    read_public_key(&String::from_utf8_lossy(given)).map(drop)
}

fn read_public_key(given: &str) -> Result<ParsedPublicKey, SetupError> {
    const WHAT: &str = "public key";
    if given.starts_with("whsk_") || given.starts_with("whsec_") {
        return Err(unusable(
            WHAT,
            "is a secret; configure the public key, `whpk_...`, here",
        ));
    }

    let encoded = given.strip_prefix("whpk_").unwrap_or(given);
    let decoded = base64_text::decode(encoded.as_bytes(), given.len() - encoded.len());
    let bytes = decoded.map_err(|why| unusable(WHAT, &why))?.bytes;
    if bytes.is_empty() {
        return Err(SetupError::EmptyKey { what: WHAT });
    }
    ParsedPublicKey::new(&ED25519, &bytes)
        .map_err(|_| unusable(WHAT, "is not an Ed25519 key of 32 bytes"))
}

fn unusable(what: &'static str, why: &str) -> SetupError {
    SetupError::UnusableKey {
        what,
        why: format!("it {why}"),
    }
}
