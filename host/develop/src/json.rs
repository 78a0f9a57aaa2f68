//! JSON that keeps the order of members and every digit of a number, for files that people write.

use std::fmt::Write as _;

use hookyard_schemes::JsonPointer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The maximum length of an object or array that is written on one line.
const INLINE_MAX: usize = 90;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    /// A string, a number, a boolean or null, as text.
    Scalar(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub(crate) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let raw: &RawValue = serde_json::from_str(text)?;
        Self::of(raw)
    }

    fn of(raw: &RawValue) -> Result<Self, serde_json::Error> {
        match raw.get().as_bytes().first() {
            Some(b'{') => {
                let Members(members) = serde_json::from_str(raw.get())?;
                let member = |(name, raw): (String, &RawValue)| Ok((name, Self::of(raw)?));
                members
                    .into_iter()
                    .map(member)
                    .collect::<Result<_, _>>()
                    .map(Self::Object)
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(raw.get())?;
                items
                    .into_iter()
                    .map(Self::of)
                    .collect::<Result<_, _>>()
                    .map(Self::Array)
            }
            _ => Ok(Self::Scalar(raw.get().to_owned())),
        }
    }

    /// Returns a string.
    pub(crate) fn text(text: &str) -> Self {
        Self::Scalar(serde_json::Value::from(text).to_string())
    }

    /// Returns the content of a string; `None` for any other value.
    pub(crate) fn as_text(&self) -> Option<String> {
        match self {
            Self::Scalar(text) => serde_json::from_str(text).ok(),
            _ => None,
        }
    }

    /// Returns the members of an object; none for any other value.
    pub(crate) fn members(&self) -> &[(String, Self)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    /// Returns the member with this name.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        let mut members = self.members().iter();
        members
            .find(|(member, _)| member == name)
            .map(|(_, value)| value)
    }

    /// Returns the items of an array; none for any other value.
    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::Array(items) => items,
            _ => &[],
        }
    }

    /// Returns the text with line ends, for people. All lines but the first are indented.
    pub(crate) fn pretty(&self, indent: usize) -> String {
        let mut out = String::new();
        self.write(indent, &mut out);
        out
    }

    fn write(&self, indent: usize, out: &mut String) {
        let inline = self.inline();
        let is_short = inline.len() + indent <= INLINE_MAX;
        let spaces = " ".repeat(indent + 2);

        match self {
            Self::Object(members) if !is_short => {
                out.push('{');
                for (at, (name, value)) in members.iter().enumerate() {
                    let comma = if at > 0 { "," } else { "" };
                    let _ = write!(out, "{comma}\n{spaces}{}: ", quoted(name));
                    value.write(indent + 2, out);
                }
                let _ = write!(out, "\n{}}}", " ".repeat(indent));
            }
            Self::Array(items) if !is_short => {
                out.push('[');
                for (at, value) in items.iter().enumerate() {
                    let comma = if at > 0 { "," } else { "" };
                    let _ = write!(out, "{comma}\n{spaces}");
                    value.write(indent + 2, out);
                }
                let _ = write!(out, "\n{}]", " ".repeat(indent));
            }
            _ => out.push_str(&inline),
        }
    }

    /// Returns the text on one line.
    pub(crate) fn inline(&self) -> String {
        match self {
            Self::Scalar(text) => text.clone(),
            Self::Array(items) => {
                let items: Vec<_> = items.iter().map(Self::inline).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Object(members) if members.is_empty() => "{}".to_owned(),
            Self::Object(members) => {
                let member = |(name, value): &(String, Self)| {
                    format!("{}: {}", quoted(name), value.inline())
                };
                let members: Vec<_> = members.iter().map(member).collect();
                format!("{{ {} }}", members.join(", "))
            }
        }
    }
}

fn quoted(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}

/// The members of an object in their order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(All)
    }
}

/// Replaces the value at a location in a JSON text and keeps everything else, byte for byte. Returns
/// `None` if there is no such value.
pub(crate) fn replace(text: &str, pointer: &JsonPointer, value: &str) -> Option<String> {
    let old = pointer.find(text.as_bytes()).ok()??.get();
    // The value that was found is a part of the text.
    let start = old.as_ptr() as usize - text.as_ptr() as usize;
    Some([&text[..start], value, &text[start + old.len()..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_digits_are_kept() {
        let text = r#"{ "b": 1.50, "a": [9007199254740993, { "z": null }], "c": {} }"#;
        let json = Json::parse(text).expect("JSON");

        assert_eq!(json.inline(), text);
        assert_eq!(json.member("b"), Some(&Json::Scalar("1.50".into())));
    }

    #[test]
    fn long_values_take_several_lines() {
        let long = "x".repeat(80);
        let json = Json::Object(vec![
            ("long".into(), Json::text(&long)),
            ("list".into(), Json::Array(vec![Json::text("a")])),
        ]);

        let expected = format!("{{\n    \"long\": \"{long}\",\n    \"list\": [\"a\"]\n  }}");
        assert_eq!(json.pretty(2), expected);
    }

    #[test]
    fn replacement_keeps_the_rest() {
        let pointer = JsonPointer::parse("/b/1").expect("a pointer");
        let text = "{\"a\" : 1,\n  \"b\":[1,  2]}\n";

        let replaced = replace(text, &pointer, "\"x\"").expect("found");
        assert_eq!(replaced, "{\"a\" : 1,\n  \"b\":[1,  \"x\"]}\n");

        let absent = JsonPointer::parse("/b/7").expect("a pointer");
        assert_eq!(replace(text, &absent, "1"), None);
    }
}
