//! Decodes JSON text by a plan, with these rules:
//!
//! * record: an object. Keys without a matching field are ignored. A field without a matching key
//!   is `none` if it is an option, otherwise an error. Two keys for one field are an error, because
//!   either could be meant.
//! * option: null or a missing field is `none`. bool: a boolean. char: a string of one character.
//! * integers and floats: see `number`. list: an array. tuple: an array of the same length.
//! * string: a string. An object or an array becomes its JSON text. A number is an error.
//! * `list<tuple<string, T>>` and `map<string, T>`: an object with its keys in order. A duplicate
//!   key is an error.
//! * enum: a string that names a case. flags: an array of names. Names that are not declared are
//!   ignored.
//! * variant: a string that names a case without payload, or an object whose only key names a case
//!   and whose value is the payload. result: a variant of `ok` and `err`.
//! * a case `other`, of a variant or an enum, takes everything that fits no other case. If its
//!   payload is a string, it gets the string or the JSON text. If it has another payload, the JSON
//!   is decoded to that. A variant whose only case is `other(string)` gets the JSON text of every
//!   value, with the quotes of a string.
//!
//! Error messages never quote the event's values, because the messages end up in logs. They do name
//! keys, since paths consist of keys.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::de::IgnoredAny;

use crate::path::{Path, Step};
use crate::{Number, OTHER, Output, Plan, Pointer, Value, number};
use reader::{Kind, Literal, NotJson, Reader};

mod choice;
mod container;
pub mod reader;
mod walk;

/// The maximum nesting of JSON that becomes the text of a string. Elsewhere, the types bound the
/// nesting.
const NESTING_MAX: usize = 128;

/// Why JSON does not fit a plugin's types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// The position, such as `$.data.fees[2].amount`.
    pub path: String,
    /// The value that was found at this position, and the expected value.
    pub message: String,
}

impl Plan {
    /// Decodes the part of `json` that `pointer` points at, to at most `values_max` values.
    ///
    /// A byte order mark before the JSON is skipped.
    ///
    /// The bound is necessary because a small text can stand for many values: each missing option
    /// is a value as well.
    ///
    /// # Errors
    ///
    /// Fails if the text is not JSON, or if the JSON does not fit the plan.
    pub fn decode<O: Output>(
        &self,
        pointer: &Pointer,
        json: &str,
        values_max: usize,
    ) -> Result<O::Value, DecodeError> {
        // A byte order mark says nothing about UTF-8, and some senders write it.
        let json = json.strip_prefix('\u{feff}').unwrap_or(json);
        let mut decoder: Decoder<'_, O> = Decoder {
            output: PhantomData,
            reader: Reader::new(json),
            values_left: values_max,
        };
        let decoded = decoder.walk(pointer.tokens(), self).and_then(|value| {
            decoder.reader.end()?;
            Ok(value)
        });
        decoded.map_err(|fault| fault.into_error(json))
    }
}

impl Pointer {
    /// Returns the text of the string that this points at.
    ///
    /// # Errors
    ///
    /// Fails if the text is not JSON, or if there is no string at this position.
    pub fn text(&self, json: &str) -> Result<String, DecodeError> {
        let pointed: Value = Plan::String.decode::<Value>(self, json, 1)?;
        match pointed {
            Value::String(text) => Ok(text),
            _ => unreachable!("a plan for a string makes a string"),
        }
    }
}

/// Why decoding failed, and where.
#[derive(Debug)]
struct Fault<'de> {
    /// The steps to the value, the innermost first.
    steps: Vec<Step<'de>>,
    /// What is wrong, or `None` if the text is not JSON.
    message: Option<String>,
}

/// A decoded value. The fault is boxed because it is rare and large.
type Decoded<'de, T> = Result<T, Box<Fault<'de>>>;

impl<'de> Fault<'de> {
    fn new(message: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            steps: Vec::new(),
            message: Some(message.into()),
        })
    }

    fn mismatch(found: &str, plan: &Plan) -> Box<Self> {
        Self::new(format!("found {found}, wanted {}", plan.wanted()))
    }

    /// Returns the fault as it is seen from one step further out.
    fn at(mut self: Box<Self>, step: Step<'de>) -> Box<Self> {
        self.steps.push(step);
        self
    }

    fn into_error(self, json: &str) -> DecodeError {
        let message = self.message.unwrap_or_else(|| not_json(json));
        DecodeError {
            path: Path::from_inside(self.steps).to_string(),
            message,
        }
    }
}

impl From<NotJson> for Box<Fault<'_>> {
    fn from(NotJson: NotJson) -> Self {
        Box::new(Fault {
            steps: Vec::new(),
            message: None,
        })
    }
}

