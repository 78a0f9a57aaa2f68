//! A kind of sender, as data: how it may be verified, and where its events' keys and types stand.
//!
//! A provider needs no code of its own. Reading `provider.toml` is the binary's; what the rules mean is here.

pub(crate) mod describe;
pub mod outgoing;
mod template;

use std::collections::BTreeMap;

pub use outgoing::Outgoing;
pub use template::Template;

use crate::{JsonPointer, SchemeKind, hmac};

/// A kind of sender.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Such as `topper`.
    pub name: String,
    /// The WIT package of its events, without a version, such as `topper:webhooks`.
    pub package: String,
    /// The lines of that package's versions that this is right for: `1` for all of 1.x.y, `0.9` for all of 0.9.x; empty
    /// for all there are.
    pub versions: Vec<String>,
    /// What the sender repeats when it sends an event again.
    pub key: KeyRule,
    /// What happened, in the sender's words.
    pub event_type: TypeRule,
    /// The part of the payload that a typed handler's case is given; the empty pointer means all of it.
    pub content: JsonPointer,
    /// The sender's type → what it is in WIT. Types that aren't here are stored as well.
    pub events: BTreeMap<String, EventCase>,
    /// What it is sent, and how; its types are among the events as well.
    pub outgoing: Outgoing,
    /// How it may be verified.
    pub scheme: SchemeRule,
    /// How what it is sent may be signed.
    pub sending: SchemeRule,
}

/// Where an event's idempotency key stands.
#[derive(Debug, Clone)]
pub struct KeyRule {
    /// Where to look; the first place that has one counts.
    pub from: Vec<KeySource>,
    /// What to do when it isn't there; `None` refuses the request.
    pub otherwise: Option<KeyFallback>,
}

/// Where to look for an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// The scheme's own message id, such as `webhook-id` or SNS's `MessageId`.
    SchemeId,
    /// A header's value; the name in lower case.
    Header(String),
    /// A string or number in the payload.
    Json(JsonPointer),
}

/// What takes the place of a missing idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFallback {
    /// `sha256:` and the body's digest: equal bodies are one event.
    BodySha256,
}

/// Where an event's type stands. A type that can't be told is no error: the event is stored without one.
#[derive(Debug, Clone)]
pub enum TypeRule {
    /// A string in the payload.
    Json(JsonPointer),
    /// A header's value; the name in lower case.
    Header(String),
    /// By the payload's shape. Exactly one rule has to apply, or the type is unknown.
    Shapes(Vec<Shape>),
}

/// One shape of payload and the type that it has.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Applies when any of these is there and isn't null ...
    pub any: Vec<JsonPointer>,
    /// ... and none of these is.
    pub none: Vec<JsonPointer>,
    /// The type, such as `offer.{/status}`.
    pub is: Template,
}

/// What one of the sender's event types is in WIT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventCase {
    /// The case of the provider's `event` variant.
    pub case: String,
    /// Whether we receive it or send it.
    pub direction: Direction,
}

/// Who sends an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The provider sends it to us.
    Incoming,
    /// We send it to the provider.
    Outgoing,
}

/// How what a provider sends, or is sent, may be proven.
#[derive(Debug, Clone, Default)]
pub struct SchemeRule {
    /// What a source or destination uses that doesn't say; `None` when the operator has to choose.
    pub default: Option<SchemeKind>,
    /// What one may use.
    pub allowed: Vec<SchemeKind>,
    /// The header that the proof is in, for `jws-detached` and `header`.
    pub header: Option<String>,
    /// The recipe, for `hmac`.
    pub recipe: Option<hmac::Recipe>,
}

/// What a verified request is to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// What the sender repeats when it sends the same event again.
    pub key: String,
    /// The sender's name of what happened, when it can be told.
    pub event_type: Option<String>,
}
