//! `import.lock`: what was imported, so that the next import can tell what changed.
//!
//! The file has a head of five lines and then each event with its fields, one sorted path per
//! line. A path is a JSON pointer into the body in the sender's spelling, with `/*` for the items
//! of a list and `/{}` for the values of a map. The order of a document's keys, its comments and
//! the names of its types do not show in the file.

use std::collections::BTreeMap;
use std::fmt;

mod read;
mod shape;
#[cfg(test)]
mod tests;
pub(crate) mod tree;

/// The version of the file's format and of the rules that map a schema to types.
pub const IMPORTER: u32 = 1;

/// The content of `import.lock`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lock {
    /// The importer that wrote the file, see [`IMPORTER`].
    pub importer: u32,
    /// The SHA-256 of the document in hexadecimal digits; of a folder, of all of its files.
    pub document: String,
    /// The document's own version (`info.version`), or an empty text.
    pub version: String,
    /// The version of the WIT package, such as `1.0.0`.
    pub package: String,
    /// The SHA-256 of the WIT file that was written.
    pub wit: String,
    /// The events by their case.
    pub events: BTreeMap<String, LockedEvent>,
}

/// An event: a case of the variant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LockedEvent {
    /// The sender's types that the case stands for, sorted. Empty if the rule is not known.
    pub types: Vec<String>,
    /// The type at each path. The empty path is the body.
    pub paths: BTreeMap<String, Locked>,
}

/// The type at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// Whether the type is an `option`.
    pub is_option: bool,
    /// The type without its parts, which have paths of their own.
    pub word: Word,
}

/// A type in the words of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// A `bool`.
    Bool,
    /// An `s32`.
    S32,
    /// An `s64`.
    S64,
    /// A `u32`.
    U32,
    /// A `u64`.
    U64,
    /// An `f64`.
    F64,
    /// A `string` that is a string in JSON.
    Text,
    /// A `string` that contains the JSON text of an object or an array, or a string.
    JsonText,
    /// A `string` that contains the JSON text of a type that contains itself.
    Cut,
    /// The variant `json`: any JSON value as its text.
    Json,
    /// A record, whose fields have the paths below.
    Record,
    /// A list, whose items have the path `/*`.
    List,
    /// A list of pairs, whose values have the path `/{}`.
    Map,
    /// A variant of these values and `other(string)`, sorted.
    Values(Vec<String>),
    /// A key of the sender that no name of WIT reaches, or that folds to the name of another key.
    LeftOut,
}

impl Lock {
    /// Reads the text of the file.
    ///
    /// # Errors
    ///
    /// Fails with the number of the line that is not understood.
    pub fn read(text: &str) -> Result<Self, LockError> {
        read::lock(text)
    }
}

/// A line of `import.lock` that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("import.lock:{line}: {reason}; restore the file, or remove it to import anew")]
pub struct LockError {
    /// The number of the line, from 1.
    pub line: usize,
    /// What is wrong with the line.
    pub reason: &'static str,
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# Written by `hookyard provider import`. Do not edit.")?;
        writeln!(f, "importer {}", self.importer)?;
        writeln!(f, "document {}", self.document)?;
        writeln!(f, "version {}", quoted(&self.version))?;
        writeln!(f, "package {}", self.package)?;
        writeln!(f, "wit {}", self.wit)?;
        for (case, event) in &self.events {
            write!(f, "\nevent {case}")?;
            for event_type in &event.types {
                write!(f, " {}", quoted(event_type))?;
            }
            writeln!(f)?;
            for (path, locked) in &event.paths {
                writeln!(f, "{} {locked}", quoted(path))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_option {
            f.write_str("option ")?;
        }
        f.write_str(self.word.name())?;
        if let Word::Values(values) = &self.word {
            for value in values {
                write!(f, " {}", quoted(value))?;
            }
        }
        Ok(())
    }
}

impl Word {
    const SIMPLE: [Self; 14] = [
        Self::Bool,
        Self::S32,
        Self::S64,
        Self::U32,
        Self::U64,
        Self::F64,
        Self::Text,
        Self::JsonText,
        Self::Cut,
        Self::Json,
        Self::Record,
        Self::List,
        Self::Map,
        Self::LeftOut,
    ];

    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::S32 => "s32",
            Self::S64 => "s64",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::F64 => "f64",
            Self::Text => "string",
            Self::JsonText => "json-text",
            Self::Cut => "cut",
            Self::Json => "json",
            Self::Record => "record",
            Self::List => "list",
            Self::Map => "map",
            Self::Values(_) => "variant",
            Self::LeftOut => "left-out",
        }
    }
}

/// Returns a text as a JSON string, which has no line break.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
