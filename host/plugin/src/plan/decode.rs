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
//!   is decoded to that.
//!
//! Error messages never quote the event's values, because the messages end up in logs. They do name
//! keys, since paths consist of keys.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Visitor};
use serde_json::value::RawValue;
use wasmtime::component::Val;

use super::path::{Path, Step};
use super::{Plan, Pointer};

mod container;
mod text;
mod walk;

/// The maximum nesting of JSON that becomes the text of a string. Elsewhere, the types bound the
/// nesting.
const NESTING_MAX: usize = 128;

/// Why JSON does not fit a plugin's types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DecodeError {
    /// The position, such as `$.data.fees[2].amount`.
    pub(crate) path: String,
    /// The value that was found at this position, and the expected value.
    pub(crate) message: String,
}

impl Plan {
    /// Decodes the part of `json` that `pointer` points at, to at most `values_max` values.
    ///
    /// The bound is necessary because a small text can stand for many values: each missing option
    /// is a value as well.
    ///
    /// # Errors
    ///
    /// Fails if the text is not JSON, or if the JSON does not fit the plan.
    pub(crate) fn decode(
        &self,
        pointer: &Pointer,
        json: &str,
        values_max: usize,
    ) -> Result<Val, DecodeError> {
        let cx = Context::new(values_max);
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let seed = walk::Walk {
            tokens: pointer.tokens(),
            then: Seed {
                plan: self,
                cx: &cx,
            },
            cx: &cx,
        };
        let decoded = seed
            .deserialize(&mut deserializer)
            .and_then(|value| deserializer.end().map(|()| value));
        decoded.map_err(|error| cx.decode_error(&error))
    }
}

impl Pointer {
    /// Returns the text of the string that this points at.
    ///
    /// # Errors
    ///
    /// Fails if the text is not JSON, or if there is no string at this position.
    pub(crate) fn text(&self, json: &str) -> Result<String, DecodeError> {
        let pointed = Plan::String.decode(self, json, 1)?;
        match pointed {
            Val::String(text) => Ok(text),
            _ => unreachable!("a plan for a string makes a string"),
        }
    }
}

/// The state of one decoding: the position, the first fault, and the number of values that it may
/// still make.
struct Context<'de> {
    path: RefCell<Path<'de>>,
    fault: RefCell<Option<String>>,
    values_left: Cell<usize>,
}

/// Decoding failed. The fault is in the context.
struct Failed;

impl<'de> Context<'de> {
    fn new(values_max: usize) -> Self {
        Self {
            path: RefCell::default(),
            fault: RefCell::default(),
            values_left: Cell::new(values_max),
        }
    }

    /// Runs `inside` one step further down. If `inside` fails, the path stays there, so that the
    /// error can name it.
    fn at<T, E>(&self, step: Step<'de>, inside: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.path.borrow_mut().push(step);
        let value = inside()?;
        self.path.borrow_mut().pop();
        Ok(value)
    }

    /// Records a fault at the present position. The first fault counts.
    fn fail(&self, message: impl Into<String>) -> Failed {
        self.fault
            .borrow_mut()
            .get_or_insert_with(|| message.into());
        Failed
    }

    fn mismatch(&self, found: &str, plan: &Plan) -> Failed {
        self.fail(format!("found {found}, wanted {}", plan.wanted()))
    }

    fn spend(&self, values: usize) -> Result<(), Failed> {
        let left = self.values_left.get().checked_sub(values);
        self.values_left.set(
            left.ok_or_else(|| self.fail("the event has more values than the plugin may take"))?,
        );
        Ok(())
    }

    fn decode_error(&self, error: &serde_json::Error) -> DecodeError {
        let path = self.path.borrow().to_string();
        let message = self
            .fault
            .take()
            .unwrap_or_else(|| format!("not JSON: {error}"));
        DecodeError { path, message }
    }
}

impl Failed {
    /// Returns the error of a deserializer. It only says that there was an error; the fault is in
    /// the context.
    fn into_error<E: serde::de::Error>(self) -> E {
        E::custom("see the context")
    }
}

/// Decodes the next JSON value by a plan.
struct Seed<'a, 'de> {
    plan: &'a Plan,
    cx: &'a Context<'de>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_, 'de> {
    type Value = Val;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Val, D::Error> {
        self.cx.spend(1).map_err(Failed::into_error)?;
        match self.plan {
            Plan::Option(inner) => deserializer.deserialize_option(Optional {
                plan: inner,
                cx: self.cx,
            }),
            plan if plan.is_container() => {
                deserializer.deserialize_any(container::Container { plan, cx: self.cx })
            }
            plan => {
                let raw = <&'de RawValue as serde::Deserialize>::deserialize(deserializer)?;
                self.cx.value(plan, raw.get()).map_err(Failed::into_error)
            }
        }
    }
}

struct Optional<'a, 'de> {
    plan: &'a Plan,
    cx: &'a Context<'de>,
}

impl<'de> Visitor<'de> for Optional<'_, 'de> {
    type Value = Val;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Val, E> {
        Ok(Val::Option(None))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Val, E> {
        Ok(Val::Option(None))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Val, D::Error> {
        let value = Seed {
            plan: self.plan,
            cx: self.cx,
        }
        .deserialize(deserializer)?;
        Ok(Val::Option(Some(Box::new(value))))
    }
}

/// Reads the key of an object.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

impl Plan {
    /// Whether the JSON is decoded while it is read. For all other plans it is first taken as text:
    /// a leaf, or a variant, whose content decides how it is decoded.
    fn is_container(&self) -> bool {
        matches!(
            self,
            Self::List(_)
                | Self::Map(_)
                | Self::Record { .. }
                | Self::Tuple(_)
                | Self::Flags { .. }
        )
    }

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
