//! Proves who sent a request, and says what it is; signs what we send by the same schemes.
//!
//! A [`Verifier`] is compiled once from one source's settings and is then a pure function of a request, the certificates
//! at hand and `now`. A [`Provider`] is a kind of sender as data: where its event id and type stand. Whatever needs the
//! outside world (fetching a certificate, confirming a subscription) is returned as a [`Verdict`] for the caller to do.
//!
//! Nothing here reads a clock, environment, file or randomness (invariant 9), and the bytes are verified before they
//! are parsed, except where the sender signs fields of a JSON envelope (Amazon SNS).

mod base64_text;
pub mod certificate;
pub mod credential;
pub mod freshness;
pub mod hmac;
pub mod json;
pub mod judge;
pub mod jws;
pub mod ordering;
pub mod provider;
pub mod refusal;
pub mod request;
pub mod scheme;
pub mod secret;
pub mod sign;
pub mod sns;
pub mod standard_webhooks;
pub mod verdict;
pub mod verifier;

pub use certificate::{Certificate, Certificates, InvalidCertificate};
pub use credential::Credential;
pub use freshness::Freshness;
pub use json::{InvalidPointer, JsonPointer, Unreadable, payload_bytes};
pub use judge::{Judgement, SecretUse};
pub use ordering::ordering_key;
pub use provider::{
    Description, Direction, EventCase, KeyFallback, KeyRule, KeySource, Outgoing, Provider,
    SchemeRule, Shape, Template, TypeRule,
};
pub use refusal::Refusal;
pub use request::Request;
pub use scheme::{Scheme, SchemeKind, SetupError};
pub use secret::Secret;
pub use sign::{KeyCount, SignError, Signer, SigningKey, SigningScheme};
pub use verdict::{Verdict, Verified};
pub use verifier::Verifier;
