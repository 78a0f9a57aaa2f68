//! Finds out why a request to a source is not accepted: what was signed, what was computed, and
//! which of the usual mistakes explains the difference.
//!
//! A mistake is recognized by making it: the request is verified again with a secret, a body or a
//! URL as the mistake would make them. So a recognized mistake is proven, and no rule here knows a
//! sender. Nothing that this module returns contains a secret; what it returns is for the operator
//! and never for a sender, because it contains valid signatures.

mod body;
mod json_text;
mod secret;
mod url;

use hookyard_model::Timestamp;

use crate::recipe::{Algorithm, Encoding, Hash, KeyOrigin};
use crate::{Documents, Refusal, Request, Scheme, SetupError, Verification, Verifier};

/// The maximum size of a body for which two mistakes are made at once, in bytes. Each pair costs a
/// verification.
const PAIRED_BYTES_MAX: usize = 64 << 10;

/// A request, and what it is verified with.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The scheme of the source.
    pub scheme: &'a Scheme,
    /// The request.
    pub request: Request<'a>,
    /// The documents that have been fetched.
    pub documents: &'a dyn Documents,
    /// The time at which the request arrived.
    pub now: Timestamp,
    /// The schemes of the other sources, with the names of the sources.
    pub others: &'a [(String, &'a Scheme)],
}

/// What is known of a request.
#[derive(Debug)]
pub struct Diagnosis {
    /// The result of the verification.
    pub result: Result<Verification, Refusal>,
    /// What was signed and computed, for each text that the scheme accepts. Empty if the scheme
    /// signs nothing, or if a value is missing.
    pub traces: Vec<SignatureTrace>,
    /// The mistakes that explain a refusal.
    pub mistakes: Vec<Mistake>,
}

/// How a signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureTrace {
    /// The bytes that the signature must cover.
    pub signed: Vec<u8>,
    /// The signature by each secret of the source, as the sender would write it. Empty for public
    /// keys.
    pub computed: Vec<String>,
    /// The signatures in the request.
    pub came: Vec<String>,
    /// The time of signing, if the scheme has one.
    pub signed_at: Option<Timestamp>,
}

/// A mistake that explains a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The name of the mistake, for machines.
    pub name: &'static str,
    /// What is wrong and what to do, in one sentence without a full stop.
    pub text: String,
}

/// Verifies a request and explains the result.
///
/// # Errors
///
/// Returns [`SetupError`] if the settings of the scheme cannot work.
pub fn diagnose(question: &Question<'_>) -> Result<Diagnosis, SetupError> {
    let verifier = Verifier::new(question.scheme.clone())?;
    let Question {
        request,
        documents,
        now,
        ..
    } = question;
    let result = verifier.verify(request, *documents, *now);
    let traces = verifier.trace(request).unwrap_or_default();

    let mut mistakes = Vec::new();
    if let Err(refusal) = &result {
        mistakes.extend(question.mistakes(refusal));
        let signed_at = traces.iter().find_map(|trace| trace.signed_at);
        if let Some(signed_at) = signed_at {
            // A wrong proof hides the age of the request.
            let age = verifier.check_age(signed_at, *now).err();
            let is_explained = !mistakes.is_empty();
            let hidden = age.filter(|_| is_explained);
            mistakes.extend(question.clock(hidden.as_ref().unwrap_or(refusal), signed_at));
        }
    }
    Ok(Diagnosis {
        result,
        traces,
        mistakes,
    })
}

