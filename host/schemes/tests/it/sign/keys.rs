//! Generates key pairs of every kind, in the forms that sign and verify.

use aws_lc_rs::encoding::AsBigEndian;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A private key for JWS in both of its forms, and the public key.
pub(crate) struct Pair {
    pub(crate) private: Value,
    pub(crate) pem: String,
    pub(crate) public: Value,
}

fn url(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn pem(der: &[u8]) -> String {
    format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        BASE64_STANDARD.encode(der)
    )
}

/// Returns the pair of a public key and its private members.
fn pair(public: Value, private: &[(&str, &[u8])], der: &[u8]) -> Pair {
    let mut whole = public.clone();
    for (name, bytes) in private {
        whole[name] = url(bytes).into();
    }
    Pair {
        private: whole,
        pem: pem(der),
        public,
    }
}

pub(crate) fn p256() -> Pair {
    ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256")
}

pub(crate) fn p384() -> Pair {
    ec(&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384")
}

fn ec(algorithm: &'static EcdsaSigningAlgorithm, curve: &str) -> Pair {
    let key = EcdsaKeyPair::generate(algorithm).expect("a key");
    let (x, y) = key.public_key().as_ref()[1..].split_at(key.public_key().as_ref().len() / 2);
    let public = json!({ "kty": "EC", "crv": curve, "kid": "k1", "x": url(x), "y": url(y) });
    let secret = key.private_key().as_be_bytes().expect("its bytes");
    let der = key.to_pkcs8v1().expect("PKCS#8");
    pair(public, &[("d", secret.as_ref())], der.as_ref())
}

pub(crate) fn ed25519() -> Pair {
    let key = Ed25519KeyPair::generate().expect("a key");
    let public = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": url(key.public_key()) });
    let seed = key
        .seed()
        .expect("its seed")
        .as_be_bytes()
        .expect("its bytes");
    let der = key.to_pkcs8v1().expect("PKCS#8");
    pair(public, &[("d", seed.as_ref())], der.as_ref())
}

/// Returns a private and a public key in the form of Standard Webhooks.
pub(crate) fn webhook_pair() -> (String, String) {
    let key = Ed25519KeyPair::generate().expect("a key");
    let seed = key
        .seed()
        .expect("its seed")
        .as_be_bytes()
        .expect("its bytes");
    let encode = |prefix: &str, bytes: &[u8]| format!("{prefix}{}", BASE64_STANDARD.encode(bytes));

    (
        encode("whsk_", seed.as_ref()),
        encode("whpk_", key.public_key().as_ref()),
    )
}

pub(crate) fn rsa() -> Pair {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let der: Pkcs8V1Der<'static> = key.as_der().expect("PKCS#8");
    let numbers = rsa_numbers(der.as_ref());
    let [_, n, e, d, p, q, dp, dq, qi] = &numbers[..] else {
        panic!("nine numbers")
    };
    let public = json!({ "kty": "RSA", "kid": "k1", "n": url(n), "e": url(e) });
    let private = [
        ("d", d),
        ("p", p),
        ("q", q),
        ("dp", dp),
        ("dq", dq),
        ("qi", qi),
    ]
    .map(|(n, v)| (n, v.as_slice()));

    pair(public, &private, der.as_ref())
}

/// Returns the integers of the `RSAPrivateKey` (RFC 8017, A.1.2) in a PKCS#8 document.
fn rsa_numbers(pkcs8: &[u8]) -> Vec<Vec<u8>> {
    let (_, outer, _) = element(pkcs8);
    let (_, _, after_version) = element(outer);
    let (_, _, after_algorithm) = element(after_version);
    let (_, key, _) = element(after_algorithm);
    let (_, mut rest, _) = element(key);
    let mut numbers = Vec::new();

    while !rest.is_empty() {
        let (_, number, after) = element(rest);
        let leading = number.iter().take_while(|byte| **byte == 0).count();
        numbers.push(number[leading..].to_vec());
        rest = after;
    }
    numbers
}

/// Splits one element of DER into its tag, its content and the rest.
fn element(der: &[u8]) -> (u8, &[u8], &[u8]) {
    let (length, head) = match der[1] {
        short @ ..=127 => (usize::from(short), 2),
        long => {
            let count = usize::from(long & 127);
            (
                der[2..2 + count]
                    .iter()
                    .fold(0, |length, byte| length << 8 | usize::from(*byte)),
                2 + count,
            )
        }
    };
    let (content, after) = der[head..].split_at(length);

    (der[0], content, after)
}
