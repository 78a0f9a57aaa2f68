//! Compiles a shape to an encoding, once, when a plugin is loaded. Names are spelled as the
//! receiver spells them, and a type whose values could not be distinguished as JSON is refused.

use std::collections::BTreeMap;

use hookyard_schemes::Spelling;

use hookyard_shape::{Case as ShapeCase, Clash, Field, Names, Shape, TypeError};

/// How to write one type as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Encoding {
    Bool,
    Number,
    Char,
    String,
    List(Box<Encoding>),
    /// A list of pairs of a string and a value, written as an object.
    Pairs(Box<Encoding>),
    Map(Box<Encoding>),
    /// The fields, with the receiver's names.
    Record(Vec<(String, Encoding)>),
    Tuple(Vec<Encoding>),
    /// A variant whose only case is `other(string)`: JSON of any form, as the plugin wrote it.
    Json,
    Variant {
        cases: Vec<Case>,
        /// The receiver's names of all cases. The text of a case `other` must not be one of them.
        names: Names,
    },
    /// A result, as the cases `ok` and `err` in this order.
    Result(Vec<Case>),
    /// The receiver's name for each name of an enum or of flags.
    Names(BTreeMap<String, String>),
    Option(Box<Encoding>),
}

/// A case of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    pub(super) name: String,
    pub(super) spelled: String,
    pub(super) payload: Option<Encoding>,
}

impl Encoding {
    /// Compiles a shape. `at` is its position in the function's types, for the error.
    ///
    /// # Errors
    ///
    /// Fails if two names of the type would be the same name to a receiver, or if the type has an
    /// option of an option.
    pub(crate) fn new(shape: &Shape, spelling: &Spelling, at: &str) -> Result<Self, TypeError> {
        let boxed = |shape: &Shape, at: &str| Self::new(shape, spelling, at).map(Box::new);
        Ok(match shape {
            Shape::Bool => Self::Bool,
            Shape::S8
            | Shape::U8
            | Shape::S16
            | Shape::U16
            | Shape::S32
            | Shape::U32
            | Shape::S64
            | Shape::U64 => Self::Number,
            Shape::Float32 | Shape::Float64 => Self::Number,
            Shape::Char => Self::Char,
            Shape::String => Self::String,
            Shape::List(element) => match pair(element) {
                Some(value) => Self::Pairs(boxed(value, &format!("{at}[]"))?),
                None => Self::List(boxed(element, &format!("{at}[]"))?),
            },
            Shape::Map(value) => Self::Map(boxed(value, &format!("{at}[]"))?),
            Shape::Option(inner) if matches!(**inner, Shape::Option(_)) => {
                let reason = "it is an option of an option, and JSON has one null";
                return Err(TypeError {
                    at: at.to_owned(),
                    reason: reason.to_owned(),
                });
            }
            Shape::Option(inner) => Self::Option(boxed(inner, at)?),
            Shape::Record(fields) => Self::record(fields, spelling, at)?,
            Shape::Tuple(parts) => Self::Tuple(
                parts
                    .iter()
                    .enumerate()
                    .map(|(place, part)| Self::new(part, spelling, &format!("{at}[{place}]")))
                    .collect::<Result<_, _>>()?,
            ),
            Shape::Variant(_) if shape.is_json() => Self::Json,
            Shape::Variant(cases) => Self::variant(cases, spelling, at)?,
            Shape::Result { ok, err } => {
                let case = |name: &str, payload: &Option<Box<Shape>>| {
                    let payload = payload
                        .as_deref()
                        .map(|it| Self::new(it, spelling, &format!("{at}.{name}")));
                    Ok(Case {
                        name: name.to_owned(),
                        spelled: name.to_owned(),
                        payload: payload.transpose()?,
                    })
                };
                Self::Result(vec![case("ok", ok)?, case("err", err)?])
            }
            Shape::Enum(names) | Shape::Flags(names) => {
                let (spelled, _) = spell(names.iter().map(String::as_str), spelling, at)?;
                Self::Names(names.iter().cloned().zip(spelled).collect())
            }
        })
    }

    /// Whether the JSON of every value has something at this path: each step is a field that is not
    /// an option.
    pub(crate) fn always_has(&self, place: &[String]) -> bool {
        match (self, place) {
            (_, []) => true,
            (Self::Record(fields), [name, rest @ ..]) => fields.iter().any(|(field, encoding)| {
                field == name && !matches!(encoding, Self::Option(_)) && encoding.always_has(rest)
            }),
            _ => false,
        }
    }

    fn record(fields: &[Field], spelling: &Spelling, at: &str) -> Result<Self, TypeError> {
        let (spelled, _) = spell(fields.iter().map(|field| field.name.as_str()), spelling, at)?;
        let field = |(field, spelled): (&Field, String)| {
            Ok((
                spelled,
                Self::new(&field.shape, spelling, &format!("{at}.{}", field.name))?,
            ))
        };
        fields
            .iter()
            .zip(spelled)
            .map(field)
            .collect::<Result<_, TypeError>>()
            .map(Self::Record)
    }

    fn variant(cases: &[ShapeCase], spelling: &Spelling, at: &str) -> Result<Self, TypeError> {
        let (spelled, names) = spell(cases.iter().map(|case| case.name.as_str()), spelling, at)?;
        let case = |(case, spelled): (&ShapeCase, String)| {
            let at = format!("{at}.{}", case.name);
            let payload = case
                .payload
                .as_ref()
                .map(|payload| Self::new(payload, spelling, &at))
                .transpose()?;
            Ok(Case {
                name: case.name.clone(),
                spelled,
                payload,
            })
        };
        let cases = cases
            .iter()
            .zip(spelled)
            .map(case)
            .collect::<Result<_, TypeError>>()?;
        Ok(Self::Variant { cases, names })
    }
}

/// Returns the value's shape of a pair whose first part is a string.
fn pair(shape: &Shape) -> Option<&Shape> {
    match shape {
        Shape::Tuple(parts) => match parts.as_slice() {
            [Shape::String, value] => Some(value),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the receiver's spelling of the names of one type.
fn spell<'a>(
    declared: impl Iterator<Item = &'a str>,
    spelling: &Spelling,
    at: &str,
) -> Result<(Vec<String>, Names), TypeError> {
    let spelled: Vec<String> = declared.map(|name| spelling.spell(name)).collect();
    let names = Names::new(spelled.iter().map(String::as_str)).map_err(|Clash(one, another)| {
        TypeError {
            at: at.to_owned(),
            reason: format!(
                "`{one}` and `{another}` are the same name to a receiver; rename one of them"
            ),
        }
    })?;
    Ok((spelled, names))
}
