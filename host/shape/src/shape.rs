//! A type as plain data: the step between the types of a component, or of a sender, and a plan.
//!
//! A shape is a tree, so its size is bounded here. Component types may share parts, and without a
//! bound a small component could describe a type whose tree does not fit into memory.

use std::fmt;

use crate::OTHER;

/// The maximum number of parts of one type. A shared part counts each time, because a shape and its
/// plan have the part each time.
pub const PARTS_MAX: usize = 20_000;
/// The maximum nesting of one type. Recursion of this depth is far from exhausting a stack.
pub const DEPTH_MAX: usize = 64;

/// A type that JSON can be decoded into.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the variants have the names of the types in WIT"
)]
pub enum Shape {
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

/// A field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name in WIT.
    pub name: String,
    /// The type of the field.
    pub shape: Shape,
}

/// A case of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The name in WIT.
    pub name: String,
    /// The type of the payload, if the case has one.
    pub payload: Option<Shape>,
}

impl Shape {
    /// Whether the type is a variant whose only case is `other(string)`. Such a variant takes the
    /// JSON text of any value.
    pub fn is_json(&self) -> bool {
        match self {
            Self::Variant(cases) => matches!(
                cases.as_slice(),
                [Case { name, payload: Some(Self::String) }] if name == OTHER
            ),
            _ => false,
        }
    }

    /// Returns the number of parts of the type, including the type itself.
    pub fn parts(&self) -> usize {
        1 + self.inner().map(Self::parts).sum::<usize>()
    }

    /// Returns how many types are nested in each other, including the type itself.
    pub fn depth(&self) -> usize {
        1 + self.inner().map(Self::depth).max().unwrap_or(0)
    }

    /// Returns the types that the type consists of.
    fn inner(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        match self {
            Self::List(inner) | Self::Map(inner) | Self::Option(inner) => {
                Box::new(std::iter::once(&**inner))
            }
            Self::Record(fields) => Box::new(fields.iter().map(|field| &field.shape)),
            Self::Tuple(parts) => Box::new(parts.iter()),
            Self::Variant(cases) => Box::new(cases.iter().filter_map(|case| case.payload.as_ref())),
            Self::Result { ok, err } => Box::new([ok, err].into_iter().flatten().map(|it| &**it)),
            _ => Box::new(std::iter::empty()),
        }
    }
}

/// Counts the parts and the nesting of a type while a shape is made of it.
#[derive(Debug)]
pub struct Extent {
    parts_left: usize,
    depth: usize,
}

impl Default for Extent {
    fn default() -> Self {
        Self {
            parts_left: PARTS_MAX,
            depth: 0,
        }
    }
}

impl Extent {
    /// Counts a part, and goes into it.
    ///
    /// # Errors
    ///
    /// Fails with the reason if the type has too many parts, or if it is nested too deeply.
    pub fn enter(&mut self) -> Result<(), &'static str> {
        let left = self.parts_left.checked_sub(1);
        self.parts_left = left.ok_or("it is part of too large a type")?;
        if self.depth == DEPTH_MAX {
            return Err("it is nested too deeply");
        }
        self.depth += 1;
        Ok(())
    }

    /// Goes out of the part that was entered last.
    pub fn leave(&mut self) {
        self.depth -= 1;
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
