//! Decides which HTTP requests plugins may make, and makes them. **This crate is security
//! relevant.**
//!
//! A plugin may make a request only if one of its grants allows the request's host, scheme, port,
//! method and path. The module `grant` decides that; it is a pure function of the request and the
//! grants. It also adds the credentials of the grant, which the plugin never sees. The module
//! `advice` says which lines of the plugin's settings would allow a refused request.
//!
//! An allowed request leaves the host through the one door of `hookyard-egress`, under a policy
//! made from the grant: only granted private addresses may be connected to, and only a grant with
//! `scheme = "http"` may go without TLS. Redirects are returned to the plugin and not followed,
//! since the target of a redirect needs a grant of its own.
//!
//! A rehearsal makes no requests. It calls [`check`] for each request, so that it refuses what
//! would be refused in service.

mod advice;
mod grant;

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_egress::{Door, Error, Limits, OverLong, Phase};
use hookyard_model::chain;
use hookyard_plugin::{HttpCall, HttpClient, HttpError, HttpFault};
use http::Response;

/// Makes the HTTP requests of plugins that their grants allow.
pub struct GrantedHttpClient {
    door: Door,
}

impl GrantedHttpClient {
    /// Creates a client whose requests leave through this door.
    pub fn new(door: Door) -> Self {
        Self { door }
    }
}

/// Checks that the grants of a call allow its request, and makes no request.
///
/// # Errors
///
/// Fails if the request is not granted. The message says what would grant it.
pub fn check(call: &HttpCall) -> Result<(), HttpError> {
    match grant::find(call) {
        Ok(_) => Ok(()),
        Err(denied) => Err(advice::refusal(&denied, call)),
    }
}

#[async_trait]
impl HttpClient for GrantedHttpClient {
    async fn send(&self, call: HttpCall) -> Result<Response<Bytes>, HttpError> {
        let grant = grant::find(&call).map_err(|denied| advice::refusal(&denied, &call))?;
        let policy = grant::policy(grant, &call.plugin.tenant);
        let request = grant::with_credentials(call.request.clone(), grant);
        let limits = Limits {
            timeout: call.time_max,
            body_max: call.body_max,
            over_long: OverLong::Refuse,
        };

        let answer = self.door.send(&policy, request, &limits).await;
        match answer {
            Ok(answer) => Ok(answer.map(|body| body.bytes)),
            Err(error) => Err(HttpError {
                fault: fault(&error),
                message: chain(&error),
            }),
        }
    }
}

/// Returns the error that the guest gets for a request that failed.
fn fault(error: &Error) -> HttpFault {
    match error {
        Error::Roots { .. } | Error::Identity(_) | Error::Setup(_) | Error::Tls { .. } => {
            HttpFault::Untrusted
        }
        Error::InvalidUrl | Error::Scheme { .. } | Error::Method { .. } => HttpFault::Denied,
        Error::Forbidden { .. } => HttpFault::AddressDenied,
        Error::Resolve { .. } => HttpFault::Unresolved,
        Error::Connect { .. } => HttpFault::Unreachable,
        Error::TimedOut {
            phase: Phase::Slot, ..
        } => HttpFault::Busy,
        Error::TimedOut { .. } => HttpFault::TimedOut,
        Error::HeaderTooLarge { .. } | Error::BodyTooLarge { .. } => HttpFault::TooLarge,
        Error::Broken { .. } | Error::Closed { .. } | Error::Status { .. } => HttpFault::Broken,
    }
}

#[cfg(test)]
mod support;
