//! Verifies that a request comes from the sender that its source is configured for.
//!
//! [`Verifier`] is the entry point; each scheme has a module of its own.

mod verifier;
mod verdict;
mod refusal;
mod request;
pub(crate) mod recipe;
mod public_key;
pub mod token;
pub mod jws;
pub mod jwt;
pub mod http_signatures;
pub mod standard_webhooks;
pub mod sns;
pub(crate) mod credential;
mod certificate;
pub mod component;
mod documents;
mod key_set;
mod key_request;
mod keys;
mod checks;
pub(crate) mod freshness;

pub use certificate::{Certificate, InvalidCertificate};
pub use credential::Credential;
pub use documents::{Document, DocumentId, DocumentRef, Documents, InvalidDocument};
pub use freshness::Freshness;
pub use key_request::{KeyRequest, KeyRequestValue};
pub use key_set::KeySet;
pub use keys::{KeyLocation, skipped_public_keys};
pub use public_key::{PublicKey, PublicKeys};
pub use refusal::Refusal;
pub use request::{FoundHeader, Headers, Request};
pub(crate) use request::{ascii, single_header};
pub use verdict::{Verdict, Verification, Verified};
pub use verifier::Verifier;
