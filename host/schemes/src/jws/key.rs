//! JSON Web Keys (RFC 7517) as configured: one algorithm each, checked at load.

use std::fmt;

use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ParsedPublicKey,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::Value;

use crate::credential::check_keys;
use crate::refusal::excerpt;
use crate::{Secret, SetupError};

const WHAT: &str = "JSON Web Key";
const SUPPORTED: &str = "P-256, P-384, Ed25519, RSA and oct are";
/// Senders publish a handful of keys. Each of a set costs time at every request.
const SET_KEYS_MAX: usize = 100;

/// A key and the one algorithm that it is for.
pub(crate) struct Key {
    pub(crate) id: Option<String>,
    pub(crate) algorithm: Algorithm,
    key: DecodingKey,
}

impl Key {
    /// Whether `signature`, in base64url, is this key's over `signed`.
    pub(crate) fn verifies(&self, signed: &[u8], signature: &str) -> bool {
        crypto::verify(signature, signed, &self.key, self.algorithm).unwrap_or(false)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// The algorithms there are (RFC 7518; `Ed25519` is RFC 9864's name for what was called `EdDSA`).
pub(crate) fn algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "Ed25519" => Some(Algorithm::EdDSA),
        name => name.parse().ok(),
    }
}

/// The algorithm that a setting names.
pub(crate) fn named(name: &str) -> Result<Algorithm, SetupError> {
    algorithm(name).ok_or_else(|| {
        unusable(format!(
            "there is no algorithm `{name}`; use ES256, ES384, RS256, PS256, EdDSA or the like"
        ))
    })
}

/// The keys of one document that can be used, and those that can't.
#[derive(Default)]
pub(crate) struct KeySet {
    pub(crate) keys: Vec<Key>,
    pub(crate) skipped: Vec<SkippedKey>,
}

/// A key of a set that this host can't use. RFC 7517, section 5, asks for such keys to be ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedKey {
    /// The key's `kid` in quotes, or its place in the set, counted from 1.
    pub name: String,
    /// Why it can't be used.
    pub why: String,
}

impl fmt::Display for SkippedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}: {}", self.name, self.why)
    }
}

/// Reads keys and sets of keys. `default` is the algorithm of those that don't say one.
pub(crate) fn read(documents: &[Secret], default: Option<&str>) -> Result<Vec<Key>, SetupError> {
    check_keys(WHAT, documents)?;
    let default = default.map(named).transpose()?;
    let mut keys = Vec::new();
    for document in documents {
        keys.extend(read_document(document.expose(), default)?.keys);
    }
    if keys.is_empty() {
        Err(SetupError::NoKeys { what: WHAT })
    } else {
        Ok(keys)
    }
}

/// Reads one key, or a set of keys. At least one key of a set must be usable.
pub(crate) fn read_document(
    document: &[u8],
    default: Option<Algorithm>,
) -> Result<KeySet, SetupError> {
    let document: Value = serde_json::from_slice(document)
        .map_err(|_| unusable("it is not JSON; give the public key as a JWK, `{\"kty\": ...}`"))?;
    let Some(members) = document.get("keys") else {
        return Ok(KeySet {
            keys: vec![one(&document, default)?],
            skipped: Vec::new(),
        });
    };
    let members = members
        .as_array()
        .ok_or_else(|| unusable("its `keys` is not a list, as a JWK set has it"))?;
    if members.len() > SET_KEYS_MAX {
        return Err(unusable(format!(
            "it is a set of more than {SET_KEYS_MAX} keys; leave out those of other senders"
        )));
    }

    let mut set = KeySet::default();
    for (index, member) in members.iter().enumerate() {
        match one(member, default) {
            Ok(key) => set.keys.push(key),
            Err(error) => set.skipped.push(SkippedKey {
                name: name_of(member, index),
                why: reason(error),
            }),
        }
    }
    if set.keys.is_empty() {
        let reasons = set
            .skipped
            .iter()
            .map(SkippedKey::to_string)
            .collect::<Vec<_>>()
            .join("; ");
        return Err(if reasons.is_empty() {
            unusable("it is a set without keys")
        } else {
            unusable(format!(
                "it is a set of which no key can be used ({reasons})"
            ))
        });
    }
    Ok(set)
}

fn name_of(key: &Value, index: usize) -> String {
    let kid = key.get("kid").and_then(Value::as_str);
    kid.map_or_else(
        || (index + 1).to_string(),
        |kid| format!("\"{}\"", excerpt(kid)),
    )
}

/// What is wrong with one key, without the words about keys in general.
fn reason(error: SetupError) -> String {
    match error {
        SetupError::UnusableKey { why, .. } => why,
        error => error.to_string(),
    }
}

fn one(document: &Value, default: Option<Algorithm>) -> Result<Key, SetupError> {
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    if document.get("d").is_some() {
        return Err(unusable(
            "it is a private key, which belongs to the sender alone; give the public one, without `d`",
        ));
    }
    if !allows(document, "verify") {
        return Err(unusable(
            "its `key_ops` do not include `verify`, so it is not for signatures",
        ));
    }
    let (jwk, algorithm) = describe(document, default)?;
    let key =
        DecodingKey::from_jwk(&jwk).map_err(|_| unusable("its parameters are not base64url"))?;
    check(&jwk.algorithm, &key)?;
    Ok(Key {
        id: text("kid").map(str::to_owned),
        algorithm,
        key,
    })
}

/// Whether the key may be used so, where it says what it may be used for (RFC 7517, 4.3).
pub(crate) fn allows(document: &Value, operation: &str) -> bool {
    match document.get("key_ops") {
        None => true,
        Some(operations) => {
            let operations = operations.as_array().map(Vec::as_slice).unwrap_or_default();
            operations.iter().any(|allowed| allowed == operation)
        }
    }
}

