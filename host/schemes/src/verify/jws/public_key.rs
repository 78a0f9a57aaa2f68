//! Public keys as JSON Web Keys (RFC 7517) or in PEM: each key knows its algorithms and is checked
//! when it is read.

mod pem;

use std::fmt;

use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ParsedPublicKey,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hookyard_model::excerpt;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::Value;

use crate::verify::credential::check_keys;
use crate::{Secret, SetupError};

const WHAT: &str = "JSON Web Key";
const SUPPORTED: &str = "P-256, P-384, Ed25519, RSA and oct are";
/// Senders publish a handful of keys, and each key costs time for every request.
const SET_KEYS_MAX: usize = 100;

/// A key with the algorithms that it may be used with.
pub(crate) struct PublicKey {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl PublicKey {
    /// Returns a symmetric key.
    pub(crate) fn symmetric(secret: &[u8], algorithms: Vec<Algorithm>) -> Self {
        Self {
            id: None,
            algorithms,
            key: DecodingKey::from_secret(secret),
        }
    }

    /// Returns whether the key may be used with this algorithm.
    pub(crate) fn allows(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Returns whether the key may have this id. A key without an id may have any.
    pub(crate) fn may_have_id(&self, id: &str) -> bool {
        self.id.as_deref().is_none_or(|own| own == id)
    }

    /// Returns whether `signature`, in base64url, is a signature of this key over `signed` with an
    /// algorithm that the key [allows](Self::allows).
    pub(crate) fn verifies(&self, algorithm: Algorithm, signed: &[u8], signature: &str) -> bool {
        self.allows(algorithm)
            && crypto::verify(signature, signed, &self.key, algorithm).unwrap_or(false)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("id", &self.id)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

/// Returns the algorithm with this name (RFC 7518). `Ed25519` is RFC 9864's name for `EdDSA`.
pub(crate) fn find_algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "Ed25519" => Some(Algorithm::EdDSA),
        name => name.parse().ok(),
    }
}

/// Returns the algorithm that a setting names.
pub(crate) fn parse_algorithm(name: &str) -> Result<Algorithm, SetupError> {
    find_algorithm(name).ok_or_else(|| {
        unusable(format!(
            "there is no algorithm `{name}`; use ES256, ES384, RS256, PS256, EdDSA or the like"
        ))
    })
}

/// The keys of one document, divided into usable and skipped ones.
#[derive(Default)]
pub(crate) struct KeySet {
    pub(crate) keys: Vec<PublicKey>,
    pub(crate) skipped: Vec<SkippedKey>,
}

/// A key of a set that the host cannot use. RFC 7517, section 5, asks to ignore such keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedKey {
    /// The key's `kid` in quotes, or its position in the set, counted from 1.
    pub name: String,
    /// The reason for which the key cannot be used.
    pub why: String,
}

impl fmt::Display for SkippedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}: {}", self.name, self.why)
    }
}

