//! Bodies that are made of types, where there are no real ones.

use serde_json::{Map, Number, Value, json};

use crate::document::Node;
use crate::note::Note;
use crate::types::{Form, Types, Use, Values};

/// Makes a body of a type: the required fields, and one item for each list. With `hints`, the
/// document's own examples of values are taken.
pub(crate) fn made_up(types: &Types, used: Use, hints: bool) -> String {
    let value = value(types, used, &Note::default(), hints);
    let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text.push('\n');
    text
}

fn value(types: &Types, used: Use, note: &Note, hints: bool) -> Value {
    if let Some(sample) = note.sample.as_ref().filter(|_| hints)
        && let Some(hint) = scalar(sample)
    {
        return hint;
    }
    match types.form(used) {
        Form::Any | Form::Never => Value::Null,
        Form::Bool => json!(true),
        Form::Integer(_) => json!(1),
        Form::Number => json!(1.5),
        Form::Text(Values::Known(known)) => json!(known.first()),
        Form::Text(Values::Any) => json!(text(note.format.as_deref())),
        Form::Opaque(kinds) if kinds.has_object => json!({}),
        Form::Opaque(kinds) if kinds.has_array => json!([]),
        Form::Opaque(_) => json!("text"),
        Form::List(item) => json!([value(types, *item, &Note::default(), hints)]),
        Form::Map(part) => json!({ "key": value(types, *part, &Note::default(), hints) }),
        Form::Record(fields) => {
            let required = fields.iter().filter(|field| field.is_required);
            let entry = |field: &crate::types::Field| {
                let value = value(types, field.ty, &field.note, hints);
                (field.key.clone(), value)
            };
            Value::Object(required.map(entry).collect::<Map<_, _>>())
        }
    }
}

/// Returns an example of a scalar. The parts of larger examples come from the types.
fn scalar(node: &Node) -> Option<Value> {
    use crate::document::Value as Given;
    match &node.value {
        Given::Bool(value) => Some(json!(value)),
        Given::Text(text) => Some(json!(text)),
        Given::Number(number) => {
            let number: Number = serde_json::from_str(number).ok()?;
            Some(Value::Number(number))
        }
        _ => None,
    }
}

/// Returns a text of a format.
fn text(format: Option<&str>) -> &'static str {
    match format {
        Some("date-time") => "2025-01-01T00:00:00Z",
        Some("date") => "2025-01-01",
        Some("time") => "00:00:00Z",
        Some("duration") => "PT1S",
        Some("uuid") => "00000000-0000-4000-8000-000000000000",
        Some("uri" | "url" | "iri" | "uri-reference") => "https://example.com/",
        Some("email" | "idn-email") => "user@example.com",
        Some("hostname") => "example.com",
        Some("ipv4") => "192.0.2.1",
        Some("ipv6") => "2001:db8::1",
        _ => "text",
    }
}
