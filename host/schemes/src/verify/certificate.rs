//! X.509 certificates that sign messages: their names, their validity, and their issuers (RFC
//! 5280).
//!
//! Certificates are kept as bytes and parsed at each use. The signatures of a chain are checked
//! with the same cryptography library as all other signatures.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use hookyard_model::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_NIST_EC_P384, OID_PKCS1_SHA256WITHRSA, OID_PKCS1_SHA384WITHRSA,
    OID_PKCS1_SHA512WITHRSA, OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384,
};
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer;

/// The maximum size of a PEM file, in bytes.
const PEM_BYTES_MAX: usize = 64 * 1024;
/// The maximum length of a chain: the leaf and the authorities above it.
const CHAIN_LENGTH_MAX: usize = 8;

/// A signing certificate, with the other certificates that were served with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The certificates in DER. The first one signs.
    chain: Vec<Vec<u8>>,
}

/// The error for bytes that are not a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a certificate in PEM: {0}")]
pub struct InvalidCertificate(&'static str);

impl Certificate {
    /// Parses the answer from a certificate's URL: the certificate first, then the authorities
    /// above it.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidCertificate`] if the answer is too long or is not a list of certificates.
    pub fn parse_pem(pem: &[u8]) -> Result<Self, InvalidCertificate> {
        if pem.len() > PEM_BYTES_MAX {
            return Err(InvalidCertificate("it is longer than 64 KiB"));
        }

        let mut chain = Vec::new();
        for block in Pem::iter_from_buffer(pem) {
            let block = block.map_err(|_| InvalidCertificate("a block cannot be parsed"))?;
            if block.label != "CERTIFICATE" {
                return Err(InvalidCertificate("a block is not a certificate"));
            }
            read(&block.contents).ok_or(InvalidCertificate(
                "a block does not contain an X.509 certificate",
            ))?;
            chain.push(block.contents);
        }

        match chain.len() {
            0 => Err(InvalidCertificate("it has no block")),
            1..=CHAIN_LENGTH_MAX => Ok(Self { chain }),
            _ => Err(InvalidCertificate("it has more than eight blocks")),
        }
    }

    /// Checks that the certificate may sign at `now`. The error completes "the signing certificate
    /// …".
    pub(crate) fn check_use(&self, now: Timestamp) -> Result<(), &'static str> {
        let leaf = self.leaf().ok_or("cannot be parsed")?;
        if !is_valid_at(&leaf, now) {
            return Err("has expired or is not valid yet");
        }
        match leaf.key_usage() {
            Ok(None) => Ok(()),
            Ok(Some(usage)) if usage.value.digital_signature() => Ok(()),
            _ => Err("is not for signatures"),
        }
    }

    /// Returns whether one of the certificate's names satisfies the predicate.
    pub(crate) fn has_name(&self, fits: impl Fn(&str) -> bool) -> bool {
        let Some(leaf) = self.leaf() else {
            return false;
        };

        let alternatives = leaf.subject_alternative_name().ok().flatten();
        let dns = alternatives
            .iter()
            .flat_map(|extension| &extension.value.general_names)
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some(*name),
                _ => None,
            });
        let common = leaf
            .subject()
            .iter_common_name()
            .filter_map(|name| name.as_str().ok());

        dns.chain(common).any(fits)
    }

    /// Returns whether a chain of signatures, all valid at `now`, leads to one of `roots`.
    pub(crate) fn has_chain_to(&self, roots: &[Certificate], now: Timestamp) -> bool {
        let trusted: Vec<&Vec<u8>> = roots.iter().flat_map(|root| &root.chain).collect();
        let mut rest: Vec<&Vec<u8>> = self.chain.iter().skip(1).collect();
        let Some(mut current) = self.chain.first() else {
            return false;
        };

        for _ in 0..CHAIN_LENGTH_MAX {
            if trusted.contains(&current)
                || trusted.iter().any(|root| is_issued_by(current, root, now))
            {
                return true;
            }

            let Some(position) = rest
                .iter()
                .position(|issuer| is_issued_by(current, issuer, now))
            else {
                return false;
            };
            current = rest.swap_remove(position);
        }
        false
    }

    /// Returns whether `signature` is a signature of this certificate over `message`.
    pub(crate) fn verifies(
        &self,
        algorithm: &'static dyn VerificationAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let Some(leaf) = self.leaf() else {
            return false;
        };
        let key = &leaf.public_key().subject_public_key.data;
        UnparsedPublicKey::new(algorithm, key)
            .verify(message, signature)
            .is_ok()
    }

    fn leaf(&self) -> Option<X509Certificate<'_>> {
        read(self.chain.first()?)
    }
}

fn read(der: &[u8]) -> Option<X509Certificate<'_>> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Some(certificate),
        _ => None,
    }
}

fn is_valid_at(certificate: &X509Certificate<'_>, now: Timestamp) -> bool {
    let validity = certificate.validity();
    (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now.unix_secs())
}

/// Returns whether `issuer` is an authority, valid at `now`, that signed `subject`.
fn is_issued_by(subject: &[u8], issuer: &[u8], now: Timestamp) -> bool {
    let (Some(subject), Some(issuer)) = (read(subject), read(issuer)) else {
        return false;
    };

    subject.issuer().as_raw() == issuer.subject().as_raw()
        && is_authority(&issuer)
        && is_valid_at(&issuer, now)
        && is_signed_by(&subject, &issuer).unwrap_or(false)
}

fn is_authority(certificate: &X509Certificate<'_>) -> bool {
    let is_ca = certificate
        .basic_constraints()
        .is_ok_and(|found| found.is_some_and(|constraints| constraints.value.ca));
    let may_sign = certificate
        .key_usage()
        .is_ok_and(|found| found.is_none_or(|usage| usage.value.key_cert_sign()));

    is_ca && may_sign
}

/// Returns whether `issuer` signed `subject`; `None` if the algorithm is not one that authorities
/// use today.
fn is_signed_by(subject: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> Option<bool> {
    let used = &subject.signature_algorithm.algorithm;
    let is_ec = *used == OID_SIG_ECDSA_WITH_SHA256 || *used == OID_SIG_ECDSA_WITH_SHA384;
    let algorithm: &'static dyn VerificationAlgorithm = if is_ec {
        let curve = issuer
            .public_key()
            .algorithm
            .parameters
            .as_ref()?
            .as_oid()
            .ok()?;
        match (*used == OID_SIG_ECDSA_WITH_SHA256, curve) {
            (true, curve) if curve == OID_EC_P256 => &signature::ECDSA_P256_SHA256_ASN1,
            (false, curve) if curve == OID_EC_P256 => &signature::ECDSA_P256_SHA384_ASN1,
            (true, curve) if curve == OID_NIST_EC_P384 => &signature::ECDSA_P384_SHA256_ASN1,
            (false, curve) if curve == OID_NIST_EC_P384 => &signature::ECDSA_P384_SHA384_ASN1,
            _ => return None,
        }
    } else if *used == OID_PKCS1_SHA256WITHRSA {
        &signature::RSA_PKCS1_2048_8192_SHA256
    } else if *used == OID_PKCS1_SHA384WITHRSA {
        &signature::RSA_PKCS1_2048_8192_SHA384
    } else if *used == OID_PKCS1_SHA512WITHRSA {
        &signature::RSA_PKCS1_2048_8192_SHA512
    } else {
        return None;
    };

    let key = UnparsedPublicKey::new(algorithm, &issuer.public_key().subject_public_key.data);
    Some(
        key.verify(
            subject.tbs_certificate.as_ref(),
            &subject.signature_value.data,
        )
        .is_ok(),
    )
}
