//! Requests to the hosts that the operator grants. Credentials come from the grant.
//!
//! A request stays sent even if the attempt fails later and is made again. Requests that change
//! something therefore have the header `idempotency-key`, which is the same when they are repeated.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Failure, HostError, host, idempotency_key};

/// A request that is not sent yet.
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until `send` is called"]
pub struct Request {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout: Option<Duration>,
    fault: Option<HostError>,
}

/// Makes a GET request.
pub fn get(url: impl Into<String>) -> Request {
    request("GET", url)
}

/// Makes a POST request.
pub fn post(url: impl Into<String>) -> Request {
    request("POST", url)
}

/// Makes a request with any method, in capital letters.
pub fn request(method: &'static str, url: impl Into<String>) -> Request {
    let (headers, body) = (Vec::new(), Vec::new());
    Request {
        method,
        url: url.into(),
        headers,
        body,
        timeout: None,
        fault: None,
    }
}

impl Request {
    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a body of JSON, with its content type.
    pub fn json(mut self, value: &impl Serialize) -> Self {
        match HostError::json(value, "the body") {
            Ok(body) => self.body = body,
            Err(error) => self.fault = Some(error),
        }
        self.header("content-type", "application/json")
    }

    /// Limits how long the answer may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends the request and waits for the whole answer, whatever its status is.
    pub fn send(mut self) -> Result<Response, HostError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let has_key = self
            .headers
            .iter()
            .any(|(name, _)| name == "idempotency-key");
        if !["GET", "HEAD"].contains(&self.method) && !has_key {
            self.headers
                .push(("idempotency-key".to_owned(), idempotency_key()));
        }

        let fault = |why| HostError::new(format!("http: {} {}: {why}", self.method, self.url));
        host::request(&self).map_err(fault)
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// Returns the first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Returns the body as text. Bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Reads the body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HostError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            HostError::new(format!("the answer is not the expected JSON: {error}"))
        })
    }

    /// Returns an answer of success. The statuses 408, 429 and 5xx ask for another attempt, after
    /// the time in `retry-after`; other statuses are a [`HostError`].
    pub fn or_retry(self) -> Result<Self, Failure> {
        match self.status {
            200..=299 => Ok(self),
            408 | 429 | 500..=599 => {
                let seconds = self
                    .header("retry-after")
                    .and_then(|value| value.parse().ok());
                let reason = format!("http: the answer has the status {}", self.status);
                Err(Failure::Retry {
                    reason,
                    after: seconds.map(Duration::from_secs),
                })
            }
            status => {
                Err(HostError::new(format!("http: the answer has the status {status}")).into())
            }
        }
    }
}
