//! Writes values as JSON. `decode` reads them back as the same values.
//!
//! * record: an object with the receiver's names. A field that is `none` is left out.
//! * option elsewhere: null for `none`. bool: a boolean. char: a string.
//! * integers: all digits. floats: the fewest digits that identify the number; infinities and NaN
//!   are an error.
//! * string: a string, even if its text is JSON.
//! * list, tuple: an array. `list<tuple<string, T>>` and `map<string, T>`: an object with the keys
//!   in their order. A duplicate key is an error.
//! * enum: the receiver's name of the case. flags: an array of names.
//! * variant: the name of a case without payload, otherwise an object with the name as its only key
//!   and the payload as its value. A case `other` with a string is written as that string. It is an
//!   error if the string is the name of a case, because it would be read as that case. result: a
//!   variant of `ok` and `err`. A variant whose only case is `other(string)`: its string, which must
//!   be JSON.
//!
//! Error messages never quote values, because the messages may end up in logs.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashSet;
use std::io;

use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use wasmtime::component::Val;

use hookyard_shape::{OTHER, Path, Step};

use compile::Case;
pub(crate) use compile::Encoding;

mod compile;

/// Why a value cannot be written as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EncodeError {
    /// The JSON would be larger than allowed.
    TooLarge,
    /// JSON cannot express the value at this position.
    At {
        /// The position, such as `$.fees[2].amount`, with the receiver's names.
        path: String,
        /// What is wrong at this position.
        message: String,
    },
}

impl Encoding {
    /// Writes a value of the type that this encoding was compiled from, in at most `bytes_max`
    /// bytes.
    ///
    /// # Errors
    ///
    /// Fails if the JSON would be too large, or if JSON cannot express the value.
    pub(crate) fn encode(
        &self,
        value: &Val,
        bytes_max: usize,
    ) -> Result<Box<RawValue>, EncodeError> {
        let cx = Context::default();
        let mut text = Bounded {
            bytes: Vec::new(),
            bytes_max,
        };
        let written = Part {
            encoding: self,
            value,
            cx: &cx,
        }
        .serialize(&mut serde_json::Serializer::new(&mut text));
        written.map_err(|error| cx.encode_error(&error))?;
        let text = String::from_utf8(text.bytes).expect("JSON is UTF-8");
        Ok(RawValue::from_string(text).expect("it has just been written"))
    }
}

/// The position of the writer, and the first fault.
#[derive(Default)]
struct Context<'p> {
    path: RefCell<Path<'p>>,
    fault: RefCell<Option<String>>,
}

impl<'p> Context<'p> {
    /// Runs `inside` one step further down. If `inside` fails, the path stays there, so that the
    /// error can name it.
    fn at<T, E>(&self, step: Step<'p>, inside: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.path.borrow_mut().push(step);
        let value = inside()?;
        self.path.borrow_mut().pop();
        Ok(value)
    }

    fn fail<T, E: serde::ser::Error>(&self, message: impl Into<String>) -> Result<T, E> {
        self.fault
            .borrow_mut()
            .get_or_insert_with(|| message.into());
        Err(E::custom("see the context"))
    }

    fn encode_error(&self, error: &serde_json::Error) -> EncodeError {
        match self.fault.take() {
            None if error.is_io() => EncodeError::TooLarge,
            fault => {
                let message = fault.unwrap_or_else(|| error.to_string());
                EncodeError::At {
                    path: self.path.borrow().to_string(),
                    message,
                }
            }
        }
    }
}

/// A value that is being written.
struct Part<'p> {
    encoding: &'p Encoding,
    value: &'p Val,
    cx: &'p Context<'p>,
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match (self.encoding, self.value) {
            (Encoding::Bool, Val::Bool(value)) => to.serialize_bool(*value),
            (Encoding::Number, value) => self.number(value, to),
            (Encoding::Char, Val::Char(value)) => to.serialize_char(*value),
            (Encoding::String, Val::String(value)) => to.serialize_str(value),
            (Encoding::Option(_), Val::Option(None)) => to.serialize_none(),
            (Encoding::Option(inner), Val::Option(Some(value))) => {
                self.with(inner, value).serialize(to)
            }
            (Encoding::List(element), Val::List(values)) => {
                self.array(values.iter().map(|value| (&**element, value)), to)
            }
            (Encoding::Tuple(parts), Val::Tuple(values)) => {
                self.array(parts.iter().zip(values), to)
            }
            (Encoding::Pairs(value), Val::List(pairs)) => {
                self.object(value, pairs.iter().map(pair), to)
            }
            (Encoding::Map(value), Val::Map(entries)) => {
                self.object(value, entries.iter().map(entry), to)
            }
            (Encoding::Record(fields), Val::Record(values)) => self.record(fields, values, to),
            (Encoding::Json, Val::Variant(_, Some(text))) => self.json(text, to),
            (Encoding::Variant { cases, .. }, Val::Variant(name, payload)) => {
                let found = cases.iter().find(|case| case.name == *name);
                self.case(found, payload.as_deref(), to)
            }
            (Encoding::Result(cases), Val::Result(Ok(payload))) => {
                self.case(cases.first(), payload.as_deref(), to)
            }
            (Encoding::Result(cases), Val::Result(Err(payload))) => {
                self.case(cases.last(), payload.as_deref(), to)
            }
            (Encoding::Names(names), Val::Enum(name)) => match names.get(name) {
                Some(spelled) => to.serialize_str(spelled),
                None => self.of_another_type(),
            },
            (Encoding::Names(names), Val::Flags(set)) => {
                to.collect_seq(set.iter().filter_map(|name| names.get(name)))
            }
            _ => self.of_another_type(),
        }
    }
}

