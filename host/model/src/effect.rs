//! What a handler asks the host to change: key-value writes and outbox messages.
//!
//! They are buffered during the attempt and commit together with its outcome, or not at all (invariant 6).

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use uuid::Uuid;

use crate::{DestinationName, Header};

/// A place in a plugin's key-value store. Each plugin has a store of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The bucket, by the name that the plugin opened it with.
    pub bucket: String,
    /// The key within the bucket.
    pub key: String,
}

/// A value with what tells it from the values that stood there before and will stand there later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// Never given twice to the same key.
    pub version: u64,
    /// The value.
    pub value: Bytes,
}

/// What an attempt found at a key when it first looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Where it looked.
    pub key: Key,
    /// The version that stood there; `None` when nothing did.
    pub version: Option<u64>,
}

/// What is to stand at a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Where.
    pub key: Key,
    /// `None` deletes.
    pub value: Option<Bytes>,
}

/// Names one outbox message. The receiver sees the same id on every delivery of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(Uuid);

impl MessageId {
    /// Takes an id that the caller made.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The id as a UUID.
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
    /// Our own id of it.
    pub id: MessageId,
    /// Where it is to go, by the name that the operator gave, within the plugin's tenant.
    pub destination: DestinationName,
    /// The receiver's name of what happened, where the message is a typed event.
    pub event_type: Option<String>,
    /// What is to be sent.
    pub body: Bytes,
    /// Messages of one destination with the same ordering key are sent in their order.
    pub ordering_key: Option<String>,
}

/// All that an attempt asks to change, what it went by, and what is recorded of its requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// What it read: each must still stand there when the effects commit.
    pub seen: Vec<Seen>,
    /// At most one for each key.
    pub writes: Vec<Write>,
    /// In the order in which the plugin asked for them.
    pub messages: Vec<Message>,
    /// What its requests were answered, in the order of the answers, where that is recorded.
    pub answers: Vec<RecordedAnswer>,
}

/// An answer to a request of a plugin's, kept for rehearsals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedAnswer {
    /// The SHA-256 of the request's method, URL and body.
    pub request: [u8; 32],
    /// Its status.
    pub status: u16,
    /// Its headers but those that hold credentials.
    pub headers: Vec<Header>,
    /// Its body.
    pub body: Bytes,
}
