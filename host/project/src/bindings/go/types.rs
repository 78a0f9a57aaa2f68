//! The Go types of a WIT package.

use std::collections::{BTreeMap, BTreeSet};

use wit_parser::{Resolve, SizeAlign, Type, TypeDef, TypeDefKind, TypeId, TypeOwner};

use super::names::{comment, exported};

/// The named types of a Go package.
pub(super) struct Types<'a> {
    pub(super) resolve: &'a Resolve,
    pub(super) sizes: SizeAlign,
    names: BTreeMap<TypeId, String>,
    taken: BTreeSet<String>,
}

impl<'a> Types<'a> {
    pub(super) fn new(resolve: &'a Resolve) -> Self {
        let mut sizes = SizeAlign::default();
        sizes.fill(resolve);
        // Names that the package has for other things.
        let taken = ["Handle", "Handler"].map(str::to_owned).into();
        Self {
            resolve,
            sizes,
            names: BTreeMap::new(),
            taken,
        }
    }

    /// Returns the type behind aliases.
    pub(super) fn root(&self, ty: Type) -> Type {
        match ty {
            Type::Id(id) => match self.resolve.types[id].kind {
                TypeDefKind::Type(inner) => self.root(inner),
                _ => ty,
            },
            _ => ty,
        }
    }

    /// Returns the definition of a type, or `None` for a number, a string and the like.
    pub(super) fn definition(&self, ty: Type) -> Option<(TypeId, &'a TypeDef)> {
        match self.root(ty) {
            Type::Id(id) => Some((id, &self.resolve.types[id])),
            _ => None,
        }
    }

    /// Takes a type and all types inside it into the package.
    ///
    /// # Errors
    ///
    /// Returns the name of a type that plugins cannot receive or send.
    pub(super) fn add(&mut self, ty: Type) -> Result<(), String> {
        let Some((id, definition)) = self.definition(ty) else {
            return Ok(());
        };
        if self.names.contains_key(&id) {
            return Ok(());
        }

        if is_named(&definition.kind) {
            let name = self.free_name(definition);
            self.names.insert(id, name);
        }
        for inner in parts(&definition.kind)? {
            self.add(inner)?;
        }
        Ok(())
    }

    /// Returns a name that no other type has: two interfaces may have types of the same name.
    fn free_name(&mut self, definition: &TypeDef) -> String {
        let short = exported(definition.name.as_deref().unwrap_or("anonymous"));
        let interface = match definition.owner {
            TypeOwner::Interface(id) => self.resolve.interfaces[id].name.as_deref(),
            _ => None,
        };
        let mut name = short.clone();
        if self.taken.contains(&name) {
            name = exported(interface.unwrap_or("world")) + &short;
        }
        while !self.taken.insert(name.clone()) {
            name.push('_');
        }
        name
    }

    /// Returns the name of a named type.
    pub(super) fn name(&self, id: TypeId) -> &str {
        self.names.get(&id).map_or("any", String::as_str)
    }

    /// Returns the named types of the package that are part of these types, or are one of them.
    pub(super) fn reachable(&self, types: impl Iterator<Item = Type>) -> BTreeSet<TypeId> {
        let mut named = BTreeSet::new();
        let mut waiting: Vec<_> = types.collect();
        while let Some(ty) = waiting.pop() {
            let Some((id, definition)) = self.definition(ty) else {
                continue;
            };
            if !self.names.contains_key(&id) || named.insert(id) {
                waiting.extend(parts(&definition.kind).unwrap_or_default());
            }
        }
        named
    }

    /// Returns how Go writes a type.
    pub(super) fn write(&self, ty: Type) -> String {
        let Some((id, definition)) = self.definition(ty) else {
            return primitive(self.root(ty)).to_owned();
        };
        match &definition.kind {
            TypeDefKind::Option(inner) => format!("hookyard.Option[{}]", self.write(*inner)),
            TypeDefKind::List(inner) => format!("[]{}", self.write(*inner)),
            TypeDefKind::Map(key, value) => format!("[]{}", self.pair(*key, *value)),
            TypeDefKind::Tuple(tuple) => match tuple.types[..] {
                [key, value] => self.pair(key, value),
                _ => {
                    let field = |(i, ty): (usize, &Type)| format!("F{i} {}", self.write(*ty));
                    let fields: Vec<_> = tuple.types.iter().enumerate().map(field).collect();
                    format!("struct{{ {} }}", fields.join("; "))
                }
            },
            TypeDefKind::Result(result) => {
                let side = |ty: Option<Type>| ty.map_or("struct{}".into(), |ty| self.write(ty));
                format!("hookyard.Result[{}, {}]", side(result.ok), side(result.err))
            }
            _ => self.name(id).to_owned(),
        }
    }

