//! Reads types of WIT: of a component, or of the text of a package.

use wit_parser::{Resolve, Type, TypeDefKind, TypeId};

use crate::{Case, Extent, Field, Shape, TypeError};

/// Reads a type. `at` is its position in the handler's types, for the error.
///
/// # Errors
///
/// Fails if the type is too large, or if JSON has nothing for it, such as for a resource.
pub fn shape_of(resolve: &Resolve, ty: &Type, at: &str) -> Result<Shape, TypeError> {
    let mut reader = Reader {
        resolve,
        extent: Extent::default(),
    };
    reader.read(ty, at)
}

struct Reader<'r> {
    resolve: &'r Resolve,
    extent: Extent,
}

impl Reader<'_> {
    fn read(&mut self, ty: &Type, at: &str) -> Result<Shape, TypeError> {
        let id = match *ty {
            Type::Id(id) => id,
            simple => return self.simple(simple, at),
        };
        // Another name of a type is not a part of its own.
        if let TypeDefKind::Type(inner) = self.resolve.types[id].kind {
            return self.read(&inner, at);
        }
        self.extent.enter().map_err(|reason| refused(at, reason))?;
        let shape = self.defined(id, at)?;
        self.extent.leave();
        Ok(shape)
    }

    fn simple(&mut self, ty: Type, at: &str) -> Result<Shape, TypeError> {
        self.extent.enter().map_err(|reason| refused(at, reason))?;
        self.extent.leave();
        Ok(match ty {
            Type::Bool => Shape::Bool,
            Type::S8 => Shape::S8,
            Type::U8 => Shape::U8,
            Type::S16 => Shape::S16,
            Type::U16 => Shape::U16,
            Type::S32 => Shape::S32,
            Type::U32 => Shape::U32,
            Type::S64 => Shape::S64,
            Type::U64 => Shape::U64,
            Type::F32 => Shape::Float32,
            Type::F64 => Shape::Float64,
            Type::Char => Shape::Char,
            Type::String => Shape::String,
            Type::ErrorContext | Type::Id(_) => return Err(refused(at, "it is asynchronous")),
        })
    }

    fn defined(&mut self, id: TypeId, at: &str) -> Result<Shape, TypeError> {
        let resolve = self.resolve;
        Ok(match &resolve.types[id].kind {
            TypeDefKind::List(item) => Shape::List(self.boxed(item, &format!("{at}[]"))?),
            TypeDefKind::Map(Type::String, value) => {
                Shape::Map(self.boxed(value, &format!("{at}[]"))?)
            }
            TypeDefKind::Option(inner) => Shape::Option(self.boxed(inner, at)?),
            TypeDefKind::Result(result) => {
                let mut side = |ty: &Option<Type>, name: &str| {
                    let ty = ty.as_ref();
                    ty.map(|ty| self.boxed(ty, &format!("{at}.{name}")))
                        .transpose()
                };
                Shape::Result {
                    ok: side(&result.ok, "ok")?,
                    err: side(&result.err, "err")?,
                }
            }
            TypeDefKind::Enum(it) => {
                Shape::Enum(it.cases.iter().map(|case| case.name.clone()).collect())
            }
            TypeDefKind::Flags(it) => {
                Shape::Flags(it.flags.iter().map(|flag| flag.name.clone()).collect())
            }
            TypeDefKind::Record(record) => {
                let field = |field: &wit_parser::Field| {
                    let shape = self.read(&field.ty, &format!("{at}.{}", field.name))?;
                    let name = field.name.clone();
                    Ok(Field { name, shape })
                };
                let fields: Result<_, TypeError> = record.fields.iter().map(field).collect();
                Shape::Record(fields?)
            }
            TypeDefKind::Variant(variant) => {
                let case = |case: &wit_parser::Case| {
                    let at = format!("{at}.{}", case.name);
                    let payload = case.ty.as_ref().map(|ty| self.read(ty, &at)).transpose()?;
                    let name = case.name.clone();
                    Ok(Case { name, payload })
                };
                let cases: Result<_, TypeError> = variant.cases.iter().map(case).collect();
                Shape::Variant(cases?)
            }
            TypeDefKind::Tuple(tuple) => {
                let part = |(place, ty): (usize, &Type)| self.read(ty, &format!("{at}[{place}]"));
                let parts: Result<_, TypeError> =
                    tuple.types.iter().enumerate().map(part).collect();
                Shape::Tuple(parts?)
            }
            TypeDefKind::Handle(_) => {
                return Err(refused(at, "it is a handle, which JSON does not have"));
            }
            kind => {
                let reason = format!("it is a {}, which JSON does not have", kind.as_str());
                return Err(refused(at, &reason));
            }
        })
    }

    fn boxed(&mut self, ty: &Type, at: &str) -> Result<Box<Shape>, TypeError> {
        self.read(ty, at).map(Box::new)
    }
}

fn refused(at: &str, reason: &str) -> TypeError {
    TypeError {
        at: at.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use wit_parser::Resolve;

    use super::*;

    #[test]
    fn type_of_wit_is_written_back() {
        let wit = "package a:b;
            interface types {
                type text = string;
                record line { title: option<text>, count: u32, weight: f64 }
                enum state { open, shut }
                flags marks { hot, new }
                variant event { paid(list<line>), state(state), marks(marks), other(string) }
                type all = tuple<event, result<u8>, list<tuple<string, char>>>;
            }";
        let mut resolve = Resolve::default();
        resolve.push_str("a.wit", wit).expect("a package");
        let (id, _) = resolve
            .types
            .iter()
            .find(|(_, ty)| ty.name.as_deref() == Some("all"))
            .expect("the type");
        let shape = shape_of(&resolve, &Type::Id(id), "event").expect("a shape");
        assert_eq!(
            shape.to_string(),
            "tuple<variant { paid(list<record { title: option<string>, count: u32, weight: f64 }>), \
             state(enum { open, shut }), marks(flags { hot, new }), other(string) }, result<u8, _>, \
             list<tuple<string, char>>>"
        );
    }

    #[test]
    fn type_without_json_is_refused() {
        let mut resolve = Resolve::default();
        let wit = "package a:b; interface types { resource file; type it = list<own<file>>; }";
        resolve.push_str("a.wit", wit).expect("a package");
        let (id, _) = resolve
            .types
            .iter()
            .find(|(_, ty)| ty.name.as_deref() == Some("it"))
            .expect("the type");
        let refused = shape_of(&resolve, &Type::Id(id), "event").expect_err("a resource");
        assert_eq!(
            refused.to_string(),
            "event[] cannot be decoded: it is a handle, which JSON does not have"
        );
    }
}
