//! The effects of an attempt: key-value writes, outbox messages, and the response to the request.
//!
//! A handler asks for effects while it runs. The host buffers them during the attempt and commits
//! them together with the outcome, or not at all (invariant 6).

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use uuid::Uuid;

use crate::{DestinationName, Header};

/// A key in a plugin's key-value store. Each plugin has its own store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The name with which the plugin opened the bucket.
    pub bucket: String,
    /// The key within the bucket.
    pub key: String,
}

/// A stored value with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The version of the value; the same key never has the same version twice.
    pub version: u64,
    /// The value.
    pub value: Bytes,
}

/// The version that an attempt read when it first read a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadVersion {
    /// The key that was read.
    pub key: Key,
    /// The version of the value; `None` if the key had no value.
    pub version: Option<u64>,
}

/// A write to one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The key to write.
    pub key: Key,
    /// The new value; `None` deletes the key.
    pub value: Option<Bytes>,
}

/// The id of an outbox message. The receiver sees the same id with every delivery.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(Uuid);

impl MessageId {
    /// Wraps a UUID that the caller generated.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Returns the id as a UUID.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({})", self.0)
    }
}

impl FromStr for MessageId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// A webhook that a plugin asks the host to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The host's id of the message.
    pub id: MessageId,
    /// The destination, by its configured name within the plugin's tenant.
    pub destination: DestinationName,
    /// The receiver's name for the event type, if the message is a typed event.
    pub event_type: Option<String>,
    /// The body to send.
    pub body: Bytes,
    /// Messages to one destination with the same ordering key are sent in order.
    pub ordering_key: Option<String>,
}

/// Everything that one attempt asks to change, and everything that the change depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// The versions that the attempt read. The effects commit only if each is still current.
    pub reads: Vec<ReadVersion>,
    /// The writes, at most one for each key.
    pub writes: Vec<Write>,
    /// The messages to send, in the order in which the plugin asked for them.
    pub messages: Vec<Message>,
    /// The response to the request that brought the event, if the plugin gave one.
    pub response: Option<Response>,
    /// The answers to the plugin's HTTP requests in order of arrival, if answers are recorded.
    pub answers: Vec<RecordedAnswer>,
    /// The `traceparent` that the messages continue, if the trace of the event is recorded.
    pub trace: Option<String>,
}

/// What a plugin wants the request that brought its event to be answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status, from 200 to 599.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Bytes,
}

/// The answer to an HTTP request of a plugin, recorded for rehearsals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedAnswer {
    /// The SHA-256 of the request's method, URL and body.
    pub request: [u8; 32],
    /// The status of the answer.
    pub status: u16,
    /// The headers of the answer, without headers that carry credentials.
    pub headers: Vec<Header>,
    /// The body of the answer.
    pub body: Bytes,
}
