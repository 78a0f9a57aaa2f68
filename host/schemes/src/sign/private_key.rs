//! Private keys for JWS: JSON Web Keys (RFC 7517) or PEM. Each key has one algorithm and is checked
//! when it is loaded.

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, RsaEncoding, RsaKeyPair,
};
use aws_lc_rs::{error::KeyRejected, hmac};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve};
use serde_json::{Value, json};
use x509_parser::pem::Pem;

use super::SignError;
use crate::verify::credential::check_keys;
use crate::verify::jws::public_key::{EC_P256, EC_P384, ED25519, RSA, allows, choose, read_jwk};
use crate::{Secret, SetupError};

const WHAT: &str = "private key";

/// A private key, with the JWS header that names it.
pub(super) struct PrivateKey {
    protected: String,
    material: Material,
}

enum Material {
    Ecdsa(EcdsaKeyPair, &'static digest::Algorithm),
    Ed25519(Ed25519KeyPair),
    Rsa(
        RsaKeyPair,
        &'static dyn RsaEncoding,
        &'static digest::Algorithm,
    ),
    Hmac(Box<hmac::Key>),
}

impl PrivateKey {
    /// Reads one key. `default` is the algorithm of a key that does not name one.
    pub(super) fn read(given: &Secret, default: Option<Algorithm>) -> Result<Self, SetupError> {
        let text = given.expose();
        let (material, algorithm, id) = if text.trim_ascii_start().starts_with(b"-----BEGIN ") {
            from_pem(text, default)?
        } else {
            from_jwk(text, default)?
        };

        let mut header = json!({ "alg": format!("{algorithm:?}") });
        if let Some(id) = id {
            header["kid"] = id.into();
        }

        Ok(Self {
            protected: BASE64_URL_SAFE_NO_PAD.encode(header.to_string()),
            material,
        })
    }

    /// Returns the protected header, in base64url.
    pub(super) fn protected(&self) -> &str {
        &self.protected
    }

    /// Returns the signature over `signed` in the form of JWS (RFC 7518, 3).
    pub(super) fn sign(&self, signed: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature = match &self.material {
            Material::Ecdsa(pair, hash) => pair
                .sign_digest(&digest::digest(hash, signed))
                .map(|signature| signature.as_ref().to_vec()),
            Material::Ed25519(pair) => pair
                .try_sign(signed)
                .map(|signature| signature.as_ref().to_vec()),
            Material::Rsa(pair, padding, hash) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(*padding, &digest::digest(hash, signed), &mut signature)
                    .map(|()| signature)
            }
            Material::Hmac(key) => Ok(hmac::sign(key, signed).as_ref().to_vec()),
        };

        signature.map_err(|_| SignError::Key)
    }
}

/// A key with its algorithm and its id.
type KeyParts = (Material, Algorithm, Option<String>);

fn from_jwk(text: &[u8], default: Option<Algorithm>) -> Result<KeyParts, SetupError> {
    let document: Value = serde_json::from_slice(text).map_err(|_| {
        unusable("it is neither JSON nor PEM; give a JWK, `{\"kty\": ...}`, or PEM")
    })?;
    if document.get("keys").is_some() {
        return Err(unusable(
            "it is a set of keys; configure each key by itself, so that it can have its own times",
        ));
    }
    if !allows(&document, "sign") {
        return Err(unusable(
            "its `key_ops` do not include `sign`, so it is not for signing",
        ));
    }

    let (jwk, algorithm) = read_jwk(&document, default)?;
    let material = match &jwk.algorithm {
        AlgorithmParameters::OctetKey(key) => symmetric(&key.value, algorithm)?,
        _ if document.get("d").is_none() => {
            return Err(unusable(
                "it is a public key, which cannot sign; give the private key, with `d`",
            ));
        }
        parameters => asymmetric(&document, parameters, algorithm)?,
    };

    let id = document
        .get("kid")
        .and_then(Value::as_str)
        .map(str::to_owned);
    Ok((material, algorithm, id))
}

