//! Makes component values of JSON, without another representation in between.

use std::borrow::Cow;

use hookyard_shape::{Number, Output};
use wasmtime::component::Val;

/// Values that can be passed to a component.
pub(crate) struct ComponentValues;

impl Output for ComponentValues {
    type Value = Val;

    // No shape has a list of fixed length.
    const ABSENT: Val = Val::FixedLengthList(Vec::new());

    fn is_absent(value: &Val) -> bool {
        matches!(value, Val::FixedLengthList(_))
    }

    fn boolean(value: bool) -> Val {
        Val::Bool(value)
    }

    fn number(value: Number) -> Val {
        match value {
            Number::S8(value) => Val::S8(value),
            Number::U8(value) => Val::U8(value),
            Number::S16(value) => Val::S16(value),
            Number::U16(value) => Val::U16(value),
            Number::S32(value) => Val::S32(value),
            Number::U32(value) => Val::U32(value),
            Number::S64(value) => Val::S64(value),
            Number::U64(value) => Val::U64(value),
            Number::F32(value) => Val::Float32(value),
            Number::F64(value) => Val::Float64(value),
        }
    }

    fn char(value: char) -> Val {
        Val::Char(value)
    }

    fn string(text: Cow<'_, str>) -> Val {
        Val::String(text.into_owned())
    }

    fn list(elements: Vec<Val>) -> Val {
        Val::List(elements)
    }

    fn map(entries: Vec<(String, Val)>) -> Val {
        let entry = |(key, value)| (Val::String(key), value);
        Val::Map(entries.into_iter().map(entry).collect())
    }

    fn pairs(entries: Vec<(String, Val)>) -> Val {
        let pair = |(key, value)| Val::Tuple(vec![Val::String(key), value]);
        Val::List(entries.into_iter().map(pair).collect())
    }

    fn record(fields: Vec<(String, Val)>) -> Val {
        Val::Record(fields)
    }

    fn tuple(parts: Vec<Val>) -> Val {
        Val::Tuple(parts)
    }

    fn variant(case: &str, payload: Option<Val>) -> Val {
        Val::Variant(case.to_owned(), payload.map(Box::new))
    }

    fn result(value: Result<Option<Val>, Option<Val>>) -> Val {
        let boxed = |payload: Option<Val>| payload.map(Box::new);
        Val::Result(value.map(boxed).map_err(boxed))
    }

    fn enumeration(case: &str) -> Val {
        Val::Enum(case.to_owned())
    }

    fn option(value: Option<Val>) -> Val {
        Val::Option(value.map(Box::new))
    }

    fn flags(set: Vec<String>) -> Val {
        Val::Flags(set)
    }
}
