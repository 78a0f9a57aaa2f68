//! The answer to a handshake: a status, headers, and a text or JSON, all with values of the request.

use aws_lc_rs::hmac;

use super::{HmacPiece, value};
use crate::provider::answer::{AnswerParts, answer_header};
use crate::value::{Fields, Piece, PlaceKind, Template};
use crate::{Refusal, SetupError};

/// The type of an answer in JSON.
const JSON_TYPE: &str = "application/json";

/// A text of an answer.
type Text = Template<HmacPiece>;

/// The answer to a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandshakeAnswer {
    /// The status, headers and body that are the same for every request.
    fixed: AnswerParts,
    headers: Vec<(String, Text)>,
    body: HandshakeBody,
}

/// The body of an answer to a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandshakeBody {
    /// No body.
    Empty,
    /// Plain text. A header keeps browsers from guessing another type.
    Text(Text),
    /// JSON.
    Json(JsonTemplate),
}

/// JSON with values in its texts. A value never leaves its text, because it is escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonTemplate {
    /// A number, `true`, `false` or `null`, as JSON.
    Fixed(String),
    /// A text.
    Text(Text),
    /// A text without characters.
    EmptyText,
    /// An object, with its members in order.
    Object(Vec<(String, JsonTemplate)>),
    /// An array.
    Array(Vec<JsonTemplate>),
}

impl HandshakeAnswer {
    /// Checks the parts of an answer.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if no request could be answered like this.
    pub fn new(
        status: u16,
        headers: Vec<(String, Text)>,
        body: HandshakeBody,
    ) -> Result<Self, SetupError> {
        let fixed = AnswerParts::new(status)?;
        if body != HandshakeBody::Empty {
            fixed.clone().with_body(None, "")?;
        }
        let headers = headers.into_iter().map(|(name, value)| {
            check_literals(&name, &value)?;
            Ok((answer_header(&name)?, value))
        });
        Ok(Self {
            fixed,
            headers: headers.collect::<Result<_, SetupError>>()?,
            body,
        })
    }

    /// Returns the texts of the answer.
    fn texts(&self) -> Vec<&Text> {
        let mut texts: Vec<_> = self.headers.iter().map(|(_, text)| text).collect();
        match &self.body {
            HandshakeBody::Empty => {}
            HandshakeBody::Text(text) => texts.push(text),
            HandshakeBody::Json(json) => json.collect_texts(&mut texts),
        }
        texts
    }

    /// Returns the places that the answer reads.
    pub(super) fn places(&self) -> impl Iterator<Item = &PlaceKind> {
        let pieces = self.texts().into_iter().flat_map(Template::pieces);
        pieces.filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Value(place) => Some(&place.kind),
            Piece::Own(hmac) => Some(&hmac.of.kind),
        })
    }

    /// Returns whether the answer contains an HMAC.
    pub(super) fn signs(&self) -> bool {
        let mut pieces = self.texts().into_iter().flat_map(Template::pieces);
        pieces.any(|piece| matches!(piece, Piece::Own(_)))
    }

    /// Returns the answer to one request.
    pub(super) fn fill(
        &self,
        fields: &Fields<'_>,
        key: Option<&hmac::Key>,
    ) -> Result<AnswerParts, Refusal> {
        let mut filled = self.fixed.clone();
        for (name, text) in &self.headers {
            filled = filled
                .with_header(name, &fill(text, fields, key)?)
                .map_err(unfit)?;
        }
        match &self.body {
            HandshakeBody::Empty => Ok(filled),
            HandshakeBody::Text(text) => filled.with_body(None, fill(text, fields, key)?),
            HandshakeBody::Json(json) => {
                let mut out = String::new();
                json.write(fields, key, &mut out)?;
                filled.with_body(Some(JSON_TYPE), out)
            }
        }
        .map_err(unfit)
    }
}

impl JsonTemplate {
    fn collect_texts<'t>(&'t self, texts: &mut Vec<&'t Text>) {
        match self {
            Self::Fixed(_) | Self::EmptyText => {}
            Self::Text(text) => texts.push(text),
            Self::Object(members) => members
                .iter()
                .for_each(|(_, value)| value.collect_texts(texts)),
            Self::Array(items) => items.iter().for_each(|item| item.collect_texts(texts)),
        }
    }

    fn write(
        &self,
        fields: &Fields<'_>,
        key: Option<&hmac::Key>,
        out: &mut String,
    ) -> Result<(), Refusal> {
        match self {
            Self::Fixed(json) => out.push_str(json),
            Self::EmptyText => out.push_str("\"\""),
            Self::Text(text) => push_json_text(out, &fill(text, fields, key)?),
            Self::Object(members) => {
                out.push('{');
                for (at, (name, value)) in members.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    push_json_text(out, name);
                    out.push(':');
                    value.write(fields, key, out)?;
                }
                out.push('}');
            }
            Self::Array(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    item.write(fields, key, out)?;
                }
                out.push(']');
            }
        }
        Ok(())
    }
}

fn push_json_text(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// Refuses fixed text that no header can carry.
fn check_literals(name: &str, value: &Text) -> Result<(), SetupError> {
    let is_printable = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let mut pieces = value.pieces().iter();
    if pieces.all(|piece| !matches!(piece, Piece::Text(text) if !is_printable(text))) {
        return Ok(());
    }
    Err(SetupError::Answer {
        why: format!("the value of the header `{name}` is not printable ASCII"),
    })
}

/// Returns a text with the values of a request.
fn fill(text: &Text, fields: &Fields<'_>, key: Option<&hmac::Key>) -> Result<String, Refusal> {
    let mut out = String::new();
    for piece in text.pieces() {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Value(place) => out.push_str(&value(fields, place)?),
            Piece::Own(hmac) => {
                // A source without a key does not have the handshake.
                let key = key.ok_or_else(|| Refusal::HandshakeValue {
                    why: "the source has no secret to sign with".to_owned(),
                })?;
                out.push_str(&hmac.fill(fields, key)?);
            }
        }
    }
    Ok(out)
}

/// Returns the refusal of a value that the answer cannot carry.
fn unfit(error: SetupError) -> Refusal {
    Refusal::HandshakeValue {
        why: error.to_string(),
    }
}
