//! Reads the types of a component.
//!
//! Component types may share parts, and without a bound a small component could describe a type
//! whose tree does not fit into memory.

use hookyard_shape::{Case, Extent, Field, Shape, TypeError};
use wasmtime::component::Type;

/// Reads a component's type. `at` is its position in the handler's types, for the error.
///
/// # Errors
///
/// Fails if the type is too large, or if JSON has nothing for it, such as for a resource.
pub(crate) fn shape_of(ty: &Type, at: &str) -> Result<Shape, TypeError> {
    Reader::default().read(ty, at)
}

#[derive(Default)]
struct Reader {
    extent: Extent,
}

impl Reader {
    fn read(&mut self, ty: &Type, at: &str) -> Result<Shape, TypeError> {
        let refused = |reason: &str| TypeError {
            at: at.to_owned(),
            reason: reason.to_owned(),
        };
        self.extent.enter().map_err(refused)?;
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
        self.extent.leave();
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
