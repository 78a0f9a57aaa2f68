//! The result of verifying a request.

use hookyard_model::Payload;

/// What a [`Verifier`](crate::Verifier) returns for a request that it does not refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// The request is verified.
    Complete(Verdict),
    /// The verifier needs a certificate before it can decide.
    ///
    /// The caller fetches `url`, without following redirects and with limits on size and time. The
    /// URL is already checked against the rule of the source. The caller reads the answer with
    /// [`Certificate::parse_pem`](crate::Certificate::parse_pem), caches it by URL, and verifies
    /// the request again. If that fails, the request is refused with
    /// [`Refusal::CertificateUnavailable`](crate::Refusal::CertificateUnavailable).
    NeedsCertificate {
        /// The URL of the certificate.
        url: String,
    },
}

/// What a verified request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Store the event.
    Event(Verified),
    /// Confirm a subscription to an allowed topic.
    ///
    /// The caller sends a GET to `url`, without following redirects. The URL is already checked. If
    /// that fails, the request is refused with
    /// [`Refusal::ConfirmationFailed`](crate::Refusal::ConfirmationFailed).
    Confirm {
        /// The URL that confirms the subscription.
        url: String,
        /// The topic, for the log.
        topic: String,
    },
    /// Log the message. The message is verified, but it is not an event: nothing is stored or
    /// fetched.
    Notice {
        /// The content of the message, for the log.
        what: &'static str,
    },
}

/// A verified request that is an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The id of the message in the scheme, if the scheme has one.
    pub id: Option<String>,
    /// The part of the body that is the sender's event.
    pub payload: Payload,
}
