//! What decoding makes of the JSON.

use std::borrow::Cow;

use crate::Number;

/// Makes values of one representation. The decoder calls a function for each value, from the inside
/// out.
pub trait Output {
    /// A value of any type.
    type Value;

    /// The value of a field that has not been decoded. No other function makes this value.
    const ABSENT: Self::Value;

    /// Whether a value is [`ABSENT`](Self::ABSENT).
    fn is_absent(value: &Self::Value) -> bool;

    /// Makes a `bool`.
    fn boolean(value: bool) -> Self::Value;
    /// Makes an integer or a float.
    fn number(value: Number) -> Self::Value;
    /// Makes a `char`.
    fn char(value: char) -> Self::Value;
    /// Makes a `string`.
    fn string(text: Cow<'_, str>) -> Self::Value;
    /// Makes a `list`.
    fn list(elements: Vec<Self::Value>) -> Self::Value;
    /// Makes a `map` whose keys are strings. The keys are in the order of the JSON.
    fn map(entries: Vec<(String, Self::Value)>) -> Self::Value;
    /// Makes a list of pairs of a string and a value.
    fn pairs(entries: Vec<(String, Self::Value)>) -> Self::Value;
    /// Makes a `record`. The fields are in the order of their declaration.
    fn record(fields: Vec<(String, Self::Value)>) -> Self::Value;
    /// Makes a `tuple`.
    fn tuple(parts: Vec<Self::Value>) -> Self::Value;
    /// Makes a `variant` of the case with this name.
    fn variant(case: &str, payload: Option<Self::Value>) -> Self::Value;
    /// Makes a `result`.
    fn result(value: Result<Option<Self::Value>, Option<Self::Value>>) -> Self::Value;
    /// Makes an `enum`.
    fn enumeration(case: &str) -> Self::Value;
    /// Makes an `option`.
    fn option(value: Option<Self::Value>) -> Self::Value;
    /// Makes `flags` of the names that are set, in the order of their declaration.
    fn flags(set: Vec<String>) -> Self::Value;
}
