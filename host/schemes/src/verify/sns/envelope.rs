//! The envelope of an SNS message, and the text that its signature covers.

use std::collections::BTreeMap;

use hookyard_model::{Timestamp, excerpt};
use serde_json::value::RawValue;

use crate::json::{object, string};
use crate::value::PlaceKind;
use crate::{JsonPointer, Refusal};

/// The signed fields of a notification, in order.
const NOTIFICATION: [&str; 6] = [
    "Message",
    "MessageId",
    "Subject",
    "Timestamp",
    "TopicArn",
    "Type",
];
/// The signed fields of a confirmation, in order.
const CONFIRMATION: [&str; 7] = [
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
];

/// The type of an SNS message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessageKind {
    Notification,
    SubscriptionConfirmation,
    UnsubscribeConfirmation,
}

/// An SNS message, parsed and not yet verified.
#[derive(Debug)]
pub(super) struct SnsEnvelope {
    pub(super) kind: MessageKind,
    pub(super) id: String,
    pub(super) topic: String,
    pub(super) timestamp: Timestamp,
    pub(super) subscribe_url: Option<String>,
    pub(super) signature_version: String,
    pub(super) signature: String,
    pub(super) certificate_url: String,
    /// The text that the signature covers.
    pub(super) signed: String,
}

impl MessageKind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Notification => "Notification",
            Self::SubscriptionConfirmation => "SubscriptionConfirmation",
            Self::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        }
    }

    fn read(name: &str) -> Result<Self, Refusal> {
        [
            Self::Notification,
            Self::SubscriptionConfirmation,
            Self::UnsubscribeConfirmation,
        ]
        .into_iter()
        .find(|kind| kind.name() == name)
        .ok_or_else(|| Refusal::UnknownMessageType {
            found: excerpt(name),
        })
    }
}

impl SnsEnvelope {
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let fields = Fields(object(body)?);

        let kind = MessageKind::read(&fields.plain("Type")?)?;
        let timestamp = Timestamp::parse_rfc3339(&fields.plain("Timestamp")?);
        Ok(Self {
            kind,
            id: fields.plain("MessageId")?,
            topic: fields.plain("TopicArn")?,
            timestamp: timestamp
                .ok_or_else(|| malformed("Timestamp", "is not a time in RFC 3339"))?,
            subscribe_url: fields.optional("SubscribeURL")?,
            signature_version: fields.text("SignatureVersion")?,
            signature: fields.text("Signature")?,
            certificate_url: fields.text("SigningCertURL")?,
            signed: fields.signed(kind)?,
        })
    }
}

/// The members of the JSON object.
struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl Fields<'_> {
    fn optional(&self, name: &'static str) -> Result<Option<String>, Refusal> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) if value.get() == "null" => Ok(None),
            Some(value) => string(value)
                .map(Some)
                .ok_or_else(|| malformed(name, "is not a text")),
        }
    }

    fn text(&self, name: &'static str) -> Result<String, Refusal> {
        self.optional(name)?
            .ok_or_else(|| Refusal::MissingField { at: member(name) })
    }

    /// Returns a field that must be [plain](is_plain).
    fn plain(&self, name: &'static str) -> Result<String, Refusal> {
        let text = self.text(name)?;
        if is_plain(&text) {
            Ok(text)
        } else {
            Err(malformed(name, "has characters other than printable ASCII"))
        }
    }

    /// Returns the signed text: the name and the value of each field, each on a line of its own.
    ///
    /// Only `Message` may contain line breaks: in other fields, they would let a part of one value
    /// become a part of the next field under the same signature.
    fn signed(&self, kind: MessageKind) -> Result<String, Refusal> {
        let names: &[&'static str] = if kind == MessageKind::Notification {
            &NOTIFICATION
        } else {
            &CONFIRMATION
        };

        let mut signed = String::new();
        for name in names {
            let value = match *name {
                "Message" => self.text(name)?,
                "Subject" => match self.optional(name)? {
                    Some(subject) if subject.chars().any(char::is_control) => {
                        return Err(malformed(name, "has control characters"));
                    }
                    Some(subject) => subject,
                    None => continue,
                },
                name => self.plain(name)?,
            };
            signed.extend([*name, "\n", value.as_str(), "\n"]);
        }
        Ok(signed)
    }
}

/// Returns the location of a member of the envelope.
fn member(name: &str) -> PlaceKind {
    PlaceKind::Json(JsonPointer::member(name))
}

/// Returns the refusal of an envelope with a malformed member. `why` completes "the field …".
pub(super) fn malformed(name: &str, why: &str) -> Refusal {
    Refusal::MalformedField {
        at: member(name),
        why: why.to_owned(),
    }
}

/// Returns whether a text is printable ASCII without spaces, as ids, ARNs, tokens and URLs are.
pub(super) fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}
