//! Declarations of a provider's types in Zig.

use std::fmt::Write;

use wit_parser::{Docs, Flags, Type, TypeDefKind, TypeId};

use crate::bindings::c::model::Model;
use crate::template::Spelling;

/// Declares the named types of the model.
pub(crate) fn declarations(model: &Model<'_>) -> String {
    let mut text = String::new();
    for id in &model.types {
        if model.resolve.types[*id].name.is_some() {
            declaration(model, *id, &mut text);
        }
    }
    text
}

/// Declares the record with the facts about the event, as the plugin's WIT has it.
pub(crate) fn delivery(model: &Model<'_>) -> String {
    let mut text = String::new();
    let parameter = model
        .handle
        .params
        .first()
        .map(|parameter| model.resolved(parameter.ty));
    if let Some(Type::Id(id)) = parameter
        && let TypeDefKind::Record(record) = &model.resolve.types[id].kind
    {
        comment(&model.resolve.types[id].docs, "", &mut text);
        text.push_str("pub const Delivery = struct {\n");
        for field in &record.fields {
            self::field(model, (&field.name, field.ty, &field.docs), &mut text);
        }
        text.push_str("};\n");
    }
    text
}

/// The name of a type in Zig.
pub(crate) fn name(model: &Model<'_>, ty: Type) -> String {
    let id = match model.resolved(ty) {
        Type::Bool => return "bool".to_owned(),
        Type::U8 => return "u8".to_owned(),
        Type::S8 => return "i8".to_owned(),
        Type::U16 => return "u16".to_owned(),
        Type::S16 => return "i16".to_owned(),
        Type::U32 | Type::Char | Type::ErrorContext => return "u32".to_owned(),
        Type::S32 => return "i32".to_owned(),
        Type::U64 => return "u64".to_owned(),
        Type::S64 => return "i64".to_owned(),
        Type::F32 => return "f32".to_owned(),
        Type::F64 => return "f64".to_owned(),
        Type::String => return "[]const u8".to_owned(),
        Type::Id(id) => id,
    };
    let ty = &model.resolve.types[id];
    match &ty.kind {
        _ if ty.name.is_some() => Spelling::Pascal.of(model.name(id).unwrap_or("unknown")),
        kind => anonymous(model, kind),
    }
}

/// Writes a name of WIT as an identifier.
pub(crate) fn identifier(name: &str) -> String {
    let name = Spelling::Snake.of(name);
    if KEYWORDS.contains(&name.as_str()) {
        return format!("@\"{name}\"");
    }
    name
}

/// Writes the lines of a documentation as comments of this kind.
pub(crate) fn comment(docs: &Docs, indent: &str, text: &mut String) {
    for line in docs.contents.as_deref().unwrap_or_default().lines() {
        let _ = writeln!(text, "{}", format!("{indent}/// {line}").trim_end());
    }
}

/// Keywords of Zig, and names of its primitive types that records are likely to use.
const KEYWORDS: [&str; 51] = [
    "addrspace",
    "align",
    "allowzero",
    "and",
    "anyframe",
    "anytype",
    "asm",
    "async",
    "await",
    "bool",
    "break",
    "callconv",
    "catch",
    "comptime",
    "const",
    "continue",
    "defer",
    "else",
    "enum",
    "errdefer",
    "error",
    "export",
    "extern",
    "false",
    "fn",
    "for",
    "if",
    "inline",
    "linksection",
    "noalias",
    "noinline",
    "nosuspend",
    "null",
    "opaque",
    "or",
    "orelse",
    "packed",
    "pub",
    "resume",
    "return",
    "struct",
    "suspend",
    "switch",
    "test",
    "true",
    "try",
    "type",
    "undefined",
    "union",
    "unreachable",
    "var",
];

fn declaration(model: &Model<'_>, id: TypeId, text: &mut String) {
    let ty = &model.resolve.types[id];
    let name = Spelling::Pascal.of(model.name(id).unwrap_or("unknown"));
    comment(&ty.docs, "", text);

    match &ty.kind {
        TypeDefKind::Record(record) => {
            let _ = writeln!(text, "pub const {name} = struct {{");
            for field in &record.fields {
                self::field(model, (&field.name, field.ty, &field.docs), text);
            }
        }
        TypeDefKind::Variant(variant) => {
            let _ = writeln!(text, "pub const {name} = union(enum) {{");
            for case in &variant.cases {
                comment(&case.docs, "    ", text);
                let payload = case.ty.map(|ty| format!(": {}", self::name(model, ty)));
                let _ = writeln!(
                    text,
                    "    {}{},",
                    identifier(&case.name),
                    payload.unwrap_or_default()
                );
            }
        }
        TypeDefKind::Enum(cases) => {
            let _ = writeln!(text, "pub const {name} = enum {{");
            for case in &cases.cases {
                comment(&case.docs, "    ", text);
                let _ = writeln!(text, "    {},", identifier(&case.name));
            }
        }
        TypeDefKind::Flags(flags) => bits(&name, flags, text),
        kind => {
            let _ = writeln!(text, "pub const {name} = {};\n", anonymous(model, kind));
            return;
        }
    }
    text.push_str("};\n\n");
}

fn bits(name: &str, flags: &Flags, text: &mut String) {
    let count = flags.flags.len();
    let bits = 8 * count.div_ceil(8).next_power_of_two();
    let _ = writeln!(text, "pub const {name} = packed struct(u{bits}) {{");
    for flag in &flags.flags {
        comment(&flag.docs, "    ", text);
        let _ = writeln!(text, "    {}: bool = false,", identifier(&flag.name));
    }
    if bits > count {
        let _ = writeln!(text, "    _: u{} = 0,", bits - count);
    }
}

fn anonymous(model: &Model<'_>, kind: &TypeDefKind) -> String {
    match kind {
        TypeDefKind::Option(inner) => format!("?{}", name(model, *inner)),
        TypeDefKind::List(inner) => format!("[]const {}", name(model, *inner)),
        TypeDefKind::Tuple(tuple) => {
            let parts: Vec<_> = tuple.types.iter().map(|ty| name(model, *ty)).collect();
            format!("struct {{ {} }}", parts.join(", "))
        }
        other => format!("@compileError(\"Zig has no {}\")", other.as_str()),
    }
}

fn field(model: &Model<'_>, (name, ty, docs): (&str, Type, &Docs), text: &mut String) {
    comment(docs, "    ", text);
    let ty = self::name(model, ty);
    let default = if ty.starts_with('?') { " = null" } else { "" };
    let _ = writeln!(text, "    {}: {ty}{default},", identifier(name));
}
