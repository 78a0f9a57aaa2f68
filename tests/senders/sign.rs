//! How senders sign. No code here is shared with the host.

use anyhow::{Context, Result, bail};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use hookyard_testkit::sign::random;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// What a sender and its receiver share.
pub(crate) enum Secret {
    /// A secret text; also the secret of Standard Webhooks, with `whsec_`.
    Text(String),
    /// A key pair of Ed25519.
    Ed25519(Ed25519KeyPair),
    /// A key pair of ECDSA with P-256.
    P256(SigningKey),
    /// A key pair of RSA.
    Rsa(RsaKeyPair),
}

/// The kind of secret that a sender needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// 64 hex digits, which are also a good password.
    Hex,
    /// `whsec_` and base64.
    StandardWebhooks,
    /// A public key of Ed25519, in hex.
    Ed25519,
    /// A public key of P-256, DER in base64.
    P256,
    /// A JWK of P-256.
    P256Jwk,
    /// A JWK set with an RSA key.
    RsaJwks,
    /// A certificate with an RSA key, which the host fetches.
    RsaCertificate,
}

impl Secret {
    /// Makes a new secret.
    pub(crate) fn new(form: Form) -> Result<Self> {
        Ok(match form {
            Form::Hex => Self::Text(hex(&random::<32>())),
            Form::StandardWebhooks => {
                Self::Text(format!("whsec_{}", STANDARD.encode(random::<24>())))
            }
            Form::Ed25519 => {
                let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
                    .context("no Ed25519 key was made")?;
                Self::Ed25519(Ed25519KeyPair::from_pkcs8(document.as_ref())?)
            }
            Form::P256 | Form::P256Jwk => Self::P256(p256_key()),
            Form::RsaJwks | Form::RsaCertificate => {
                Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).context("no RSA key was made")?)
            }
        })
    }

    /// Returns what the operator configures.
    pub(crate) fn configured(&self, form: Form) -> Result<String> {
        Ok(match self {
            Self::Text(text) => text.clone(),
            Self::Ed25519(pair) => hex(pair.public_key().as_ref()),
            Self::P256(key) if form == Form::P256Jwk => p256_jwk(key).to_string(),
            Self::P256(key) => STANDARD.encode(p256_spki(key)),
            Self::Rsa(pair) => json!({ "keys": [rsa_jwk(pair)?] }).to_string(),
        })
    }

    /// Returns the private key of RSA, in PKCS #8.
    pub(crate) fn rsa_key(&self) -> Result<Vec<u8>> {
        let Self::Rsa(pair) = self else {
            bail!("the key is not an RSA key");
        };
        let der: Pkcs8V1Der<'_> = pair.as_der()?;
        Ok(der.as_ref().to_vec())
    }

    /// Returns the secret text.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }

    /// Returns the signature of a text with the private key.
    pub(crate) fn sign(&self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::Text(_) => Vec::new(),
            Self::Ed25519(pair) => pair.sign(text).as_ref().to_vec(),
            Self::P256(key) => {
                let signature: Signature = key.sign(text);
                signature.to_bytes().to_vec()
            }
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    text,
                    &mut signature,
                )
                .expect("the key signs");
                signature
            }
        }
    }

    /// Returns the DER form of an ECDSA signature.
    pub(crate) fn sign_der(&self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::P256(key) => {
                let signature: Signature = key.sign(text);
                signature.to_der().as_bytes().to_vec()
            }
            _ => self.sign(text),
        }
    }

    /// Returns a JWT with these claims.
    pub(crate) fn jwt(&self, claims: &Value) -> String {
        let algorithm = match self {
            Self::Text(_) => "HS256",
            Self::Ed25519(_) => "EdDSA",
            Self::P256(_) => "ES256",
            Self::Rsa(_) => "RS256",
        };
        let header = json!({ "alg": algorithm, "typ": "JWT", "kid": KEY_ID });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&header), part(claims));
        let signature = match self {
            Self::Text(secret) => hmac_sha256(secret.as_bytes(), text.as_bytes()),
            _ => self.sign(text.as_bytes()),
        };
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The id of every key here.
const KEY_ID: &str = "key-1";

fn p256_key() -> SigningKey {
    std::iter::repeat_with(random::<32>)
        .find_map(|bytes| SigningKey::from_slice(&bytes).ok())
        .expect("nearly every number is a key")
}

/// The fixed beginning of a public key of P-256 in DER (RFC 5480), before the uncompressed point.
const P256_SPKI: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";

fn p256_spki(key: &SigningKey) -> Vec<u8> {
    let point = key.verifying_key().to_sec1_point(false);
    [P256_SPKI, point.as_bytes()].concat()
}

fn p256_jwk(key: &SigningKey) -> Value {
    let point = key.verifying_key().to_sec1_point(false);
    let (x, y) = (point.x().expect("a point"), point.y().expect("a point"));
    json!({
        "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": KEY_ID,
        "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
    })
}

fn rsa_jwk(pair: &RsaKeyPair) -> Result<Value> {
    let public = pair.public_key();
    let modulus = public.modulus().big_endian_without_leading_zero().to_vec();
    let exponent = public.exponent().big_endian_without_leading_zero().to_vec();
    Ok(json!({
        "kty": "RSA", "alg": "RS256", "use": "sig", "kid": KEY_ID,
        "n": URL_SAFE_NO_PAD.encode(modulus), "e": URL_SAFE_NO_PAD.encode(exponent),
    }))
}

/// Returns HMAC-SHA256.
pub(crate) fn hmac_sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.chain_update(text).finalize().into_bytes().to_vec()
}

/// Returns HMAC-SHA1.
pub(crate) fn hmac_sha1(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha1>::new_from_slice(key).expect("a key of any length");
    mac.chain_update(text).finalize().into_bytes().to_vec()
}

/// Returns SHA-256 in hex.
pub(crate) fn sha256_hex(text: &[u8]) -> String {
    hex(&Sha256::digest(text))
}

/// Returns bytes in lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns bytes in padded base64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Returns the bytes that hex digits write.
pub(crate) fn unhex(digits: &str) -> Vec<u8> {
    let pair = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16);
    (0..digits.len())
        .step_by(2)
        .filter_map(|at| pair(at).ok())
        .collect()
}

/// Returns the CRC-32 of PayPal's signed text (ISO 3309), in decimal.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let table = |byte: u32| {
        (0..8).fold(byte, |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (crc >> 8) ^ table((crc ^ u32::from(*byte)) & 0xff)
    })
}
