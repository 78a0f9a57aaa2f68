//! Standard Webhooks (standardwebhooks.com), also as Svix sends them.
//!
//! Signed is `id.timestamp.body`, byte for byte. `v1` signatures are HMAC-SHA256, `v1a` ones are Ed25519; other versions
//! are skipped, and any one that fits is enough. The three headers come as `webhook-*` or as `svix-*`: one whole family,
//! and where both are there they have to agree, so that no unsigned id gets to be the idempotency key.

use std::time::Duration;

use aws_lc_rs::signature::{ED25519, ParsedPublicKey};
use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookyard_model::Timestamp;

use crate::base64_text::{self, Decoded};
use crate::credential::check_keys;
use crate::freshness::{Freshness, unix_seconds};
use crate::{Refusal, Request, Secret, SetupError};

/// How far a timestamp may be from now unless the source says otherwise.
pub const TOLERANCE: Duration = Duration::from_secs(300);

const FAMILIES: [Family; 2] = [
    Family {
        id: "webhook-id",
        timestamp: "webhook-timestamp",
        signature: "webhook-signature",
    },
    Family {
        id: "svix-id",
        timestamp: "svix-timestamp",
        signature: "svix-signature",
    },
];
const ID_BYTES_MAX: usize = 256;
/// Senders sign once for each live key, of which there are two during a rotation.
const SIGNATURES_MAX: usize = 32;

/// What a source with this scheme is configured with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// For `v1`: base64, with or without `whsec_` before it. All are live at once.
    pub secrets: Vec<Secret>,
    /// For `v1a`: base64, with or without `whpk_` before it. All are live at once.
    pub public_keys: Vec<String>,
    /// How far a timestamp may be from now, either way; usually [`TOLERANCE`].
    pub tolerance: Duration,
}

struct Family {
    id: &'static str,
    timestamp: &'static str,
    signature: &'static str,
}

struct Values<'a> {
    id: &'a str,
    timestamp: &'a str,
    signatures: &'a str,
}

#[derive(Debug)]
pub(crate) struct Compiled {
    secrets: Vec<hmac::Key>,
    public_keys: Vec<ParsedPublicKey>,
    freshness: Freshness,
}

impl Compiled {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SetupError> {
        if settings.secrets.is_empty() && settings.public_keys.is_empty() {
            return Err(SetupError::NoKeys {
                what: "secret or public key",
            });
        }
        let freshness = Freshness {
            past: settings.tolerance,
            future: settings.tolerance,
        };
        let secrets = settings
            .secrets
            .iter()
            .map(secret)
            .collect::<Result<_, _>>()?;
        let public_keys = settings
            .public_keys
            .iter()
            .map(|key| public_key(key))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            secrets,
            public_keys,
            freshness,
        })
    }

    /// Returns the message's id.
    pub(crate) fn verify(&self, request: &Request<'_>, now: Timestamp) -> Result<String, Refusal> {
        let (family, values) = read(request)?;
        check_id(family, values.id)?;
        let signed_at = unix_seconds(values.timestamp).ok_or_else(|| Refusal::MalformedHeader {
            name: family.timestamp.to_owned(),
        })?;
        let signed = [
            values.id.as_bytes(),
            b".",
            values.timestamp.as_bytes(),
            b".",
            request.body,
        ]
        .concat();
        self.check_signatures(family, values.signatures, &signed)?;
        self.freshness.check(signed_at, now)?;
        Ok(values.id.to_owned())
    }

    fn check_signatures(
        &self,
        family: &Family,
        signatures: &str,
        signed: &[u8],
    ) -> Result<(), Refusal> {
        if signatures.split(' ').count() > SIGNATURES_MAX {
            return Err(Refusal::MalformedHeader {
                name: family.signature.to_owned(),
            });
        }
        let tags: Vec<_> = self
            .secrets
            .iter()
            .map(|key| hmac::sign(key, signed))
            .collect();
        let fits = signatures
            .split(' ')
            .filter_map(|entry| entry.split_once(','))
            .any(|(version, signature)| {
                let Ok(signature) = BASE64_STANDARD.decode(signature) else {
                    return false;
                };
                match version {
                    "v1" => is_one_of(&tags, &signature),
                    "v1a" => self
                        .public_keys
                        .iter()
                        .any(|key| key.verify_sig(signed, &signature).is_ok()),
                    _ => false,
                }
            });
        if fits {
            Ok(())
        } else {
            Err(Refusal::BadSignature)
        }
    }
}

