//! What a verified request is.

use hookyard_model::Payload;

/// What a request that wasn't refused calls for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// An event to store.
    Event(Verified),
    /// Nothing can be said without this certificate. The caller fetches `url` (already checked against the source's rule;
    /// no redirects, capped in size and time), reads it with [`Certificate::parse_pem`](crate::Certificate::parse_pem),
    /// caches it by URL, and verifies again. When that fails: [`Refusal::CertificateUnavailable`](crate::Refusal).
    NeedCertificate {
        /// Where the certificate is.
        url: String,
    },
    /// A verified request to confirm a subscription to an allowed topic. The caller GETs `url` (already checked; no
    /// redirects) and answers 200 if that succeeds, else [`Refusal::ConfirmationFailed`](crate::Refusal).
    Confirm {
        /// Where a GET confirms.
        url: String,
        /// What is subscribed to, for the log.
        topic: String,
    },
    /// Verified, but no event: answer 200, log it, store nothing and fetch nothing.
    Notice {
        /// What the sender says, for the log.
        what: &'static str,
    },
}

/// A request that is what it claims to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The scheme's own id of the message, where it has one.
    pub id: Option<String>,
    /// Where in the body the sender's event stands.
    pub payload: Payload,
}
