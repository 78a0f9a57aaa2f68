//! New key pairs for detached JWS: the private key of a sender and the public key of its receiver.

use anyhow::{Context, Result, ensure};
use aws_lc_rs::encoding::{AsBigEndian, AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::sign::Topper;

/// A key pair and its algorithm.
pub struct Keys {
    /// The private key as an operator receives it, as JWK or PEM.
    pub private: String,
    /// The public key, as a JWK with `alg`.
    pub public: Value,
}

impl Keys {
    /// Creates an ES256 key pair with the private key as a JWK.
    pub fn es256() -> Result<Self> {
        let keys = Topper::new();
        Ok(Self {
            private: keys.private_jwk(),
            public: serde_json::from_str(&keys.jwk())?,
        })
    }

    /// Creates an EdDSA key pair with the private key as a JWK.
    pub fn ed25519() -> Result<Self> {
        let pair = Ed25519KeyPair::generate().context("no Ed25519 key was made")?;
        let seed = pair.seed()?.as_be_bytes()?;
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        let public = json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "ed", "x": x });
        let mut private = public.clone();
        private["d"] = URL_SAFE_NO_PAD.encode(seed.as_ref()).into();
        Ok(Self {
            private: private.to_string(),
            public,
        })
    }

    /// Creates an ES384 key pair with the private key in PEM.
    pub fn es384() -> Result<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING)
            .context("no ECDSA key was made")?;
        let document = pair.to_pkcs8v1()?;
        // An uncompressed point: the byte 4 and two coordinates of 48 bytes (SEC 1, 2.3.3).
        let (x, y) = pair.public_key().as_ref()[1..].split_at(48);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        Ok(Self {
            private: pem(document.as_ref()),
            public: json!({ "kty": "EC", "crv": "P-384", "alg": "ES384", "x": x, "y": y }),
        })
    }

    /// Creates an RSA key pair for this algorithm of RFC 7518. The private key is in PEM, which
    /// cannot hold an id or an algorithm.
    pub fn rsa(algorithm: &str) -> Result<Self> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).context("no RSA key was made")?;
        let der: Pkcs8V1Der<'_> = pair.as_der()?;
        // DER: a modulus of 256 bytes after its leading zero, and an exponent of three bytes (RFC
        // 8017, A.1.1).
        let public = pair.public_key().as_ref();
        ensure!(
            public.len() == 270,
            "an RSA key of 2048 bits with the usual exponent"
        );
        let (n, e) = (
            URL_SAFE_NO_PAD.encode(&public[9..265]),
            URL_SAFE_NO_PAD.encode(&public[267..]),
        );
        Ok(Self {
            private: pem(der.as_ref()),
            public: json!({ "kty": "RSA", "alg": algorithm, "n": n, "e": e }),
        })
    }
}

/// Returns a private key in PKCS #8 as PEM.
fn pem(key: &[u8]) -> String {
    let text = STANDARD.encode(key);
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}