/// What a key is, public or private, and the one algorithm that it is for.
pub(crate) fn describe(
    document: &Value,
    default: Option<Algorithm>,
) -> Result<(Jwk, Algorithm), SetupError> {
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    if text("use").is_some_and(|r#use| r#use != "sig") {
        return Err(unusable(
            "its `use` is not `sig`, so it is not for signatures",
        ));
    }
    let stated =
        match text("alg") {
            Some(name) => Some(algorithm(name).ok_or_else(|| {
                unusable(format!("its `alg`, {}, is not supported", excerpt(name)))
            })?),
            None => None,
        };
    check_kind(text("kty"), text("crv"))?;
    let jwk: Jwk = serde_json::from_value(document.clone())
        .map_err(|_| unusable("its parameters can't be read; compare it with RFC 7517"))?;
    let algorithm = choose(possible(&jwk.algorithm)?, stated, default)?;
    Ok((jwk, algorithm))
}

/// Refuses types and curves by name. The parser would only say that it can't read the key.
fn check_kind(kty: Option<&str>, crv: Option<&str>) -> Result<(), SetupError> {
    match (kty, crv) {
        (Some("RSA" | "oct"), _)
        | (Some("EC"), Some("P-256" | "P-384"))
        | (Some("OKP"), Some("Ed25519")) => Ok(()),
        (Some("EC" | "OKP"), Some(curve)) => Err(unusable(format!(
            "its curve, {}, is not supported; {SUPPORTED}",
            excerpt(curve)
        ))),
        (Some("EC" | "OKP"), None) => Err(unusable("it has no `crv`, the curve that it is on")),
        (Some(kty), _) => Err(unusable(format!(
            "its `kty`, {}, is not supported; {SUPPORTED}",
            excerpt(kty)
        ))),
        (None, _) => Err(unusable("it has no `kty`, the type of the key")),
    }
}

/// What keys on the curve P-256 are for.
pub(crate) const EC_P256: &[Algorithm] = &[Algorithm::ES256];
/// What keys on the curve P-384 are for.
pub(crate) const EC_P384: &[Algorithm] = &[Algorithm::ES384];
/// What keys on the curve Ed25519 are for.
pub(crate) const ED25519: &[Algorithm] = &[Algorithm::EdDSA];
/// What RSA keys are for.
pub(crate) const RSA: &[Algorithm] = {
    use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
    &[RS256, RS384, RS512, PS256, PS384, PS512]
};

fn possible(parameters: &AlgorithmParameters) -> Result<&'static [Algorithm], SetupError> {
    match parameters {
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Ok(EC_P256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => Ok(EC_P384),
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            Ok(ED25519)
        }
        AlgorithmParameters::RSA(_) => Ok(RSA),
        AlgorithmParameters::OctetKey(_) => {
            Ok(&[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512])
        }
        _ => Err(unusable(format!(
            "its type or curve is not supported; {SUPPORTED}"
        ))),
    }
}

/// The one algorithm of a key: its own, or else the default, or else the only one that is possible.
pub(crate) fn choose(
    possible: &[Algorithm],
    stated: Option<Algorithm>,
    default: Option<Algorithm>,
) -> Result<Algorithm, SetupError> {
    if let (Some(stated), Some(default)) = (stated, default)
        && stated != default
    {
        return Err(unusable(format!(
            "its `alg` is {stated:?} and `algorithm` says {default:?}; make them agree"
        )));
    }
    match (stated.or(default), possible) {
        (Some(algorithm), possible) if possible.contains(&algorithm) => Ok(algorithm),
        (Some(algorithm), _) => Err(unusable(format!(
            "a key of its type can't be used with {algorithm:?}"
        ))),
        (None, [only]) => Ok(*only),
        (None, _) => Err(unusable(
            "it has no `alg`, and keys of its type can be used with several; add one",
        )),
    }
}

/// Whether the key is one at all, so that a slip shows at load and not as a bad signature later.
fn check(parameters: &AlgorithmParameters, key: &DecodingKey) -> Result<(), SetupError> {
    let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    let bytes = || key.try_get_as_bytes().unwrap_or_default();
    match parameters {
        AlgorithmParameters::EllipticCurve(curve) => {
            let is_point = match curve.curve {
                EllipticCurve::P384 => {
                    ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, bytes()).is_ok()
                }
                _ => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes()).is_ok(),
            };
            if is_point {
                Ok(())
            } else {
                Err(unusable("`x` and `y` are no point on its curve"))
            }
        }
        AlgorithmParameters::OctetKeyPair(_)
            if ParsedPublicKey::new(&signature::ED25519, bytes()).is_err() =>
        {
            Err(unusable("`x` is not an Ed25519 key of 32 bytes"))
        }
        AlgorithmParameters::RSA(rsa) => {
            let modulus = decode(&rsa.n);
            let size = modulus.iter().skip_while(|byte| **byte == 0).count();
            let is_fit = (256..=1024).contains(&size) && !decode(&rsa.e).is_empty();
            if is_fit {
                Ok(())
            } else {
                Err(unusable("RSA keys need 2048 to 8192 bits and an exponent"))
            }
        }
        AlgorithmParameters::OctetKey(_) => check_keys(WHAT, &[Secret::new(bytes())]),
        _ => Ok(()),
    }
}

fn unusable(why: impl Into<String>) -> SetupError {
    SetupError::UnusableKey {
        what: WHAT,
        why: why.into(),
    }
}