impl<'p> Part<'p> {
    fn with(&self, encoding: &'p Encoding, value: &'p Val) -> Self {
        Part {
            encoding,
            value,
            cx: self.cx,
        }
    }

    /// Fails because a value does not have the type of the encoding.
    ///
    /// This never happens: the engine made the value from the type that the encoding was compiled
    /// from.
    fn of_another_type<T, E: serde::ser::Error>(&self) -> Result<T, E> {
        self.cx.fail("the value is of another type")
    }

    fn number<S: Serializer>(&self, value: &Val, to: S) -> Result<S::Ok, S::Error> {
        const INFINITE: &str = "it is not a number that JSON can express";
        match *value {
            Val::S8(number) => to.serialize_i8(number),
            Val::U8(number) => to.serialize_u8(number),
            Val::S16(number) => to.serialize_i16(number),
            Val::U16(number) => to.serialize_u16(number),
            Val::S32(number) => to.serialize_i32(number),
            Val::U32(number) => to.serialize_u32(number),
            Val::S64(number) => to.serialize_i64(number),
            Val::U64(number) => to.serialize_u64(number),
            Val::Float32(number) if number.is_finite() => to.serialize_f32(number),
            Val::Float64(number) if number.is_finite() => to.serialize_f64(number),
            Val::Float32(_) | Val::Float64(_) => self.cx.fail(INFINITE),
            _ => self.of_another_type(),
        }
    }

    fn array<S: Serializer>(
        &self,
        parts: impl Iterator<Item = (&'p Encoding, &'p Val)>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let mut array = to.serialize_seq(None)?;
        for (place, (encoding, value)) in parts.enumerate() {
            self.cx.at(Step::Index(place), || {
                array.serialize_element(&self.with(encoding, value))
            })?;
        }
        array.end()
    }

    fn record<S: Serializer>(
        &self,
        fields: &'p [(String, Encoding)],
        values: &'p [(String, Val)],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_map(None)?;
        for ((name, encoding), (_, value)) in fields.iter().zip(values) {
            if !matches!(value, Val::Option(None)) {
                let step = Step::Key(Cow::Borrowed(name));
                self.cx.at(step, || {
                    object.serialize_entry(name, &self.with(encoding, value))
                })?;
            }
        }
        object.end()
    }

    /// Writes an object. An entry is `None` if it is not a pair of a string and a value.
    fn object<S: Serializer>(
        &self,
        encoding: &'p Encoding,
        entries: impl Iterator<Item = Option<(&'p str, &'p Val)>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_map(None)?;
        let mut seen = HashSet::new();
        for entry in entries {
            let Some((key, value)) = entry else {
                return self.of_another_type();
            };
            self.cx.at(Step::Key(Cow::Borrowed(key)), || {
                if !seen.insert(key) {
                    return self.cx.fail("this key occurs twice");
                }
                object.serialize_entry(key, &self.with(encoding, value))
            })?;
        }
        object.end()
    }

    fn case<S: Serializer>(
        &self,
        found: Option<&'p Case>,
        payload: Option<&'p Val>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let Some(Case {
            name,
            spelled,
            payload: encoding,
        }) = found
        else {
            return self.of_another_type();
        };
        match (encoding, payload) {
            (None, None) => to.serialize_str(spelled),
            (Some(Encoding::String), Some(Val::String(text))) if name == OTHER => {
                self.other(text, to)
            }
            (Some(encoding), Some(value)) => {
                let mut object = to.serialize_map(Some(1))?;
                let step = Step::Key(Cow::Borrowed(spelled));
                self.cx.at(step, || {
                    object.serialize_entry(spelled, &self.with(encoding, value))
                })?;
                object.end()
            }
            _ => self.of_another_type(),
        }
    }

    fn json<S: Serializer>(&self, text: &Val, to: S) -> Result<S::Ok, S::Error> {
        let Val::String(text) = text else {
            return self.of_another_type();
        };
        match serde_json::from_str::<&RawValue>(text) {
            Ok(json) => json.serialize(to),
            Err(_) => self.cx.fail("the text of `other` is not JSON"),
        }
    }

    fn other<S: Serializer>(&self, text: &str, to: S) -> Result<S::Ok, S::Error> {
        match self.encoding {
            Encoding::Variant { names, .. } if names.find(text).is_some() => self
                .cx
                .fail("`other` has the name of a case, and would be read as that"),
            _ => to.serialize_str(text),
        }
    }
}

fn pair(value: &Val) -> Option<(&str, &Val)> {
    match value {
        Val::Tuple(parts) => match parts.as_slice() {
            [Val::String(key), value] => Some((key, value)),
            _ => None,
        },
        _ => None,
    }
}

fn entry((key, value): &(Val, Val)) -> Option<(&str, &Val)> {
    match key {
        Val::String(key) => Some((key, value)),
        _ => None,
    }
}

/// A text of bounded size.
struct Bounded {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
