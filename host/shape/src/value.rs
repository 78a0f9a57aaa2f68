//! Values as plain data, for those who need no component values.

use std::borrow::Cow;

use crate::{Number, Output};

/// A decoded value.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    reason = "the variants have the names of the types in WIT"
)]
pub enum Value {
    Bool(bool),
    Number(Number),
    Char(char),
    String(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
    Record(Vec<(String, Value)>),
    Tuple(Vec<Value>),
    Variant(String, Option<Box<Value>>),
    Result(Result<Option<Box<Value>>, Option<Box<Value>>>),
    Enum(String),
    Option(Option<Box<Value>>),
    Flags(Vec<String>),
}

impl Output for Value {
    type Value = Self;

    // A tuple has parts, and a field of a type without parts has nothing to decode.
    const ABSENT: Self = Self::Tuple(Vec::new());

    fn is_absent(value: &Self) -> bool {
        matches!(value, Self::Tuple(parts) if parts.is_empty())
    }

    fn boolean(value: bool) -> Self {
        Self::Bool(value)
    }

    fn number(value: Number) -> Self {
        Self::Number(value)
    }

    fn char(value: char) -> Self {
        Self::Char(value)
    }

    fn string(text: Cow<'_, str>) -> Self {
        Self::String(text.into_owned())
    }

    fn list(elements: Vec<Self>) -> Self {
        Self::List(elements)
    }

    fn map(entries: Vec<(String, Self)>) -> Self {
        Self::Map(entries)
    }

    fn pairs(entries: Vec<(String, Self)>) -> Self {
        let pair = |(key, value)| Self::Tuple(vec![Self::String(key), value]);
        Self::List(entries.into_iter().map(pair).collect())
    }

    fn record(fields: Vec<(String, Self)>) -> Self {
        Self::Record(fields)
    }

    fn tuple(parts: Vec<Self>) -> Self {
        Self::Tuple(parts)
    }

    fn variant(case: &str, payload: Option<Self>) -> Self {
        Self::Variant(case.to_owned(), payload.map(Box::new))
    }

    fn result(value: Result<Option<Self>, Option<Self>>) -> Self {
        let boxed = |payload: Option<Self>| payload.map(Box::new);
        Self::Result(value.map(boxed).map_err(boxed))
    }

    fn enumeration(case: &str) -> Self {
        Self::Enum(case.to_owned())
    }

    fn option(value: Option<Self>) -> Self {
        Self::Option(value.map(Box::new))
    }

    fn flags(set: Vec<String>) -> Self {
        Self::Flags(set)
    }
}
