//! Why a request is refused: once for the operator, once for the sender.
//!
//! `Display` and [`Refusal::reason`] are for the log; [`Refusal::public`] is all that the sender reads, and says nothing
//! that helps in forging. A status of 503 means that the same request may pass later, and asks the sender to try again.

/// Why a request is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A header that the scheme reads isn't there.
    #[error("the header `{name}` is missing")]
    MissingHeader {
        /// In lower case.
        name: String,
    },
    /// A header that the scheme reads occurs more than once.
    #[error("the header `{name}` occurs more than once")]
    RepeatedHeader {
        /// In lower case.
        name: String,
    },
    /// A header is there but can't be what the scheme says.
    #[error("the header `{name}` is malformed")]
    MalformedHeader {
        /// In lower case.
        name: String,
    },
    /// Two headers that should say the same don't.
    #[error("`{one}` and `{other}` disagree")]
    Disagreement {
        /// A header or field.
        one: String,
        /// A header or field.
        other: String,
    },
    /// The signed time is longer ago than the source allows.
    #[error("the timestamp is too old")]
    StaleTimestamp,
    /// The signed time is further ahead than the source allows.
    #[error("the timestamp is in the future")]
    FutureTimestamp,
    /// The message asks for an algorithm or version that isn't the source's.
    #[error("the message is signed with {found}, which this source does not take")]
    WrongAlgorithm {
        /// What the message says.
        found: String,
    },
    /// The message asks for protocol extensions that aren't supported or not enabled.
    #[error("the message needs the extension `{name}`, which this source does not take")]
    UnknownExtension {
        /// The extension's name.
        name: String,
    },
    /// The message names a key that the source doesn't have.
    #[error("the message is signed with the key `{id}`, which this source does not have")]
    UnknownKey {
        /// The key id as the message says it.
        id: String,
    },
    /// No signature fits any key.
    #[error("no signature fits")]
    BadSignature,
    /// No credential was given.
    #[error("no credential was given")]
    MissingCredential {
        /// What to ask for.
        challenge: Option<&'static str>,
    },
    /// A credential was given, and it is another one.
    #[error("the credential is wrong")]
    WrongCredential {
        /// What to ask for.
        challenge: Option<&'static str>,
    },
    /// The body can't be read as what the scheme or the provider says it is.
    #[error("the body can't be read: {why}")]
    UnreadableBody {
        /// What is wrong, without any of the body.
        why: String,
    },
    /// A name occurs more than once in a JSON object, so that readers may differ on what it says.
    #[error("`{name}` occurs more than once in the body")]
    RepeatedField {
        /// The field's name.
        name: String,
    },
    /// A field of a signed envelope isn't there.
    #[error("the field `{name}` is missing")]
    MissingField {
        /// The field's name.
        name: &'static str,
    },
    /// A field of a signed envelope can't be what the scheme says.
    #[error("the field `{name}` is malformed")]
    MalformedField {
        /// The field's name.
        name: &'static str,
    },
    /// The envelope is of a type that the scheme doesn't know.
    #[error("the message type `{found}` is unknown")]
    UnknownMessageType {
        /// As the message says it.
        found: String,
    },
    /// The topic isn't on the source's list.
    #[error("the topic `{topic}` is not on this source's list; add it to `topics` if it is yours")]
    TopicNotAllowed {
        /// As the message says it.
        topic: String,
    },
    /// An unsigned delivery to a source that takes signed ones only.
    #[error(
        "this is a raw delivery, which nobody signs; turn raw delivery off in the subscription, or name another proof"
    )]
    RawDelivery,
    /// The certificate's URL isn't one that may be fetched.
    #[error("the certificate URL is not allowed")]
    CertificateUrl,
    /// The certificate's name, dates, use or issuer don't fit.
    #[error("the signing certificate {why}")]
    CertificateRefused {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The certificate couldn't be fetched or read. Said by the caller, who fetches.
    #[error("the signing certificate can't be fetched")]
    CertificateUnavailable,
    /// The URL that confirms a subscription isn't one that may be fetched.
    #[error("the confirmation URL is not allowed")]
    ConfirmationUrl,
    /// The subscription couldn't be confirmed. Said by the caller, who fetches.
    #[error("the subscription could not be confirmed")]
    ConfirmationFailed,
    /// The event has no idempotency key where the provider has one.
    #[error("the event has no usable idempotency key")]
    MissingKey,
    /// The event is of a type that we send and never receive.
    #[error("`{event_type}` is an event that this side sends; it is never received")]
    NotIncoming {
        /// The event's type.
        event_type: String,
    },
}

