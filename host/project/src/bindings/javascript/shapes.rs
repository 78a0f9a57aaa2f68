//! `shapes.json`: the types of the events as data. The SDK converts the engine's values by them, and
//! its unit tests read fixtures by them.

use serde_json::{Map, Value, json};
use wit_parser::{Type, TypeDefKind, TypeId};

use super::super::NOTICE;
use super::types::{Types, root, unsupported};
use crate::build::BuildError;
use crate::language::Engine;
use crate::template::Spelling;

/// Writes the file.
pub(super) fn text(
    types: &Types<'_>,
    event: Option<TypeId>,
    engine: Engine,
) -> Result<String, BuildError> {
    let mut named = Map::new();
    for (id, name) in types.iter() {
        named.insert(name.to_owned(), definition(types, id)?);
    }
    let event = event.and_then(|id| types.name(id));
    let value = json!({ "//": NOTICE, "engine": engine.name(), "event": event, "types": named });
    Ok(format!("{value:#}\n"))
}

/// Returns a named type with its parts.
fn definition(types: &Types<'_>, id: TypeId) -> Result<Value, BuildError> {
    let optional = |ty: Option<Type>| ty.map_or(Ok(Value::Null), |ty| shape(types, ty));
    let value = match &types.resolve.types[id].kind {
        TypeDefKind::Record(record) => {
            let fields = record.fields.iter();
            let fields = fields.map(|it| Ok((Spelling::Camel.of(&it.name), shape(types, it.ty)?)));
            json!({ "record": object(fields)? })
        }
        TypeDefKind::Variant(variant) => {
            let cases = variant.cases.iter();
            json!({ "variant": object(cases.map(|it| Ok((it.name.clone(), optional(it.ty)?))))? })
        }
        TypeDefKind::Enum(cases) => {
            json!({ "enum": cases.cases.iter().map(|case| &case.name).collect::<Vec<_>>() })
        }
        TypeDefKind::Flags(flags) => {
            let names = flags
                .flags
                .iter()
                .map(|flag| Spelling::Camel.of(&flag.name));
            json!({ "flags": names.collect::<Vec<_>>() })
        }
        kind => return Err(unsupported(kind.as_str())),
    };
    Ok(value)
}

/// Returns a type where it is used: the name of a type, or a type without a name.
fn shape(types: &Types<'_>, ty: Type) -> Result<Value, BuildError> {
    let id = match ty {
        Type::Id(id) => root(types.resolve, id),
        Type::Bool => return Ok("bool".into()),
        Type::U8 => return Ok("u8".into()),
        Type::U16 => return Ok("u16".into()),
        Type::U32 => return Ok("u32".into()),
        Type::U64 => return Ok("u64".into()),
        Type::S8 => return Ok("s8".into()),
        Type::S16 => return Ok("s16".into()),
        Type::S32 => return Ok("s32".into()),
        Type::S64 => return Ok("s64".into()),
        Type::F32 => return Ok("f32".into()),
        Type::F64 => return Ok("f64".into()),
        Type::Char => return Ok("char".into()),
        Type::String => return Ok("string".into()),
        Type::ErrorContext => return Err(unsupported("error-context")),
    };
    if let Some(name) = types.name(id) {
        return Ok(name.into());
    }

    let inner = |ty: Type| shape(types, ty);
    let optional = |ty: Option<Type>| ty.map_or(Ok(Value::Null), inner);
    Ok(match &types.resolve.types[id].kind {
        TypeDefKind::Type(ty) => inner(*ty)?,
        TypeDefKind::Option(ty) => json!({ "option": inner(*ty)? }),
        TypeDefKind::List(ty) => json!({ "list": inner(*ty)? }),
        TypeDefKind::Tuple(tuple) => {
            let types: Result<Vec<_>, _> = tuple.types.iter().copied().map(inner).collect();
            json!({ "tuple": types? })
        }
        TypeDefKind::Result(result) => {
            json!({ "variant": { "ok": optional(result.ok)?, "err": optional(result.err)? } })
        }
        kind => return Err(unsupported(kind.as_str())),
    })
}

fn object(
    entries: impl Iterator<Item = Result<(String, Value), BuildError>>,
) -> Result<Map<String, Value>, BuildError> {
    entries.collect()
}
