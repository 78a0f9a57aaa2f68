//! Fetching: one GET of which only a 200, whole, will do.
//!
//! A redirect is an answer other than 200 and so an error: whoever asked checked the URL, not where it points to.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};

use crate::door::{Door, Limits, OverLong};
use crate::error::Error;
use crate::policy::Policy;
use crate::target::Target;

/// What one GET may cost.
#[derive(Debug, Clone, Copy)]
pub struct GetLimits {
    /// The most bytes of body that are taken.
    pub bytes_max: usize,
    /// The most time from the call to the last byte of the body.
    pub time_max: Duration,
    /// Whether `http:` URLs are fetched too. Otherwise only `https:` ones are.
    pub allow_http: bool,
}

/// Fetches for the host itself. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    door: Door,
    policy: Policy,
}

impl Client {
    /// Fetches through `door`, under `policy` but for what each fetch says of `http:`.
    pub fn new(door: Door, policy: Policy) -> Self {
        Self { door, policy }
    }

    /// Fetches `url`: the body of a 200, whole, within the limits.
    pub async fn get(&self, url: &str, limits: GetLimits) -> Result<Bytes, Error> {
        let request = Request::get(url)
            .body(Bytes::new())
            .map_err(|_| Error::InvalidUrl)?;
        let host = Target::of(request.uri())?.host.to_string();
        let policy = Policy {
            allow_http: limits.allow_http,
            ..self.policy.clone()
        };
        let GetLimits {
            bytes_max,
            time_max,
            ..
        } = limits;
        let limits = Limits {
            time_max,
            body_max: bytes_max,
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
