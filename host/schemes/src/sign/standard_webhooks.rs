//! Signs messages by Standard Webhooks: `id.timestamp.body`, signed with every live key, so that
//! the receiver may have any one of them.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookyard_model::{Header, Timestamp};

use super::keys::{KeyCount, Keys, SigningKey};
use super::{SignError, UnsignedMessage, header};
use crate::base64_text;
use crate::verify::standard_webhooks::read_secret;
use crate::{Secret, SetupError};

/// The headers that the scheme sets.
pub(super) const HEADERS: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];

const SEED_BYTES: usize = 32;

#[derive(Debug)]
pub(super) struct StandardWebhooksSigner {
    secrets: Keys<hmac::Key>,
    keys: Keys<Ed25519KeyPair>,
}

impl StandardWebhooksSigner {
    pub(super) fn new(secrets: &[SigningKey], keys: &[SigningKey]) -> Result<Self, SetupError> {
        if secrets.is_empty() && keys.is_empty() {
            return Err(SetupError::NoKeys {
                what: "secret or private key",
            });
        }
        Ok(Self {
            secrets: Keys::new("secret", secrets, read_secret)?,
            keys: Keys::new("private key", keys, key_pair)?,
        })
    }

    pub(super) fn sign(&self, message: &UnsignedMessage<'_>) -> Result<Vec<Header>, SignError> {
        let now = message.now;
        let timestamp = u64::try_from(now.unix_secs())
            .map_err(|_| SignError::Time)?
            .to_string();
        let signed = [
            message.id.as_bytes(),
            b".",
            timestamp.as_bytes(),
            b".",
            message.body,
        ]
        .concat();

        let mut signatures = Vec::new();
        for key in self.secrets.live(now) {
            let signature = BASE64_STANDARD.encode(hmac::sign(key, &signed));
            signatures.push(format!("v1,{signature}"));
        }
        for key in self.keys.live(now) {
            let signature = key.try_sign(&signed).map_err(|_| SignError::Key)?;
            signatures.push(format!("v1a,{}", BASE64_STANDARD.encode(signature)));
        }
        if signatures.is_empty() {
            let next = [self.secrets.next(now), self.keys.next(now)];
            return Err(SignError::NothingLive {
                what: "secret or private key",
                next: next.into_iter().flatten().min(),
            });
        }

        let [id, at, signature] = HEADERS;
        Ok(vec![
            header(id, message.id),
            header(at, timestamp),
            header(signature, signatures.join(" ")),
        ])
    }

    pub(super) fn keys_at(&self, now: Timestamp) -> KeyCount {
        let (secrets, keys) = (self.secrets.count(now), self.keys.count(now));
        KeyCount {
            live: secrets.live + keys.live,
            waiting: secrets.waiting + keys.waiting,
            retired: secrets.retired + keys.retired,
        }
    }
}

/// Checks one private key for `v1a`, so that an error can name the key's file or variable.
pub(super) fn check_key(given: &[u8]) -> Result<(), SetupError> {
    key_pair(&Secret::new(given)).map(drop)
}

/// Reads a private key: `whsk_` and base64 of the seed, alone or followed by the public key, as
/// libraries keep it.
fn key_pair(given: &Secret) -> Result<Ed25519KeyPair, SetupError> {
    let unusable = |why: &str| SetupError::UnusableKey {
        what: "private key",
        why: why.to_owned(),
    };

    let encoded = given.expose();
    if encoded.starts_with(b"whsec_") || encoded.starts_with(b"whpk_") {
        return Err(unusable(
            "it is not an Ed25519 private key, `whsk_...`; shared secrets go under `secrets`",
        ));
    }
    let text = encoded.strip_prefix(b"whsk_").unwrap_or(encoded);
    let decoded = base64_text::decode(text, encoded.len() - text.len());
    let bytes = decoded.map_err(|why| unusable(&format!("it {why}")))?.bytes;

    let pair = match bytes.split_at_checked(SEED_BYTES) {
        Some((seed, [])) => Ed25519KeyPair::from_seed_unchecked(seed),
        Some((seed, public)) if public.len() == SEED_BYTES => {
            Ed25519KeyPair::from_seed_and_public_key(seed, public)
        }
        _ => {
            return Err(unusable(
                "it is not an Ed25519 private key of 32 bytes, or of 64 bytes with the public key",
            ));
        }
    };
    pair.map_err(|_| unusable("its second half is not the public key of its first half"))
}
