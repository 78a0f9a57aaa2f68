//! Public keys in PEM: a `SubjectPublicKeyInfo` of RSA, of a curve, or of Ed25519 (RFC 5280, RFC
//! 5480, RFC 8410).

use aws_lc_rs::signature::{self, ParsedPublicKey};
use jsonwebtoken::jwk::EllipticCurve;
use jsonwebtoken::{Algorithm, DecodingKey};
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_PKCS1_RSAENCRYPTION,
    OID_SIG_ED25519,
};
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::{EC_P256, EC_P384, ED25519, RSA, is_point, unusable};
use crate::SetupError;

/// The sizes of RSA keys that can be used, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Returns whether the text is meant to be PEM.
pub(super) fn is_pem(document: &[u8]) -> bool {
    document.trim_ascii_start().starts_with(b"-----BEGIN ")
}

/// Reads the one public key of a PEM file, with the algorithms that it may be used with.
pub(super) fn read(document: &[u8]) -> Result<(&'static [Algorithm], DecodingKey), SetupError> {
    let broken = |_| unusable("its PEM cannot be read; copy the whole file");
    let mut blocks = Pem::iter_from_buffer(document);
    let block = blocks
        .next()
        .ok_or_else(|| unusable("it has no PEM block"))?
        .map_err(broken)?;
    if blocks.next().is_some() {
        return Err(unusable(
            "it has more than one PEM block; give each key by itself",
        ));
    }
    check_label(&block.label)?;
    match SubjectPublicKeyInfo::from_der(&block.contents) {
        Ok(([], info)) => key(&info),
        _ => Err(unusable(
            "its PEM block does not contain a public key; compare it with RFC 5280",
        )),
    }
}

fn check_label(label: &str) -> Result<(), SetupError> {
    match label {
        "PUBLIC KEY" => Ok(()),
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

fn key(info: &SubjectPublicKeyInfo<'_>) -> Result<(&'static [Algorithm], DecodingKey), SetupError> {
    let bytes = &info.subject_public_key.data;
    let kind = &info.algorithm.algorithm;

    if *kind == OID_PKCS1_RSAENCRYPTION {
        return rsa(info, bytes);
    }
    if *kind == OID_SIG_ED25519 && ParsedPublicKey::new(&signature::ED25519, bytes).is_ok() {
        return Ok((ED25519, DecodingKey::from_ed_der(bytes)));
    }
    if *kind == OID_KEY_TYPE_EC_PUBLIC_KEY {
        return ec(info, bytes);
    }
    Err(unusable("its type is not RSA, P-256, P-384 or Ed25519"))
}

fn rsa(
    info: &SubjectPublicKeyInfo<'_>,
    bytes: &[u8],
) -> Result<(&'static [Algorithm], DecodingKey), SetupError> {
    let bits = info.parsed().map(|key| key.key_size()).unwrap_or_default();
    if RSA_BITS.contains(&bits) {
        Ok((RSA, DecodingKey::from_rsa_der(bytes)))
    } else {
        Err(unusable("RSA keys need 2048 to 8192 bits"))
    }
}

fn ec(
    info: &SubjectPublicKeyInfo<'_>,
    bytes: &[u8],
) -> Result<(&'static [Algorithm], DecodingKey), SetupError> {
    let parameters = info.algorithm.parameters.as_ref();
    let curve = parameters.and_then(|value| value.as_oid().ok());
    let (curve, algorithms) = match curve {
        Some(curve) if curve == OID_EC_P256 => (EllipticCurve::P256, EC_P256),
        Some(curve) if curve == OID_NIST_EC_P384 => (EllipticCurve::P384, EC_P384),
        _ => return Err(unusable("its curve is not P-256 or P-384")),
    };

    if is_point(&curve, bytes) {
        Ok((algorithms, DecodingKey::from_ec_der(bytes)))
    } else {
        Err(unusable("it is not a point on its curve"))
    }
}
