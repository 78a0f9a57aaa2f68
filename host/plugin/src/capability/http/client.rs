//! The interface between a plugin's HTTP requests and the host that makes them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_model::PluginRef;
use http::{Request, Response};

use crate::Grants;

/// Makes the HTTP requests of plugins.
#[async_trait]
pub trait HttpClient: Send + Sync + 'static {
    /// Makes a request and returns the answer.
    ///
    /// The client decides whether the grants of the call allow the request, and adds the
    /// credentials that the grants name. The future is dropped when the attempt ends.
    ///
    /// # Errors
    ///
    /// Fails if the request is not granted, or if it gets no complete answer within the bounds of
    /// the call.
    async fn send(&self, call: HttpCall) -> Result<Response<Bytes>, HttpError>;
}

/// An HTTP request of a plugin.
#[derive(Debug, Clone)]
pub struct HttpCall {
    /// The plugin that makes the request.
    pub plugin: PluginRef,
    /// The plugin's grants.
    pub grants: Arc<Grants>,
    /// The request as the guest made it, with an absolute URL.
    pub request: Request<Bytes>,
    /// The maximum time from the start of the request to the end of the answer.
    pub time_max: Duration,
    /// The maximum size of the answer's body, in bytes. A larger answer is an error.
    pub body_max: usize,
}

/// Why a request got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct HttpError {
    /// The error that the guest gets.
    pub fault: HttpFault,
    /// The reason that is written to the attempt's log. It may have several lines.
    pub message: String,
}

/// The error that a guest gets for a request without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpFault {
    /// The operator does not allow the request.
    Denied,
    /// The host's addresses may not be connected to.
    AddressDenied,
    /// The host's name has no address.
    Unresolved,
    /// Nothing accepts connections at the host's addresses.
    Unreachable,
    /// The host's certificate is not trusted.
    Untrusted,
    /// The request took too long.
    TimedOut,
    /// Too many requests are in flight.
    Busy,
    /// The answer is larger than allowed.
    TooLarge,
    /// The answer is incomplete or invalid.
    Broken,
}

/// A client that refuses every request.
#[derive(Debug, Clone, Copy)]
pub struct NoHttpClient;

#[async_trait]
impl HttpClient for NoHttpClient {
    async fn send(&self, _: HttpCall) -> Result<Response<Bytes>, HttpError> {
        Err(HttpError {
            fault: HttpFault::Denied,
            message: "no HTTP requests are made here".into(),
        })
    }
}
