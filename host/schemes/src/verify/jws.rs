//! Verifies a detached JWS (RFC 7515, appendix F): `<protected header>..<signature>` in one HTTP
//! header, over the raw body.
//!
//! The algorithm comes from the configured key, never from the message; the message's `alg` must
//! only agree with it. Keys in the message (`jwk`, `jku`, `x5u`, `x5c`) are never read. The token
//! is a JWS and not a JWT: nothing in the body is a claim.

pub(crate) mod public_key;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hookyard_model::excerpt;
use jsonwebtoken::Algorithm;
use serde_json::value::RawValue;

pub use self::public_key::SkippedKey;
use self::public_key::{PublicKey, find_algorithm, parse_algorithm, read_document, read_keys};
use super::{Refusal, Request};
use crate::json::{object, string};
use crate::scheme::header_name;
use crate::{Secret, SetupError};

const NOT_PROTECTED: &str = "does not begin with a JSON object in base64url";
const NOT_CRITICAL: &str = "has a `crit` that is not a list of names";

/// The settings of a source with this scheme.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The HTTP header that holds the JWS, such as `X-Topper-JWS-Signature`.
    pub header: String,
    /// JSON Web Keys or sets of them (RFC 7517), as JSON. All keys are accepted.
    pub keys: Vec<Secret>,
    /// The algorithm of keys that do not name one, such as `ES256`.
    pub algorithm: Option<String>,
    /// Whether `b64: false` (RFC 7797) is accepted. It is valid only together with `crit: ["b64"]`.
    pub unencoded_payload: bool,
}

/// Checks the name of an algorithm.
///
/// # Errors
///
/// Returns [`SetupError`] if there is no such algorithm.
pub fn check_algorithm(name: &str) -> Result<(), SetupError> {
    parse_algorithm(name).map(drop)
}

/// Reads a JSON Web Key or a set of keys, and returns the keys of the set that cannot be used.
///
/// # Errors
///
/// Returns [`SetupError`] if no key can be used; the error names the reason for each key.
pub fn skipped_keys(
    document: &[u8],
    algorithm: Option<&str>,
) -> Result<Vec<SkippedKey>, SetupError> {
    let default = algorithm.map(parse_algorithm).transpose()?;
    Ok(read_document(document, default)?.skipped)
}

#[derive(Debug)]
pub(crate) struct JwsVerifier {
    header: String,
    keys: Vec<PublicKey>,
    takes_unencoded: bool,
}

/// The parts of a detached JWS.
struct Token<'a> {
    protected: &'a str,
    signature: &'a str,
}

impl JwsVerifier {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SetupError> {
        Ok(Self {
            header: header_name(&settings.header)?,
            keys: read_keys(&settings.keys, settings.algorithm.as_deref())?,
            takes_unencoded: settings.unencoded_payload,
        })
    }

    pub(crate) fn verify(&self, request: &Request<'_>) -> Result<(), Refusal> {
        let token = split(request.ascii_header(&self.header)?)
            .ok_or_else(|| self.malformed("is not a JWS without payload: `HEADER..SIGNATURE`"))?;
        let malformed = || self.malformed(NOT_PROTECTED);
        let protected = BASE64_URL_SAFE_NO_PAD
            .decode(token.protected)
            .map_err(|_| malformed())?;
        let parameters = object(&protected).map_err(|_| malformed())?;

        let is_encoded = self.is_payload_encoded(&parameters)?;
        let alg = self.parameter(&parameters, "alg")?;
        let alg = alg.ok_or_else(|| self.malformed("names no `alg`"))?;
        let kid = self.parameter(&parameters, "kid")?;
        let (algorithm, keys) = self.keys_for(&alg, kid.as_deref())?;

        let signed = signed_bytes(&token, request.body, is_encoded);
        let is_valid = keys
            .iter()
            .any(|key| key.verifies(algorithm, &signed, token.signature));
        if is_valid {
            Ok(())
        } else {
            Err(Refusal::BadSignature)
        }
    }

    /// Returns a text parameter of the protected header, if the header has it.
    fn parameter(
        &self,
        parameters: &BTreeMap<String, &RawValue>,
        name: &str,
    ) -> Result<Option<String>, Refusal> {
        match parameters.get(name) {
            Some(value) => {
                let malformed = || self.malformed(&format!("has a `{name}` that is not a text"));
                string(value).map(Some).ok_or_else(malformed)
            }
            None => Ok(None),
        }
    }

    /// Returns the keys that may have signed. The message's `alg` and `kid` only narrow them down.
    fn keys_for(
        &self,
        alg: &str,
        kid: Option<&str>,
    ) -> Result<(Algorithm, Vec<&PublicKey>), Refusal> {
        let wrong = || Refusal::WrongAlgorithm {
            found: excerpt(alg),
        };
        let algorithm = find_algorithm(alg).ok_or_else(wrong)?;
        let mut keys: Vec<_> = self
            .keys
            .iter()
            .filter(|key| key.allows(algorithm))
            .collect();
        if keys.is_empty() {
            return Err(wrong());
        }

        if let Some(kid) = kid {
            keys.retain(|key| key.may_have_id(kid));
            if keys.is_empty() {
                return Err(Refusal::UnknownKey { id: excerpt(kid) });
            }
        }
        Ok((algorithm, keys))
    }

    /// Reads `crit` and `b64` (RFC 7515, 4.1.11; RFC 7797, 3 and 6).
    fn is_payload_encoded(
        &self,
        parameters: &BTreeMap<String, &RawValue>,
    ) -> Result<bool, Refusal> {
        let critical: Vec<String> = match parameters.get("crit") {
            Some(names) => {
                serde_json::from_str(names.get()).map_err(|_| self.malformed(NOT_CRITICAL))?
            }
            None => Vec::new(),
        };
        if parameters.contains_key("crit") && critical.is_empty() {
            return Err(self.malformed(NOT_CRITICAL));
        }
        if let Some(name) = critical
            .iter()
            .find(|name| *name != "b64" || !self.takes_unencoded)
        {
            return Err(Refusal::UnknownExtension {
                name: excerpt(name),
            });
        }

        // A reader that does not know `b64` would verify other bytes, so it must be critical, once.
        let b64 = parameters.get("b64").map(|value| value.get());
        match (b64, critical.len()) {
            (None, 0) | (Some("true"), 1) => Ok(true),
            (Some("false"), 1) => Ok(false),
            _ => Err(self.malformed("has a `b64` that is not critical, or no boolean")),
        }
    }

    /// Returns the refusal of a token; `why` completes "the header `x` …".
    fn malformed(&self, why: &str) -> Refusal {
        Refusal::MalformedHeader {
            name: self.header.clone(),
            why: why.to_owned(),
        }
    }
}

/// Splits `<protected>..<signature>`. A payload between the dots is refused: it would be verified,
/// and the body would be stored.
fn split(value: &str) -> Option<Token<'_>> {
    let (protected, rest) = value.split_once('.')?;
    let signature = rest.strip_prefix('.')?;
    (!signature.contains('.')).then_some(Token {
        protected,
        signature,
    })
}

fn signed_bytes(token: &Token<'_>, body: &[u8], is_encoded: bool) -> Vec<u8> {
    let head = [token.protected.as_bytes(), b"."].concat();
    if is_encoded {
        [head, BASE64_URL_SAFE_NO_PAD.encode(body).into_bytes()].concat()
    } else {
        [&head, body].concat()
    }
}
