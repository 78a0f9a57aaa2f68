//! Makes the answer to the sender of a request: the status, a short public text, and headers.
//!
//! This is the only place that decides it. Two exhaustive matches, [`Refused::public`] and
//! [`public_refusal`], give each refusal its status and text. Details for the operator are in
//! `reason` and `Display`, and never reach the sender. No answer of the host's own repeats anything
//! that the sender wrote. An answer given as data is sent as it is, except that a browser must
//! not guess its type: the text of a stranger must not become a page.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{EventId, Response, chain};
use hookyard_schemes::{AnswerParts, Refusal, SchemeKind};
use http::header::{
    ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::Full;

use crate::body::BodyError;
use crate::wait::Waited;

/// An answer as hyper sends it.
pub(crate) type Answer = http::Response<Full<Bytes>>;

/// The text of every answer that asks the sender to retry.
const TRY_LATER: &str = "try again later";

/// The text for a request that is not proven. It does not say why, so that it does not help a
/// forger.
const NOT_VALID: &str = "the signature is not valid";

/// The answer to a GET: it names no tenant and no source, because anybody can ask.
const DESCRIPTION: &str = "This is the address of a webhook, served by Hookyard. It receives requests with the method POST.\n";

/// The methods that every source serves.
const METHODS: &str = "GET, HEAD, POST";

/// The status for a connection that exceeds the maximum number of connections.
pub(crate) const OVERLOADED: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

const BASIC_CHALLENGE: &str = "Basic realm=\"hookyard\", charset=\"UTF-8\"";
const BEARER_CHALLENGE: &str = "Bearer realm=\"hookyard\"";

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

/// The reason for which a request was not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("there is no source at this path")]
    NotFound,
    #[error("a webhook must be a POST")]
    Method,
    #[error("cannot read the body")]
    Body(#[source] BodyError),
    #[error("the request was not verified")]
    Verification(#[source] Refusal),
    #[error("the request was verified, but its event cannot be stored")]
    Event(#[source] Refusal),
    #[error("a handshake failed: {why}")]
    Handshake { refusal: Refusal, why: String },
    #[error("the secret of a handshake cannot be kept")]
    SecretNotKept(#[source] std::io::Error),
    #[error("the tenant has as many unhandled events as `ingress.unhandled_max` allows")]
    Unhandled,
    #[error("the inbox did not store the event")]
    Inbox(#[source] hookyard_store::Error),
    #[error("the inbox did not answer within {time_max:?}")]
    InboxSlow { time_max: Duration },
}

impl From<BodyError> for Refused {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Verification(refusal)
    }
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

impl Refused {
    /// Returns the status and the text that the sender reads.
    fn public(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "nothing is served here"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "use POST"),
            Self::Body(BodyError::TooLarge { .. }) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large")
            }
            Self::Body(BodyError::TooSlow { .. }) => {
                (StatusCode::REQUEST_TIMEOUT, "the body arrived too slowly")
            }
            Self::Body(BodyError::Broken(_)) => (StatusCode::BAD_REQUEST, "the body is broken"),
            Self::Verification(refusal)
            | Self::Event(refusal)
            | Self::Handshake { refusal, .. } => public_refusal(refusal),
            // Not 429: some senders take a 4xx as final and send the event never again.
            Self::Unhandled => (StatusCode::SERVICE_UNAVAILABLE, TRY_LATER),
            Self::Inbox(error) => public_store_error(error),
            Self::Body(BodyError::NoRoom) | Self::InboxSlow { .. } | Self::SecretNotKept(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, TRY_LATER)
            }
        }
    }

    /// Returns the `WWW-Authenticate` header of the answer. Amazon SNS sends Basic credentials only
    /// after it has received this header.
    fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::Verification(
                Refusal::MissingCredential { kind } | Refusal::WrongCredential { kind },
            ) => match kind {
                SchemeKind::Basic => Some(BASIC_CHALLENGE),
                SchemeKind::Bearer => Some(BEARER_CHALLENGE),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the name of the refusal, for logs and metrics.
    fn reason(&self) -> &'static str {
        match self {
            Self::NotFound => "unknown-route",
            Self::Method => "wrong-method",
            Self::Body(BodyError::TooLarge { .. }) => "body-too-large",
            Self::Body(BodyError::TooSlow { .. }) => "body-too-slow",
            Self::Body(BodyError::Broken(_)) => "body-broken",
            Self::Body(BodyError::NoRoom) => "buffered-bytes-max",
            Self::Verification(refusal)
            | Self::Event(refusal)
            | Self::Handshake { refusal, .. } => refusal.reason(),
            Self::SecretNotKept(_) => "secret-not-kept",
            Self::Unhandled => "unhandled-max",
            Self::Inbox(hookyard_store::Error::Busy) => "inbox-busy",
            Self::Inbox(hookyard_store::Error::Unknown(_)) => "inbox-unknown",
            Self::Inbox(_) => "inbox-failed",
            Self::InboxSlow { .. } => "inbox-slow",
        }
    }

    /// Returns the error with all of its causes on one line, for the log.
    pub(crate) fn detail(&self) -> String {
        chain(self)
    }
}

/// Returns the status and the text for an event that the store did not store. Every error asks the
/// sender to retry, also if the event may have been stored: it is recognized by its key.
fn public_store_error(error: &hookyard_store::Error) -> (StatusCode, &'static str) {
    use hookyard_store::Error;
    match error {
        Error::Busy
        | Error::LeaseLost(_)
        | Error::MessageLeaseLost(_)
        | Error::Conflict(_)
        | Error::OverQuota { .. }
        | Error::Store(_)
        | Error::Unknown(_)
        | Error::Corrupt { .. } => (StatusCode::SERVICE_UNAVAILABLE, TRY_LATER),
    }
}

/// Returns the status and the text for a request that a scheme or provider refuses.
///
/// A status of 503 means that the same request may pass later, and asks the sender to retry.
fn public_refusal(refusal: &Refusal) -> (StatusCode, &'static str) {
    const BAD_REQUEST: StatusCode = StatusCode::BAD_REQUEST;
    const UNAUTHORIZED: StatusCode = StatusCode::UNAUTHORIZED;
    match refusal {
        Refusal::MissingHeader { .. } => (UNAUTHORIZED, "a signature header is missing"),
        Refusal::RepeatedHeader { .. } => {
            (UNAUTHORIZED, "a signature header occurs more than once")
        }
        Refusal::MalformedHeader { .. }
        | Refusal::RepeatedPair { .. }
        | Refusal::Disagreement { .. } => (UNAUTHORIZED, "a signature header is malformed"),
        Refusal::RepeatedParameter { .. } | Refusal::TooManyParameters { .. } => {
            (BAD_REQUEST, "the parameters cannot be read")
        }
        Refusal::StaleTimestamp => (UNAUTHORIZED, "the timestamp is too old"),
        Refusal::FutureTimestamp => (UNAUTHORIZED, "the timestamp is in the future"),
        Refusal::MissingCredential { .. } => (UNAUTHORIZED, "a credential is required"),
        Refusal::WrongCredential { .. } => (UNAUTHORIZED, "the credential is wrong"),
        Refusal::WrongAlgorithm { .. }
        | Refusal::UnknownExtension { .. }
        | Refusal::UnknownKey { .. }
        | Refusal::BadSignature
        | Refusal::ByVerifier { .. }
        | Refusal::UncoveredBody
        | Refusal::MissingField { .. }
        | Refusal::MalformedField { .. }
        | Refusal::UnknownMessageType { .. }
        | Refusal::TopicNotAllowed { .. }
        | Refusal::RawDelivery
        | Refusal::CertificateUrl
        | Refusal::CertificateRefused { .. }
        | Refusal::MissingClaim { .. }
        | Refusal::WrongClaim { .. }
        | Refusal::NotCovered { .. }
        | Refusal::NeedsPublicUrl { .. }
        | Refusal::WrongDigest { .. }
        | Refusal::ConfirmationUrl => (UNAUTHORIZED, NOT_VALID),
        Refusal::UnreadableBody { .. } | Refusal::RepeatedField { .. } => {
            (BAD_REQUEST, "the body cannot be read")
        }
        Refusal::HandshakeValue { .. } => (BAD_REQUEST, "the handshake cannot be answered"),
        Refusal::HandshakeSecret { .. } => (StatusCode::FORBIDDEN, "the handshake is not allowed"),
        Refusal::HandshakeText => (UNAUTHORIZED, NOT_VALID),
        Refusal::NoSecretYet => (StatusCode::SERVICE_UNAVAILABLE, TRY_LATER),
        Refusal::MissingKey { .. } => (BAD_REQUEST, "the event has no id"),
        Refusal::NotIncoming { .. } => (BAD_REQUEST, "events of this type are not received here"),
        Refusal::CertificateUnavailable
        | Refusal::KeysUnavailable
        | Refusal::ConfirmationFailed
        | Refusal::VerifierFailed { .. } => (StatusCode::SERVICE_UNAVAILABLE, TRY_LATER),
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

/// Returns the answer that a plugin gave. The response was checked when the plugin gave it, so that
/// each of its headers is valid.
fn response_answer(status: StatusCode, response: &Response) -> Answer {
    let mut answer = untyped(status, response.body.clone());
    for header in &response.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let value = HeaderValue::from_maybe_shared(header.value.clone());
        if let (Ok(name), Ok(value)) = (name, value) {
            answer.headers_mut().append(name, value);
        }
    }
    answer
        .headers_mut()
        .entry(X_CONTENT_TYPE_OPTIONS)
        .or_insert(HeaderValue::from_static("nosniff"));
    answer
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

fn json(status: StatusCode, text: String) -> Answer {
    typed(status, HeaderValue::from_static("application/json"), text)
}

fn text(status: StatusCode, text: &'static str) -> Answer {
    typed(status, HeaderValue::from_static("text/plain"), text)
}

/// Returns the answer that the source or the provider gives. Its parts are checked when they are
/// made, so that each of them is a valid header.
fn given(status: StatusCode, parts: &AnswerParts) -> Answer {
    let content_type = parts.content_type();
    let mut answer = match content_type.and_then(|given| HeaderValue::from_str(given).ok()) {
        Some(content_type) => typed(status, content_type, parts.body().to_vec()),
        None => untyped(status, Bytes::new()),
    };
    for (name, value) in parts.headers() {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) {
            answer.headers_mut().append(name, value);
        }
    }
    answer
}

fn typed(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Answer {
    let mut answer = untyped(status, body);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

fn untyped(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = http::Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer
}

/// Returns whole seconds, at least one: a `Retry-After` of zero would make a sender retry in a busy
/// loop.
fn seconds(time: Duration) -> u64 {
    time.as_secs().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer_to(refusal: Refusal) -> Answer {
        answer(
            &Err(Refused::Verification(refusal)),
            Duration::from_millis(1),
        )
    }

    #[test]
    fn refusal_has_its_status() {
        let event_type = "went.out".to_owned();

        for (refusal, status) in [
            (Refusal::BadSignature, 401),
            (Refusal::MissingKey { why: String::new() }, 400),
            (Refusal::NotIncoming { event_type }, 400),
            (Refusal::CertificateUnavailable, 503),
        ] {
            let reason = refusal.reason();
            assert_eq!(answer_to(refusal).status().as_u16(), status, "{reason}");
        }
    }

    #[test]
    fn missing_credential_is_answered_with_its_challenge() {
        for (kind, challenge) in [
            (SchemeKind::Basic, Some(BASIC_CHALLENGE)),
            (SchemeKind::Bearer, Some(BEARER_CHALLENGE)),
            (SchemeKind::Header, None),
            (SchemeKind::SecretPath, None),
        ] {
            let answer = answer_to(Refusal::MissingCredential { kind });
            let header = answer.headers().get(WWW_AUTHENTICATE);
            let header = header.map(|value| value.to_str().expect("a text"));
            assert_eq!((answer.status().as_u16(), header), (401, challenge));
        }
    }

    #[test]
    fn retry_after_is_at_least_one_second() {
        let answer = answer_to(Refusal::ConfirmationFailed);
        assert_eq!(answer.headers()[RETRY_AFTER], "1");

        let answer = answer_to(Refusal::BadSignature);
        assert!(!answer.headers().contains_key(RETRY_AFTER));
    }
}
