//! The POST of a message: the request of a delivery, and the door that sends it.

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_egress::{Door, Fault, Limits, OverLong};
use hookyard_model::{Answer, Header, chain};
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Request};

use crate::Destination;

/// The maximum size of an answer's body that is stored, in bytes.
const BODY_MAX: usize = 4 << 10;
/// The maximum size of an answer's headers that are stored, in bytes.
const HEADER_MAX: usize = 4 << 10;
const USER_AGENT_VALUE: &str = concat!("Hookyard/", env!("CARGO_PKG_VERSION"));

/// Carries a message to its receiver.
#[async_trait]
pub trait Post: Send + Sync + 'static {
    /// Posts a message once, within the timeout of the destination.
    ///
    /// # Errors
    ///
    /// Returns why there is no answer. The message may have arrived nevertheless.
    async fn post(&self, request: PostRequest<'_>) -> Result<PostResponse, PostError>;
}

/// A signed message.
#[derive(Debug, Clone)]
pub struct PostRequest<'a> {
    /// The destination.
    pub destination: &'a Destination,
    /// The headers of the signature, including the id of the message.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Bytes,
}

/// The answer of the receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostResponse {
    /// The status.
    pub status: u16,
    /// All headers.
    pub headers: Vec<Header>,
    /// The beginning of the body.
    pub body: Bytes,
}

/// The reason why there is no answer, on one line, without the path and query of the URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostError {
    /// No complete answer arrived. Another delivery may succeed.
    Failed(String),
    /// The message cannot be sent with this configuration. The reason names the way out.
    Unsendable(String),
}

#[async_trait]
impl Post for Door {
    async fn post(&self, request: PostRequest<'_>) -> Result<PostResponse, PostError> {
        let destination = request.destination;
        let limits = Limits {
            timeout: destination.timeout,
            body_max: BODY_MAX,
            over_long: OverLong::Cut,
        };

        let response = self
            .send(&destination.policy, http_request(&request)?, &limits)
            .await
            .map_err(|error| match error.fault() {
                Fault::Configuration => PostError::Unsendable(chain(&error)),
                Fault::Receiver | Fault::Host => PostError::Failed(chain(&error)),
            })?;

        let (head, body) = response.into_parts();
        let headers = head.headers.iter().map(|(name, value)| Header {
            name: name.as_str().to_owned(),
            value: Bytes::copy_from_slice(value.as_bytes()),
        });
        Ok(PostResponse {
            status: head.status.as_u16(),
            headers: headers.collect(),
            body: body.bytes,
        })
    }
}

fn http_request(request: &PostRequest<'_>) -> Result<Request<Bytes>, PostError> {
    let invalid = |error: http::Error| {
        PostError::Unsendable(format!("the message is not a valid HTTP request: {error}"))
    };
    let mut http_request = Request::post(&request.destination.url)
        .body(request.body.clone())
        .map_err(invalid)?;

    let headers = http_request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_VALUE));
    for Header { name, value } in &request.headers {
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|error| invalid(error.into()))?;
        let value = HeaderValue::from_bytes(value).map_err(|error| invalid(error.into()))?;
        headers.append(name, value);
    }
    Ok(http_request)
}

impl PostResponse {
    /// Returns the part of the answer that is stored for the operator.
    pub(crate) fn into_answer(self) -> Answer {
        let mut headers = Vec::new();
        let mut size = 0;
        for header in self.headers {
            size += header.name.len() + header.value.len();
            if size > HEADER_MAX {
                break;
            }
            headers.push(header);
        }

        Answer {
            headers,
            body: self.body.slice(..self.body.len().min(BODY_MAX)),
        }
    }
}
