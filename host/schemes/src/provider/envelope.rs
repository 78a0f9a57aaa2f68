//! The envelope around an outgoing payload: a JSON template with placeholders in its texts.
//!
//! `{id}` is the id of the message, `{type}` the type of the event, `{time}` the time at which a
//! plugin sent it (RFC 3339), `{payload}` the payload, and `{payload/offer_id}` a value in the
//! payload, by JSON pointer. A text that consists of one placeholder becomes the value itself,
//! which can be any JSON. Within other text, the value must be a string or a number.

use serde_json::value::RawValue;

use super::described::identifier;
use crate::{JsonPointer, SetupError};

/// A JSON template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Envelope {
    /// JSON that is always the same.
    Fixed(String),
    /// The value of a placeholder.
    Value(EnvelopePiece),
    /// A string that consists of several pieces.
    Text(Vec<EnvelopePiece>),
    /// An object, with its members in the order in which they are written.
    Object(Vec<(String, Envelope)>),
    /// An array.
    Array(Vec<Envelope>),
}

/// A piece of a text: fixed text or a placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvelopePiece {
    /// Fixed text.
    Text(String),
    /// The id of the message.
    Id,
    /// The type of the event.
    Type,
    /// The time at which the plugin sent the event.
    Time,
    /// The value at this location of the payload; the empty pointer means the whole payload.
    Payload(JsonPointer),
}

/// The values that fill in a template.
#[derive(Debug, Clone, Copy)]
pub struct EnvelopeValues<'a> {
    /// The id of the message.
    pub id: &'a str,
    /// The receiver's name of the event's type.
    pub event_type: &'a str,
    /// The time at which the plugin sent the event, in RFC 3339.
    pub time: &'a str,
    /// The payload, as JSON.
    pub payload: &'a RawValue,
}

/// The error for a payload without a value that the envelope needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the envelope needs a value at {0} of the payload")]
pub struct MissingValue(pub JsonPointer);

impl Default for Envelope {
    /// Returns the template that is the payload alone.
    fn default() -> Self {
        Self::Value(EnvelopePiece::Payload(JsonPointer::default()))
    }
}

impl Envelope {
    /// Parses one text of a template.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if a brace is not closed or a placeholder is unknown.
    pub fn parse(text: &str) -> Result<Self, SetupError> {
        let refuse = |why: &str| SetupError::Template {
            given: text.to_owned(),
            why: why.to_owned(),
        };

        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| refuse("a `{` has no `}`"))?;
            let piece = EnvelopePiece::named(name).ok_or_else(|| {
                refuse(
                    "the placeholders are {id}, {type}, {time}, {payload} and {payload/…}, a JSON \
                     pointer",
                )
            })?;
            pieces.extend([EnvelopePiece::Text(before.to_owned()), piece]);
            rest = after;
        }
        pieces.push(EnvelopePiece::Text(rest.to_owned()));
        pieces.retain(|piece| *piece != EnvelopePiece::Text(String::new()));

        Ok(match <[EnvelopePiece; 1]>::try_from(pieces) {
            Ok([EnvelopePiece::Text(text)]) => Self::Fixed(json(&text)),
            Ok([piece]) => Self::Value(piece),
            Err(pieces) => Self::Text(pieces),
        })
    }

    /// Returns the locations in the payload that the template needs.
    pub fn pointers(&self) -> Vec<&JsonPointer> {
        match self {
            Self::Fixed(_) => Vec::new(),
            Self::Value(piece) => piece.pointer().into_iter().collect(),
            Self::Text(pieces) => pieces.iter().filter_map(EnvelopePiece::pointer).collect(),
            Self::Object(members) => members
                .iter()
                .flat_map(|(_, value)| value.pointers())
                .collect(),
            Self::Array(values) => values.iter().flat_map(Self::pointers).collect(),
        }
    }

    /// Returns the JSON of the template, filled in.
    ///
    /// # Errors
    ///
    /// Returns [`MissingValue`] if the payload lacks a value that the template needs.
    pub fn fill(&self, values: &EnvelopeValues<'_>) -> Result<String, MissingValue> {
        let mut out = String::new();
        self.write(values, &mut out).map(|()| out)
    }

    fn write(&self, values: &EnvelopeValues<'_>, out: &mut String) -> Result<(), MissingValue> {
        match self {
            Self::Fixed(json) => out.push_str(json),
            Self::Value(piece) => out.push_str(&piece.value(values)?),
            Self::Text(pieces) => {
                let text = pieces
                    .iter()
                    .map(|piece| piece.text(values))
                    .collect::<Result<String, _>>()?;
                out.push_str(&json(&text));
            }
            Self::Object(members) => {
                let member = |(name, value): &(String, Self), out: &mut String| {
                    out.push_str(&json(name));
                    out.push(':');
                    value.write(values, out)
                };
                joined(['{', '}'], members, out, member)?;
            }
            Self::Array(items) => joined(['[', ']'], items, out, |value: &Self, out| {
                value.write(values, out)
            })?,
        }
        Ok(())
    }
}

