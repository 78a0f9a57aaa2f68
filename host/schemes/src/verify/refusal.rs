//! The reasons for which a request is refused, for the operator.
//!
//! `Display` and [`Refusal::reason`] are for the log. What the sender reads is the caller's
//! decision; it must not help in forging a request.

use hookyard_model::excerpt;

use crate::value::PlaceKind;
use crate::{SchemeKind, Unreadable};

/// The reason for which a request is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A header that the scheme needs is missing.
    #[error("the header `{name}` is missing")]
    MissingHeader {
        /// The name of the header, in lower case.
        name: String,
    },
    /// A header that the scheme needs occurs more than once.
    #[error("the header `{name}` occurs more than once")]
    RepeatedHeader {
        /// The name of the header, in lower case.
        name: String,
    },
    /// A header does not have the form that the scheme prescribes.
    #[error("the header `{name}` {why}")]
    MalformedHeader {
        /// The name of the header, in lower case.
        name: String,
        /// What was looked for and not found; completes "the header …". It quotes no value.
        why: String,
    },
    /// A pair of a list in a value occurs more than once.
    #[error("{at} has more than one pair `{name}`")]
    RepeatedPair {
        /// The location of the list.
        at: PlaceKind,
        /// The name of the pair.
        name: String,
    },
    /// A parameter of the query or a field of a form occurs more than once.
    #[error("{at} occurs more than once")]
    RepeatedParameter {
        /// The location.
        at: PlaceKind,
    },
    /// The query or the form has more pairs than the host reads.
    #[error("the {part} has too many parameters")]
    TooManyParameters {
        /// The part of the request: `query` or `form`.
        part: &'static str,
    },
    /// The request has so many signatures that the host does not check all of them.
    #[error(
        "none of the first {max} checks of a signature with a key succeeded, and no more are made"
    )]
    TooManyChecks {
        /// The maximum number of checks.
        max: usize,
    },
    /// Two headers or fields that must be equal differ.
    #[error("`{one}` and `{other}` disagree")]
    Disagreement {
        /// The first header or field.
        one: String,
        /// The second header or field.
        other: String,
    },
    /// The signed time is further in the past than the source allows.
    #[error("the timestamp is too old")]
    StaleTimestamp,
    /// The signed time is further in the future than the source allows.
    #[error("the timestamp is in the future")]
    FutureTimestamp,
    /// The message names an algorithm or version that the source does not accept.
    #[error("the message is signed with {found}, which this source does not accept")]
    WrongAlgorithm {
        /// The algorithm or version that the message names.
        found: String,
    },
    /// The message needs a protocol extension that is not supported or not enabled.
    #[error("the message needs the extension `{name}`, which this source does not accept")]
    UnknownExtension {
        /// The name of the extension.
        name: String,
    },
    /// The message names a key that the source does not have.
    #[error("the message is signed with the key `{id}`, which this source does not have")]
    UnknownKey {
        /// The key id in the message.
        id: String,
    },
    /// The component that verifies the source's requests refuses the request.
    #[error("the verifier refuses the request: {why}")]
    ByVerifier {
        /// The reason of the component.
        why: String,
    },
    /// The component that verifies the source's requests returned no verdict.
    #[error("the verifier failed: {why}")]
    VerifierFailed {
        /// What happened.
        why: String,
    },
    /// No signature is valid under any key.
    #[error("no signature is valid")]
    BadSignature,
    /// Nothing in the signature covers the body of this request.
    #[error(
        "the signature does not cover the body: it is not a form, and the request has no digest of \
         the body"
    )]
    UncoveredBody,
    /// The request has no credential.
    #[error("the request has no credential")]
    MissingCredential {
        /// The kind of credential that the source needs.
        kind: SchemeKind,
    },
    /// The request has a credential that the source does not accept.
    #[error("the credential is wrong")]
    WrongCredential {
        /// The kind of credential that the source needs.
        kind: SchemeKind,
    },
    /// The body does not have the format that the scheme or the provider prescribes.
    #[error("cannot read the body: {why}")]
    UnreadableBody {
        /// The error, without any part of the body.
        why: String,
    },
    /// A name occurs more than once in a JSON object, so that readers may disagree about its value.
    #[error("`{name}` occurs more than once in the body")]
    RepeatedField {
        /// The name of the field.
        name: String,
    },
    /// A field of the body or a parameter of the query that the scheme needs is missing.
    #[error("{at} is missing")]
    MissingField {
        /// The location.
        at: PlaceKind,
    },
    /// A field of the body or a parameter of the query does not have the form that the scheme
    /// prescribes.
    #[error("{at} {why}")]
    MalformedField {
        /// The location.
        at: PlaceKind,
        /// What was looked for and not found; completes "the field …". It quotes no value.
        why: String,
    },
    /// The envelope has a type that the scheme does not define.
    #[error("the message type `{found}` is unknown")]
    UnknownMessageType {
        /// The type in the message.
        found: String,
    },
    /// The topic is not on the source's list.
    #[error("the topic `{topic}` is not on this source's list; add it to `topics` if it is yours")]
    TopicNotAllowed {
        /// The topic in the message.
        topic: String,
    },
    /// The request is a raw delivery, and the source accepts only signed messages.
    #[error(
        "this is a raw delivery, which is not signed; turn raw delivery off in the subscription, \
         or configure another proof"
    )]
    RawDelivery,
    /// The URL of the certificate may not be fetched.
    #[error("the certificate URL is not allowed")]
    CertificateUrl,
    /// The name, dates, key usage or issuer of the certificate are not acceptable.
    #[error("the signing certificate {why}")]
    CertificateRefused {
        /// The defect of the certificate; completes "the signing certificate …".
        why: &'static str,
    },
    /// The caller could not fetch or read the certificate.
    #[error("cannot fetch the signing certificate")]
    CertificateUnavailable,
    /// The caller could not fetch or read the sender's public keys.
    #[error("cannot fetch the sender's public keys")]
    KeysUnavailable,
    /// A token lacks a claim that the source needs.
    #[error("the claim `{claim}` is missing")]
    MissingClaim {
        /// The name of the claim.
        claim: String,
    },
    /// A claim of a token does not have the value that the source accepts.
    #[error("the claim `{claim}` does not have a value that this source accepts")]
    WrongClaim {
        /// The name of the claim.
        claim: String,
    },
    /// The signature does not cover a part of the request that it must cover.
    #[error("the signature does not cover `{component}`")]
    NotCovered {
        /// The part of the request.
        component: String,
    },
    /// The signature covers a part of the URL that only the configuration can tell.
    #[error(
        "the signature covers `{component}`; set `public_url` of this source to the URL that the \
         sender uses"
    )]
    NeedsPublicUrl {
        /// The part of the URL.
        component: String,
    },
    /// A digest of the body is not the digest of this body.
    #[error("`{name}` is not the digest of the body")]
    WrongDigest {
        /// The header, query parameter or claim with the digest.
        name: String,
    },
    /// The URL that confirms a subscription may not be fetched.
    #[error("the confirmation URL is not allowed")]
    ConfirmationUrl,
    /// The caller could not confirm the subscription.
    #[error("cannot confirm the subscription")]
    ConfirmationFailed,
    /// A value of a handshake is missing, or is not one that an answer repeats or signs.
    #[error("{why}")]
    HandshakeValue {
        /// The defect. It quotes no value.
        why: String,
    },
    /// A value of a handshake is not the source's secret.
    #[error("{at} is not the `handshake_secret` of this source")]
    HandshakeSecret {
        /// The location.
        at: PlaceKind,
    },
    /// The message is a text that a handshake of the source signs for anybody.
    #[error("the signed text is one that a handshake of this source signs for anybody")]
    HandshakeText,
    /// The sender has not given its secret yet.
    #[error(
        "the source has no secret yet; show the secret that the sender brought with `hookyard \
         handshakes`, and add it to `secrets`"
    )]
    NoSecretYet,
    /// The event has no idempotency key where the provider's events have one.
    #[error("the event has no idempotency key: {why}")]
    MissingKey {
        /// What was looked for and not found, for each alternative.
        why: String,
    },
    /// The event has a type that the host sends and never receives.
    #[error("`{event_type}` is an event that this host sends and never receives")]
    NotIncoming {
        /// The type of the event.
        event_type: String,
    },
}

