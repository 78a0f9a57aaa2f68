//! The event: one verified request, stored byte for byte.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use crate::{SourceRef, Timestamp};

/// The id of a stored event: a UUID of version 7, so that ids sort by arrival.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Uuid);

impl EventId {
    /// Wraps a UUID that the caller generated.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Returns the id as a UUID.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({})", self.0)
    }
}

impl FromStr for EventId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// A header of a request or an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The name, in lower case.
    pub name: String,
    /// The value as received, without leading and trailing white space.
    pub value: Bytes,
}

/// The part of the stored body that is the sender's event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// The whole body.
    Body,
    /// The text of the string at this JSON pointer (RFC 6901); the body is a JSON envelope.
    TextAt(String),
    /// The fields at these JSON pointers, because the sender signs nothing else. A plugin gets a
    /// document that contains only them. The pointers contain no control characters.
    Covered(Vec<String>),
}

impl Payload {
    /// Returns the payload as a text for stores; `None` for the whole body.
    pub fn to_text(&self) -> Option<String> {
        match self {
            Self::Body => None,
            Self::TextAt(pointer) => Some(pointer.clone()),
            Self::Covered(pointers) => Some(
                pointers
                    .iter()
                    .map(|pointer| format!("\n{pointer}"))
                    .collect(),
            ),
        }
    }

    /// Returns the payload with this [text](Self::to_text).
    pub fn from_text(text: Option<String>) -> Self {
        let Some(text) = text else {
            return Self::Body;
        };
        // A pointer is empty or begins with `/`.
        match text.strip_prefix('\n') {
            Some(pointers) => Self::Covered(pointers.split('\n').map(str::to_owned).collect()),
            None => Self::TextAt(text),
        }
    }
}

/// A verified request, which is stored once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The host's id of the event.
    pub id: EventId,
    /// The source that received the event.
    pub source: SourceRef,
    /// The name of the provider that the source is configured with.
    pub provider: String,
    /// The provider's name for the event type, if the request contains a name.
    pub event_type: Option<String>,
    /// The deduplication key: the value that the sender repeats when it sends the same event again.
    pub key: String,
    /// The time for which the key belongs to this event within its source. A request with the same
    /// key that arrives later is a new event.
    pub key_window: Duration,
    /// The time at which the whole request had been read.
    pub received_at: Timestamp,
    /// The headers of the request in their order, without headers that carry a credential.
    pub headers: Vec<Header>,
    /// The body as received (invariant 3).
    pub body: Bytes,
    /// The part of the body that is the sender's event.
    pub payload: Payload,
    /// Events of one source with the same ordering key are handled in order of arrival.
    pub ordering_key: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_is_read_back_from_its_text() {
        for payload in [
            Payload::Body,
            Payload::TextAt(String::new()),
            Payload::TextAt("/Message".into()),
            Payload::Covered(vec!["/a".into()]),
            Payload::Covered(vec!["/a/0".into(), "/b~1".into()]),
        ] {
            assert_eq!(Payload::from_text(payload.to_text()), payload);
        }
    }
}