fn is_one_of(tags: &[hmac::Tag], signature: &[u8]) -> bool {
    let equals =
        |tag: &hmac::Tag| constant_time::verify_slices_are_equal(tag.as_ref(), signature).is_ok();
    tags.iter().fold(false, |fits, tag| fits | equals(tag))
}

fn read<'a>(request: &Request<'a>) -> Result<(&'static Family, Values<'a>), Refusal> {
    let [webhook, svix] = &FAMILIES;
    match (webhook.is_in(request), svix.is_in(request)) {
        (true, true) => {
            let (values, others) = (webhook.read(request)?, svix.read(request)?);
            let disagreement = |one: &str, other: &str| Refusal::Disagreement {
                one: one.into(),
                other: other.into(),
            };
            if values.id != others.id {
                return Err(disagreement(webhook.id, svix.id));
            }
            if values.timestamp != others.timestamp {
                return Err(disagreement(webhook.timestamp, svix.timestamp));
            }
            if values.signatures != others.signatures {
                return Err(disagreement(webhook.signature, svix.signature));
            }
            Ok((webhook, values))
        }
        (false, true) => Ok((svix, svix.read(request)?)),
        (_, false) => Ok((webhook, webhook.read(request)?)),
    }
}

impl Family {
    fn is_in(&self, request: &Request<'_>) -> bool {
        let names = [self.id, self.timestamp, self.signature];
        request.headers.iter().any(|header| {
            names
                .iter()
                .any(|name| header.name.eq_ignore_ascii_case(name))
        })
    }

    fn read<'a>(&self, request: &Request<'a>) -> Result<Values<'a>, Refusal> {
        Ok(Values {
            id: request.ascii_header(self.id)?,
            timestamp: request.ascii_header(self.timestamp)?,
            signatures: request.ascii_header(self.signature)?,
        })
    }
}

/// A `.` in the id would let the borders between id, timestamp and body move.
fn check_id(family: &Family, id: &str) -> Result<(), Refusal> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if id.is_empty() || id.len() > ID_BYTES_MAX || !id.bytes().all(fits) {
        return Err(Refusal::MalformedHeader {
            name: family.id.to_owned(),
        });
    }
    Ok(())
}

pub(crate) fn secret(given: &Secret) -> Result<hmac::Key, SetupError> {
    let decoded = decode(given.expose()).map_err(|why| unusable("secret", &why))?;
    check_keys("secret", &[Secret::new(&*decoded.bytes)])?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &decoded.bytes))
}

/// The bytes of a shared secret. The error continues "the secret …".
pub(crate) fn decode(given: &[u8]) -> Result<Decoded, String> {
    if given.starts_with(b"whpk_") || given.starts_with(b"whsk_") {
        return Err(
            "is an Ed25519 key; name the public one, `whpk_...`, as a key and not as a secret"
                .to_owned(),
        );
    }
    // Some senders show their secrets with the version of the signature before them.
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
        // The URL-safe alphabet has letters and `_`, so that a slip in the prefix would pass for a part of the secret.
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

/// Checks a public key for `v1a`, so that a fault can name where the key comes from.
pub fn check_public_key(given: &[u8]) -> Result<(), SetupError> {
    public_key(&String::from_utf8_lossy(given)).map(drop)
}

fn public_key(given: &str) -> Result<ParsedPublicKey, SetupError> {
    const WHAT: &str = "public key";
    if given.starts_with("whsk_") || given.starts_with("whsec_") {
        return Err(unusable(
            WHAT,
            "is a secret; name the public key, `whpk_...`, here",
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
