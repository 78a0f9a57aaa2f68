//! A document as an ordered tree whose values know their places.
//!
//! JSON and YAML give the same tree. Every limit on the size of a document is applied here, before
//! anything looks at its content.

mod json;
mod object;
mod pointer;
mod yaml;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{Error, Fault};

pub(crate) use object::{Entry, Object};
pub(crate) use pointer::{At, child, unescaped};

/// The maximum size of a document in bytes, if the caller sets no other.
pub const BYTES_MAX: usize = 32 * 1024 * 1024;
/// The maximum number of values in a document, with those that aliases repeat.
pub const NODES_MAX: usize = 1_000_000;
/// The maximum nesting of a document.
pub const DEPTH_MAX: usize = 128;

/// A position in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A file that was read.
#[derive(Debug)]
pub struct Document {
    /// The file's name, for messages.
    pub(crate) file: String,
    /// The outermost value.
    pub(crate) root: Node,
    /// The SHA-256 of the file in hexadecimal digits.
    pub(crate) digest: String,
}

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) place: Place,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// A number as it is written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Object(Object),
}

impl Document {
    /// Reads a file's bytes. A name that ends in `.yaml` or `.yml` is YAML and one in `.json` is
    /// JSON. Any other file is JSON if the text begins with a brace or a bracket.
    ///
    /// # Errors
    ///
    /// Fails if the text is neither, or if one of the limits of this module is exceeded.
    pub fn read(file: &str, bytes: &[u8], bytes_max: usize) -> Result<Self, Error> {
        let fail = |place, fault| Error {
            place,
            ..Error::in_file(file, fault)
        };
        if bytes.len() > bytes_max {
            let size = bytes.len();
            return Err(fail(
                None,
                Fault::TooLarge {
                    size,
                    max: bytes_max,
                },
            ));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| fail(None, Fault::NotText))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);

        let root = if is_json(file, text) {
            json::read(text)
        } else {
            yaml::read(text, bytes_max)
        };
        Ok(Self {
            file: file.to_owned(),
            root: root.map_err(|(place, fault)| fail(Some(place), fault))?,
            digest: digest(bytes),
        })
    }

    /// Reads a body, which is JSON whatever the file's name is.
    ///
    /// # Errors
    ///
    /// As [`Document::read`].
    pub(crate) fn read_json(file: &str, bytes: &[u8]) -> Result<Self, Error> {
        let fail = |place, fault| Error {
            place,
            ..Error::in_file(file, fault)
        };
        if bytes.len() > BYTES_MAX {
            let size = bytes.len();
            return Err(fail(
                None,
                Fault::TooLarge {
                    size,
                    max: BYTES_MAX,
                },
            ));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| fail(None, Fault::NotText))?;
        let root = json::read(text.strip_prefix('\u{feff}').unwrap_or(text));
        Ok(Self {
            file: file.to_owned(),
            root: root.map_err(|(place, fault)| fail(Some(place), fault))?,
            digest: digest(bytes),
        })
    }

    /// Returns the outermost value with its pointer.
    pub(crate) fn at_root(&self) -> At<'_> {
        At::root(&self.root)
    }

    /// Returns an error at a value of this document.
    pub(crate) fn fail(&self, at: &At<'_>, fault: Fault) -> Error {
        Error {
            file: self.file.clone(),
            place: Some(at.node.place),
            pointer: Some(at.pointer.clone()),
            fault: Box::new(fault),
        }
    }
}

fn is_json(file: &str, text: &str) -> bool {
    let extension = Path::new(file).extension().and_then(|it| it.to_str());
    match extension {
        Some("json") => true,
        Some("yaml" | "yml") => false,
        _ => text.trim_start().starts_with(['{', '[']),
    }
}

/// Returns the SHA-256 of bytes in hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Node {
    /// Returns the text, if the value is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the object, if the value is one.
    pub(crate) fn object(&self) -> Option<&Object> {
        match &self.value {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Returns the items, if the value is a list.
    pub(crate) fn list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the value under a key, if this is an object that has the key.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.object().and_then(|object| object.get(key))
    }

    /// Whether the value is exactly `true`.
    pub(crate) fn is_true(&self) -> bool {
        self.value == Value::Bool(true)
    }

    /// Returns the kind with its article, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "a string",
            Value::List(_) => "an array",
            Value::Object(_) => "an object",
        }
    }

    /// Returns the value as JSON text in lines, with two blanks for each level.
    pub(crate) fn to_json(&self) -> String {
        let mut text = String::new();
        json::write(self, 0, &mut text);
        text.push('\n');
        text
    }
}
