//! A request that was refused, as the store keeps it for the operator.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use uuid::Uuid;

use crate::{Header, SourceRef, Timestamp};

/// The id of a refused request: a UUID of version 7, so that ids sort by arrival.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefusedId(Uuid);

impl RefusedId {
    /// Wraps a UUID that the caller generated.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Returns the id as a UUID.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for RefusedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for RefusedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefusedId({})", self.0)
    }
}

impl FromStr for RefusedId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// A request that a source refused, without the credentials that the sender gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRequest {
    /// The id of the request.
    pub id: RefusedId,
    /// The source that refused the request.
    pub source: SourceRef,
    /// The name of the source's provider at that time.
    pub provider: String,
    /// The time at which the request arrived.
    pub received_at: Timestamp,
    /// The address of the peer, which may be a proxy.
    pub peer: String,
    /// The status of the answer.
    pub status: u16,
    /// The name of the refusal, as in logs and metrics.
    pub reason: String,
    /// The refusal with all of its causes, on one line.
    pub detail: String,
    /// The method, as received.
    pub method: String,
    /// The path, as received.
    pub path: String,
    /// The query, as received, without the question mark.
    pub query: Option<String>,
    /// The headers, in their order.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Bytes,
    /// The parts of the request that were replaced because they may be credentials, such as
    /// "the header `authorization`".
    pub redacted: Vec<String>,
}

impl RefusedRequest {
    /// Returns the size of the parts that the sender chose, in bytes.
    pub fn bytes(&self) -> u64 {
        let headers = self.headers.iter();
        let headers: usize = headers
            .map(|header| header.name.len() + header.value.len())
            .sum();
        let query = self.query.as_ref().map_or(0, String::len);
        (self.path.len() + query + headers + self.body.len()) as u64
    }
}