/// Reads keys and sets of keys. `default` names the algorithm of keys that do not name one.
pub(crate) fn read_keys(
    documents: &[Secret],
    default: Option<&str>,
) -> Result<Vec<PublicKey>, SetupError> {
    check_keys(WHAT, documents)?;
    let default = default.map(parse_algorithm).transpose()?;

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

/// Reads one key, or a set with at least one usable key. Each key gets one algorithm.
pub(crate) fn read_document(
    document: &[u8],
    default: Option<Algorithm>,
) -> Result<KeySet, SetupError> {
    read_members(document, |key| read_key(key, default))
}

/// Reads keys that the host has fetched: one key, or a set with at least one usable key. Each key
/// gets every algorithm that it allows.
pub(crate) fn read_fetched(document: &[u8]) -> Result<KeySet, SetupError> {
    read_members(document, |key| {
        if key.get("kty").is_some_and(|kty| kty == "oct") {
            return Err(unusable("it is symmetric, and everybody can fetch it"));
        }
        read_any_key(key)
    })
}

/// Reads configured keys: PEM, one JSON Web Key, or a set of them. Each key gets every algorithm
/// that it allows.
pub(crate) fn read_configured(document: &[u8]) -> Result<KeySet, SetupError> {
    if !pem::is_pem(document) {
        return read_members(document, read_any_key);
    }
    let (algorithms, key) = pem::read(document)?;
    let key = PublicKey {
        id: None,
        algorithms: algorithms.to_vec(),
        key,
    };
    Ok(KeySet {
        keys: vec![key],
        skipped: Vec::new(),
    })
}

fn read_members(
    document: &[u8],
    read_key: impl Fn(&Value) -> Result<PublicKey, SetupError>,
) -> Result<KeySet, SetupError> {
    let document: Value = serde_json::from_slice(document)
        .map_err(|_| unusable("it is not JSON; give the public key as a JWK, `{\"kty\": ...}`"))?;
    let Some(members) = document.get("keys") else {
        return Ok(KeySet {
            keys: vec![read_key(&document)?],
            skipped: Vec::new(),
        });
    };

    let members = members
        .as_array()
        .ok_or_else(|| unusable("its `keys` is not a list; a JWK set has a list there"))?;
    if members.len() > SET_KEYS_MAX {
        return Err(unusable(format!(
            "it is a set of more than {SET_KEYS_MAX} keys; remove the keys of other senders"
        )));
    }

    let mut set = KeySet::default();
    for (index, member) in members.iter().enumerate() {
        match read_key(member) {
            Ok(key) => set.keys.push(key),
            Err(error) => set.skipped.push(SkippedKey {
                name: name_of(member, index),
                why: reason(error),
            }),
        }
    }
    if set.keys.is_empty() {
        return Err(nothing_usable(&set.skipped));
    }
    Ok(set)
}

fn nothing_usable(skipped: &[SkippedKey]) -> SetupError {
    if skipped.is_empty() {
        return unusable("it is a set without keys");
    }
    let reasons: Vec<_> = skipped.iter().map(SkippedKey::to_string).collect();
    unusable(format!(
        "it is a set without a usable key ({})",
        reasons.join("; ")
    ))
}

fn name_of(key: &Value, index: usize) -> String {
    match key.get("kid").and_then(Value::as_str) {
        Some(kid) => format!("\"{}\"", excerpt(kid)),
        None => (index + 1).to_string(),
    }
}

/// Returns the reason for which one key cannot be used, without the words about keys in general.
fn reason(error: SetupError) -> String {
    match error {
        SetupError::UnusableKey { why, .. } => why,
        error => error.to_string(),
    }
}

fn read_key(document: &Value, default: Option<Algorithm>) -> Result<PublicKey, SetupError> {
    check_purpose(document)?;
    let (jwk, algorithm) = read_jwk(document, default)?;
    public_key(document, &jwk, vec![algorithm])
}

fn read_any_key(document: &Value) -> Result<PublicKey, SetupError> {
    check_purpose(document)?;
    let (jwk, stated) = read_parameters(document)?;
    let possible = possible(&jwk.algorithm)?;
    let algorithms = match stated {
        Some(_) => vec![choose(possible, stated, None)?],
        None => possible.to_vec(),
    };
    public_key(document, &jwk, algorithms)
}

/// Refuses private keys, and keys that are not for verifying.
fn check_purpose(document: &Value) -> Result<(), SetupError> {
    if document.get("d").is_some() {
        return Err(unusable(
            "it is a private key, which only the sender may have; give the public key, without `d`",
        ));
    }
    if !allows(document, "verify") {
        return Err(unusable(
            "its `key_ops` do not include `verify`, so it is not for signatures",
        ));
    }
    Ok(())
}

fn public_key(
    document: &Value,
    jwk: &Jwk,
    algorithms: Vec<Algorithm>,
) -> Result<PublicKey, SetupError> {
    let key =
        DecodingKey::from_jwk(jwk).map_err(|_| unusable("its parameters are not base64url"))?;
    check(&jwk.algorithm, &key)?;

    let id = document.get("kid").and_then(Value::as_str);
    Ok(PublicKey {
        id: id.map(str::to_owned),
        algorithms,
        key,
    })
}

/// Returns whether the key may be used for an operation. A key without `key_ops` may be used for
/// all operations (RFC 7517, 4.3).
pub(crate) fn allows(document: &Value, operation: &str) -> bool {
    match document.get("key_ops") {
        None => true,
        Some(operations) => {
            let operations = operations.as_array().map(Vec::as_slice).unwrap_or_default();
            operations.iter().any(|allowed| allowed == operation)
        }
    }
}

/// Reads a public or private key and its one algorithm.
pub(crate) fn read_jwk(
    document: &Value,
    default: Option<Algorithm>,
) -> Result<(Jwk, Algorithm), SetupError> {
    let (jwk, stated) = read_parameters(document)?;
    let algorithm = choose(possible(&jwk.algorithm)?, stated, default)?;
    Ok((jwk, algorithm))
}

/// Reads the parameters of a key and the algorithm that it states.
fn read_parameters(document: &Value) -> Result<(Jwk, Option<Algorithm>), SetupError> {
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    if text("use").is_some_and(|r#use| r#use != "sig") {
        return Err(unusable(
            "its `use` is not `sig`, so it is not for signatures",
        ));
    }
    let stated =
        match text("alg") {
            Some(name) => Some(find_algorithm(name).ok_or_else(|| {
                unusable(format!("its `alg`, {}, is not supported", excerpt(name)))
            })?),
            None => None,
        };
    check_kind(text("kty"), text("crv"))?;

    let jwk: Jwk = serde_json::from_value(document.clone())
        .map_err(|_| unusable("cannot read its parameters; compare it with RFC 7517"))?;
    Ok((jwk, stated))
}

/// Refuses unsupported types and curves by name. The parser's own error would not name them.
fn check_kind(kty: Option<&str>, crv: Option<&str>) -> Result<(), SetupError> {
    match (kty, crv) {
        (Some("RSA" | "oct"), _)
        | (Some("EC"), Some("P-256" | "P-384"))
        | (Some("OKP"), Some("Ed25519")) => Ok(()),
        (Some("EC" | "OKP"), Some(curve)) => Err(unusable(format!(
            "its curve, {}, is not supported; {SUPPORTED}",
            excerpt(curve)
        ))),
        (Some("EC" | "OKP"), None) => Err(unusable("it has no `crv`, the name of its curve")),
        (Some(kty), _) => Err(unusable(format!(
            "its `kty`, {}, is not supported; {SUPPORTED}",
            excerpt(kty)
        ))),
        (None, _) => Err(unusable("it has no `kty`, the type of the key")),
    }
}

/// The algorithms of keys on the curve P-256.
pub(crate) const EC_P256: &[Algorithm] = &[Algorithm::ES256];
/// The algorithms of keys on the curve P-384.
pub(crate) const EC_P384: &[Algorithm] = &[Algorithm::ES384];
/// The algorithms of keys on the curve Ed25519.
pub(crate) const ED25519: &[Algorithm] = &[Algorithm::EdDSA];
/// The algorithms of RSA keys.
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

/// Returns the one algorithm of a key: its own, or else the default, or else the only possible one.
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
            "a key of its type cannot be used with {algorithm:?}"
        ))),
        (None, [only]) => Ok(*only),
        (None, _) => Err(unusable(
            "it has no `alg`, and keys of its type can be used with several; add one",
        )),
    }
}

