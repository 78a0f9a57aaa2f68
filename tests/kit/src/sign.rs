//! Signatures of the senders: Standard Webhooks (topi through Svix, topi SaaS) and detached JWS
//! (Topper).
//!
//! Each test creates new keys, so the repository contains none.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use aws_lc_rs::encoding::AsBigEndian;
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::json;

use crate::http::Webhook;

/// Returns the current time in seconds since the Unix epoch.
pub fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is past 1970");
    since
        .as_secs()
        .try_into()
        .expect("the clock is before the year 292 billion")
}

/// Returns random bytes.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the operating system has random bytes");
    bytes
}

/// Returns the text in padded base64, as in Basic credentials.
pub fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

/// Returns the HMAC-SHA256 in hex, as many other senders sign.
pub fn hmac_sha256_hex(key: &[u8], text: &[u8]) -> String {
    crate::sns::hex(&hmac_sha256(key, text))
}

/// Returns the HMAC-SHA256.
pub fn hmac_sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text);
    tag.as_ref().to_vec()
}

/// Returns the SHA-256 of bytes.
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

/// The two families of header names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `svix-id` and so on.
    Svix,
    /// `webhook-id` and so on.
    Webhook,
}

impl Family {
    /// Returns the name of a header: `id`, `timestamp` or `signature`.
    pub fn header(self, part: &str) -> String {
        match self {
            Self::Svix => format!("svix-{part}"),
            Self::Webhook => format!("webhook-{part}"),
        }
    }
}

/// A sender that signs with Standard Webhooks and a shared secret (`v1`).
pub struct StandardWebhooks {
    secret: String,
    family: Family,
}

impl StandardWebhooks {
    /// Creates a sender with a new secret.
    pub fn new(family: Family) -> Self {
        Self {
            secret: format!("whsec_{}", STANDARD.encode(random::<24>())),
            family,
        }
    }

    /// Returns the secret as the sender's dashboard shows it.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Signs the body now, with this message id.
    pub fn sign(&self, id: &str, body: impl Into<Vec<u8>>) -> Webhook {
        self.sign_at(id, now(), body)
    }

    /// Signs the body with this timestamp.
    pub fn sign_at(&self, id: &str, timestamp: i64, body: impl Into<Vec<u8>>) -> Webhook {
        let body = body.into();
        let signer = standardwebhooks::Webhook::new(&self.secret).expect("the secret is base64");
        let signature = signer
            .sign(id, timestamp, &body)
            .expect("sample payloads are UTF-8");
        signed(self.family, id, timestamp, &signature, body)
    }
}

/// A sender that signs with Standard Webhooks and a key pair (`v1a`).
pub struct AsymmetricWebhooks {
    pair: Ed25519KeyPair,
    family: Family,
}

impl AsymmetricWebhooks {
    /// Creates a sender with a new key pair.
    pub fn new(family: Family) -> Result<Self> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .context("no Ed25519 key was made")?;
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref())
            .context("the new key does not read back")?;
        Ok(Self { pair, family })
    }

    /// Returns the public key as the sender's dashboard shows it.
    pub fn public_key(&self) -> String {
        format!("whpk_{}", STANDARD.encode(self.pair.public_key().as_ref()))
    }

    /// Returns the private key as a sender stores it.
    pub fn private_key(&self) -> String {
        let seed = self
            .pair
            .seed()
            .expect("the key has its seed")
            .as_be_bytes()
            .expect("a seed is bytes");
        format!("whsk_{}", STANDARD.encode(seed.as_ref()))
    }

    /// Signs the body now, with this message id.
    pub fn sign(&self, id: &str, body: impl Into<Vec<u8>>) -> Webhook {
        let (body, timestamp) = (body.into(), now());
        let text = [format!("{id}.{timestamp}.").as_bytes(), &body].concat();
        let signature = format!("v1a,{}", STANDARD.encode(self.pair.sign(&text).as_ref()));
        signed(self.family, id, timestamp, &signature, body)
    }
}

fn signed(family: Family, id: &str, timestamp: i64, signature: &str, body: Vec<u8>) -> Webhook {
    Webhook::json(body)
        .and(&family.header("id"), id)
        .and(&family.header("timestamp"), &timestamp.to_string())
        .and(&family.header("signature"), signature)
}

/// Topper: signs the raw body with ES256, detached.
pub struct Topper {
    key: SigningKey,
    key_id: String,
}

impl Topper {
    /// The header with the signature.
    pub const HEADER: &str = "X-Topper-JWS-Signature";

    /// Creates a sender with a new key.
    #[expect(
        clippy::new_without_default,
        reason = "every call makes another key, which no default should"
    )]
    pub fn new() -> Self {
        let key = std::iter::repeat_with(random::<32>)
            .find_map(|bytes| SigningKey::from_slice(&bytes).ok())
            .expect("nearly every number is a key");
        Self {
            key,
            key_id: uuid::Uuid::new_v4().to_string(),
        }
    }

    /// Returns the private key as a JWK.
    pub fn private_jwk(&self) -> String {
        let mut jwk: serde_json::Value = serde_json::from_str(&self.jwk()).expect("a JWK is JSON");
        jwk["d"] = URL_SAFE_NO_PAD.encode(self.key.to_bytes()).into();
        jwk.to_string()
    }

    /// Returns the public key as Topper publishes it.
    pub fn jwk(&self) -> String {
        let point = self.key.verifying_key().to_sec1_point(false);
        let (x, y) = (
            point.x().expect("an uncompressed point"),
            point.y().expect("an uncompressed point"),
        );
        json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": self.key_id,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        })
        .to_string()
    }

    /// Returns a JSON Web Token with these claims.
    pub fn jwt(&self, claims: &serde_json::Value) -> String {
        let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
        let signed = format!("{}.{claims}", self.protected());
        let signature: Signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }

    fn protected(&self) -> String {
        URL_SAFE_NO_PAD.encode(json!({ "alg": "ES256", "kid": self.key_id }).to_string())
    }

    /// Signs the body.
    pub fn sign(&self, body: impl Into<Vec<u8>>) -> Webhook {
        let body = body.into();
        let header = self.protected();
        let signing_input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(&body));
        let signature: Signature = self.key.sign(signing_input.as_bytes());
        let token = format!("{header}..{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()));
        Webhook::json(body).and(Self::HEADER, &token)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    /// Source: the example on GitHub's page "Validating webhook deliveries".
    #[test]
    fn hmac_matches_github_example() {
        assert_eq!(
            hmac_sha256_hex(b"It's a Secret to Everybody", b"Hello, World!"),
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }

    #[test]
    fn topper_signature_verifies() {
        let topper = Topper::new();
        let webhook = topper.sign("{}");
        let (header, signature) = webhook
            .header(Topper::HEADER)
            .split_once("..")
            .expect("detached");
        let jwk: serde_json::Value = serde_json::from_str(&topper.jwk()).expect("a JWK is JSON");
        let part = |name: &str| {
            URL_SAFE_NO_PAD
                .decode(jwk[name].as_str().unwrap_or_default())
                .expect("base64")
        };
        let point = [&[4][..], &part("x"), &part("y")].concat();
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode("{}"));
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        key.verify(signed.as_bytes(), &signature)
            .expect("the signature holds");
        assert!(key.verify(b"other", &signature).is_err());
    }
}
