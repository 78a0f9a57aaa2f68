//! JSON pointers (RFC 6901) that read directly from text.
//!
//! A value is found without building a tree and is returned as its own text, so that no digit of a
//! number is lost. A name that occurs twice in an object on the path is an error: readers disagree
//! about its value, and the host does not guess. The module `lookup` finds any number of values in
//! one pass.

mod covered;
mod lookup;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use hookyard_model::Payload;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

pub(crate) use lookup::{Wanted, find_all};

/// A JSON pointer (RFC 6901), such as `/data/id`. The empty pointer means the whole document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct JsonPointer {
    text: String,
    tokens: Vec<String>,
}

/// The error for a text that is not a JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is not a JSON pointer; start with `/`, and write `~1` for `/` and `~0` for `~` within \
     a name"
)]
pub struct InvalidPointer {
    /// The text as given.
    pub given: String,
}

/// The error for JSON that cannot be read, or that readers would read differently.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// The text is not JSON, or not UTF-8.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// A name occurs more than once in an object on the path.
    #[error("`{0}` occurs more than once")]
    Repeated(String),
    /// The event should be the text of a string, and there is no string.
    #[error("there is no string at {0}")]
    NoText(String),
}

impl JsonPointer {
    /// Parses a pointer.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidPointer`] if the text does not follow RFC 6901.
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

    /// Returns the pointer to a member of the document, which is an object.
    pub fn member(name: &str) -> Self {
        Self {
            text: format!("/{}", name.replace('~', "~0").replace('/', "~1")),
            tokens: vec![name.to_owned()],
        }
    }

    /// Returns the pointer as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether the pointer means the whole document.
    pub fn is_root(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Returns the text of the value at this location in `json`; `None` if there is no such value.
    ///
    /// # Errors
    ///
    /// Returns [`Unreadable`] if `json` is not JSON, or if a name on the path occurs twice.
    pub fn find<'a>(&self, json: &'a [u8]) -> Result<Option<&'a RawValue>, Unreadable> {
        let mut wanted = [Wanted::new(self)];
        find_all(json, &mut wanted)?;
        let [wanted] = wanted;
        wanted.found
    }

    /// Returns the string at this location in `json`; `None` if there is no such value or it is not
    /// a string.
    ///
    /// # Errors
    ///
    /// Returns [`Unreadable`] if `json` is not JSON, or if a name on the path occurs twice.
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

/// Returns the sender's event within a stored body: the body itself, the text of a string in it, or
/// the fields of it that were signed.
///
/// # Errors
///
/// Returns [`Unreadable`] if there is no such string, or if the fields cannot be read.
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
        Payload::Covered(pointers) => {
            let pointers: Vec<_> = pointers
                .iter()
                .filter_map(|text| JsonPointer::parse(text).ok())
                .collect();
            covered::covered(body, &pointers).map(|text| Cow::Owned(text.into_bytes()))
        }
    }
}

/// Returns the text of a JSON string; `None` for any other value, and for lone surrogates.
pub(crate) fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

fn unescape(token: &str) -> Option<String> {
    let mut out = String::with_capacity(token.len());
    let mut chars = token.chars();

    while let Some(c) = chars.next() {
        if c != '~' {
            out.push(c);
            continue;
        }
        match chars.next()? {
            '0' => out.push('~'),
            '1' => out.push('/'),
            _ => return None,
        }
    }
    Some(out)
}

fn not_json(error: serde_json::Error) -> Unreadable {
    // Only the kind and the position: the message of serde_json can contain a part of the body.
    Unreadable::NotJson(format!(
        "{:?} error at line {}, column {}",
        error.classify(),
        error.line(),
        error.column()
    ))
}

/// Parses an array index as RFC 6901 defines it: without sign or leading zero.
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

/// Returns the members of a JSON object, each as its own text. A name that occurs twice is an
/// error.
pub(crate) fn object(json: &[u8]) -> Result<BTreeMap<String, &RawValue>, Unreadable> {
    let whole: &RawValue = serde_json::from_slice(json).map_err(not_json)?;
    let (members, repeated) = read(whole.get(), Members)?;
    match repeated {
        Some(name) => Err(Unreadable::Repeated(name)),
        None => Ok(members),
    }
}

/// Collects the members of an object, and a name that occurs twice.
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
