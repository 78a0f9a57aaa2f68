//! The algorithms of recipes.

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512};
use aws_lc_rs::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, HMAC_SHA384, HMAC_SHA512};
use aws_lc_rs::signature::{self, VerificationAlgorithm};

use super::{CertificateOrigin, Encoding};
use crate::{Secret, SetupError};

/// How a signature is computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Algorithm {
    /// An HMAC. Both sides have the secret.
    Hmac {
        /// The hash.
        hash: Hash,
        /// The encoding of the secret.
        key: Encoding,
    },
    /// A signature that the sender's public key verifies.
    PublicKey {
        /// The algorithm. The request never chooses it.
        algorithm: PublicKeyAlgorithm,
        /// The origin of the public key.
        keys: KeyOrigin,
    },
}

/// The origin of public keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyOrigin {
    /// The source's configuration.
    Source,
    /// A certificate at a URL that the message names.
    Certificate(Box<CertificateOrigin>),
}

/// A hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1, for senders that offer nothing better.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// The form of an ECDSA signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EcdsaForm {
    /// A sequence of two integers in ASN.1 (RFC 3279).
    Der,
    /// The two integers of fixed length, one after the other (RFC 7518, 3.4).
    Raw,
}

/// An algorithm with a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicKeyAlgorithm {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA on the curve P-256 with SHA-256.
    EcdsaP256(EcdsaForm),
    /// ECDSA on the curve P-384 with SHA-384.
    EcdsaP384(EcdsaForm),
    /// RSA with the padding of PKCS #1 v1.5 and this hash.
    Rsa(RsaHash),
    /// RSA with the padding PSS and this hash.
    RsaPss(RsaHash),
}

/// A hash of RSA signatures. SHA-1 is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RsaHash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// Every hash with its name in configuration.
    pub const ALL: [(&'static str, Self); 4] = [
        ("sha256", Self::Sha256),
        ("sha1", Self::Sha1),
        ("sha384", Self::Sha384),
        ("sha512", Self::Sha512),
    ];

    /// Reads a secret with this hash; `encoding` is that of the secret.
    pub(crate) fn read_key(
        self,
        encoding: Encoding,
        secret: &Secret,
    ) -> Result<hmac::Key, SetupError> {
        let unusable = |why| SetupError::UnusableKey {
            what: "secret",
            why: format!("it {why}"),
        };
        let bytes = encoding
            .decode_key(secret.expose())
            .map_err(unusable)?
            .bytes;

        Ok(self.hmac_key(&bytes))
    }

    /// Returns the bytes as an HMAC key with this hash.
    pub(crate) fn hmac_key(self, bytes: &[u8]) -> hmac::Key {
        let algorithm = match self {
            Self::Sha1 => HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => HMAC_SHA256,
            Self::Sha384 => HMAC_SHA384,
            Self::Sha512 => HMAC_SHA512,
        };
        hmac::Key::new(algorithm, bytes)
    }

    /// Returns the digest of bytes.
    pub fn digest(self, bytes: &[u8]) -> digest::Digest {
        let algorithm = match self {
            Self::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &SHA256,
            Self::Sha384 => &SHA384,
            Self::Sha512 => &SHA512,
        };
        digest::digest(algorithm, bytes)
    }
}

impl PublicKeyAlgorithm {
    /// Every algorithm with its name in configuration. ECDSA signatures are in DER.
    pub const ALL: [(&'static str, Self); 9] = [
        ("ed25519", Self::Ed25519),
        ("ecdsa-p256-sha256", Self::EcdsaP256(EcdsaForm::Der)),
        ("ecdsa-p384-sha384", Self::EcdsaP384(EcdsaForm::Der)),
        ("rsa-sha256", Self::Rsa(RsaHash::Sha256)),
        ("rsa-sha384", Self::Rsa(RsaHash::Sha384)),
        ("rsa-sha512", Self::Rsa(RsaHash::Sha512)),
        ("rsa-pss-sha256", Self::RsaPss(RsaHash::Sha256)),
        ("rsa-pss-sha384", Self::RsaPss(RsaHash::Sha384)),
        ("rsa-pss-sha512", Self::RsaPss(RsaHash::Sha512)),
    ];

    /// Returns the algorithm with this form of signatures; `None` if it is not ECDSA.
    #[must_use]
    pub const fn with_form(self, form: EcdsaForm) -> Option<Self> {
        match self {
            Self::EcdsaP256(_) => Some(Self::EcdsaP256(form)),
            Self::EcdsaP384(_) => Some(Self::EcdsaP384(form)),
            Self::Ed25519 | Self::Rsa(_) | Self::RsaPss(_) => None,
        }
    }

    /// Returns the name of the algorithm in configuration.
    pub fn name(self) -> &'static str {
        let der = self.with_form(EcdsaForm::Der).unwrap_or(self);
        let named = Self::ALL
            .into_iter()
            .find(|(_, algorithm)| *algorithm == der);
        named.map_or("", |(name, _)| name)
    }

    /// Returns whether the keys are RSA keys.
    pub(crate) const fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa(_) | Self::RsaPss(_))
    }

    /// Returns the name of the algorithm in JWS (RFC 7518), which a JSON Web Key may state.
    pub(crate) const fn jws_name(self) -> &'static str {
        match self {
            Self::Ed25519 => "EdDSA",
            Self::EcdsaP256(_) => "ES256",
            Self::EcdsaP384(_) => "ES384",
            Self::Rsa(RsaHash::Sha256) => "RS256",
            Self::Rsa(RsaHash::Sha384) => "RS384",
            Self::Rsa(RsaHash::Sha512) => "RS512",
            Self::RsaPss(RsaHash::Sha256) => "PS256",
            Self::RsaPss(RsaHash::Sha384) => "PS384",
            Self::RsaPss(RsaHash::Sha512) => "PS512",
        }
    }

    /// Returns the implementation of the algorithm.
    pub(crate) fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Ed25519 => &signature::ED25519,
            Self::EcdsaP256(EcdsaForm::Der) => &signature::ECDSA_P256_SHA256_ASN1,
            Self::EcdsaP256(EcdsaForm::Raw) => &signature::ECDSA_P256_SHA256_FIXED,
            Self::EcdsaP384(EcdsaForm::Der) => &signature::ECDSA_P384_SHA384_ASN1,
            Self::EcdsaP384(EcdsaForm::Raw) => &signature::ECDSA_P384_SHA384_FIXED,
            Self::Rsa(RsaHash::Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::Rsa(RsaHash::Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
            Self::Rsa(RsaHash::Sha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
            Self::RsaPss(RsaHash::Sha256) => &signature::RSA_PSS_2048_8192_SHA256,
            Self::RsaPss(RsaHash::Sha384) => &signature::RSA_PSS_2048_8192_SHA384,
            Self::RsaPss(RsaHash::Sha512) => &signature::RSA_PSS_2048_8192_SHA512,
        }
    }
}
