//! Compiles a shape to a plan, once, when a plugin is loaded. Names are folded, and a type that
//! could not be decoded without guessing is refused.

use crate::names::{Clash, Names};
use crate::number::Integer;
use crate::shape::{Case, Field, Shape};

/// The name of the case that takes everything for which there is no other case.
pub const OTHER: &str = "other";

/// How to decode JSON into one type.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the variants have the names of the types in WIT"
)]
pub enum Plan {
    Bool,
    Integer(Integer),
    Float32,
    Float64,
    Char,
    String,
    List(Box<Plan>),
    Map(Box<Plan>),
    Record {
        fields: Vec<(String, Plan)>,
        names: Names,
    },
    Tuple(Vec<Plan>),
    /// A variant whose only case is `other(string)`: the JSON text of any value.
    Json,
    Variant(Cases),
    /// A result, as a variant with the cases `ok` and `err`.
    Result(Cases),
    Enum {
        cases: Vec<String>,
        names: Names,
    },
    Option(Box<Plan>),
    Flags {
        flags: Vec<String>,
        names: Names,
    },
}

/// The cases of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cases {
    pub(crate) cases: Vec<(String, Option<Plan>)>,
    pub(crate) names: Names,
}

impl Cases {
    /// Returns the case `other`, if it is declared.
    pub(crate) fn other(&self) -> Option<&(String, Option<Plan>)> {
        self.cases.iter().find(|(name, _)| name == OTHER)
    }
}

/// Why a type cannot be decoded from JSON, or encoded as JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at} cannot be decoded: {reason}")]
pub struct TypeError {
    /// The position in the handler's types, such as `event.paid.amount`.
    pub at: String,
    /// What is wrong at this position.
    pub reason: String,
}

impl Plan {
    /// Compiles a shape. `at` is its position in the handler's types, for the error.
    ///
    /// # Errors
    ///
    /// Fails if two names of the type would be the same name to a sender.
    pub fn new(shape: &Shape, at: &str) -> Result<Self, TypeError> {
        let boxed = |shape: &Shape, at: &str| Self::new(shape, at).map(Box::new);
        Ok(match shape {
            Shape::Bool => Self::Bool,
            Shape::S8 => Self::Integer(Integer::S8),
            Shape::U8 => Self::Integer(Integer::U8),
            Shape::S16 => Self::Integer(Integer::S16),
            Shape::U16 => Self::Integer(Integer::U16),
            Shape::S32 => Self::Integer(Integer::S32),
            Shape::U32 => Self::Integer(Integer::U32),
            Shape::S64 => Self::Integer(Integer::S64),
            Shape::U64 => Self::Integer(Integer::U64),
            Shape::Float32 => Self::Float32,
            Shape::Float64 => Self::Float64,
            Shape::Char => Self::Char,
            Shape::String => Self::String,
            Shape::List(element) => Self::List(boxed(element, &format!("{at}[]"))?),
            Shape::Map(value) => Self::Map(boxed(value, &format!("{at}[]"))?),
            Shape::Option(inner) => Self::Option(boxed(inner, at)?),
            Shape::Record(fields) => Self::record(fields, at)?,
            Shape::Tuple(parts) => Self::Tuple(
                parts
                    .iter()
                    .enumerate()
                    .map(|(place, part)| Self::new(part, &format!("{at}[{place}]")))
                    .collect::<Result<_, _>>()?,
            ),
            Shape::Variant(_) if shape.is_json() => Self::Json,
            Shape::Variant(cases) => Self::Variant(Cases::new(cases, at)?),
            Shape::Result { ok, err } => {
                let case = |name: &str, payload: &Option<Box<Shape>>| Case {
                    name: name.to_owned(),
                    payload: payload.as_deref().cloned(),
                };
                Self::Result(Cases::new(&[case("ok", ok), case("err", err)], at)?)
            }
            Shape::Enum(cases) => Self::Enum {
                names: names(cases, at)?,
                cases: cases.clone(),
            },
            Shape::Flags(flags) => Self::Flags {
                names: names(flags, at)?,
                flags: flags.clone(),
            },
        })
    }

    fn record(fields: &[Field], at: &str) -> Result<Self, TypeError> {
        Ok(Self::Record {
            names: names(fields.iter().map(|field| &field.name), at)?,
            fields: fields
                .iter()
                .map(|field| {
                    Ok((
                        field.name.clone(),
                        Self::new(&field.shape, &format!("{at}.{}", field.name))?,
                    ))
                })
                .collect::<Result<_, TypeError>>()?,
        })
    }
}

impl Cases {
    fn new(cases: &[Case], at: &str) -> Result<Self, TypeError> {
        let plan = |case: &Case| {
            let at = format!("{at}.{}", case.name);
            let payload = case
                .payload
                .as_ref()
                .map(|payload| Plan::new(payload, &at))
                .transpose()?;
            Ok((case.name.clone(), payload))
        };
        Ok(Self {
            names: names(cases.iter().map(|case| &case.name), at)?,
            cases: cases.iter().map(plan).collect::<Result<_, TypeError>>()?,
        })
    }
}

fn names<'a>(declared: impl IntoIterator<Item = &'a String>, at: &str) -> Result<Names, TypeError> {
    Names::new(declared.into_iter().map(String::as_str)).map_err(|Clash(one, another)| TypeError {
        at: at.to_owned(),
        reason: format!(
            "`{one}` and `{another}` are the same name to a sender; rename one of them"
        ),
    })
}