impl Refusal {
    /// Returns the name of the refusal, for logs and metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::MissingHeader { .. } => "missing-header",
            Self::RepeatedHeader { .. } => "repeated-header",
            Self::MalformedHeader { .. } => "malformed-header",
            Self::RepeatedPair { .. } => "repeated-pair",
            Self::RepeatedParameter { .. } => "repeated-parameter",
            Self::TooManyParameters { .. } => "too-many-parameters",
            Self::TooManyChecks { .. } => "too-many-checks",
            Self::Disagreement { .. } => "disagreement",
            Self::StaleTimestamp => "stale-timestamp",
            Self::FutureTimestamp => "future-timestamp",
            Self::WrongAlgorithm { .. } => "wrong-algorithm",
            Self::UnknownExtension { .. } => "unknown-extension",
            Self::UnknownKey { .. } => "unknown-key",
            Self::ByVerifier { .. } => "by-verifier",
            Self::VerifierFailed { .. } => "verifier-failed",
            Self::BadSignature => "bad-signature",
            Self::UncoveredBody => "uncovered-body",
            Self::MissingCredential { .. } => "missing-credential",
            Self::WrongCredential { .. } => "wrong-credential",
            Self::UnreadableBody { .. } => "unreadable-body",
            Self::RepeatedField { .. } => "repeated-field",
            Self::MissingField { .. } => "missing-field",
            Self::MalformedField { .. } => "malformed-field",
            Self::UnknownMessageType { .. } => "unknown-message-type",
            Self::TopicNotAllowed { .. } => "topic-not-allowed",
            Self::RawDelivery => "raw-delivery",
            Self::CertificateUrl => "certificate-url",
            Self::CertificateRefused { .. } => "certificate-refused",
            Self::CertificateUnavailable => "certificate-unavailable",
            Self::KeysUnavailable => "keys-unavailable",
            Self::MissingClaim { .. } => "missing-claim",
            Self::WrongClaim { .. } => "wrong-claim",
            Self::NotCovered { .. } => "not-covered",
            Self::NeedsPublicUrl { .. } => "needs-public-url",
            Self::WrongDigest { .. } => "wrong-digest",
            Self::ConfirmationUrl => "confirmation-url",
            Self::ConfirmationFailed => "confirmation-failed",
            Self::HandshakeValue { .. } => "handshake-value",
            Self::HandshakeSecret { .. } => "handshake-secret",
            Self::HandshakeText => "handshake-text",
            Self::NoSecretYet => "no-secret-yet",
            Self::MissingKey { .. } => "missing-key",
            Self::NotIncoming { .. } => "not-incoming",
        }
    }

    /// Returns whether a value is there more than once, so that readers may disagree about it.
    pub const fn is_repetition(&self) -> bool {
        matches!(
            self,
            Self::RepeatedHeader { .. }
                | Self::RepeatedPair { .. }
                | Self::RepeatedParameter { .. }
                | Self::RepeatedField { .. }
        )
    }
}

impl From<Unreadable> for Refusal {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::Repeated(name) => Self::RepeatedField {
                name: excerpt(&name),
            },
            error => Self::UnreadableBody {
                why: error.to_string(),
            },
        }
    }
}
