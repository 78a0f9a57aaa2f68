//! Handshakes as data: what a sender asks before it sends events, and how the host answers.
//!
//! A provider lists its handshakes. The first one whose conditions hold answers a request, which is
//! then no event and never stored. [`SourceHandshakes`] joins them with the secrets of one source.
//!
//! Anybody can ask for an unverified handshake, so an answer gives away nothing but an echo: every
//! value is short, and a text is signed only if it can never be a message of the sender (see
//! [`token`]).

mod condition;
mod answer;
mod hmac_piece;
mod source;
pub(crate) mod token;

pub use answer::{HandshakeAnswer, HandshakeBody, JsonTemplate};
pub use condition::{Condition, HandshakeMethod, Test};
pub use hmac_piece::{HmacPiece, TagEncoding};
pub use source::{HandshakeReply, HandshakeSettings, SourceHandshakes};

use std::borrow::Cow;

use crate::value::{Fields, Place, PlaceKind};
use crate::{Refusal, Secret, SetupError};

/// The maximum size of a value that an answer repeats or that is learnt, in bytes.
const VALUE_BYTES_MAX: usize = 1 << 10;
/// The minimum size of a secret that is learnt, in bytes.
const LEARNT_BYTES_MIN: usize = 8;

/// A handshake of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// The requests that ask for the handshake.
    pub when: Condition,
    /// Whether the source's scheme verifies the request first.
    pub verified: bool,
    /// The place of a value that must be the source's handshake secret.
    pub require: Option<Place>,
    /// The answer.
    pub answer: HandshakeAnswer,
    /// The place of a secret that the operator is shown once. The host never trusts the secret by
    /// itself.
    pub learn: Option<Place>,
}

impl Handshake {
    /// Returns every place that the handshake reads.
    fn places(&self) -> impl Iterator<Item = &PlaceKind> {
        let tested = self.when.tests.iter().map(|test| &test.place);
        let own = tested.chain(&self.require).chain(&self.learn);
        own.map(|place| &place.kind).chain(self.answer.places())
    }

    /// Returns whether the answer contains an HMAC with the source's secret.
    pub fn signs(&self) -> bool {
        self.answer.signs()
    }

    /// Refuses a handshake that cannot work.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if a place cannot have a value in a request with this method, or if
    /// the secret to learn would have to verify its own request.
    pub fn check(&self) -> Result<(), SetupError> {
        let refuse = |why: String| Err(SetupError::Handshake { why });
        let is_in_body =
            |place: &&PlaceKind| matches!(place, PlaceKind::Json(_) | PlaceKind::Form(_));
        if !self.when.method.has_body()
            && let Some(place) = self.places().find(is_in_body)
        {
            return refuse(format!(
                "it reads {place}, and a {} has no body",
                self.when.method.name()
            ));
        }
        if self.learn.is_some() && self.verified {
            return refuse(
                "it learns the secret that would have to verify its request; add `verified = false`"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// Returns the secret that a request brings.
    fn learnt(&self, fields: &Fields<'_>) -> Result<Option<Secret>, Refusal> {
        let Some(place) = &self.learn else {
            return Ok(None);
        };
        let value = value(fields, place)?;
        // The operator reads the secret in a terminal.
        let is_visible = value.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_visible || value.len() < LEARNT_BYTES_MIN {
            return Err(unanswerable(
                &place.kind,
                &format!("is not {LEARNT_BYTES_MIN} to {VALUE_BYTES_MAX} visible ASCII characters"),
            ));
        }
        Ok(Some(Secret::new(value.as_bytes())))
    }
}

/// Returns a value that an answer may repeat.
fn value<'a>(fields: &Fields<'a>, place: &Place) -> Result<Cow<'a, str>, Refusal> {
    let found = fields
        .get(place)
        .map_err(|refusal| Refusal::HandshakeValue {
            why: refusal.to_string(),
        })?;
    if found.len() > VALUE_BYTES_MAX {
        return Err(unanswerable(
            &place.kind,
            &format!("is longer than {VALUE_BYTES_MAX} bytes"),
        ));
    }
    Ok(found)
}

fn unanswerable(place: &PlaceKind, why: &str) -> Refusal {
    Refusal::HandshakeValue {
        why: format!("{place} {why}"),
    }
}
