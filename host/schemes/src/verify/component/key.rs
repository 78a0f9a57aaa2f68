//! Keys that a component computes with and never sees.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use aws_lc_rs::{constant_time, digest, hmac};

use crate::Secret;

/// A secret or a public key. Clones share the key.
#[derive(Clone)]
pub struct KeyHandle(Arc<Material>);

enum Material {
    Secret(Secret),
    Public { id: Option<String>, bytes: Vec<u8> },
}

impl KeyHandle {
    /// Wraps a secret.
    pub fn secret(secret: Secret) -> Self {
        Self(Arc::new(Material::Secret(secret)))
    }

    /// Wraps a public key: a SubjectPublicKeyInfo in DER (RFC 5280), or the 32 bytes of an Ed25519
    /// key.
    pub fn public(id: Option<String>, bytes: Vec<u8>) -> Self {
        Self(Arc::new(Material::Public { id, bytes }))
    }

    /// Returns the id of the key, if it has one.
    pub fn id(&self) -> Option<&str> {
        match &*self.0 {
            Material::Secret(_) => None,
            Material::Public { id, .. } => id.as_deref(),
        }
    }

    /// Returns whether `tag` is the HMAC of `signed` under this secret.
    pub fn hmac_matches(&self, hash: HashFunction, signed: &[u8], tag: &[u8]) -> bool {
        self.hmac(hash, signed)
            .is_some_and(|own| constant_time::verify_slices_are_equal(own.as_ref(), tag).is_ok())
    }

    /// Returns the HMAC of `data` under this secret as a new secret; `None` for a public key.
    #[must_use]
    pub fn derive(&self, hash: HashFunction, data: &[u8]) -> Option<Self> {
        let tag = self.hmac(hash, data)?;
        Some(Self::secret(Secret::new(tag.as_ref())))
    }

    /// Returns the secret that consists of `prefix` and this secret; `None` for a public key.
    #[must_use]
    pub fn with_prefix(&self, prefix: &[u8]) -> Option<Self> {
        let secret = self.as_secret()?;
        Some(Self::secret(Secret::new(
            [prefix, secret.expose()].concat(),
        )))
    }

    /// Returns whether `given` is this secret.
    pub fn equals(&self, given: &[u8]) -> bool {
        self.as_secret().is_some_and(|secret| secret.matches(given))
    }

    /// Returns whether `signature` is a signature of `signed` under this public key.
    pub fn signature_matches(
        &self,
        algorithm: SignatureAlgorithm,
        signed: &[u8],
        signature: &[u8],
    ) -> bool {
        match &*self.0 {
            Material::Secret(_) => false,
            Material::Public { bytes, .. } => {
                UnparsedPublicKey::new(algorithm.verification(), bytes)
                    .verify(signed, signature)
                    .is_ok()
            }
        }
    }

    fn as_secret(&self) -> Option<&Secret> {
        match &*self.0 {
            Material::Secret(secret) => Some(secret),
            Material::Public { .. } => None,
        }
    }

    fn hmac(&self, hash: HashFunction, data: &[u8]) -> Option<hmac::Tag> {
        let key = hmac::Key::new(hash.hmac(), self.as_secret()?.expose());
        Some(hmac::sign(&key, data))
    }
}

impl fmt::Debug for KeyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHandle(..)")
    }
}

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashFunction {
    /// SHA-1, for senders that offer nothing better.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashFunction {
    /// Returns the hash of `data`.
    pub fn digest(self, data: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, data).as_ref().to_vec()
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

/// A signature algorithm with its hash function. ECDSA signatures are written as DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// Ed25519.
    Ed25519,
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256,
    /// ECDSA on P-384 with SHA-384.
    EcdsaP384,
    /// RSA PKCS#1 v1.5 with SHA-256.
    RsaSha256,
    /// RSA PKCS#1 v1.5 with SHA-384.
    RsaSha384,
    /// RSA PKCS#1 v1.5 with SHA-512.
    RsaSha512,
    /// RSA PSS with SHA-256.
    RsaPssSha256,
    /// RSA PSS with SHA-384.
    RsaPssSha384,
    /// RSA PSS with SHA-512.
    RsaPssSha512,
}

impl SignatureAlgorithm {
    fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Ed25519 => &signature::ED25519,
            Self::EcdsaP256 => &signature::ECDSA_P256_SHA256_ASN1,
            Self::EcdsaP384 => &signature::ECDSA_P384_SHA384_ASN1,
            Self::RsaSha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::RsaSha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Self::RsaSha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Self::RsaPssSha256 => &signature::RSA_PSS_2048_8192_SHA256,
            Self::RsaPssSha384 => &signature::RSA_PSS_2048_8192_SHA384,
            Self::RsaPssSha512 => &signature::RSA_PSS_2048_8192_SHA512,
        }
    }
}
