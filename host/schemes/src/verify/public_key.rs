//! Public keys in the forms in which senders publish them: PEM, hexadecimal, base64, a JSON Web Key
//! or a set of them. The form is recognized from the text.
//!
//! A set may contain keys for other purposes. They are skipped, as RFC 7517, section 5, asks; a set
//! without a usable key is an error.

mod der;
mod jwk;

use aws_lc_rs::signature::ParsedPublicKey;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use x509_parser::pem::Pem;

use super::credential::check_keys;
use super::jws::SkippedKey;
use crate::recipe::PublicKeyAlgorithm;
use crate::{Secret, SetupError};

const WHAT: &str = "public key";
/// The size of a raw Ed25519 key, in bytes.
const ED25519_BYTES: usize = 32;
/// The first byte of a point that is not compressed, and of DER.
const POINT: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// The keys of one document.
#[derive(Debug, Default)]
pub struct PublicKeys {
    /// The keys, at least one.
    pub keys: Vec<PublicKey>,
    /// The keys of a set that cannot be used, each with the reason.
    pub skipped: Vec<SkippedKey>,
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The id of the key, if the document has one.
    pub id: Option<String>,
    /// The algorithm that the document states, as JWS names it.
    pub algorithm: Option<String>,
    /// The 32 bytes of an Ed25519 key, a point that is not compressed, an `RSAPublicKey` (RFC 8017)
    /// or a `SubjectPublicKeyInfo` in DER.
    pub bytes: Vec<u8>,
}

impl PublicKeys {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if the document contains no public key.
    pub fn read(document: &[u8]) -> Result<Self, SetupError> {
        let text = std::str::from_utf8(document)
            .map_err(|_| {
                unusable("it is not text; give it in PEM, base64, hexadecimal or as a JWK")
            })?
            .trim();
        if text.starts_with('{') {
            return jwk::read(text);
        }

        let bytes = if text.starts_with("-----BEGIN ") {
            from_pem(text)?
        } else {
            from_digits(text)?
        };
        let key = PublicKey {
            id: None,
            algorithm: None,
            bytes,
        };
        Ok(Self {
            keys: vec![key],
            skipped: Vec::new(),
        })
    }

    /// Reads a document of keys for one algorithm. A key that does not fit is skipped if it is in a
    /// set.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if no key can be used.
    pub fn for_algorithm(
        document: &[u8],
        algorithm: PublicKeyAlgorithm,
    ) -> Result<Self, SetupError> {
        Self::usable(document, algorithm).map(|(keys, _)| keys)
    }

    fn usable(
        document: &[u8],
        algorithm: PublicKeyAlgorithm,
    ) -> Result<(Self, Vec<ParsedPublicKey>), SetupError> {
        let mut all = Self::read(document)?;
        let mut parsed = Vec::new();
        for (index, key) in std::mem::take(&mut all.keys).into_iter().enumerate() {
            match key.parse(algorithm) {
                Ok(ready) => {
                    parsed.push(ready);
                    all.keys.push(key);
                }
                Err(why) => all.skipped.push(SkippedKey {
                    name: jwk::name_of(key.id.as_deref(), index),
                    why,
                }),
            }
        }
        match (all.keys.as_slice(), all.skipped.as_slice()) {
            ([], [only]) => Err(unusable(&*only.why)),
            ([], skipped) => Err(jwk::nothing_usable(skipped)),
            _ => Ok((all, parsed)),
        }
    }
}

impl PublicKey {
    /// Returns the key, ready for an algorithm. The error completes "key 1: …".
    pub(crate) fn parse(&self, algorithm: PublicKeyAlgorithm) -> Result<ParsedPublicKey, String> {
        let name = algorithm.jws_name();
        if let Some(stated) = self.algorithm.as_deref()
            && stated != name
            && !(stated == "Ed25519" && name == "EdDSA")
        {
            return Err(format!(
                "its `alg` is {stated}, and the provider signs with {name}"
            ));
        }
        if algorithm.is_rsa() {
            der::check_rsa_size(&self.bytes)?;
        }
        ParsedPublicKey::new(algorithm.verification(), &self.bytes)
            .map_err(|_| format!("it is not a key for {}", algorithm.name()))
    }
}

/// Returns the keys of all documents, ready for an algorithm.
pub(crate) fn verification_keys(
    documents: &[Secret],
    algorithm: PublicKeyAlgorithm,
) -> Result<Vec<ParsedPublicKey>, SetupError> {
    check_keys(WHAT, documents)?;
    let mut keys = Vec::new();
    for document in documents {
        keys.extend(PublicKeys::usable(document.expose(), algorithm)?.1);
    }
    Ok(keys)
}

/// Returns the content of the one block of a PEM file.
fn from_pem(text: &str) -> Result<Vec<u8>, SetupError> {
    let mut blocks = Pem::iter_from_buffer(text.as_bytes());
    let block = match (blocks.next(), blocks.next()) {
        (Some(Ok(block)), None) => block,
        (Some(Ok(_)), Some(_)) => {
            return Err(unusable(
                "it has more than one PEM block; give each key by itself",
            ));
        }
        _ => return Err(unusable("its PEM cannot be read; copy the whole file")),
    };
    match block.label.as_str() {
        "PUBLIC KEY" | "RSA PUBLIC KEY" => Ok(block.contents),
        "CERTIFICATE" => Err(unusable(
            "it is a certificate; take the key out of it with `openssl x509 -pubkey -noout`",
        )),
        label if label.ends_with("PRIVATE KEY") => Err(unusable(
            "it is a private key, which only the sender may have; give the public key",
        )),
        _ => Err(unusable(
            "its PEM block must be a `PUBLIC KEY`; convert it with `openssl pkey -pubin`",
        )),
    }
}

/// Reads hexadecimal or base64 digits. The bytes tell which of them a text is: no key begins in
/// both in the same way.
fn from_digits(text: &str) -> Result<Vec<u8>, SetupError> {
    let is_hex = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let from_hex = is_hex.then(|| {
        let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap_or_default();
        (0..text.len()).step_by(2).map(digit).collect::<Vec<u8>>()
    });
    let joined: String = text.split_ascii_whitespace().collect();
    let unpadded = joined.trim_end_matches('=');
    let decoded = [
        BASE64_STANDARD.decode(&joined),
        BASE64_URL_SAFE_NO_PAD.decode(unpadded),
    ];

    let candidates = from_hex.into_iter().chain(decoded.into_iter().flatten());
    candidates
        .into_iter()
        .find(|bytes| looks_like_key(bytes))
        .ok_or_else(|| {
            unusable(
                "it is not a key in PEM, base64, hexadecimal or as a JWK; copy the whole key as the \
                 sender shows it",
            )
        })
}

fn looks_like_key(bytes: &[u8]) -> bool {
    bytes.len() == ED25519_BYTES
        || (bytes.len() > ED25519_BYTES && matches!(bytes[0], POINT | SEQUENCE))
}

fn unusable(why: impl Into<String>) -> SetupError {
    SetupError::UnusableKey {
        what: WHAT,
        why: why.into(),
    }
}
