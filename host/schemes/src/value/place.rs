//! A location in a request.

use std::fmt;

use super::Part;
use crate::scheme::header_name;
use crate::{JsonPointer, Refusal, SetupError};

/// A location in a request, and the part of the value there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The location.
    pub kind: PlaceKind,
    /// The part of the value at the location.
    pub part: Part,
}

/// A location in a request. `Display` names the location in the words of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceKind {
    /// The header with this name, in lower case.
    Header(String),
    /// A string, a number, `true` or `false` in the JSON of the body.
    Json(JsonPointer),
    /// The parameter of the query with this name.
    Query(String),
    /// The field with this name of a body in the form `application/x-www-form-urlencoded`.
    Form(String),
}

impl Place {
    /// Returns the place of the whole value of a header.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if the text is not the name of a header.
    pub fn header(name: &str) -> Result<Self, SetupError> {
        PlaceKind::parse("header", name).map(Self::whole)
    }

    /// Returns the name of the header whose whole value is at this place.
    pub fn whole_header(&self) -> Option<&str> {
        match self {
            Self {
                kind: PlaceKind::Header(name),
                part: Part::Whole,
            } => Some(name),
            _ => None,
        }
    }

    /// Returns the place of a whole value.
    pub const fn whole(kind: PlaceKind) -> Self {
        Self {
            kind,
            part: Part::Whole,
        }
    }
}

impl PlaceKind {
    /// The words that name the kinds of locations.
    pub const WORDS: [&str; 4] = ["header", "json", "query", "form"];

    /// Parses a location: one of [`WORDS`](Self::WORDS), and the name or pointer that follows it.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if the name or the pointer is not valid.
    pub fn parse(word: &str, name: &str) -> Result<Self, SetupError> {
        let named = |kind: fn(String) -> Self| {
            let is_usable = !name.is_empty() && !name.chars().any(char::is_control);
            let refused = || SetupError::ParameterName {
                given: name.to_owned(),
            };
            is_usable.then(|| kind(name.to_owned())).ok_or_else(refused)
        };

        match word {
            "header" => header_name(name).map(Self::Header),
            "query" => named(Self::Query),
            "form" => named(Self::Form),
            "json" => Ok(Self::Json(JsonPointer::parse(name)?)),
            _ => Err(SetupError::PlaceWord {
                given: word.to_owned(),
            }),
        }
    }

    /// Returns the JSON pointer of a location in the body.
    pub fn pointer(&self) -> Option<&JsonPointer> {
        match self {
            Self::Json(pointer) => Some(pointer),
            Self::Header(_) | Self::Query(_) | Self::Form(_) => None,
        }
    }

    /// Returns the refusal of a request that has no value here.
    pub(crate) fn missing(&self) -> Refusal {
        match self {
            Self::Header(name) => Refusal::MissingHeader { name: name.clone() },
            field => Refusal::MissingField { at: field.clone() },
        }
    }

    /// Returns the refusal of a request in which this value, or this part of it, is repeated.
    pub(super) fn repeated(&self, part: &Part) -> Refusal {
        match part {
            Part::Pair { name, .. } => Refusal::RepeatedPair {
                at: self.clone(),
                name: name.clone(),
            },
            Part::Whole | Part::After(_) => Refusal::RepeatedParameter { at: self.clone() },
        }
    }

    /// Returns the refusal of a request whose value here does not have the wanted form. `why`
    /// completes a sentence such as "the header `x` …".
    pub(crate) fn malformed(&self, why: impl Into<String>) -> Refusal {
        let why = why.into();
        match self {
            Self::Header(name) => Refusal::MalformedHeader {
                name: name.clone(),
                why,
            },
            field => Refusal::MalformedField {
                at: field.clone(),
                why,
            },
        }
    }
}

impl fmt::Display for PlaceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "the header `{name}`"),
            Self::Json(pointer) if pointer.is_root() => f.write_str("the body"),
            Self::Json(pointer) => write!(f, "the field `{pointer}` of the body"),
            Self::Query(name) => write!(f, "the parameter `{name}` of the query"),
            Self::Form(name) => write!(f, "the field `{name}` of the form"),
        }
    }
}