impl Question<'_> {
    /// Returns the mistakes that explain a wrong proof: at most one of each kind.
    fn mistakes(&self, refusal: &Refusal) -> Vec<Mistake> {
        let is_wrong_proof = matches!(
            refusal,
            Refusal::BadSignature
                | Refusal::WrongCredential { .. }
                | Refusal::MalformedHeader { .. }
                | Refusal::WrongDigest { .. }
        );
        if !is_wrong_proof {
            return Vec::new();
        }

        let found = [
            secret::own(self),
            self.other_source(),
            self.other_recipe(),
            body::changed(self),
            url::other(self),
        ];
        let mut found: Vec<_> = found.into_iter().flatten().collect();
        if found.is_empty() {
            found = self.secret_and_other();
        }
        if found.is_empty() {
            return body::other_mode(self.request.body).into_iter().collect();
        }
        found
    }

    /// Returns whether the request has a valid proof by another scheme, whatever its age.
    fn fits(&self, scheme: &Scheme, request: &Request<'_>) -> bool {
        if matches!(scheme, Scheme::Unverified) {
            return false;
        }
        let Ok(verifier) = Verifier::new(scheme.clone()) else {
            return false;
        };
        match verifier.verify(request, self.documents, self.now) {
            Ok(Verification::Complete(_)) => true,
            Err(Refusal::StaleTimestamp | Refusal::FutureTimestamp) => !judges_age_first(scheme),
            _ => false,
        }
    }

    /// Recognizes the secret of another source.
    fn other_source(&self) -> Option<Mistake> {
        let fits = |other: &Scheme| {
            let with_keys = secret::with_keys_of(self.scheme, other);
            let own = with_keys.is_some_and(|scheme| self.fits(&scheme, &self.request));
            own || self.fits(other, &self.request)
        };
        let (name, _) = self.others.iter().find(|(_, other)| fits(other))?;
        Some(Mistake {
            name: "other-source",
            text: format!(
                "the request fits the key of the source /{name}: the sender sends to the wrong URL, \
                 or the keys of the two sources are swapped"
            ),
        })
    }

    /// Recognizes a mistake with the secret together with a changed body or another URL. Neither
    /// mistake alone explains the refusal.
    fn secret_and_other(&self) -> Vec<Mistake> {
        if self.request.body.len() > PAIRED_BYTES_MAX {
            return Vec::new();
        }
        for (mistake, scheme) in secret::forms(self.scheme) {
            let question = Question {
                scheme: &scheme,
                ..*self
            };
            if let Some(other) = body::changed(&question).or_else(|| url::other(&question)) {
                return vec![mistake, other];
            }
        }
        Vec::new()
    }

    /// Recognizes a signature with another hash or encoding than that of the recipe.
    fn other_recipe(&self) -> Option<Mistake> {
        let Scheme::Recipe(settings) = self.scheme else {
            return None;
        };
        for (encoding_name, encoding) in Encoding::OF_SIGNATURES {
            for (hash_name, hash) in Hash::ALL {
                let mut other = settings.clone();
                other.recipe.encoding = encoding;
                if let Algorithm::Hmac {
                    hash: of_recipe, ..
                } = &mut other.recipe.algorithm
                {
                    *of_recipe = hash;
                }
                if self.fits(&Scheme::Recipe(other), &self.request) {
                    return Some(Mistake {
                        name: "other-recipe",
                        text: format!(
                            "the signature fits with hash = \"{hash_name}\" and encoding = \
                             \"{encoding_name}\" in the provider's recipe"
                        ),
                    });
                }
            }
        }
        None
    }

    /// Explains a refusal for the age of a request.
    fn clock(&self, refusal: &Refusal, signed_at: Timestamp) -> Option<Mistake> {
        let text = match refusal {
            Refusal::StaleTimestamp => format!(
                "the request was signed {} s before it arrived: the sender sends late or repeats an \
                 old request, for which `tolerance` can be longer, or one of the clocks is wrong",
                self.now.since(signed_at).as_secs()
            ),
            Refusal::FutureTimestamp => format!(
                "the request was signed {} s after it arrived: one of the clocks is wrong",
                signed_at.since(self.now).as_secs()
            ),
            _ => return None,
        };
        Some(Mistake {
            name: "clock",
            text,
        })
    }
}

/// Returns whether a scheme refuses a request for its age before it looks at the signature, so that
/// such a refusal proves nothing.
fn judges_age_first(scheme: &Scheme) -> bool {
    match scheme {
        Scheme::AwsSns(_) | Scheme::Jwt(_) | Scheme::HttpSignatures(_) => true,
        Scheme::Recipe(settings) => matches!(
            settings.recipe.algorithm,
            Algorithm::PublicKey {
                keys: KeyOrigin::Certificate(_),
                ..
            }
        ),
        _ => false,
    }
}
