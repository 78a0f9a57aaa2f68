//! One POST of one message: what delivery asks for, and the one way in which the host does it.

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_model::{Header, chain};
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Request};

use crate::Destination;
use hookyard_egress::{Door, Fault, Limits, OverLong};

/// How much of an answer's body is kept for the operator.
const BODY_KEPT: usize = 4 << 10;
/// How much of an answer's head is kept.
const HEAD_KEPT: usize = 4 << 10;
const AGENT: &str = concat!("Hookyard/", env!("CARGO_PKG_VERSION"));

/// Carries a message to its receiver.
#[async_trait]
pub trait Post: Send + Sync + 'static {
    /// Posts it once, within the destination's time. Whether it arrived is not known where there's no answer.
    async fn post(&self, outgoing: Outgoing<'_>) -> Result<Answered, Unanswered>;
}

/// A message, ready to go.
#[derive(Debug, Clone)]
pub struct Outgoing<'a> {
    /// Where to.
    pub destination: &'a Destination,
    /// The headers that sign it, its id among them.
    pub headers: Vec<Header>,
    /// What is sent.
    pub body: Bytes,
}

/// What the receiver answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The head, all of it.
    pub headers: Vec<Header>,
    /// The beginning of the body.
    pub body: Bytes,
}

/// There's no answer; each says why in one line, without the URL's path and query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// None came; it may be another time.
    Failed(String),
    /// It can't be sent as it is. The line names the way out.
    Unsendable(String),
}

#[async_trait]
impl Post for Door {
    async fn post(&self, outgoing: Outgoing<'_>) -> Result<Answered, Unanswered> {
        let Outgoing { destination, .. } = outgoing;
        let request = request(&outgoing)?;
        let limits = Limits {
            timeout: destination.timeout,
            body_max: BODY_KEPT,
            over_long: OverLong::Cut,
        };
        let answer = self
            .send(&destination.policy, request, &limits)
            .await
            .map_err(|error| match error.fault() {
                Fault::Configuration => Unanswered::Unsendable(chain(&error)),
                Fault::Receiver | Fault::Host => Unanswered::Failed(chain(&error)),
            })?;
        let (head, body) = answer.into_parts();
        let headers = head.headers.iter().map(|(name, value)| Header {
            name: name.as_str().to_owned(),
            value: Bytes::copy_from_slice(value.as_bytes()),
        });
        Ok(Answered {
            status: head.status.as_u16(),
            headers: headers.collect(),
            body: body.bytes,
        })
    }
}

fn request(outgoing: &Outgoing<'_>) -> Result<Request<Bytes>, Unanswered> {
    let unsendable = |error: http::Error| {
        Unanswered::Unsendable(format!("no request can be made of it: {error}"))
    };
    let mut request = Request::post(&outgoing.destination.url)
        .body(outgoing.body.clone())
        .map_err(unsendable)?;
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    for Header { name, value } in &outgoing.headers {
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|error| unsendable(error.into()))?;
        let value = HeaderValue::from_bytes(value).map_err(|error| unsendable(error.into()))?;
        headers.append(name, value);
    }
    Ok(request)
}

impl Answered {
    /// What is kept of it for the operator.
    pub(super) fn into_kept(self) -> hookyard_model::Answer {
        let mut room = HEAD_KEPT;
        let fits = |header: &Header| {
            let bytes = header.name.len() + header.value.len();
            room.checked_sub(bytes).map(|left| room = left).is_some()
        };
        let headers = self.headers.into_iter().take_while(fits).collect();
        hookyard_model::Answer {
            headers,
            body: self.body.slice(..self.body.len().min(BODY_KEPT)),
        }
    }
}
