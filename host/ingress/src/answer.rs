//! The one place where what became of a request is turned into what the sender reads.
//!
//! A sender gets a status and a short public text; what the operator needs to know is in `reason` and `Display`, which
//! never reach the sender. Nothing here echoes what the sender wrote.

use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{EventId, chain};
use hookyard_schemes::Refusal;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;

use crate::body;

/// An answer as hyper sends it.
pub(crate) type Answer = Response<Full<Bytes>>;

/// What an accepted request came to; each is a 200.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// A new event, durable by now (invariant 1).
    Stored(Stored),
    /// An event that was stored before; the id is the first one's.
    Repeat(Stored),
    /// A subscription that is confirmed by now.
    Confirmed { topic: String },
    /// Something that the sender wants known and that isn't an event.
    Noticed { what: &'static str },
}

/// What is said of a stored event.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) id: EventId,
    pub(crate) event_type: Option<String>,
    pub(crate) key: String,
}

/// Why a request was not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("nothing is served at this path")]
    NotFound,
    #[error("a webhook is a POST")]
    Method,
    #[error("the body was not taken")]
    Body(#[source] body::Fault),
    #[error("the request was not verified")]
    Verification(#[source] Refusal),
    #[error("a handshake failed: {why}")]
    Handshake { refusal: Refusal, why: String },
    #[error("the inbox did not take the event")]
    Inbox(#[source] hookyard_store::Error),
    #[error("the inbox did not answer within {time_max:?}")]
    InboxSlow { time_max: Duration },
}

impl From<body::Fault> for Refused {
    fn from(fault: body::Fault) -> Self {
        Self::Body(fault)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Verification(refusal)
    }
}

impl Refused {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Body(body::Fault::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(body::Fault::TooSlow { .. }) => StatusCode::REQUEST_TIMEOUT,
            Self::Body(body::Fault::Broken(_)) => StatusCode::BAD_REQUEST,
            Self::Verification(refusal) | Self::Handshake { refusal, .. } => {
                StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::UNAUTHORIZED)
            }
            Self::Body(body::Fault::NoRoom) | Self::Inbox(_) | Self::InboxSlow { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// The refusal's name, for logs and metrics.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::NotFound => "unknown-route",
            Self::Method => "wrong-method",
            Self::Body(body::Fault::TooLarge { .. }) => "body-too-large",
            Self::Body(body::Fault::TooSlow { .. }) => "body-too-slow",
            Self::Body(body::Fault::Broken(_)) => "body-broken",
            Self::Body(body::Fault::NoRoom) => "buffered-bytes-max",
            Self::Verification(refusal) | Self::Handshake { refusal, .. } => refusal.reason(),
            Self::Inbox(hookyard_store::Error::Busy) => "inbox-busy",
            Self::Inbox(_) => "inbox-failed",
            Self::InboxSlow { .. } => "inbox-slow",
        }
    }

    /// What the sender reads.
    fn public(&self) -> &'static str {
        match self {
            Self::NotFound => "nothing is served here",
            Self::Method => "use POST",
            Self::Body(body::Fault::TooLarge { .. }) => "the body is too large",
            Self::Body(body::Fault::TooSlow { .. }) => "the body came too slowly",
            Self::Body(body::Fault::Broken(_)) => "the body is broken",
            Self::Verification(refusal) | Self::Handshake { refusal, .. } => refusal.public(),
            Self::Body(body::Fault::NoRoom) | Self::Inbox(_) | Self::InboxSlow { .. } => TRY_LATER,
        }
    }

    /// The error and all of its causes, in one line for the log.
    pub(crate) fn detail(&self) -> String {
        chain(self)
    }
}

const TRY_LATER: &str = "try again later";

/// Answers a request: 200 for what was accepted.
pub(crate) fn answer(outcome: &Result<Accepted, Refused>, retry_after: Duration) -> Answer {
    match outcome {
        Ok(accepted) => json(StatusCode::OK, accepted_text(accepted)),
        Err(refused) => refusal(refused, retry_after),
    }
}

/// Tells an HTTP/1.1 sender that its connection ends here, for when its body was not read whole.
pub(crate) fn close(answer: &mut Answer) {
    answer
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
}

/// A whole HTTP/1.1 answer for a connection that there is no place for.
pub(crate) fn overloaded_bytes(retry_after: Duration) -> Vec<u8> {
    let body = refused_text(TRY_LATER);
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: {}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        seconds(retry_after),
        body.len()
    )
    .into_bytes()
}

fn accepted_text(accepted: &Accepted) -> String {
    match accepted {
        Accepted::Stored(stored) => format!(r#"{{"status":"stored","event":"{}"}}"#, stored.id),
        Accepted::Repeat(stored) => format!(r#"{{"status":"repeat","event":"{}"}}"#, stored.id),
        Accepted::Confirmed { .. } => r#"{"status":"confirmed"}"#.to_owned(),
        Accepted::Noticed { .. } => r#"{"status":"noticed"}"#.to_owned(),
    }
}

/// `public` is one of our own texts, none of which has anything to escape.
fn refused_text(public: &'static str) -> String {
    format!(r#"{{"status":"refused","reason":"{public}"}}"#)
}

fn refusal(refused: &Refused, retry_after: Duration) -> Answer {
    let status = refused.status();
    let mut answer = json(status, refused_text(refused.public()));
    let mut set = |name: HeaderName, value: HeaderValue| answer.headers_mut().insert(name, value);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        set(ALLOW, HeaderValue::from_static("POST"));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        set(RETRY_AFTER, HeaderValue::from(seconds(retry_after)));
    }
    if let Refused::Verification(refusal) = refused
        && let Some(challenge) = refusal.challenge()
    {
        set(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    answer
}

fn json(status: StatusCode, text: String) -> Answer {
    let mut answer = Response::new(Full::from(text));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// Whole seconds, at least one: zero would invite a busy loop.
fn seconds(time: Duration) -> u64 {
    time.as_secs().max(1)
}
