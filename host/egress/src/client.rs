//! A client that fetches documents for the host itself: one GET or POST that must return status 200.
//!
//! A redirect is an error like any other status: the caller checked the URL, not the place that it
//! redirects to.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};

use crate::door::Door;
use crate::error::Error;
use crate::limits::{Limits, OverLong};
use crate::policy::Policy;
use crate::target::Target;

/// The limits of one fetch.
#[derive(Debug, Clone, Copy)]
pub struct GetLimits {
    /// The maximum size of the document, in bytes.
    pub body_max: usize,
    /// The maximum time from the call to the last byte of the document.
    pub timeout: Duration,
    /// Whether `http:` URLs may be fetched as well as `https:` URLs.
    pub allow_http: bool,
}

/// Fetches documents for the host itself. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    door: Door,
    policy: Policy,
}

impl Client {
    /// Returns a client that fetches through `door` under `policy`. [`GetLimits::allow_http`] takes
    /// the place of the policy's field.
    pub fn new(door: Door, policy: Policy) -> Self {
        Self { door, policy }
    }

    /// Fetches `url` and returns the whole body.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Door::send`], and [`Error::Status`] for a status other than 200.
    pub async fn get(&self, url: &str, limits: GetLimits) -> Result<Bytes, Error> {
        let request = Request::get(url)
            .body(Bytes::new())
            .map_err(|_| Error::InvalidUrl)?;
        self.fetch(request, limits).await
    }

    /// Posts `json` to `url` and returns the whole body of the answer.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`get`](Self::get).
    pub async fn post(&self, url: &str, json: Bytes, limits: GetLimits) -> Result<Bytes, Error> {
        let request = Request::post(url)
            .header(CONTENT_TYPE, "application/json")
            .body(json)
            .map_err(|_| Error::InvalidUrl)?;
        self.fetch(request, limits).await
    }

    async fn fetch(&self, request: Request<Bytes>, limits: GetLimits) -> Result<Bytes, Error> {
        let host = Target::of(request.uri())?.host.to_string();

        let policy = Policy {
            allow_http: limits.allow_http,
            ..self.policy.clone()
        };
        let limits = Limits {
            timeout: limits.timeout,
            body_max: limits.body_max,
            over_long: OverLong::Refuse,
        };
        let response = self.door.send(&policy, request, &limits).await?;

        match response.status() {
            StatusCode::OK => Ok(response.into_body().bytes),
            status => Err(Error::Status {
                host,
                status: status.as_u16(),
            }),
        }
    }
}
