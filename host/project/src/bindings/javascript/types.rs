//! Types of WIT as types of TypeScript.

use std::fmt::Write as _;

use wit_parser::{Docs, Resolve, Type, TypeDefKind, TypeId, TypeOwner};

use crate::build::BuildError;
use crate::template::Spelling;

/// The named types that a module declares, in the order in which they are found.
#[derive(Debug)]
pub(super) struct Types<'a> {
    pub(super) resolve: &'a Resolve,
    named: Vec<(TypeId, String)>,
}

/// Follows `use` and `type` to the type that they name.
pub(super) fn root(resolve: &Resolve, mut id: TypeId) -> TypeId {
    while let TypeDefKind::Type(Type::Id(next)) = resolve.types[id].kind {
        id = next;
    }
    id
}

impl<'a> Types<'a> {
    pub(super) fn new(resolve: &'a Resolve) -> Self {
        Self {
            resolve,
            named: Vec::new(),
        }
    }

    /// Returns the types with their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (TypeId, &str)> {
        self.named.iter().map(|(id, name)| (*id, name.as_str()))
    }

    /// Returns the name of a type that has a declaration.
    pub(super) fn name(&self, id: TypeId) -> Option<&str> {
        let found = self.named.iter().find(|(known, _)| *known == id);
        found.map(|(_, name)| name.as_str())
    }

    /// Adds a type and every type that it contains.
    pub(super) fn add(&mut self, ty: Type) -> Result<(), BuildError> {
        let Type::Id(id) = ty else {
            return Ok(());
        };
        let id = root(self.resolve, id);
        if self.name(id).is_some() {
            return Ok(());
        }

        let kind = &self.resolve.types[id].kind;
        if is_declared(kind) {
            let name = self.free_name(id);
            self.named.push((id, name));
        }
        parts(kind).into_iter().try_for_each(|part| self.add(part))
    }

    /// Returns a name that no other type has: types of different interfaces may have the same.
    fn free_name(&self, id: TypeId) -> String {
        let definition = &self.resolve.types[id];
        let name = Spelling::Pascal.of(definition.name.as_deref().unwrap_or("type"));
        let is_free = |name: &str| self.named.iter().all(|(_, known)| known != name);
        if is_free(&name) {
            return name;
        }

        let owner = match definition.owner {
            TypeOwner::Interface(interface) => self.resolve.interfaces[interface].name.as_deref(),
            _ => None,
        };
        let name = Spelling::Pascal.of(owner.unwrap_or("other")) + &name;
        let mut names =
            std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}{number}")));
        names.find(|name| is_free(name)).unwrap_or(name)
    }

    /// Returns a type as an expression.
    pub(super) fn expression(&self, ty: Type) -> Result<String, BuildError> {
        let id = match ty {
            Type::Bool => return Ok("boolean".to_owned()),
            Type::S64 | Type::U64 => return Ok("bigint".to_owned()),
            Type::Char | Type::String => return Ok("string".to_owned()),
            Type::Id(id) => root(self.resolve, id),
            Type::ErrorContext => return Err(unsupported("error-context")),
            _ => return Ok("number".to_owned()),
        };
        if let Some(name) = self.name(id) {
            return Ok(name.to_owned());
        }

        let expression = |ty| self.expression(ty);
        Ok(match &self.resolve.types[id].kind {
            TypeDefKind::Type(ty) => expression(*ty)?,
            TypeDefKind::Option(inner) if self.is_option(*inner) => format!(
                "{{ tag: \"some\"; val: {} }} | {{ tag: \"none\" }}",
                expression(*inner)?
            ),
            TypeDefKind::Option(inner) => format!("{} | undefined", expression(*inner)?),
            TypeDefKind::List(Type::U8) => "Uint8Array".to_owned(),
            TypeDefKind::List(inner) => format!("Array<{}>", expression(*inner)?),
            TypeDefKind::Tuple(tuple) => {
                let types: Result<Vec<_>, _> =
                    tuple.types.iter().copied().map(expression).collect();
                format!("[{}]", types?.join(", "))
            }
            TypeDefKind::Result(result) => format!(
                "{} | {}",
                self.case("ok", result.ok)?,
                self.case("err", result.err)?
            ),
            kind => return Err(unsupported(kind.as_str())),
        })
    }

    pub(super) fn is_option(&self, ty: Type) -> bool {
        let Type::Id(id) = ty else {
            return false;
        };
        let kind = &self.resolve.types[root(self.resolve, id)].kind;
        matches!(kind, TypeDefKind::Option(_))
    }

    fn case(&self, tag: &str, payload: Option<Type>) -> Result<String, BuildError> {
        match payload {
            Some(ty) => Ok(format!(
                "{{ tag: \"{tag}\"; val: {} }}",
                self.expression(ty)?
            )),
            None => Ok(format!("{{ tag: \"{tag}\"; val?: undefined }}")),
        }
    }

    /// Writes the declaration of a type.
    pub(super) fn declaration(&self, id: TypeId, name: &str) -> Result<String, BuildError> {
        let definition = &self.resolve.types[id];
        let mut text = comment(&definition.docs, "");
        match &definition.kind {
            TypeDefKind::Record(record) => {
                text.push_str(&format!("export interface {name} {{\n"));
                for field in &record.fields {
                    let optional = if self.is_option(field.ty) { "?" } else { "" };
                    text.push_str(&comment(&field.docs, "  "));
                    let (name, ty) = (Spelling::Camel.of(&field.name), self.expression(field.ty)?);
                    text.push_str(&format!("  {name}{optional}: {ty};\n"));
                }
                text.push_str("}\n");
            }
            TypeDefKind::Flags(flags) => {
                text.push_str(&format!("export interface {name} {{\n"));
                for flag in &flags.flags {
                    text.push_str(&comment(&flag.docs, "  "));
                    text.push_str(&format!("  {}: boolean;\n", Spelling::Camel.of(&flag.name)));
                }
                text.push_str("}\n");
            }
            TypeDefKind::Variant(variant) => {
                text.push_str(&format!("export type {name} =\n"));
                for case in &variant.cases {
                    text.push_str(&comment(&case.docs, "  "));
                    text.push_str(&format!("  | {}\n", self.case(&case.name, case.ty)?));
                }
                end_statement(&mut text);
            }
            TypeDefKind::Enum(cases) => {
                text.push_str(&format!("export type {name} =\n"));
                for case in &cases.cases {
                    text.push_str(&comment(&case.docs, "  "));
                    text.push_str(&format!("  | \"{}\"\n", case.name));
                }
                end_statement(&mut text);
            }
            kind => return Err(unsupported(kind.as_str())),
        }
        Ok(text)
    }
}

