//! The one thing that ingress needs from outside while it answers: a GET for a handshake.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// Fetches a URL that a handshake asks for. The binary implements it over egress.
#[async_trait]
pub trait Fetch: Send + Sync + 'static {
    /// The body of a 200 answer to a GET, whole.
    ///
    /// Follows no redirect, takes no more than the request's bytes and time, and fails for any status but 200.
    async fn get(&self, request: FetchRequest) -> Result<Bytes, FetchError>;
}

/// One GET and what it may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// The URL. `verify` has matched it against the source's rules.
    pub url: String,
    /// The most bytes of body.
    pub bytes_max: usize,
    /// The most time in all.
    pub time_max: Duration,
    /// Whether `http:` will do; otherwise only `https:` does.
    pub allow_http: bool,
}

/// A fetch that came to nothing.
#[derive(Debug, thiserror::Error)]
#[error("the fetch failed")]
pub struct FetchError(#[source] pub Box<dyn std::error::Error + Send + Sync>);
