//! Verifies a JSON Web Token (RFC 7519) that comes with a request: Google Pub/Sub, Plaid, Atlassian
//! Connect, Microsoft Entra ID.
//!
//! The algorithms come from the configuration and from the keys, never from the token; the token's
//! `alg` and `kid` only narrow them down. Keys in the token (`jwk`, `jku`, `x5u`, `x5c`) are never
//! read. The claims are checked before the signature: a stranger cannot make the host fetch keys for a
//! token that is refused anyway.
//!
//! A token proves who sends. It proves what is sent only if a claim binds the body.

mod claims;
mod query_hash;
mod rules;
mod token;

use std::time::Duration;

use hookyard_model::{Payload, Timestamp};

use self::claims::{Claims, ClaimsVerifier};
pub use self::query_hash::QueryHash;
pub use self::rules::{ClaimRule, KeyRequestRule, KeyRule, Need, Rules, SourceRules};
use self::token::Token;
use super::checks::Checks;
use super::keys::{KeyCheck, Keys, Proof};
use super::{Documents, KeyLocation, Refusal, Request, Verdict, Verification, Verified};
use crate::SetupError;
use crate::value::{Fields, Part, Place, PlaceKind};

/// The default of [`Settings::leeway`].
pub const LEEWAY: Duration = Duration::from_secs(60);

/// The settings of a source with this scheme.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The location of the token.
    pub from: Place,
    /// The accepted algorithms by their names in RFC 7518, such as `RS256`.
    pub algorithms: Vec<String>,
    /// The keys that may have signed.
    pub keys: KeyLocation,
    /// The accepted values of `iss`; an empty list accepts all.
    pub issuers: Vec<String>,
    /// The accepted values of `aud`; an empty list accepts all.
    pub audiences: Vec<String>,
    /// The accepted values of `email`, which the issuer must have verified; an empty list accepts
    /// all.
    pub emails: Vec<String>,
    /// Further claims with their values.
    pub claims: Vec<ExpectedClaim>,
    /// How far the clocks of sender and host may differ.
    pub leeway: Duration,
    /// The maximum age of the token by `iat`. Without it, the token must have an `exp`.
    pub max_age: Option<Duration>,
    /// The claim with the SHA-256 of the body, in hexadecimal.
    pub body_sha256: Option<String>,
    /// The claim with the hash of the method, the path and the query.
    pub query_hash: Option<QueryHash>,
}

/// A claim that must have a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedClaim {
    /// The names of the claim. The first that the token has counts.
    pub names: Vec<String>,
    /// The value, a text.
    pub value: String,
}

/// Returns the place where most senders put a token: `Authorization: Bearer …`.
pub fn bearer() -> Place {
    Place {
        kind: PlaceKind::Header("authorization".to_owned()),
        part: Part::After("Bearer ".to_owned()),
    }
}

#[derive(Debug)]
pub(crate) struct JwtVerifier {
    from: Place,
    keys: Keys,
    claims: ClaimsVerifier,
    binds_body: bool,
}

impl JwtVerifier {
    pub(crate) fn new(settings: Settings) -> Result<Self, SetupError> {
        Ok(Self {
            keys: Keys::new(&settings.keys, &settings.algorithms)?,
            from: settings.from.clone(),
            binds_body: settings.body_sha256.is_some(),
            claims: ClaimsVerifier::new(settings),
        })
    }

    pub(crate) fn verify(
        &self,
        request: &Request<'_>,
        documents: &dyn Documents,
        now: Timestamp,
    ) -> Result<Verification, Refusal> {
        let fields = Fields::new(*request);
        let text = fields.get(&self.from)?;
        let malformed = |why| self.from.kind.malformed(why);
        let token = Token::parse(&text).ok_or_else(|| malformed("is not a JSON Web Token"))?;

        let header = token.header().map_err(malformed)?;
        let algorithm = self.keys.algorithm(&header.algorithm)?;
        if let Some(name) = header.extension {
            return Err(Refusal::UnknownExtension { name });
        }

        let payload = token.payload().map_err(malformed)?;
        let claims = Claims::read(&payload).map_err(malformed)?;
        self.claims.check(&claims, &fields, now)?;

        let proof = Proof {
            algorithm,
            key_id: header.key_id.as_deref(),
            signed: token.signed.as_bytes(),
            signature: token.signature,
            checks: &Checks::default(),
        };
        match self.keys.check(&proof, documents)? {
            KeyCheck::Valid => Ok(event(claims.id())),
            KeyCheck::Needs {
                document,
                otherwise,
            } => Ok(Verification::NeedsDocument {
                document,
                otherwise,
            }),
        }
    }

    /// Returns the place of the token.
    pub(crate) const fn place(&self) -> &PlaceKind {
        &self.from.kind
    }

    /// Returns the header with the token if the token is a credential: a stranger who has it can send
    /// anything until it expires.
    pub(crate) fn credential_header(&self) -> Option<&str> {
        match &self.from.kind {
            PlaceKind::Header(name) if !self.binds_body => Some(name),
            _ => None,
        }
    }
}

fn event(id: Option<String>) -> Verification {
    Verification::Complete(Verdict::Event(Verified {
        id,
        payload: Payload::Body,
    }))
}
