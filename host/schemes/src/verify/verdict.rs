//! The result of verifying a request.

use hookyard_model::Payload;

use super::component::RunningVerdict;
use super::{DocumentRef, Refusal};

/// What a [`Verifier`](crate::Verifier) returns for a request that it does not refuse.
#[derive(Debug, PartialEq)]
pub enum Verification {
    /// The request is verified.
    Complete(Verdict),
    /// The verifier needs a document before it can decide.
    ///
    /// The caller fetches the document, without following redirects and with limits on size and
    /// time, reads the answer with [`DocumentRef::parse`], keeps it, and verifies the request again.
    /// If the caller has given this document already, the document does not contain the key that
    /// the message names: the caller may fetch the document once more. If the document cannot be
    /// fetched, the request is refused with [`DocumentRef::unavailable`].
    NeedsDocument {
        /// The document.
        document: DocumentRef,
        /// The refusal if the newest document was given, so that another one does not help.
        otherwise: Refusal,
    },
    /// A component decides. The caller awaits its verdict.
    Running(RunningVerdict),
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