    fn pair(&self, key: Type, value: Type) -> String {
        format!("hookyard.Pair[{}, {}]", self.write(key), self.write(value))
    }

    /// Returns the declarations of all types.
    pub(super) fn declarations(&self) -> String {
        let named = self.names.iter();
        named
            .map(|(id, name)| self.declaration(name, &self.resolve.types[*id]))
            .collect()
    }

    fn declaration(&self, name: &str, definition: &TypeDef) -> String {
        let docs = comment(definition.docs.contents.as_deref(), "");
        match &definition.kind {
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter();
                let fields = fields.map(|field| Field {
                    docs: comment(field.docs.contents.as_deref(), "\t"),
                    name: exported(&field.name),
                    ty: self.write(field.ty),
                });
                format!(
                    "\n{docs}type {name} struct {{\n{}}}\n",
                    aligned(&fields.collect::<Vec<_>>())
                )
            }
            TypeDefKind::Enum(cases) => {
                let mut text = format!("\n{docs}type {name} string\n");
                for case in &cases.cases {
                    text += &format!("\n{}", comment(case.docs.contents.as_deref(), ""));
                    let constant = name.to_owned() + &exported(&case.name);
                    text += &format!("const {constant} {name} = \"{}\"\n", case.name);
                }
                text
            }
            TypeDefKind::Flags(flags) => {
                let mut text = format!("\n{docs}type {name} uint32\n");
                for (bit, flag) in flags.flags.iter().enumerate() {
                    text += &format!("\n{}", comment(flag.docs.contents.as_deref(), ""));
                    let constant = name.to_owned() + &exported(&flag.name);
                    text += &format!("const {constant} {name} = 1 << {bit}\n");
                }
                text
            }
            TypeDefKind::Variant(variant) => {
                let mut text = format!("\n{docs}type {name} interface{{ is{name}() }}\n");
                for case in &variant.cases {
                    let case_name = name.to_owned() + &exported(&case.name);
                    let value = case
                        .ty
                        .map_or(String::new(), |ty| format!(" Value {} ", self.write(ty)));
                    text += &format!("\n{}", comment(case.docs.contents.as_deref(), ""));
                    text += &format!("type {case_name} struct{{{value}}}\n\n");
                    text += &format!("func ({case_name}) is{name}() {{}}\n");
                }
                text
            }
            _ => String::new(),
        }
    }
}

/// A field of a Go struct.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) docs: String,
    pub(super) name: String,
    pub(super) ty: String,
}

/// Writes fields as gofmt does: the types of neighbours without comments between them are aligned.
pub(super) fn aligned(fields: &[Field]) -> String {
    let mut text = String::new();
    for group in fields.chunk_by(|_, next| next.docs.is_empty()) {
        let width = group
            .iter()
            .map(|field| field.name.len())
            .max()
            .unwrap_or(0);
        for Field { docs, name, ty } in group {
            text += &format!("{docs}\t{name:width$} {ty}\n");
        }
    }
    text
}

fn is_named(kind: &TypeDefKind) -> bool {
    use TypeDefKind::{Enum, Flags, Record, Variant};
    matches!(kind, Record(_) | Enum(_) | Flags(_) | Variant(_))
}

/// Returns the types inside a type.
fn parts(kind: &TypeDefKind) -> Result<Vec<Type>, String> {
    Ok(match kind {
        TypeDefKind::Record(record) => record.fields.iter().map(|field| field.ty).collect(),
        TypeDefKind::Variant(variant) => variant.cases.iter().filter_map(|case| case.ty).collect(),
        TypeDefKind::Tuple(tuple) => tuple.types.clone(),
        TypeDefKind::Option(inner) | TypeDefKind::List(inner) => vec![*inner],
        TypeDefKind::Map(key, value) => vec![*key, *value],
        TypeDefKind::Result(result) => result.ok.into_iter().chain(result.err).collect(),
        TypeDefKind::Flags(flags) if flags.flags.len() > 32 => {
            return Err("flags with more than 32 names".to_owned());
        }
        TypeDefKind::Enum(_) | TypeDefKind::Flags(_) => Vec::new(),
        other => return Err(other.as_str().to_owned()),
    })
}

/// Returns the Go type of a type without parts.
pub(super) fn primitive(ty: Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::U8 => "uint8",
        Type::U16 => "uint16",
        Type::U32 => "uint32",
        Type::U64 => "uint64",
        Type::S8 => "int8",
        Type::S16 => "int16",
        Type::S32 => "int32",
        Type::S64 => "int64",
        Type::F32 => "float32",
        Type::F64 => "float64",
        Type::Char => "rune",
        Type::String => "string",
        Type::ErrorContext | Type::Id(_) => "any",
    }
}