impl Refusal {
    /// The refusal's name, for logs and metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::MissingHeader { .. } => "missing-header",
            Self::RepeatedHeader { .. } => "repeated-header",
            Self::MalformedHeader { .. } => "malformed-header",
            Self::Disagreement { .. } => "disagreement",
            Self::StaleTimestamp => "stale-timestamp",
            Self::FutureTimestamp => "future-timestamp",
            Self::WrongAlgorithm { .. } => "wrong-algorithm",
            Self::UnknownExtension { .. } => "unknown-extension",
            Self::UnknownKey { .. } => "unknown-key",
            Self::BadSignature => "bad-signature",
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
            Self::ConfirmationUrl => "confirmation-url",
            Self::ConfirmationFailed => "confirmation-failed",
            Self::MissingKey => "missing-key",
            Self::NotIncoming { .. } => "not-incoming",
        }
    }

    /// What the sender reads.
    pub const fn public(&self) -> &'static str {
        match self {
            Self::MissingHeader { .. } => "a signature header is missing",
            Self::RepeatedHeader { .. } => "a signature header occurs more than once",
            Self::MalformedHeader { .. } | Self::Disagreement { .. } => {
                "a signature header is malformed"
            }
            Self::StaleTimestamp => "the timestamp is too old",
            Self::FutureTimestamp => "the timestamp is in the future",
            Self::MissingCredential { .. } => "a credential is required",
            Self::WrongCredential { .. } => "the credential is wrong",
            Self::UnreadableBody { .. } | Self::RepeatedField { .. } => "the body can't be read",
            Self::CertificateUnavailable | Self::ConfirmationFailed => "try again later",
            Self::MissingKey => "the event has no id",
            Self::NotIncoming { .. } => "events of this type are not received here",
            Self::WrongAlgorithm { .. }
            | Self::UnknownExtension { .. }
            | Self::UnknownKey { .. }
            | Self::BadSignature
            | Self::MissingField { .. }
            | Self::MalformedField { .. }
            | Self::UnknownMessageType { .. }
            | Self::TopicNotAllowed { .. }
            | Self::RawDelivery
            | Self::CertificateUrl
            | Self::CertificateRefused { .. }
            | Self::ConfirmationUrl => "the signature is not valid",
        }
    }

    /// The HTTP status to answer with.
    pub const fn status(&self) -> u16 {
        match self {
            Self::UnreadableBody { .. }
            | Self::RepeatedField { .. }
            | Self::MissingKey
            | Self::NotIncoming { .. } => 400,
            Self::CertificateUnavailable | Self::ConfirmationFailed => 503,
            _ => 401,
        }
    }

    /// The `WWW-Authenticate` header to answer with. Amazon SNS sends Basic credentials only after it.
    pub const fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::MissingCredential { challenge } | Self::WrongCredential { challenge } => {
                *challenge
            }
            _ => None,
        }
    }
}

/// A text that a stranger chose, cut and escaped so that it can stand in a log line.
pub(crate) fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 128;
    let cut = text.chars().nth(CHARS_MAX).map_or("", |_| "...");
    text.chars()
        .take(CHARS_MAX)
        .flat_map(char::escape_debug)
        .chain(cut.chars())
        .collect()
}