/// Describes the first place at which a text is not JSON.
fn not_json(text: &str) -> String {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => "not JSON".into(),
        Err(error) => format!("not JSON: {error}"),
    }
}

/// The state of one decoding: the position, and the number of values that it may still make.
struct Decoder<'de, O> {
    output: PhantomData<O>,
    reader: Reader<'de>,
    values_left: usize,
}

impl<'de, O: Output> Decoder<'de, O> {
    /// Decodes the next value.
    fn value(&mut self, plan: &Plan) -> Decoded<'de, O::Value> {
        self.spend(1)?;
        let kind = self.reader.kind()?;
        match (plan, kind) {
            (Plan::String, Kind::String) => {
                let text = self.string()?;
                Ok(O::string(text))
            }
            (Plan::Option(_), Kind::Null) => {
                self.reader.null()?;
                Ok(O::option(None))
            }
            (Plan::Option(inner), _) => {
                let value = self.value(inner)?;
                Ok(O::option(Some(value)))
            }
            (Plan::Record { fields, names }, Kind::Object) => self.record(fields, names),
            (Plan::Integer(integer), Kind::Number) => {
                numbered::<O>(integer.decode(self.reader.number()?))
            }
            (Plan::Bool, Kind::Boolean) => Ok(O::boolean(self.reader.boolean()?)),
            (Plan::Float32, Kind::Number) => {
                numbered::<O>(number::decode_f32(self.reader.number()?))
            }
            (Plan::Float64, Kind::Number) => {
                numbered::<O>(number::decode_f64(self.reader.number()?))
            }
            (Plan::String, Kind::Object | Kind::Array) => {
                let text = choice::json_text(self.reader.value()?)?;
                Ok(O::string(Cow::Borrowed(text)))
            }
            (Plan::Char, Kind::String) => self.char(),
            (Plan::Enum { cases, names }, Kind::String) => self.named(cases, names),
            (Plan::Json, _) => self.json(),
            (Plan::Variant(cases), _) => self.variant(plan, cases),
            (Plan::Result(cases), _) => self.result(plan, cases),
            (_, Kind::Object | Kind::Array) => self.container(plan, kind),
            _ => Err(Fault::mismatch(kind.name(), plan)),
        }
    }

    fn spend(&mut self, values: usize) -> Decoded<'de, ()> {
        let left = self.values_left.checked_sub(values);
        self.values_left =
            left.ok_or_else(|| Fault::new("the event has more values than the plugin may take"))?;
        Ok(())
    }

    /// Reads the string that comes next.
    fn string(&mut self) -> Decoded<'de, Cow<'de, str>> {
        unescaped(self.reader.string()?)
    }

    /// Reads the key of the next entry of an object. Returns `None` after the last entry.
    fn next_key(&mut self, is_first: bool) -> Decoded<'de, Option<Cow<'de, str>>> {
        let key = self.reader.next_key(is_first)?;
        key.map(unescaped).transpose()
    }
}

fn unescaped<'de>(literal: Literal<'de>) -> Decoded<'de, Cow<'de, str>> {
    literal
        .unescape()
        .ok_or_else(|| Fault::new("found a string with an escape that stands for no character"))
}

fn numbered<'de, O: Output>(decoded: Result<Number, String>) -> Decoded<'de, O::Value> {
    decoded.map(O::number).map_err(Fault::new)
}

impl Plan {
    /// Describes the JSON that the plan takes, for error messages.
    fn wanted(&self) -> Cow<'static, str> {
        match self {
            Self::Bool => "true or false".into(),
            Self::Integer(integer) => integer.name().into(),
            Self::Float32 => "f32".into(),
            Self::Float64 => "f64".into(),
            Self::Char => "a string of one character".into(),
            Self::String => "a string".into(),
            Self::List(element) if element.is_pair() => "an object, or an array of pairs".into(),
            Self::List(_) => "an array".into(),
            Self::Map(_) | Self::Record { .. } => "an object".into(),
            Self::Tuple(parts) => format!("an array of {}", parts.len()).into(),
            Self::Json => "any JSON".into(),
            Self::Variant(_) | Self::Result(_) => {
                "the name of a case, or an object of one case".into()
            }
            Self::Enum { .. } => "the name of a case".into(),
            Self::Option(inner) => format!("{} or null", inner.wanted()).into(),
            Self::Flags { .. } => "an array of names".into(),
        }
    }

    /// Whether the plan is a `tuple<string, T>`. A list of these takes an object.
    fn is_pair(&self) -> bool {
        matches!(self, Self::Tuple(parts) if matches!(parts.as_slice(), [Self::String, _]))
    }
}
