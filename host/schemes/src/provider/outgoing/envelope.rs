//! The JSON around an outgoing payload: a template, whose texts may have `{…}` in them.
//!
//! `{id}` is the message's id, `{type}` the event's type, `{time}` when it was asked for (RFC 3339), `{payload}` the
//! payload and `{payload/offer_id}` a value in it, by JSON pointer. A text that is one such piece becomes its value,
//! whatever JSON that is; among other text it has to be a string or a number.

use serde_json::value::RawValue;

use crate::provider::describe::identifier;
use crate::{JsonPointer, SetupError};

/// A template of JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Envelope {
    /// JSON that is always the same.
    Fixed(String),
    /// Becomes the value of the piece.
    Value(Piece),
    /// A string, put together.
    Text(Vec<Piece>),
    /// An object, its members in the order in which they are written.
    Object(Vec<(String, Envelope)>),
    /// An array.
    Array(Vec<Envelope>),
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// This text.
    Text(String),
    /// The message's id.
    Id,
    /// The event's type.
    Type,
    /// When it was asked for.
    Time,
    /// The payload's value there; all of it for the empty pointer.
    Payload(JsonPointer),
}

/// What a template is filled with.
#[derive(Debug, Clone, Copy)]
pub struct Filling<'a> {
    /// The message's id.
    pub id: &'a str,
    /// The receiver's name of the event's type.
    pub event_type: &'a str,
    /// RFC 3339.
    pub time: &'a str,
    /// JSON.
    pub payload: &'a RawValue,
}

/// A payload that lacks what the envelope is to say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the envelope needs a value at {0} of the payload")]
pub struct Unfilled(pub JsonPointer);

impl Default for Envelope {
    /// None: the payload alone.
    fn default() -> Self {
        Self::Value(Piece::Payload(JsonPointer::default()))
    }
}

impl Envelope {
    /// Reads a text of a template.
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
            let piece = Piece::named(name).ok_or_else(|| {
                refuse("there are {id}, {type}, {time}, {payload} and {payload/…}, a JSON pointer")
            })?;
            pieces.extend([Piece::Text(before.to_owned()), piece]);
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        Ok(match <[Piece; 1]>::try_from(pieces) {
            Ok([Piece::Text(text)]) => Self::Fixed(json(&text)),
            Ok([piece]) => Self::Value(piece),
            Err(pieces) => Self::Text(pieces),
        })
    }

    /// Where it looks into the payload.
    pub fn pointers(&self) -> Vec<&JsonPointer> {
        match self {
            Self::Fixed(_) => Vec::new(),
            Self::Value(piece) => piece.pointer().into_iter().collect(),
            Self::Text(pieces) => pieces.iter().filter_map(Piece::pointer).collect(),
            Self::Object(members) => members
                .iter()
                .flat_map(|(_, value)| value.pointers())
                .collect(),
            Self::Array(values) => values.iter().flat_map(Self::pointers).collect(),
        }
    }

    /// The JSON.
    pub fn fill(&self, filling: &Filling<'_>) -> Result<String, Unfilled> {
        let mut out = String::new();
        self.write(filling, &mut out).map(|()| out)
    }

    fn write(&self, filling: &Filling<'_>, out: &mut String) -> Result<(), Unfilled> {
        match self {
            Self::Fixed(json) => out.push_str(json),
            Self::Value(piece) => out.push_str(&piece.value(filling)?),
            Self::Text(pieces) => {
                let text = pieces
                    .iter()
                    .map(|piece| piece.text(filling))
                    .collect::<Result<String, _>>()?;
                out.push_str(&json(&text));
            }
            Self::Object(members) => {
                let member = |(name, value): &(String, Self), out: &mut String| {
                    out.push_str(&json(name));
                    out.push(':');
                    value.write(filling, out)
                };
                joined(['{', '}'], members, out, member)?;
            }
            Self::Array(values) => joined(['[', ']'], values, out, |value: &Self, out| {
                value.write(filling, out)
            })?,
        }
        Ok(())
    }
}

fn joined<T>(
    [open, close]: [char; 2],
    parts: &[T],
    out: &mut String,
    write: impl Fn(&T, &mut String) -> Result<(), Unfilled>,
) -> Result<(), Unfilled> {
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

impl Piece {
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

    /// As JSON.
    fn value(&self, filling: &Filling<'_>) -> Result<String, Unfilled> {
        Ok(match self {
            Self::Text(text) => json(text),
            Self::Id => json(filling.id),
            Self::Type => json(filling.event_type),
            Self::Time => json(filling.time),
            Self::Payload(pointer) => find(pointer, filling)?.get().to_owned(),
        })
    }

    /// As part of a text.
    fn text(&self, filling: &Filling<'_>) -> Result<String, Unfilled> {
        Ok(match self {
            Self::Text(text) => text.clone(),
            Self::Id => filling.id.to_owned(),
            Self::Type => filling.event_type.to_owned(),
            Self::Time => filling.time.to_owned(),
            Self::Payload(pointer) => {
                identifier(find(pointer, filling)?).ok_or_else(|| Unfilled(pointer.clone()))?
            }
        })
    }
}

fn find<'a>(pointer: &JsonPointer, filling: &Filling<'a>) -> Result<&'a RawValue, Unfilled> {
    let found = pointer
        .find(filling.payload.get().as_bytes())
        .ok()
        .flatten();
    found.ok_or_else(|| Unfilled(pointer.clone()))
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

    fn filled(template: &Envelope, payload: &str) -> Result<String, Unfilled> {
        let payload = serde_json::from_str(payload).expect("JSON");
        template.fill(&Filling {
            id: "m-1",
            event_type: "offer.accepted",
            time: "2026-05-19T11:00:00Z",
            payload,
        })
    }

    #[test]
    fn an_envelope_is_put_around_the_payload() {
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
            Err(Unfilled(pointer("/offer/id")))
        );
        assert_eq!(
            filled(&envelope, r#"{"n":{},"offer":{"id":1}}"#),
            Err(Unfilled(pointer("/n"))),
            "no text"
        );
        assert_eq!(
            envelope.pointers(),
            [&pointer("/n"), &pointer("/offer/id"), &pointer("")]
        );
    }

    #[test]
    fn without_an_envelope_the_payload_is_all() {
        assert_eq!(
            filled(&Envelope::default(), r#"{"a":1}"#),
            Ok(r#"{"a":1}"#.to_owned())
        );
    }

    #[test]
    fn templates_that_say_nothing_known_are_refused() {
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
