//! A kind of sender as data: the schemes that it may use, and where its events have their keys and
//! types.
//!
//! A provider needs no code. The configuration reads `provider.toml`; this module
//! applies the rules in it.

pub(crate) mod answer;
mod describe;
pub(crate) mod described;
mod key;
mod event_type;
mod outgoing_events;
mod envelope;
mod spelling;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use answer::AnswerParts;
pub use envelope::{Envelope, EnvelopePiece, EnvelopeValues, MissingValue};
pub use event_type::{Shape, TypeRule};
pub use key::{KeyPiece, KeyRule};
pub use outgoing_events::OutgoingEvents;
pub use spelling::{NameCase, Spelling};

use crate::handshake::Handshake;
use crate::recipe::Recipe;
use crate::value::Place;
use crate::{JsonPointer, SchemeKind, component, http_signatures, jwt};

/// A kind of sender.
#[derive(Debug, Clone)]
pub struct Provider {
    /// The name of the provider, such as `topper`.
    pub name: String,
    /// The WIT package of the provider's events, without a version, such as `topper:webhooks`.
    pub package: String,
    /// The versions of the package that these rules apply to: `1` for all of 1.x.y, `0.9` for all
    /// of 0.9.x. An empty list means all versions.
    pub versions: Vec<String>,
    /// How the idempotency key of an event is found.
    pub key: KeyRule,
    /// How the type of an event is found.
    pub event_type: TypeRule,
    /// The part of the payload that a typed handler receives; the empty pointer means the whole
    /// payload.
    pub content: JsonPointer,
    /// The sender's event types with their cases in WIT. Events of other types are stored too.
    pub events: BTreeMap<String, EventCase>,
    /// The events that the host sends to the provider. Their types are also in `events`.
    pub outgoing: OutgoingEvents,
    /// The handshakes, in the order in which they are tried.
    pub handshakes: Vec<Handshake>,
    /// The answer to a stored event; `None` for the host's own.
    pub answer: Option<Arc<AnswerParts>>,
    /// The schemes that may verify the provider's requests.
    pub scheme: SchemeRule,
    /// The schemes that may sign what the host sends to the provider.
    pub sending: SchemeRule,
}

/// The representation of one event type in WIT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventCase {
    /// The case in the provider's `event` variant.
    pub case: String,
    /// Whether the host receives or sends the event.
    pub direction: Direction,
}

/// The direction of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The provider sends the event to the host.
    Incoming,
    /// The host sends the event to the provider.
    Outgoing,
}

/// The schemes that may prove what a provider sends, or what the host sends to it.
#[derive(Debug, Clone, Default)]
pub struct SchemeRule {
    /// The scheme of a source or destination that does not name one; `None` if the operator must
    /// choose.
    pub default: Option<SchemeKind>,
    /// The schemes that a source or destination may use.
    pub allowed: Vec<SchemeKind>,
    /// The header that holds the proof, for `jws-detached` and `header`.
    pub header: Option<String>,
    /// The recipe for `hmac`.
    pub hmac: Option<Recipe>,
    /// The recipe for `public-key`.
    pub public_key: Option<Recipe>,
    /// The place of the token for `token`.
    pub token: Option<Place>,
    /// The component, for `verifier`.
    pub verifier: Option<component::Rule>,
    /// The tokens, for `jwt`.
    pub jwt: Option<jwt::Rules>,
    /// The signatures, for `http-signatures`.
    pub http_signatures: Option<http_signatures::Rules>,
}

/// The properties of a verified event that the store needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The idempotency key, or `None` if each delivery is an event of its own.
    pub key: Option<String>,
    /// The sender's name for the event type, if the event has a name.
    pub event_type: Option<String>,
}
