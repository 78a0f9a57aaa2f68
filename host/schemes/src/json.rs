//! JSON pointers (RFC 6901) that read straight from text.
//!
//! A value is found without building a tree and comes back as its own text, so that no digit of a number is lost. A name
//! that occurs twice in an object on the way is an error: readers differ on which one counts, and we won't guess.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use hookyard_model::Payload;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON pointer (RFC 6901), such as `/data/id`. The empty one points at the whole document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct JsonPointer {
    text: String,
    tokens: Vec<String>,
}

/// A text that isn't a JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is not a JSON pointer; start with `/`, and write `~1` for `/` and `~0` for `~` within a name"
)]
pub struct InvalidPointer {
    /// As given.
    pub given: String,
}

/// JSON that can't be read, or that readers would read differently.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// Not JSON, or not UTF-8.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// A name occurs more than once in an object that was looked into.
    #[error("`{0}` occurs more than once")]
    Repeated(String),
    /// The event should be the text of a string that isn't there.
    #[error("there is no string at {0}")]
    NoText(String),
}

impl JsonPointer {
    /// Reads a pointer.
    pub fn parse(text: &str) -> Result<Self, InvalidPointer> {
        let invalid = || InvalidPointer {
            given: text.to_owned(),
        };
        if text.is_empty() {
            return Ok(Self::default());
        }
        let rest = text.strip_prefix('/').ok_or_else(invalid)?;
        let tokens = rest
            .split('/')
            .map(|token| unescape(token).ok_or_else(invalid))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            text: text.to_owned(),
            tokens,
        })
    }

    /// The pointer as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it points at the whole document.
    pub fn is_root(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The text of the value that it points at in `json`; `None` when there is no such value.
    pub fn find<'a>(&self, json: &'a [u8]) -> Result<Option<&'a RawValue>, Unreadable> {
        let mut value: &RawValue = serde_json::from_slice(json).map_err(not_json)?;
        for token in &self.tokens {
            match member(value, token)? {
                Some(next) => value = next,
                None => return Ok(None),
            }
        }
        Ok(Some(value))
    }

    /// The string that it points at; `None` when there is no such value or it isn't a string.
    pub fn find_string(&self, json: &[u8]) -> Result<Option<String>, Unreadable> {
        Ok(self.find(json)?.and_then(string))
    }
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for JsonPointer {
    type Err = InvalidPointer;

    fn from_str(text: &str) -> Result<Self, InvalidPointer> {
        Self::parse(text)
    }
}

/// The sender's event within a stored body: the body itself, or the text of a string in it.
pub fn payload_bytes<'a>(payload: &Payload, body: &'a [u8]) -> Result<Cow<'a, [u8]>, Unreadable> {
    match payload {
        Payload::Body => Ok(Cow::Borrowed(body)),
        Payload::TextAt(pointer) => {
            let missing = || Unreadable::NoText(pointer.clone());
            let text = JsonPointer::parse(pointer)
                .map_err(|_| missing())?
                .find_string(body)?;
            text.map(|text| Cow::Owned(text.into_bytes()))
                .ok_or_else(missing)
        }
    }
}

/// The text of a JSON string; `None` for any other value, and for lone surrogates.
pub(crate) fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

fn unescape(token: &str) -> Option<String> {
    let mut out = String::with_capacity(token.len());
    let mut chars = token.chars();
    while let Some(c) = chars.next() {
        match (c, (c == '~').then(|| chars.next()).flatten()) {
            ('~', Some('0')) => out.push('~'),
            ('~', Some('1')) => out.push('/'),
            ('~', _) => return None,
            (c, _) => out.push(c),
        }
    }
    Some(out)
}

fn not_json(error: serde_json::Error) -> Unreadable {
    // Only the kind and the place: serde_json's own words may repeat a part of the body.
    Unreadable::NotJson(format!(
        "{:?} error at line {}, column {}",
        error.classify(),
        error.line(),
        error.column()
    ))
}

fn member<'a>(value: &'a RawValue, token: &str) -> Result<Option<&'a RawValue>, Unreadable> {
    match value.get().as_bytes().first() {
        Some(b'{') => {
            let found = read(value.get(), ObjectMember { name: token })?;
            if found.is_repeated {
                Err(Unreadable::Repeated(token.to_owned()))
            } else {
                Ok(found.value)
            }
        }
        Some(b'[') => match index(token) {
            Some(index) => read(value.get(), ArrayItem { index }),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

/// An array index as RFC 6901 has it: no sign, no leading zero.
fn index(token: &str) -> Option<usize> {
    let is_canonical = token == "0"
        || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
    if is_canonical {
        token.parse().ok()
    } else {
        None
    }
}

fn read<'a, V: Visitor<'a>>(json: &'a str, visitor: V) -> Result<V::Value, Unreadable> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let value = reader.deserialize_any(visitor).map_err(not_json)?;
    reader.end().map_err(not_json)?;
    Ok(value)
}

struct ObjectMember<'n> {
    name: &'n str,
}

#[derive(Default)]
struct Found<'a> {
    value: Option<&'a RawValue>,
    is_repeated: bool,
}

impl<'de> Visitor<'de> for ObjectMember<'_> {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found<'de>, A::Error> {
        let mut found = Found::default();
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name != self.name {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            found.is_repeated |= found.value.is_some();
            found.value = Some(map.next_value()?);
        }
        Ok(found)
    }
}

struct ArrayItem {
    index: usize,
}

impl<'de> Visitor<'de> for ArrayItem {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Option<&'de RawValue>, A::Error> {
        let mut found = None;
        let mut position = 0;
        while let Some(item) = items.next_element::<&'de RawValue>()? {
            if position == self.index {
                found = Some(item);
            }
            position += 1;
        }
        Ok(found)
    }
}

/// The members of a JSON object as their own text; a name that occurs twice is an error.
pub(crate) fn object(json: &[u8]) -> Result<BTreeMap<String, &RawValue>, Unreadable> {
    let whole: &RawValue = serde_json::from_slice(json).map_err(not_json)?;
    let (members, repeated) = read(whole.get(), Members)?;
    match repeated {
        Some(name) => Err(Unreadable::Repeated(name)),
        None => Ok(members),
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = (BTreeMap<String, &'de RawValue>, Option<String>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = BTreeMap::new();
        let mut repeated = None;
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value()?;
            if members.insert(name.clone(), value).is_some() {
                repeated = Some(name);
            }
        }
        Ok((members, repeated))
    }
}
