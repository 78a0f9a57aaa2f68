//! The signature schemes of webhooks: verifies what senders send, and signs what the host sends.
//!
//! A [`Verifier`] is compiled once from the settings of one source. It is then a pure function of a
//! request, the documents that have been fetched, and `now`. A [`Signer`] is the same for one
//! destination: a function of a message and `now`. A [`Provider`] describes a kind of sender as
//! data: where its events have their id and type, and which schemes it uses.
//!
//! This crate reads no clock, environment, file or randomness (invariant 9), and does not know
//! about HTTP answers. Work that needs the outside world, such as fetching a certificate or
//! confirming a subscription, is returned to the caller. The bytes of a request are verified before
//! they are parsed, except where the sender signs fields of a JSON envelope (Amazon SNS).

mod verify;
pub mod diagnose;
mod redact;
mod sign;
mod provider;
pub mod handshake;
pub mod recipe;
mod scheme;
mod ordering;
mod replay;
mod json;
pub mod value;
mod setting_text;
mod secret;
mod secret_check;
mod base64_text;

pub use json::{InvalidPointer, JsonPointer, Unreadable, payload_bytes};
pub use ordering::ordering_key;
pub use provider::{
    AnswerParts, Description, Direction, Envelope, EnvelopePiece, EnvelopeValues, EventCase,
    KeyPiece, KeyRule, MissingValue, NameCase, OutgoingEvents, Provider, SchemeRule, Shape,
    Spelling, TypeRule,
};
pub use redact::{Redacted, redact};
pub use replay::{UnsignedValues, is_replayable, unsigned_values};
pub use scheme::{Scheme, SchemeKind, SetupError};
pub use secret::Secret;
pub use secret_check::{SecretReport, SecretUse, check_document, check_secret};
pub use setting_text::{SettingText, SettingValues};
pub use sign::{
    CERTIFICATE_PATH, KeyCount, NewJwsKey, SignError, Signer, SigningKey, SigningScheme,
    SnsNotification, SnsSigner, UnsignedMessage, check_ed25519_key, check_jws_key, new_jws_key,
    new_sns_key,
};
pub use verify::{
    Certificate, Credential, Document, DocumentId, DocumentRef, Documents, FoundHeader, Freshness,
    Headers, InvalidCertificate, InvalidDocument, KeyLocation, KeyRequest, KeyRequestValue, KeySet,
    PublicKey, PublicKeys, Refusal, Request, Verdict, Verification, Verified, Verifier, component,
    http_signatures, jws, jwt, skipped_public_keys, sns, standard_webhooks, token,
};
