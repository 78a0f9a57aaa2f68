//! Verifies HTTP message signatures (RFC 9421) with a digest of the body (RFC 9530).
//!
//! The sender says what its signature covers. The rules of the provider say what it must cover: by
//! default the method, the path and the digest of the body. What depends on the authority or the
//! scheme of the URL is taken from the configuration and never from `Host`. The algorithms come from
//! the configuration and from the keys; the message's `alg` must only agree with them.

mod components;
mod digest;
mod input;

use std::cell::OnceCell;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hookyard_model::{Payload, Timestamp, excerpt};
use jsonwebtoken::Algorithm;

use self::components::{Component, Values};
use self::input::{SignatureInput, Signatures};
use super::checks::Checks;
use super::keys::{KeyCheck, Keys, Proof};
use super::{Documents, Freshness, KeyLocation, Refusal, Request, Verdict, Verification, Verified};
use crate::recipe::{Encoding, PublicUrl};
use crate::value::{Place, PlaceKind};
use crate::{Secret, SetupError};

/// The default of [`Rules::max_age`].
pub const MAX_AGE: Duration = Duration::from_secs(300);
/// The default of [`Rules::components`].
pub const COMPONENTS: [&str; 3] = ["@method", "@path", CONTENT_DIGEST];

const CONTENT_DIGEST: &str = "content-digest";
/// How far the clock of the sender may be ahead.
const FUTURE_MAX: Duration = Duration::from_secs(60);

/// The algorithms of RFC 9421, section 3.3, with the names that the key reader knows.
const ALGORITHMS: [(&str, &str); 6] = [
    ("ed25519", "EdDSA"),
    ("ecdsa-p256-sha256", "ES256"),
    ("ecdsa-p384-sha384", "ES384"),
    ("rsa-pss-sha512", "PS512"),
    ("rsa-v1_5-sha256", "RS256"),
    ("hmac-sha256", "HS256"),
];

/// How a kind of sender signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The components that a signature must cover.
    pub components: Vec<String>,
    /// The accepted algorithms by their names in RFC 9421, such as `ed25519`.
    pub algorithms: Vec<String>,
    /// The label of the signature that counts; `None` accepts any.
    pub label: Option<String>,
    /// The `tag` that a signature must have; `None` accepts any.
    pub tag: Option<String>,
    /// The maximum age of a signature by `created`; `None` accepts signatures without a time.
    pub max_age: Option<Duration>,
    /// The URL of the keys; `None` if each source gives them.
    pub keys_url: Option<String>,
    /// The encoding of the secrets of a source.
    pub key: Encoding,
}

/// The settings of a source with this scheme.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The sender's way of signing.
    pub rules: Rules,
    /// The keys that may have signed.
    pub keys: KeyLocation,
    /// The URL that the sender uses, for `@authority`, `@scheme`, `@target-uri` and `@path`.
    pub public_url: Option<PublicUrl>,
    /// Whether a body is accepted that the signature does not cover.
    pub unsigned_body: bool,
}

/// Checks the name of an algorithm.
///
/// # Errors
///
/// Returns [`SetupError`] if RFC 9421 has no such algorithm.
pub fn check_algorithm(name: &str) -> Result<(), SetupError> {
    jws_name(name).map(drop).ok_or_else(|| {
        let names = ALGORITHMS.map(|(name, _)| name).join(", ");
        SetupError::UnusableKey {
            what: "signature algorithm",
            why: format!("there is no `{}`; use one of {names}", excerpt(name)),
        }
    })
}

fn jws_name(name: &str) -> Option<&'static str> {
    let found = ALGORITHMS.iter().find(|(known, _)| *known == name);
    found.map(|(_, jws)| *jws)
}

impl Rules {
    /// Checks the rules.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if an algorithm or a component is not supported.
    pub fn check(&self) -> Result<(), SetupError> {
        self.algorithms
            .iter()
            .try_for_each(|name| check_algorithm(name))?;
        self.components
            .iter()
            .try_for_each(|name| Component::check_name(name))
    }

    /// Returns whether every signature covers a place that is not in the body.
    pub(crate) fn covers(&self, place: &Place) -> bool {
        let has = |name: &str| self.components.iter().any(|covered| covered == name);
        match &place.kind {
            PlaceKind::Header(name) => has(name),
            PlaceKind::Query(_) => ["@query", "@target-uri", "@request-target"]
                .map(has)
                .contains(&true),
            PlaceKind::Json(_) | PlaceKind::Form(_) => self.covers_body(),
        }
    }

    fn covers_body(&self) -> bool {
        self.components.iter().any(|name| name == CONTENT_DIGEST)
    }
}

/// The verification of one request.
struct Attempt<'a> {
    request: &'a Request<'a>,
    documents: &'a dyn Documents,
    now: Timestamp,
    /// Whether the digest is that of the body, computed once for all signatures.
    digest: OnceCell<Result<(), Refusal>>,
    checks: Checks,
}

impl Attempt<'_> {
    fn check_digest(&self) -> Result<(), Refusal> {
        let checked = self.digest.get_or_init(|| digest::check(self.request));
        checked.clone()
    }
}

#[derive(Debug)]
pub(crate) struct HttpSignatureVerifier {
    rules: Rules,
    keys: Keys,
    public_url: Option<PublicUrl>,
}

