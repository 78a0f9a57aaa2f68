//! A component type as plain data: the step between wasmtime's types and a plan.
//!
//! A shape is a tree, so its size is bounded here. Component types may share parts, and without a
//! bound a small component could describe a type whose tree does not fit into memory.

use std::fmt;

use wasmtime::component::Type;

use super::TypeError;

/// The maximum number of parts of one type. A shared part counts each time.
const PARTS_MAX: usize = 20_000;
/// The maximum nesting of one type. Recursion of this depth is far from exhausting a stack.
const DEPTH_MAX: usize = 64;

/// A type that JSON can be decoded into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    Float32,
    Float64,
    Char,
    String,
    List(Box<Shape>),
    /// A map whose keys are strings. Other keys are refused.
    Map(Box<Shape>),
    Record(Vec<Field>),
    Tuple(Vec<Shape>),
    Variant(Vec<Case>),
    Enum(Vec<String>),
    Option(Box<Shape>),
    Result {
        ok: Option<Box<Shape>>,
        err: Option<Box<Shape>>,
    },
    Flags(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) payload: Option<Shape>,
}

impl Shape {
    /// Reads a component's type. `at` is its position in the handler's types, for the error.
    ///
    /// # Errors
    ///
    /// Fails if the type is too large, or if JSON has nothing for it, such as for a resource.
    pub(crate) fn of(ty: &Type, at: &str) -> Result<Self, TypeError> {
        Reader {
            parts_left: PARTS_MAX,
            depth: 0,
        }
        .read(ty, at)
    }
}

impl fmt::Display for Shape {
    /// Writes the type as WIT does. Named types are spelled out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |parts: Vec<String>| parts.join(", ");
        let or_none = |shape: &Option<Box<Self>>| {
            shape
                .as_ref()
                .map_or_else(|| "_".to_owned(), |it| it.to_string())
        };
        match self {
            Self::List(element) => write!(f, "list<{element}>"),
            Self::Map(value) => write!(f, "map<string, {value}>"),
            Self::Option(inner) => write!(f, "option<{inner}>"),
            Self::Result { ok, err } => write!(f, "result<{}, {}>", or_none(ok), or_none(err)),
            Self::Tuple(parts) => write!(
                f,
                "tuple<{}>",
                joined(parts.iter().map(Self::to_string).collect())
            ),
            Self::Record(fields) => {
                let field = |field: &Field| format!("{}: {}", field.name, field.shape);
                write!(
                    f,
                    "record {{ {} }}",
                    joined(fields.iter().map(field).collect())
                )
            }
            Self::Variant(cases) => {
                let case = |case: &Case| match &case.payload {
                    None => case.name.clone(),
                    Some(payload) => format!("{}({payload})", case.name),
                };
                write!(
                    f,
                    "variant {{ {} }}",
                    joined(cases.iter().map(case).collect())
                )
            }
            Self::Enum(cases) => write!(f, "enum {{ {} }}", cases.join(", ")),
            Self::Flags(flags) => write!(f, "flags {{ {} }}", flags.join(", ")),
            simple => f.write_str(
                &format!("{simple:?}")
                    .to_ascii_lowercase()
                    .replace("float", "f"),
            ),
        }
    }
}

struct Reader {
    parts_left: usize,
    depth: usize,
}

impl Reader {
    fn read(&mut self, ty: &Type, at: &str) -> Result<Shape, TypeError> {
        let refused = |reason: &str| TypeError {
            at: at.to_owned(),
            reason: reason.to_owned(),
        };
        self.parts_left = self
            .parts_left
            .checked_sub(1)
            .ok_or_else(|| refused("it is part of too large a type"))?;
        if self.depth == DEPTH_MAX {
            return Err(refused("it is nested too deeply"));
        }
        self.depth += 1;
        let shape = match ty {
            Type::Bool => Shape::Bool,
            Type::S8 => Shape::S8,
            Type::U8 => Shape::U8,
            Type::S16 => Shape::S16,
            Type::U16 => Shape::U16,
            Type::S32 => Shape::S32,
            Type::U32 => Shape::U32,
            Type::S64 => Shape::S64,
            Type::U64 => Shape::U64,
            Type::Float32 => Shape::Float32,
            Type::Float64 => Shape::Float64,
            Type::Char => Shape::Char,
            Type::String => Shape::String,
            Type::List(list) => Shape::List(self.boxed(&list.ty(), &format!("{at}[]"))?),
            Type::Map(map) if map.key() == Type::String => {
                Shape::Map(self.boxed(&map.value(), &format!("{at}[]"))?)
            }
            Type::Map(_) => return Err(refused("it is a map whose keys are not strings")),
            Type::Record(_) | Type::Tuple(_) | Type::Variant(_) => self.read_parts(ty, at)?,
            Type::Enum(names) => Shape::Enum(names.names().map(str::to_owned).collect()),
            Type::Flags(names) => Shape::Flags(names.names().map(str::to_owned).collect()),
            Type::Option(option) => Shape::Option(self.boxed(&option.ty(), at)?),
            Type::Result(result) => Shape::Result {
                ok: result
                    .ok()
                    .map(|ok| self.boxed(&ok, &format!("{at}.ok")))
                    .transpose()?,
                err: result
                    .err()
                    .map(|err| self.boxed(&err, &format!("{at}.err")))
                    .transpose()?,
            },
            Type::Own(_) | Type::Borrow(_) => {
                return Err(refused("it is a resource, which cannot be made from JSON"));
            }
            Type::Future(_) | Type::Stream(_) | Type::ErrorContext => {
                return Err(refused(
                    "it is asynchronous, which this host does not offer",
                ));
            }
            Type::FixedLengthList(_) => {
                return Err(refused(
                    "it is a list of fixed length; use a list or a tuple",
                ));
            }
        };
        self.depth -= 1;
        Ok(shape)
    }

    fn read_parts(&mut self, ty: &Type, at: &str) -> Result<Shape, TypeError> {
        Ok(match ty {
            Type::Record(record) => Shape::Record(
                record
                    .fields()
                    .map(|field| {
                        let shape = self.read(&field.ty, &format!("{at}.{}", field.name))?;
                        Ok(Field {
                            name: field.name.to_owned(),
                            shape,
                        })
                    })
                    .collect::<Result<_, TypeError>>()?,
            ),
            Type::Variant(variant) => Shape::Variant(
                variant
                    .cases()
                    .map(|case| {
                        let at = format!("{at}.{}", case.name);
                        let payload = case.ty.map(|ty| self.read(&ty, &at)).transpose()?;
                        Ok(Case {
                            name: case.name.to_owned(),
                            payload,
                        })
                    })
                    .collect::<Result<_, TypeError>>()?,
            ),
            Type::Tuple(tuple) => Shape::Tuple(
                tuple
                    .types()
                    .enumerate()
                    .map(|(place, ty)| self.read(&ty, &format!("{at}[{place}]")))
                    .collect::<Result<_, TypeError>>()?,
            ),
            _ => unreachable!("the caller has matched these three"),
        })
    }

    fn boxed(&mut self, ty: &Type, at: &str) -> Result<Box<Shape>, TypeError> {
        self.read(ty, at).map(Box::new)
    }
}
