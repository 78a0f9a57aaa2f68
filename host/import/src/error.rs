//! Why a description cannot be imported: the place and the reason.

use std::fmt;

use crate::document::Place;

/// A failed import. The text is `file:line:column: reason (at pointer)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The file, as the caller named it. Empty if the fault is in no file.
    pub file: String,
    /// The position in the file, if there is one.
    pub place: Option<Place>,
    /// The JSON pointer of the position, if the file could be read.
    pub pointer: Option<String>,
    /// What is wrong.
    pub fault: Box<Fault>,
}

impl Error {
    /// Returns an error about a file as a whole.
    pub fn in_file(file: &str, fault: Fault) -> Self {
        Self {
            file: file.to_owned(),
            place: None,
            pointer: None,
            fault: Box::new(fault),
        }
    }

    /// Returns an error about no file, such as about the options.
    pub fn general(fault: Fault) -> Self {
        Self::in_file("", fault)
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(place) => write!(f, "{}:{place}: ", self.file)?,
            None if self.file.is_empty() => {}
            None => write!(f, "{}: ", self.file)?,
        }
        write!(f, "{}", self.fault)?;
        match &self.pointer {
            Some(pointer) if !pointer.is_empty() => {
                write!(f, " (at {})", cut(&format!("#{pointer}"), 200))
            }
            _ => Ok(()),
        }
    }
}

/// What is wrong with a description, the bodies or the options.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what the case is")]
pub enum Fault {
    #[error("the text is not UTF-8")]
    NotText,
    #[error("{0}")]
    Syntax(String),
    #[error(
        "{} MiB is read, {} MiB is not: the limit is {} MiB (--max-bytes)",
        .max / MIB, .size.div_ceil(MIB), .max / MIB
    )]
    TooLarge { size: usize, max: usize },
    #[error("the document has more than {0} values; cut it down to the webhooks")]
    TooManyNodes(usize),
    #[error("aliases stand for more than {0} nodes; write the repeated parts as `$ref`")]
    AliasBomb(usize),
    #[error("the alias is inside the value that it repeats")]
    AliasLoop,
    #[error("the value is nested more than {0} deep")]
    TooDeep(usize),
    #[error("the key `{0}` is there twice")]
    DuplicateKey(String),
    #[error("the file has more than one document; put each into a file of its own")]
    SecondDocument,
    #[error("the file has no document")]
    NoDocument,
    #[error("YAML tags such as `{0}` are not read; remove the tag")]
    Tag(String),
    #[error("YAML merge keys (`<<`) are not read; write the keys out")]
    MergeKey,
    #[error("a key must be a text")]
    KeyNotText,
    #[error("found {found}, wanted {wanted}")]
    Kind {
        found: &'static str,
        wanted: &'static str,
    },
    #[error("$ref to `{0}`: only this document is read; bundle it first")]
    RemoteRef(String),
    #[error("$ref to `{target}`: not there{}", meant(.near))]
    Dangling {
        target: String,
        near: Option<String>,
    },
    #[error("$ref `{first}` leads back to itself by `{last}`; there is no type in it")]
    RefLoop { first: String, last: String },
    #[error("`{0}` is not read, because its base cannot be known; write a `$ref` with a pointer")]
    Keyword(&'static str),
    #[error("{0} is not read; convert it to {1}")]
    Version(String, &'static str),
    #[error(
        "the document is not OpenAPI, AsyncAPI or JSON Schema: it has none of `openapi`, `asyncapi`, `$schema`, `$defs` and `definitions`"
    )]
    UnknownDialect,
    #[error("no `webhooks`, `x-webhooks` or callbacks{}", hint(.0))]
    NoEvents(Vec<String>),
    #[error("no event has a JSON body: {0}")]
    NoBodies(String),
    #[error("no schema is named `{pattern}`{}", meant_one_of(.near))]
    NoSchema { pattern: String, near: Vec<String> },
    #[error("no event is named `{pattern}`{}", meant_one_of(.near))]
    UnknownEvent { pattern: String, near: Vec<String> },
    #[error("--fields {0}: no chosen event has this field")]
    UnknownField(String),
    #[error(
        "the chosen events have {parts} parts, and a host loads at most {max}: {costliest}; \
         choose with --events, or drop with --fields -/POINTER"
    )]
    TooManyParts {
        parts: String,
        max: String,
        costliest: String,
    },
    #[error("the types are nested more than {0} deep; drop a field with --fields -/POINTER")]
    TypesTooDeep(usize),
    #[error("the types are more than {0}, or take too long to combine; choose with --events")]
    TooManyTypes(usize),
    #[error("undecodable at {path}: {reason}")]
    Sample { path: String, reason: String },
    #[error("the folder has no *.json file")]
    NoFiles,
    #[error("the pointer `{0}` of --group-by points at no string")]
    NoGroup(String),
    #[error("was not made by import (no import.lock); choose another folder")]
    ForeignFolder,
    #[error("the name `{0}` has no letter or digit that a package could be called by; give --name")]
    Name(String),
    #[error("{0}")]
    Lock(#[from] crate::lock::LockError),
    #[error("{0}")]
    Options(String),
    #[error("cannot be {0}: {1}")]
    Io(&'static str, String),
}

const MIB: usize = 1024 * 1024;

fn meant(near: &Option<String>) -> String {
    let near = near.as_ref().map(|near| format!("; is `{near}` meant?"));
    near.unwrap_or_default()
}

fn meant_one_of(near: &[String]) -> String {
    if near.is_empty() {
        return String::new();
    }
    format!("; is one of `{}` meant?", near.join("`, `"))
}

/// Proposes `--schemas` for a document whose schemas look like events.
fn hint(patterns: &[String]) -> String {
    match patterns {
        [] => String::new(),
        patterns => format!("; did you mean {}?", patterns.join(" or ")),
    }
}

/// Quotes a text of a document: without control characters, and not longer than 64 characters.
pub(crate) fn short(text: &str) -> String {
    cut(text, 64)
}

fn cut(text: &str, max: usize) -> String {
    let shown = |c: &char| !crate::note::is_hidden(*c);
    let mut cut: String = text.chars().filter(shown).take(max).collect();
    if text.chars().filter(shown).nth(max).is_some() {
        cut.push('…');
    }
    cut
}