fn end_statement(text: &mut String) {
    text.truncate(text.trim_end().len());
    text.push_str(";\n");
}

/// Writes documentation as a comment.
pub(super) fn comment(docs: &Docs, indent: &str) -> String {
    let Some(text) = docs.contents.as_deref() else {
        return String::new();
    };
    let text = text.trim().replace("*/", "* /");
    if !text.contains('\n') {
        return format!("{indent}/** {text} */\n");
    }

    let mut comment = format!("{indent}/**\n");
    for line in text.lines() {
        // Writing to a string does not fail.
        let _ = writeln!(comment, "{}", format!("{indent} * {line}").trim_end());
    }
    comment + indent + " */\n"
}

fn is_declared(kind: &TypeDefKind) -> bool {
    matches!(
        kind,
        TypeDefKind::Record(_)
            | TypeDefKind::Flags(_)
            | TypeDefKind::Variant(_)
            | TypeDefKind::Enum(_)
    )
}

/// Returns the types that a type directly contains.
fn parts(kind: &TypeDefKind) -> Vec<Type> {
    match kind {
        TypeDefKind::Record(record) => record.fields.iter().map(|field| field.ty).collect(),
        TypeDefKind::Variant(variant) => variant.cases.iter().filter_map(|case| case.ty).collect(),
        TypeDefKind::Tuple(tuple) => tuple.types.clone(),
        TypeDefKind::Option(ty) | TypeDefKind::List(ty) | TypeDefKind::Type(ty) => vec![*ty],
        TypeDefKind::Result(result) => result.ok.into_iter().chain(result.err).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn unsupported(kind: &str) -> BuildError {
    BuildError::Bindings(format!(
        "an event contains the type `{kind}`, which JSON and therefore a handler cannot have"
    ))
}
