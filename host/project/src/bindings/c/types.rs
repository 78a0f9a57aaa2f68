//! Declarations of a provider's types in C.
//!
//! The declarations have the layout of those that `wit-bindgen` writes, so a pointer to one is a
//! pointer to the other. They differ in their names, which are short, and in that a type has one
//! name wherever it is used.

use std::fmt::Write;

use wit_bindgen_c::to_c_ident;
use wit_parser::{Docs, Flags, Int, Type, TypeDefKind, TypeId, Variant};

use super::model::{Model, is_primitive};

/// Declares all types of the model.
pub(crate) fn declarations(model: &Model) -> String {
    let mut text = String::new();
    for id in &model.types {
        declaration(model, *id, &mut text);
    }
    text
}

/// The name of a type in C, such as `topi_saas_money` or `int64_t`.
pub(crate) fn name(model: &Model, ty: Type) -> String {
    match model.resolved(ty) {
        Type::Bool => "bool".to_owned(),
        Type::U8 => "uint8_t".to_owned(),
        Type::S8 => "int8_t".to_owned(),
        Type::U16 => "uint16_t".to_owned(),
        Type::S16 => "int16_t".to_owned(),
        Type::U32 | Type::Char | Type::ErrorContext => "uint32_t".to_owned(),
        Type::S32 => "int32_t".to_owned(),
        Type::U64 => "uint64_t".to_owned(),
        Type::S64 => "int64_t".to_owned(),
        Type::F32 => "float".to_owned(),
        Type::F64 => "double".to_owned(),
        Type::String => "hy_string".to_owned(),
        Type::Id(id) if is_primitive(model.resolve, &Type::Id(id)) => {
            let mut name = String::new();
            wit_bindgen_c::push_ty_name(model.resolve, &Type::Id(id), &mut name);
            format!("hy_{name}_t")
        }
        Type::Id(id) => identifier(model, model.name(id).unwrap_or("unknown")),
    }
}

/// Prefixes a name with that of the provider.
pub(crate) fn identifier(model: &Model, name: &str) -> String {
    format!("{}_{name}", model.namespace()).replace('-', "_")
}

/// Writes a comment for each line of a documentation.
pub(crate) fn comment(docs: &Docs, indent: &str, text: &mut String) {
    let lines = docs.contents.as_deref().unwrap_or_default().lines();
    for line in lines {
        let _ = writeln!(text, "{}", format!("{indent}// {line}").trim_end());
    }
}

fn declaration(model: &Model, id: TypeId, text: &mut String) {
    let ty = &model.resolve.types[id];
    let name = identifier(model, model.name(id).unwrap_or("unknown"));
    comment(&ty.docs, "", text);

    match &ty.kind {
        TypeDefKind::Record(record) => {
            let fields = record.fields.iter();
            let fields = fields.map(|field| (field.name.clone(), field.ty, &field.docs));
            structure(model, &name, fields, text);
        }
        TypeDefKind::Tuple(tuple) => {
            let docs = Docs::default();
            let fields = tuple.types.iter().enumerate();
            let fields = fields.map(|(index, ty)| (format!("f{index}"), *ty, &docs));
            structure(model, &name, fields, text);
        }
        TypeDefKind::Option(inner) => {
            let inner = self::name(model, *inner);
            let _ = writeln!(
                text,
                "typedef struct {{\n    bool is_some;\n    {inner} val;\n}} {name};\n"
            );
        }
        TypeDefKind::List(inner) => {
            let inner = self::name(model, *inner);
            let _ = writeln!(
                text,
                "typedef struct {{\n    {inner} *ptr;\n    size_t len;\n}} {name};\n"
            );
        }
        TypeDefKind::Variant(variant) => {
            let cases = variant.cases.iter();
            constants(
                &name,
                cases.map(|case| (case.name.as_str(), &case.docs)),
                text,
            );
            union(model, &name, variant, text);
        }
        TypeDefKind::Enum(cases) => {
            let named = cases.cases.iter();
            constants(
                &name,
                named.map(|case| (case.name.as_str(), &case.docs)),
                text,
            );
            let _ = writeln!(text, "typedef {} {name};\n", integer(cases.tag()));
        }
        TypeDefKind::Flags(flags) => bits(&name, flags, text),
        other => {
            let _ = writeln!(
                text,
                "// The type {name} is left out: C has no {}.\n",
                other.as_str()
            );
        }
    }
}

fn bits(name: &str, flags: &Flags, text: &mut String) {
    for (bit, flag) in flags.flags.iter().enumerate() {
        comment(&flag.docs, "", text);
        let _ = writeln!(text, "#define {} (1u << {bit})", constant(name, &flag.name));
    }
    let integer = integer(wit_bindgen_c::flags_repr(flags));
    let _ = writeln!(text, "typedef {integer} {name};\n");
}

fn structure<'a>(
    model: &Model,
    name: &str,
    fields: impl Iterator<Item = (String, Type, &'a Docs)>,
    text: &mut String,
) {
    let _ = writeln!(text, "typedef struct {{");
    for (field, ty, docs) in fields {
        comment(docs, "    ", text);
        let _ = writeln!(
            text,
            "    {} {};",
            self::name(model, ty),
            to_c_ident(&field)
        );
    }
    let _ = writeln!(text, "}} {name};\n");
}

fn union(model: &Model, name: &str, variant: &Variant, text: &mut String) {
    let _ = writeln!(
        text,
        "typedef struct {{\n    {} tag;",
        integer(variant.tag())
    );
    if variant.cases.iter().any(|case| case.ty.is_some()) {
        let _ = writeln!(text, "    union {{");
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
        let _ = writeln!(text, "    }} val;");
    }
    let _ = writeln!(text, "}} {name};\n");
}

fn constants<'a>(name: &str, cases: impl Iterator<Item = (&'a str, &'a Docs)>, text: &mut String) {
    let _ = writeln!(text, "enum {{");
    for (case, docs) in cases {
        comment(docs, "    ", text);
        let _ = writeln!(text, "    {},", constant(name, case));
    }
    let _ = writeln!(text, "}};");
}

fn constant(name: &str, case: &str) -> String {
    format!("{name}_{case}").replace('-', "_").to_uppercase()
}

/// The type of a tag or of flags.
pub(crate) fn integer(int: Int) -> &'static str {
    wit_bindgen_c::int_repr(int)
}