fn asymmetric(
    document: &Value,
    parameters: &AlgorithmParameters,
    algorithm: Algorithm,
) -> Result<Material, SetupError> {
    let part = |name: &str| {
        let text = document.get(name).and_then(Value::as_str);
        text.and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok())
            .ok_or_else(|| unusable(format!("its `{name}` is missing or not base64url")))
    };
    let inconsistent =
        |_: KeyRejected| unusable("its private part does not belong to its public part");

    match parameters {
        AlgorithmParameters::EllipticCurve(key) => {
            let (curve, hash) = match key.curve {
                EllipticCurve::P384 => (ES384, &SHA384),
                _ => (ES256, &SHA256),
            };
            let point = [&[4][..], &part("x")?, &part("y")?].concat();
            let pair = EcdsaKeyPair::from_private_key_and_public_key(curve, &part("d")?, &point);
            pair.map(|pair| Material::Ecdsa(pair, hash))
                .map_err(inconsistent)
        }
        AlgorithmParameters::OctetKeyPair(_) => {
            let (seed, public) = (part("d")?, part("x")?);
            Ed25519KeyPair::from_seed_and_public_key(&seed, &public)
                .map(Material::Ed25519)
                .map_err(inconsistent)
        }
        _ => {
            let public_key = PublicKeyComponents {
                n: part("n")?,
                e: part("e")?,
            };
            let components = KeyPairComponents {
                public_key,
                d: part("d")?,
                p: part("p")?,
                q: part("q")?,
                dP: part("dp")?,
                dQ: part("dq")?,
                qInv: part("qi")?,
            };
            RsaKeyPair::from_components(&components)
                .map(|pair| rsa(pair, algorithm))
                .map_err(inconsistent)
        }
    }
}

fn symmetric(value: &str, algorithm: Algorithm) -> Result<Material, SetupError> {
    let bytes = BASE64_URL_SAFE_NO_PAD
        .decode(value)
        .map_err(|_| unusable("its `k` is not base64url"))?;
    check_keys(WHAT, &[Secret::new(&*bytes)])?;

    let algorithm = match algorithm {
        Algorithm::HS384 => hmac::HMAC_SHA384,
        Algorithm::HS512 => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    Ok(Material::Hmac(Box::new(hmac::Key::new(algorithm, &bytes))))
}

/// Reads PKCS#8, or the older formats of OpenSSL for EC and RSA. PEM has no key id.
fn from_pem(text: &[u8], default: Option<Algorithm>) -> Result<KeyParts, SetupError> {
    let blocks = Pem::iter_from_buffer(text).filter_map(Result::ok);
    let block = blocks
        .into_iter()
        .find(|block| block.label.ends_with("PRIVATE KEY"))
        .ok_or_else(|| unusable("the PEM has no private key; look for `BEGIN PRIVATE KEY`"))?;

    if block.label.starts_with("ENCRYPTED") {
        return Err(unusable(
            "it is encrypted; decrypt it with `openssl pkcs8 -topk8 -nocrypt`",
        ));
    }

    let der = &*block.contents;
    if let Ok(pair) = EcdsaKeyPair::from_private_key_der(ES256, der) {
        return Ok((
            Material::Ecdsa(pair, &SHA256),
            choose(EC_P256, None, default)?,
            None,
        ));
    }
    if let Ok(pair) = EcdsaKeyPair::from_private_key_der(ES384, der) {
        return Ok((
            Material::Ecdsa(pair, &SHA384),
            choose(EC_P384, None, default)?,
            None,
        ));
    }
    if let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) {
        return Ok((
            Material::Ed25519(pair),
            choose(ED25519, None, default)?,
            None,
        ));
    }

    let pair = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der));
    let pair = pair.map_err(|_| {
        unusable("its kind is not supported; P-256, P-384, Ed25519 and RSA keys are")
    })?;
    let algorithm = choose(RSA, None, default)?;

    Ok((rsa(pair, algorithm), algorithm, None))
}

fn rsa(pair: RsaKeyPair, algorithm: Algorithm) -> Material {
    let (padding, hash): (&'static dyn RsaEncoding, _) = match algorithm {
        Algorithm::RS384 => (&signature::RSA_PKCS1_SHA384, &SHA384),
        Algorithm::RS512 => (&signature::RSA_PKCS1_SHA512, &SHA512),
        Algorithm::PS256 => (&signature::RSA_PSS_SHA256, &SHA256),
        Algorithm::PS384 => (&signature::RSA_PSS_SHA384, &SHA384),
        Algorithm::PS512 => (&signature::RSA_PSS_SHA512, &SHA512),
        _ => (&signature::RSA_PKCS1_SHA256, &SHA256),
    };
    Material::Rsa(pair, padding, hash)
}

const ES256: &EcdsaSigningAlgorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
const ES384: &EcdsaSigningAlgorithm = &signature::ECDSA_P384_SHA384_FIXED_SIGNING;

fn unusable(why: impl Into<String>) -> SetupError {
    SetupError::UnusableKey {
        what: WHAT,
        why: why.into(),
    }
}