/// Checks the values of a key, so that a slip shows when the key is loaded and not as a bad
/// signature later.
fn check(parameters: &AlgorithmParameters, key: &DecodingKey) -> Result<(), SetupError> {
    let bytes = || key.try_get_as_bytes().unwrap_or_default();

    match parameters {
        AlgorithmParameters::EllipticCurve(curve) if !is_point(&curve.curve, bytes()) => {
            Err(unusable("`x` and `y` are not a point on its curve"))
        }
        AlgorithmParameters::OctetKeyPair(_)
            if ParsedPublicKey::new(&signature::ED25519, bytes()).is_err() =>
        {
            Err(unusable("`x` is not an Ed25519 key of 32 bytes"))
        }
        AlgorithmParameters::RSA(rsa) => {
            let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
            let modulus = decode(&rsa.n);
            let size = modulus.iter().skip_while(|byte| **byte == 0).count();
            if (256..=1024).contains(&size) && !decode(&rsa.e).is_empty() {
                Ok(())
            } else {
                Err(unusable("RSA keys need 2048 to 8192 bits and an exponent"))
            }
        }
        AlgorithmParameters::OctetKey(_) => check_keys(WHAT, &[Secret::new(bytes())]),
        _ => Ok(()),
    }
}

/// Returns whether the bytes are an uncompressed point on P-256 or P-384.
fn is_point(curve: &EllipticCurve, bytes: &[u8]) -> bool {
    match curve {
        EllipticCurve::P384 => ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, bytes).is_ok(),
        _ => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes).is_ok(),
    }
}

fn unusable(why: impl Into<String>) -> SetupError {
    SetupError::UnusableKey {
        what: WHAT,
        why: why.into(),
    }
}
