//! Makes the answer to the sender of a request: the status, a short public text, and headers.
//!
//! This is the only place that decides it. Two exhaustive matches in [`refused`] give each refusal
//! its status and text. Details for the operator are in `reason` and `Display`, and never reach the
//! sender. No answer of the host's own repeats anything that the sender wrote. An answer given as
//! data is sent as it is, except that a browser must not guess its type: the text of a stranger must
//! not become a page.

mod refused;
mod written;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{EventId, Response};
use hookyard_schemes::AnswerParts;
use http::header::{ALLOW, CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::Full;

pub(crate) use self::refused::Refused;
use self::written::{given, json, response_answer, text};
use crate::wait::Waited;

/// An answer as hyper sends it.
pub(crate) type Answer = http::Response<Full<Bytes>>;

/// The text of every answer that asks the sender to retry.
const TRY_LATER: &str = "try again later";

/// The answer to a GET: it names no tenant and no source, because anybody can ask.
const DESCRIPTION: &str =
    "This is the address of a webhook of Hookyard. It receives requests with the method POST.\n";

/// The methods that every source serves.
const METHODS: &str = "GET, HEAD, POST";

/// The status for a connection that exceeds the maximum number of connections.
pub(crate) const OVERLOADED: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

/// The reason for refusing such a connection, for logs and metrics.
pub(crate) const CONNECTIONS_MAX: &str = "connections-max";

/// The result of an accepted request. Each is answered with 200, unless the source or the provider
/// gives the answer as data, or a plugin responds.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// A new event, which is durable (invariant 1).
    Stored(StoredEvent),
    /// An event that was stored before, with the id of the first one.
    Repeat(StoredEvent),
    /// A request with the key of an event that was stored before, and with another body. The id is
    /// that of the stored event.
    RepeatDiffers(StoredEvent),
    /// A subscription that has been confirmed.
    Confirmed { topic: String },
    /// A message that is not an event.
    Noticed { what: &'static str },
    /// A handshake that the provider declares.
    Handshake {
        answer: AnswerParts,
        /// Whether the source's scheme has verified the request.
        verified: bool,
        /// Whether the request brought a secret, which was kept.
        is_learnt: bool,
    },
    /// A GET or HEAD, whose answer says what the URL is.
    Described,
}

/// A stored event, as answers and logs name it.
#[derive(Debug, Clone)]
pub(crate) struct StoredEvent {
    pub(crate) id: EventId,
    pub(crate) event_type: Option<String>,
    pub(crate) key: String,
    /// The answer that the sender gets in place of the host's own.
    pub(crate) answer: Option<Arc<AnswerParts>>,
    /// How the wait for the jobs ended, if the request waited. A repeat has the response to the
    /// first request, if a plugin gave one.
    pub(crate) waited: Option<Waited>,
}

impl Accepted {
    /// Returns the name of the result, for metrics.
    fn reason(&self) -> &'static str {
        match self {
            Self::Stored(event) => match event.waited {
                Some(Waited::Handled) => "handled",
                Some(Waited::Responded(_)) => "responded",
                Some(Waited::FellBack(_)) | None => "stored",
            },
            Self::Repeat(_) => "repeat",
            Self::RepeatDiffers(_) => "repeat-differs",
            Self::Confirmed { .. } => "confirmed",
            Self::Noticed { .. } => "noticed",
            Self::Handshake { .. } => "handshake",
            Self::Described => "described",
        }
    }

    /// Returns the response of a plugin.
    fn response(&self) -> Option<&Response> {
        match self {
            Self::Stored(event) | Self::Repeat(event) => match &event.waited {
                Some(Waited::Responded(response)) => Some(response),
                _ => None,
            },
            Self::RepeatDiffers(_)
            | Self::Confirmed { .. }
            | Self::Noticed { .. }
            | Self::Handshake { .. }
            | Self::Described => None,
        }
    }

    /// Returns whether only the sender can have sent the request.
    pub(crate) fn is_from_sender(&self) -> bool {
        match self {
            Self::Stored(_)
            | Self::Repeat(_)
            | Self::RepeatDiffers(_)
            | Self::Confirmed { .. }
            | Self::Noticed { .. } => true,
            Self::Handshake { verified, .. } => *verified,
            Self::Described => false,
        }
    }

    /// Returns the answer that is given as data.
    fn given(&self) -> Option<&AnswerParts> {
        match self {
            Self::Stored(event) | Self::Repeat(event) | Self::RepeatDiffers(event) => {
                event.answer.as_deref()
            }
            Self::Handshake { answer, .. } => Some(answer),
            Self::Confirmed { .. } | Self::Noticed { .. } | Self::Described => None,
        }
    }

    fn status(&self) -> StatusCode {
        let given = match self.response() {
            Some(response) => Some(response.status),
            None => self.given().map(AnswerParts::status),
        };
        given
            .and_then(|status| StatusCode::from_u16(status).ok())
            .unwrap_or(StatusCode::OK)
    }

    fn answer(&self) -> Answer {
        let (status, reason) = (self.status(), self.reason());
        if let Some(response) = self.response() {
            return response_answer(status, response);
        }
        if let Some(parts) = self.given() {
            return given(status, parts);
        }
        let of_event =
            |what: &str, id| json(status, format!(r#"{{"status":"{what}","event":"{id}"}}"#));
        match self {
            Self::Stored(event) | Self::Repeat(event) => of_event(reason, event.id),
            // The sender could not do anything about the difference.
            Self::RepeatDiffers(event) => of_event("repeat", event.id),
            Self::Described => text(status, DESCRIPTION),
            Self::Confirmed { .. } | Self::Noticed { .. } | Self::Handshake { .. } => {
                json(status, format!(r#"{{"status":"{reason}"}}"#))
            }
        }
    }
}

/// Returns the status of the answer.
pub(crate) fn status(outcome: &Result<Accepted, Refused>) -> StatusCode {
    match outcome {
        Ok(accepted) => accepted.status(),
        Err(refused) => refused.public().0,
    }
}

/// Returns the name of the outcome, for logs and metrics.
pub(crate) fn reason(outcome: &Result<Accepted, Refused>) -> &'static str {
    match outcome {
        Ok(accepted) => accepted.reason(),
        Err(refused) => refused.reason(),
    }
}

/// Builds the answer to a request.
pub(crate) fn answer(outcome: &Result<Accepted, Refused>, retry_after: Duration) -> Answer {
    match outcome {
        Ok(accepted) => accepted.answer(),
        Err(refused) => refusal_answer(refused, retry_after),
    }
}

/// Closes an HTTP/1.1 connection after this answer, because the body of the request was not read
/// completely.
pub(crate) fn close(answer: &mut Answer) {
    answer
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
}

/// Returns a complete HTTP/1.1 answer for a connection that exceeds the maximum number of
/// connections.
pub(crate) fn overloaded_bytes(retry_after: Duration) -> Vec<u8> {
    let body = refused_text(TRY_LATER);
    format!(
        "HTTP/1.1 {OVERLOADED}\r\ncontent-type: application/json\r\nretry-after: {}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        seconds(retry_after),
        body.len()
    )
    .into_bytes()
}

/// Returns the body of a refusal. The public texts contain nothing that JSON would escape.
fn refused_text(public: &'static str) -> String {
    format!(r#"{{"status":"refused","reason":"{public}"}}"#)
}

fn refusal_answer(refused: &Refused, retry_after: Duration) -> Answer {
    let (status, text) = refused.public();
    let mut answer = json(status, refused_text(text));
    let mut set = |name: HeaderName, value: HeaderValue| answer.headers_mut().insert(name, value);

    if status == StatusCode::METHOD_NOT_ALLOWED {
        set(ALLOW, HeaderValue::from_static(METHODS));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        set(RETRY_AFTER, HeaderValue::from(seconds(retry_after)));
    }
    if let Some(challenge) = refused.challenge() {
        set(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    answer
}

/// Returns whole seconds, at least one: a `Retry-After` of zero would make a sender retry in a busy
/// loop.
fn seconds(time: Duration) -> u64 {
    time.as_secs().max(1)
}
