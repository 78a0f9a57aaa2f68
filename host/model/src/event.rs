//! The event: one verified request, kept byte for byte.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use uuid::Uuid;

use crate::{SourceRef, Timestamp};

/// Names one stored event. A UUID of version 7, so that ids sort by arrival.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Uuid);

impl EventId {
    /// Takes an id that the caller made.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The id as a UUID.
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

/// One header as received: the name in lower case, the value as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// In lower case.
    pub name: String,
    /// As received, less surrounding white space.
    pub value: Bytes,
}

/// Where in the stored body the sender's event stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// The whole body is the event.
    Body,
    /// The body is a JSON envelope, and the event is the text of the string at this JSON pointer (RFC 6901).
    TextAt(String),
}

/// One verified request, stored once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Our own id of it.
    pub id: EventId,
    /// Where it came in.
    pub source: SourceRef,
    /// The provider that the source was configured with.
    pub provider: String,
    /// The provider's name of what happened, when it could be told.
    pub event_type: Option<String>,
    /// What the sender repeats when it sends the same event again.
    pub key: String,
    /// Until when the key is this event's alone within its source; received later, the same key is a new event.
    pub key_until: Timestamp,
    /// When the request had been read.
    pub received_at: Timestamp,
    /// The request's headers in their order, without those that carry a credential.
    pub headers: Vec<Header>,
    /// The body as received (invariant 3).
    pub body: Bytes,
    /// Where in the body the event stands.
    pub payload: Payload,
    /// Events of one source with the same ordering key are handled in their order.
    pub ordering_key: Option<String>,
}
