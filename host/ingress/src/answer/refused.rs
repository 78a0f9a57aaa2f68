//! The reasons for which a request is not accepted: the status and the text that the sender reads, and
//! the words for the operator.

use std::time::Duration;

use hookyard_model::chain;
use hookyard_schemes::{Refusal, SchemeKind};
use http::StatusCode;

use super::TRY_LATER;
use crate::body::BodyError;
use crate::declared::NotKept;

/// The text for a request that is not proven. It does not say why, so that it does not help a
/// forger.
const NOT_VALID: &str = "the signature is not valid";

const BASIC_CHALLENGE: &str = "Basic realm=\"hookyard\", charset=\"UTF-8\"";
const BEARER_CHALLENGE: &str = "Bearer realm=\"hookyard\"";

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
    SecretNotKept(#[source] NotKept),
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

impl Refused {
    /// Returns the status and the text that the sender reads.
    pub(super) fn public(&self) -> (StatusCode, &'static str) {
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
    pub(super) fn challenge(&self) -> Option<&'static str> {
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
    pub(crate) fn reason(&self) -> &'static str {
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
            Self::SecretNotKept(NotKept::Full { .. } | NotKept::TooSoon { .. }) => {
                "too-many-secrets"
            }
            Self::SecretNotKept(NotKept::Io(_)) => "secret-not-kept",
            Self::Unhandled => "unhandled-max",
            Self::Inbox(hookyard_store::Error::Busy) => "inbox-busy",
            Self::Inbox(hookyard_store::Error::Unknown(_)) => "inbox-unknown",
            Self::Inbox(_) => "inbox-failed",
            Self::InboxSlow { .. } => "inbox-slow",
        }
    }

    /// Returns the status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        self.public().0
    }

    /// Returns whether the request itself is the reason, so that the operator may want to look at
    /// the request. A source without a secret refuses every request.
    pub(crate) fn is_for_request(&self) -> bool {
        match self {
            Self::Verification(Refusal::NoSecretYet) => false,
            Self::Verification(_) | Self::Event(_) | Self::Handshake { .. } => true,
            Self::NotFound
            | Self::Method
            | Self::Body(_)
            | Self::SecretNotKept(_)
            | Self::Unhandled
            | Self::Inbox(_)
            | Self::InboxSlow { .. } => false,
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
        | Refusal::TooManyChecks { .. }
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

#[cfg(test)]
mod tests {
    use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};

    use super::*;
    use crate::answer::{Answer, answer};

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
