//! The handshakes of one source, with its secrets.

use aws_lc_rs::hmac;

use super::Handshake;
use crate::recipe::{Algorithm, Hash};
use crate::value::{Fields, PlaceKind};
use crate::{AnswerParts, Refusal, Scheme, Secret, SetupError};

/// What the handshakes of a source need.
#[derive(Debug)]
pub struct HandshakeSettings<'s> {
    /// The handshakes of the provider, in order.
    pub handshakes: Vec<Handshake>,
    /// The scheme of the source, whose first secret signs.
    pub scheme: &'s Scheme,
    /// The secret that a handshake may require.
    pub secret: Option<Secret>,
    /// Whether the source learns the secrets that strangers bring.
    pub learning: bool,
}

/// The handshakes of one source, ready for use.
#[derive(Debug, Default)]
pub struct SourceHandshakes {
    handshakes: Vec<Handshake>,
    key: Option<hmac::Key>,
    secret: Option<Secret>,
}

/// The answer to a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandshakeReply {
    /// The answer.
    pub answer: AnswerParts,
    /// The secret that the request brought. The caller keeps it for the operator before the answer
    /// is sent, and trusts it never.
    pub learnt: Option<Secret>,
}

impl SourceHandshakes {
    /// Joins the handshakes of a provider with the secrets of a source.
    ///
    /// A source without verification, or without a secret yet, does without the handshakes that
    /// need a secret.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if a handshake cannot work with these settings.
    pub fn new(settings: HandshakeSettings<'_>) -> Result<Self, SetupError> {
        let HandshakeSettings {
            mut handshakes,
            scheme,
            secret,
            learning,
        } = settings;
        let key = signing_key(scheme)?;
        let may_lack = matches!(scheme, Scheme::Unverified | Scheme::NoSecretYet(_));

        handshakes.retain(|handshake| {
            let lacks_key = handshake.signs() && key.is_none();
            let lacks_secret = handshake.require.is_some() && secret.is_none();
            let is_left_out = may_lack && (lacks_key || lacks_secret);
            !is_left_out && (learning || handshake.learn.is_none())
        });
        for handshake in &handshakes {
            if handshake.signs() && key.is_none() {
                return Err(unsigned(scheme));
            }
            if handshake.require.is_some() && secret.is_none() {
                return Err(SetupError::NoHandshakeSecret);
            }
        }
        Ok(Self {
            handshakes,
            key,
            secret,
        })
    }

    /// Returns whether an answer contains an HMAC. [`Verifier::refusing_tokens`] must then guard the
    /// source.
    ///
    /// [`Verifier::refusing_tokens`]: crate::Verifier::refusing_tokens
    pub fn sign(&self) -> bool {
        self.handshakes.iter().any(Handshake::signs)
    }

    /// Returns whether a handshake has this method.
    pub fn has_method(&self, method: &str) -> bool {
        let mut methods = self.handshakes.iter().map(|it| it.when.method.name());
        methods.any(|name| name == method)
    }

    /// Returns the places of a request that may hold a secret.
    pub(crate) fn secret_places(&self) -> impl Iterator<Item = &PlaceKind> {
        let handshakes = self.handshakes.iter();
        let places = handshakes.flat_map(|it| it.require.iter().chain(&it.learn));
        places.map(|place| &place.kind)
    }

    /// Returns the first handshake that a request asks for, among those that need a verified
    /// request or those that do not.
    pub fn find(&self, fields: &Fields<'_>, verified: bool) -> Option<&Handshake> {
        let mut handshakes = self.handshakes.iter();
        handshakes.find(|it| it.verified == verified && it.when.holds(fields))
    }

    /// Returns the answer to a request that asks for a handshake.
    ///
    /// # Errors
    ///
    /// Returns a [`Refusal`] if the required secret is wrong, or if a value is missing or is not one
    /// that the host repeats or signs.
    pub fn reply(
        &self,
        handshake: &Handshake,
        fields: &Fields<'_>,
    ) -> Result<HandshakeReply, Refusal> {
        self.check_secret(handshake, fields)?;
        Ok(HandshakeReply {
            learnt: handshake.learnt(fields)?,
            answer: handshake.answer.fill(fields, self.key.as_ref())?,
        })
    }

    fn check_secret(&self, handshake: &Handshake, fields: &Fields<'_>) -> Result<(), Refusal> {
        let Some(place) = &handshake.require else {
            return Ok(());
        };
        let given = fields.get(place);
        let is_right = given.is_ok_and(|given| {
            let secret = self.secret.as_ref();
            secret.is_some_and(|secret| secret.matches(given.as_bytes()))
        });
        if is_right {
            Ok(())
        } else {
            Err(Refusal::HandshakeSecret {
                at: place.kind.clone(),
            })
        }
    }
}

/// Returns the key of the source's first secret, with which answers are signed. Only the `hmac`
/// scheme makes sure that no answer is the signature of a message.
fn signing_key(scheme: &Scheme) -> Result<Option<hmac::Key>, SetupError> {
    let Scheme::Recipe(settings) = scheme else {
        return Ok(None);
    };
    let Algorithm::Hmac { key, .. } = settings.recipe.algorithm else {
        return Ok(None);
    };
    let first = settings.keys.first();
    let read = first.map(|secret| Hash::Sha256.read_key(key, secret));
    read.transpose()
}

fn unsigned(scheme: &Scheme) -> SetupError {
    SetupError::Handshake {
        why: format!(
            "its answer contains an HMAC, and the scheme {} has no secret for one; use `hmac`",
            scheme.kind()
        ),
    }
}
