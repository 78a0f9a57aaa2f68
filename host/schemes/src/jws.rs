//! Detached JWS (RFC 7515, appendix F): `<protected header>..<signature>` in one HTTP header, over the raw body.
//!
//! The algorithm comes from the configured key and never from the message, whose `alg` only has to agree. Keys in the
//! message (`jwk`, `jku`, `x5u`, `x5c`) are never read. It's a JWS and not a JWT: nothing in the body is a claim.

pub(crate) mod key;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::value::RawValue;

pub use self::key::SkippedKey;
use self::key::{Key, algorithm, named, read_document};
use crate::json::{object, string};
use crate::refusal::excerpt;
use crate::scheme::header_name;
use crate::{Refusal, Request, Secret, SetupError};

/// What a source with this scheme is configured with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The HTTP header that holds the JWS, such as `X-Topper-JWS-Signature`.
    pub header: String,
    /// JSON Web Keys or sets of them (RFC 7517), as JSON. All are live at once.
    pub keys: Vec<Secret>,
    /// The algorithm of keys that don't say one themselves, such as `ES256`.
    pub algorithm: Option<String>,
    /// Whether `b64: false` (RFC 7797) is taken. It is legal only together with `crit: ["b64"]`.
    pub unencoded_payload: bool,
}

/// Checks the name of an algorithm, as `algorithm` has it.
pub fn check_algorithm(name: &str) -> Result<(), SetupError> {
    named(name).map(drop)
}

/// Reads a JSON Web Key or a set of them by itself, as [`Settings::keys`] has it, and returns the keys of the set that
/// can't be used. A set without any usable key is an error, which names each key's reason.
pub fn skipped_keys(
    document: &[u8],
    algorithm: Option<&str>,
) -> Result<Vec<SkippedKey>, SetupError> {
    let default = algorithm.map(named).transpose()?;
    Ok(read_document(document, default)?.skipped)
}

#[derive(Debug)]
pub(crate) struct Compiled {
    header: String,
    keys: Vec<Key>,
    takes_unencoded: bool,
}

/// The parts of a detached JWS.
struct Token<'a> {
    protected: &'a str,
    signature: &'a str,
}

impl Compiled {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SetupError> {
        let header = header_name(&settings.header)?;
        let keys = key::read(&settings.keys, settings.algorithm.as_deref())?;
        Ok(Self {
            header,
            keys,
            takes_unencoded: settings.unencoded_payload,
        })
    }

    pub(crate) fn verify(&self, request: &Request<'_>) -> Result<(), Refusal> {
        let malformed = || Refusal::MalformedHeader {
            name: self.header.clone(),
        };
        let token = split(request.ascii_header(&self.header)?).ok_or_else(malformed)?;
        let protected = BASE64_URL_SAFE_NO_PAD
            .decode(token.protected)
            .map_err(|_| malformed())?;
        let parameters = object(&protected).map_err(|_| malformed())?;
        let text = |name: &str| match parameters.get(name) {
            Some(value) => string(value).map(Some).ok_or_else(malformed),
            None => Ok(None),
        };
        let is_encoded = self.payload_is_encoded(&parameters)?;
        let keys = self.keys_for(
            &text("alg")?.ok_or_else(malformed)?,
            text("kid")?.as_deref(),
        )?;
        let signed = signing_input(&token, request.body, is_encoded);
        let fits = keys
            .iter()
            .any(|key| key.verifies(&signed, token.signature));
        if fits {
            Ok(())
        } else {
            Err(Refusal::BadSignature)
        }
    }

    /// The keys that may have signed. The message's `alg` and `kid` only narrow them down.
    fn keys_for(&self, alg: &str, kid: Option<&str>) -> Result<Vec<&Key>, Refusal> {
        let wanted = algorithm(alg);
        let mut keys: Vec<_> = self
            .keys
            .iter()
            .filter(|key| Some(key.algorithm) == wanted)
            .collect();
        if keys.is_empty() {
            return Err(Refusal::WrongAlgorithm {
                found: excerpt(alg),
            });
        }
        if let Some(kid) = kid {
            keys.retain(|key| key.id.as_deref().is_none_or(|id| id == kid));
            if keys.is_empty() {
                return Err(Refusal::UnknownKey { id: excerpt(kid) });
            }
        }
        Ok(keys)
    }

    /// Reads `crit` and `b64` (RFC 7515, 4.1.11; RFC 7797, 3 and 6).
    fn payload_is_encoded(
        &self,
        parameters: &BTreeMap<String, &RawValue>,
    ) -> Result<bool, Refusal> {
        let malformed = || Refusal::MalformedHeader {
            name: self.header.clone(),
        };
        let critical: Vec<String> = match parameters.get("crit") {
            Some(names) => serde_json::from_str(names.get()).map_err(|_| malformed())?,
            None => Vec::new(),
        };
        if parameters.contains_key("crit") && critical.is_empty() {
            return Err(malformed());
        }
        if let Some(name) = critical
            .iter()
            .find(|name| *name != "b64" || !self.takes_unencoded)
        {
            return Err(Refusal::UnknownExtension {
                name: excerpt(name),
            });
        }
        // Whoever doesn't know `b64` would read the signature differently, so it has to be critical, and once.
        match (
            parameters.get("b64").map(|value| value.get()),
            critical.len(),
        ) {
            (None, 0) | (Some("true"), 1) => Ok(true),
            (Some("false"), 1) => Ok(false),
            _ => Err(malformed()),
        }
    }
}

/// Splits `<protected>..<signature>`. A payload between the dots would be one thing checked and another handed on.
fn split(value: &str) -> Option<Token<'_>> {
    let (protected, rest) = value.split_once('.')?;
    let signature = rest.strip_prefix('.')?;
    (!signature.contains('.')).then_some(Token {
        protected,
        signature,
    })
}

fn signing_input(token: &Token<'_>, body: &[u8], is_encoded: bool) -> Vec<u8> {
    let head = [token.protected.as_bytes(), b"."].concat();
    if is_encoded {
        [head, BASE64_URL_SAFE_NO_PAD.encode(body).into_bytes()].concat()
    } else {
        [&head, body].concat()
    }
}
