//! Declarations of a provider's types in C++.

use std::fmt::Write;

use wit_bindgen_c::to_c_ident;
use wit_parser::{Docs, Flags, Record, Type, TypeDefKind, TypeId, Variant};

use crate::bindings::c::file_name;
use crate::bindings::c::model::Model;
use crate::bindings::c::types::{comment, integer};

/// Declares the named types of the model. The others are templates.
pub(crate) fn declarations(model: &Model) -> String {
    let mut text = String::new();
    for id in &model.types {
        let ty = &model.resolve.types[*id];
        if ty.name.is_some() && ty.name.as_deref() != Some("event") {
            declaration(model, *id, &mut text);
        }
    }
    text
}

/// The name of a type in C++, such as `topi_saas::money`.
pub(crate) fn name(model: &Model, ty: Type) -> String {
    let id = match model.resolved(ty) {
        Type::Bool => return "bool".to_owned(),
        Type::U8 => return "std::uint8_t".to_owned(),
        Type::S8 => return "std::int8_t".to_owned(),
        Type::U16 => return "std::uint16_t".to_owned(),
        Type::S16 => return "std::int16_t".to_owned(),
        Type::U32 | Type::ErrorContext => return "std::uint32_t".to_owned(),
        Type::Char => return "char32_t".to_owned(),
        Type::S32 => return "std::int32_t".to_owned(),
        Type::U64 => return "std::uint64_t".to_owned(),
        Type::S64 => return "std::int64_t".to_owned(),
        Type::F32 => return "float".to_owned(),
        Type::F64 => return "double".to_owned(),
        Type::String => return "std::string_view".to_owned(),
        Type::Id(id) => id,
    };
    let ty = &model.resolve.types[id];
    match &ty.kind {
        // With the namespace, because a field may have the name of a type.
        _ if ty.name.is_some() => {
            let name = to_c_ident(model.name(id).unwrap_or("unknown"));
            format!("{}::{name}", file_name(model))
        }
        kind => template(model, kind),
    }
}

fn declaration(model: &Model, id: TypeId, text: &mut String) {
    let ty = &model.resolve.types[id];
    let name = to_c_ident(model.name(id).unwrap_or("unknown"));
    comment(&ty.docs, "", text);

    match &ty.kind {
        TypeDefKind::Record(record) => structure(model, &name, record, text),
        TypeDefKind::Variant(variant) => union(model, &name, variant, text),
        TypeDefKind::Enum(cases) => {
            let named = cases
                .cases
                .iter()
                .map(|case| (case.name.as_str(), &case.docs));
            enumeration(
                &format!("{name} : {}", integer(cases.tag())),
                named,
                "",
                text,
            );
            text.push('\n');
        }
        TypeDefKind::Flags(flags) => bits(&name, flags, text),
        TypeDefKind::Option(_) | TypeDefKind::List(_) | TypeDefKind::Tuple(_) => {
            let template = template(model, &ty.kind);
            let _ = writeln!(text, "using {name} = {template};\n");
        }
        other => {
            let _ = writeln!(
                text,
                "// The type {name} is left out: it is a {}.\n",
                other.as_str()
            );
        }
    }
}

fn structure(model: &Model, name: &str, record: &Record, text: &mut String) {
    let _ = writeln!(text, "struct {name} {{");
    for field in &record.fields {
        comment(&field.docs, "    ", text);
        let ty = self::name(model, field.ty);
        let _ = writeln!(text, "    {ty} {}{{}};", to_c_ident(&field.name));
    }
    let _ = writeln!(text, "}};\n");
}

fn union(model: &Model, name: &str, variant: &Variant, text: &mut String) {
    let _ = writeln!(text, "struct {name} {{");
    let cases = variant
        .cases
        .iter()
        .map(|case| (case.name.as_str(), &case.docs));
    enumeration(
        &format!("kind : {}", integer(variant.tag())),
        cases,
        "    ",
        text,
    );

    let _ = writeln!(text, "    kind tag{{}};\n    union {{\n        char none;");
    for case in &variant.cases {
        if let Some(ty) = case.ty {
            let _ = writeln!(
                text,
                "        {} {};",
                self::name(model, ty),
                to_c_ident(&case.name)
            );
        }
    }
    let _ = writeln!(text, "    }};\n    {name}() : none(0) {{}}\n}};\n");
}

fn bits(name: &str, flags: &Flags, text: &mut String) {
    let integer = integer(wit_bindgen_c::flags_repr(flags));
    let _ = writeln!(text, "using {name} = {integer};");
    for (bit, flag) in flags.flags.iter().enumerate() {
        comment(&flag.docs, "", text);
        let flag = flag.name.replace('-', "_");
        let _ = writeln!(
            text,
            "inline constexpr {name} {name}_{flag} = {integer}{{1}} << {bit};"
        );
    }
    text.push('\n');
}

/// The name of a type without a name of its own.
fn template(model: &Model, kind: &TypeDefKind) -> String {
    match kind {
        TypeDefKind::Option(inner) => format!("hookyard::option<{}>", name(model, *inner)),
        TypeDefKind::List(inner) => format!("hookyard::list<{}>", name(model, *inner)),
        TypeDefKind::Tuple(tuple) => {
            let parts: Vec<_> = tuple.types.iter().map(|ty| name(model, *ty)).collect();
            format!("hookyard::tuple<{}>", parts.join(", "))
        }
        other => format!("unsupported_{}", other.as_str()),
    }
}

/// Declares an enumeration. `head` is its name and its integer.
fn enumeration<'a>(
    head: &str,
    cases: impl Iterator<Item = (&'a str, &'a Docs)>,
    indent: &str,
    text: &mut String,
) {
    let _ = writeln!(text, "{indent}enum class {head} {{");
    for (case, docs) in cases {
        comment(docs, &format!("{indent}    "), text);
        let _ = writeln!(text, "{indent}    {},", to_c_ident(case));
    }
    let _ = writeln!(text, "{indent}}};");
}