fn joined<T>(
    [open, close]: [char; 2],
    parts: &[T],
    out: &mut String,
    write: impl Fn(&T, &mut String) -> Result<(), MissingValue>,
) -> Result<(), MissingValue> {
    out.push(open);
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(part, out)?;
    }
    out.push(close);
    Ok(())
}

impl EnvelopePiece {
    fn named(name: &str) -> Option<Self> {
        match name {
            "id" => Some(Self::Id),
            "type" => Some(Self::Type),
            "time" => Some(Self::Time),
            name => JsonPointer::parse(name.strip_prefix("payload")?)
                .ok()
                .map(Self::Payload),
        }
    }

    fn pointer(&self) -> Option<&JsonPointer> {
        match self {
            Self::Payload(pointer) => Some(pointer),
            _ => None,
        }
    }

    /// Returns the value as JSON.
    fn value(&self, values: &EnvelopeValues<'_>) -> Result<String, MissingValue> {
        Ok(match self {
            Self::Text(text) => json(text),
            Self::Id => json(values.id),
            Self::Type => json(values.event_type),
            Self::Time => json(values.time),
            Self::Payload(pointer) => find(pointer, values)?.get().to_owned(),
        })
    }

    /// Returns the value as part of a text.
    fn text(&self, values: &EnvelopeValues<'_>) -> Result<String, MissingValue> {
        Ok(match self {
            Self::Text(text) => text.clone(),
            Self::Id => values.id.to_owned(),
            Self::Type => values.event_type.to_owned(),
            Self::Time => values.time.to_owned(),
            Self::Payload(pointer) => {
                identifier(find(pointer, values)?).ok_or_else(|| MissingValue(pointer.clone()))?
            }
        })
    }
}

fn find<'a>(
    pointer: &JsonPointer,
    values: &EnvelopeValues<'a>,
) -> Result<&'a RawValue, MissingValue> {
    pointer
        .find(values.payload.get().as_bytes())
        .ok()
        .flatten()
        .ok_or_else(|| MissingValue(pointer.clone()))
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(text: &str) -> JsonPointer {
        JsonPointer::parse(text).expect("a pointer")
    }

    fn filled(template: &Envelope, payload: &str) -> Result<String, MissingValue> {
        let payload = serde_json::from_str(payload).expect("JSON");
        template.fill(&EnvelopeValues {
            id: "m-1",
            event_type: "offer.accepted",
            time: "2026-05-19T11:00:00Z",
            payload,
        })
    }

    #[test]
    fn envelope_surrounds_the_payload() {
        let text = |text: &str| Envelope::parse(text).expect("a template");
        let member = |name: &str, value: Envelope| (name.to_owned(), value);
        let envelope = Envelope::Object(vec![
            member("type", text("{type}")),
            member("version", Envelope::Fixed("1".into())),
            member("id", text("evt_{id}-{payload/n}")),
            member("at", text("{time}")),
            member(
                "object",
                Envelope::Array(vec![text("{payload/offer/id}"), text("fixed \"text\"")]),
            ),
            member("data", text("{payload}")),
        ]);
        let payload = r#"{"n":18446744073709551615,"offer":{"id":{"a":[1.50]}}}"#;
        let expected = format!(
            r#"{{"type":"offer.accepted","version":1,"id":"evt_m-1-18446744073709551615","at":"2026-05-19T11:00:00Z","object":[{{"a":[1.50]}},"fixed \"text\""],"data":{payload}}}"#
        );

        assert_eq!(filled(&envelope, payload), Ok(expected));
        assert_eq!(
            filled(&envelope, r#"{"n":1}"#),
            Err(MissingValue(pointer("/offer/id")))
        );
        assert_eq!(
            filled(&envelope, r#"{"n":{},"offer":{"id":1}}"#),
            Err(MissingValue(pointer("/n"))),
            "no text"
        );
        assert_eq!(
            envelope.pointers(),
            [&pointer("/n"), &pointer("/offer/id"), &pointer("")]
        );
    }

    #[test]
    fn default_envelope_is_the_payload() {
        assert_eq!(
            filled(&Envelope::default(), r#"{"a":1}"#),
            Ok(r#"{"a":1}"#.to_owned())
        );
    }

    #[test]
    fn unknown_placeholder_is_refused() {
        for bad in [
            "{",
            "{id",
            "{ids}",
            "{payload.id}",
            "{payloads/a}",
            "{payload/~2}",
            "{}",
        ] {
            assert!(Envelope::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Envelope::parse(""), Ok(Envelope::Text(Vec::new())));
    }
}
