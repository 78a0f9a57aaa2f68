//! The requests that a handshake needs: the only outgoing requests of ingress.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_schemes::Secret;

/// Fetches for handshakes. The binary implements this trait with egress.
#[async_trait]
pub trait Fetch: Send + Sync + 'static {
    /// Returns the complete body of a 200 answer.
    ///
    /// # Errors
    ///
    /// Returns [`FetchError`] for every other status, including redirects, and if the answer
    /// exceeds the limits of the request.
    async fn fetch(&self, request: FetchRequest) -> Result<Bytes, FetchError>;
}

/// A GET or POST with its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// The URL, which the configuration names, or which the verifier has checked against the rules
    /// of the source.
    pub url: String,
    /// The JSON to send in a POST, which may contain credentials; `None` for a GET.
    pub post: Option<Secret>,
    /// The maximum size of the body, in bytes.
    pub bytes_max: usize,
    /// The maximum duration of the fetch.
    pub time_max: Duration,
    /// Whether the URL may be `http:`; otherwise it must be `https:`.
    pub allow_http: bool,
}

/// The error of a fetch.
#[derive(Debug, thiserror::Error)]
#[error("the fetch failed")]
pub struct FetchError(#[source] pub Box<dyn std::error::Error + Send + Sync>);
