//! Detached JWS (RFC 7515, appendix F): `<protected header>..<signature>` in one HTTP header, over the raw body.
//!
//! The algorithm comes from the configured key and never from the message, whose `alg` only has to agree. Keys in the
//! message (`jwk`, `jku`, `x5u`, `x5c`) are never read. It's a JWS and not a JWT: nothing in the body is a claim.

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

#[derive(Debug)]
pub(crate) struct Compiled;
impl Compiled {
    pub(crate) fn new(_: &Settings) -> Result<Self, SetupError> {
        Ok(Self)
    }
    pub(crate) fn verify(&self, _: &Request<'_>) -> Result<(), Refusal> {
        Err(Refusal::BadSignature)
    }
}