impl HttpSignatureVerifier {
    pub(crate) fn new(settings: Settings) -> Result<Self, SetupError> {
        let Settings {
            rules,
            keys,
            public_url,
            unsigned_body,
        } = settings;
        rules.check()?;
        if !rules.covers_body() && !unsigned_body {
            return Err(SetupError::Senseless(
                "the signature need not cover the body; add \"content-digest\" to the `components` of \
                 the provider, or accept this with unsigned_body = true in the source",
            ));
        }

        let names = rules.algorithms.iter().filter_map(|name| jws_name(name));
        let names: Vec<_> = names.map(str::to_owned).collect();
        Ok(Self {
            keys: Keys::new(&decoded(keys, rules.key)?, &names)?,
            rules,
            public_url,
        })
    }

    /// Verifies a request. One signature that meets all rules is enough.
    pub(crate) fn verify(
        &self,
        request: &Request<'_>,
        documents: &dyn Documents,
        now: Timestamp,
    ) -> Result<Verification, Refusal> {
        let signatures = Signatures::read(request)?;
        let attempt = Attempt {
            request,
            documents,
            now,
            digest: OnceCell::new(),
            checks: Checks::default(),
        };
        let (mut needs, mut refusal) = (None, None);
        for input in signatures.inputs(self.rules.label.as_deref())? {
            // A signature that cannot be read must not hide another one.
            match input.and_then(|input| self.check(&input, &attempt)) {
                Ok(KeyCheck::Valid) => return Ok(event()),
                // A key that is unknown must not hide a signature of another key.
                Ok(KeyCheck::Needs {
                    document,
                    otherwise,
                }) => {
                    needs = needs.or(Some(Verification::NeedsDocument {
                        document,
                        otherwise,
                    }));
                }
                Err(found @ Refusal::TooManyChecks { .. }) => return Err(found),
                Err(found) => refusal = refusal.or(Some(found)),
            }
        }
        needs.ok_or_else(|| refusal.unwrap_or(Refusal::BadSignature))
    }

    fn check(
        &self,
        input: &SignatureInput<'_>,
        attempt: &Attempt<'_>,
    ) -> Result<KeyCheck, Refusal> {
        let components = Component::read_all(input.list)?;
        for required in &self.rules.components {
            if !components
                .iter()
                .any(|component| component.name == *required)
            {
                return Err(Refusal::NotCovered {
                    component: required.clone(),
                });
            }
        }
        self.check_parameters(input, attempt.now)?;
        if components.iter().any(|found| found.name == CONTENT_DIGEST) {
            attempt.check_digest()?;
        }

        let values = Values::new(attempt.request, self.public_url.as_ref());
        let base = values.base(&components, input.list)?;
        self.check_signature(input, base.as_bytes(), attempt)
    }

    /// Checks the times and the tag of a signature.
    fn check_parameters(&self, input: &SignatureInput<'_>, now: Timestamp) -> Result<(), Refusal> {
        let created = input.time("created")?;
        if let Some(past) = self.rules.max_age {
            let freshness = Freshness {
                past,
                future: FUTURE_MAX,
            };
            freshness.check(created.ok_or_else(|| input.lacks("created"))?, now)?;
        }
        if input.time("expires")?.is_some_and(|time| now > time) {
            return Err(Refusal::StaleTimestamp);
        }
        match &self.rules.tag {
            Some(tag) if input.text("tag")? != Some(tag) => Err(input.lacks("tag")),
            _ => Ok(()),
        }
    }

    /// Checks the signature with the algorithm that the message states, or else with all that are
    /// accepted.
    fn check_signature(
        &self,
        input: &SignatureInput<'_>,
        base: &[u8],
        attempt: &Attempt<'_>,
    ) -> Result<KeyCheck, Refusal> {
        let algorithms: Vec<Algorithm> = match input.text("alg")? {
            Some(name) => {
                let jws = jws_name(name).ok_or_else(|| Refusal::WrongAlgorithm {
                    found: excerpt(name),
                })?;
                vec![self.keys.algorithm(jws)?]
            }
            None => self.keys.algorithms().to_vec(),
        };

        let signature = BASE64_URL_SAFE_NO_PAD.encode(input.signature);
        let mut refusal = None;
        for algorithm in algorithms {
            let proof = Proof {
                algorithm,
                key_id: input.text("keyid")?,
                signed: base,
                signature: &signature,
                checks: &attempt.checks,
            };
            match self.keys.check(&proof, attempt.documents) {
                Ok(check) => return Ok(check),
                // A key that does not fit this algorithm may fit another one.
                Err(Refusal::WrongAlgorithm { .. }) if refusal.is_some() => {}
                Err(found) => refusal = Some(found),
            }
        }
        Err(refusal.unwrap_or(Refusal::BadSignature))
    }
}

/// Decodes shared secrets. Other keys stay as they are.
fn decoded(keys: KeyLocation, encoding: Encoding) -> Result<KeyLocation, SetupError> {
    let KeyLocation::Shared(secrets) = keys else {
        return Ok(keys);
    };
    let decode = |secret: &Secret| match encoding.decode_key(secret.expose()) {
        Ok(decoded) => Ok(Secret::new(decoded.bytes)),
        Err(why) => Err(SetupError::UnusableKey {
            what: "secret",
            why: format!("it {why}"),
        }),
    };
    let secrets = secrets.iter().map(decode).collect::<Result<_, _>>()?;
    Ok(KeyLocation::Shared(secrets))
}

fn event() -> Verification {
    Verification::Complete(Verdict::Event(Verified {
        id: None,
        payload: Payload::Body,
    }))
}
