//! Go code that reads values from the memory of a component and writes values to it.
//!
//! The layout is that of the canonical ABI. `p` is the address of a value in Go code.

use wit_parser::{Int, Record, Type, TypeDefKind, TypeId, Variant};

use super::names::exported;
use super::types::{Types, primitive};

impl Types<'_> {
    /// Returns the expression for the value at an address.
    pub(super) fn load(&self, ty: Type, p: &str) -> String {
        let Some((id, definition)) = self.definition(ty) else {
            return match self.root(ty) {
                Type::String => format!("abi.LoadString({p})"),
                other => format!("abi.Load[{}]({p})", primitive(other)),
            };
        };
        match &definition.kind {
            TypeDefKind::Option(inner) => {
                let offset = self.payload_offset(&[None, Some(*inner)], Int::U8);
                format!("bind.LoadOption({p}, {offset}, {})", self.loader(*inner))
            }
            TypeDefKind::List(inner) if self.is_number(*inner) => {
                format!("abi.LoadNumbers[{}]({p})", self.write(*inner))
            }
            TypeDefKind::List(inner) => {
                format!(
                    "abi.LoadList({p}, {}, {})",
                    self.size(*inner),
                    self.loader(*inner)
                )
            }
            TypeDefKind::Map(key, value) => {
                let size = self.size_of(&[*key, *value]);
                format!(
                    "abi.LoadList({p}, {size}, {})",
                    self.tuple_loader(ty, &[*key, *value], "[]")
                )
            }
            TypeDefKind::Tuple(tuple) => {
                format!("{}({p})", self.tuple_loader(ty, &tuple.types, ""))
            }
            TypeDefKind::Result(result) => {
                let offset = self.payload_offset(&[result.ok, result.err], Int::U8);
                let (ok, err) = (self.side_loader(result.ok), self.side_loader(result.err));
                format!("bind.LoadResult({p}, {offset}, {ok}, {err})")
            }
            _ => format!("load{}({p})", self.name(id)),
        }
    }

    /// Returns a function that reads a value.
    fn loader(&self, ty: Type) -> String {
        let call = self.load(ty, "p");
        match call.strip_suffix("(p)") {
            Some(function) if !function.contains('(') => function.to_owned(),
            _ => format!("func(p abi.Pointer) {} {{ return {call} }}", self.write(ty)),
        }
    }

    fn side_loader(&self, ty: Option<Type>) -> String {
        ty.map_or("bind.LoadNothing".to_owned(), |ty| self.loader(ty))
    }

    /// Returns a function that reads a tuple, or an element of a map.
    fn tuple_loader(&self, ty: Type, parts: &[Type], list: &str) -> String {
        let name = self.write(ty);
        let name = name.strip_prefix(list).unwrap_or(&name);
        let loads: Vec<_> = self
            .fields(parts)
            .map(|(p, part)| self.load(part, &p))
            .collect();
        format!(
            "func(p abi.Pointer) {name} {{ return {name}{{{}}} }}",
            loads.join(", ")
        )
    }

    /// Returns the statement that writes a value to an address.
    pub(super) fn store(&self, ty: Type, p: &str, value: &str) -> String {
        let Some((id, definition)) = self.definition(ty) else {
            return match self.root(ty) {
                Type::String => format!("abi.StoreString({p}, {value})"),
                _ => format!("abi.Store({p}, {value})"),
            };
        };
        match &definition.kind {
            TypeDefKind::Option(inner) => {
                let offset = self.payload_offset(&[None, Some(*inner)], Int::U8);
                format!(
                    "bind.StoreOption({p}, {offset}, {value}, {})",
                    self.storer(*inner)
                )
            }
            TypeDefKind::List(inner) if self.is_number(*inner) => {
                format!("abi.StoreNumbers({p}, {value})")
            }
            TypeDefKind::List(inner) => {
                format!(
                    "abi.StoreList({p}, {}, {value}, {})",
                    self.size(*inner),
                    self.storer(*inner)
                )
            }
            TypeDefKind::Map(key, v) => {
                let (size, store) = (
                    self.size_of(&[*key, *v]),
                    self.tuple_storer(ty, &[*key, *v], "[]"),
                );
                format!("abi.StoreList({p}, {size}, {value}, {store})")
            }
            TypeDefKind::Tuple(tuple) => {
                format!("{}({p}, {value})", self.tuple_storer(ty, &tuple.types, ""))
            }
            TypeDefKind::Result(result) => {
                let offset = self.payload_offset(&[result.ok, result.err], Int::U8);
                let (ok, err) = (self.side_storer(result.ok), self.side_storer(result.err));
                format!("bind.StoreResult({p}, {offset}, {value}, {ok}, {err})")
            }
            _ => format!("store{}({p}, {value})", self.name(id)),
        }
    }

    /// Returns a function that writes a value.
    fn storer(&self, ty: Type) -> String {
        let call = self.store(ty, "p", "v");
        match call.strip_suffix("(p, v)") {
            Some("abi.Store") => format!("abi.Store[{}]", self.write(ty)),
            Some(function) if !function.contains('(') => function.to_owned(),
            _ => format!("func(p abi.Pointer, v {}) {{ {call} }}", self.write(ty)),
        }
    }

    fn side_storer(&self, ty: Option<Type>) -> String {
        ty.map_or("bind.StoreNothing".to_owned(), |ty| self.storer(ty))
    }

    fn tuple_storer(&self, ty: Type, parts: &[Type], list: &str) -> String {
        let name = self.write(ty);
        let name = name.strip_prefix(list).unwrap_or(&name);
        let fields = if parts.len() == 2 {
            vec!["Key".to_owned(), "Value".to_owned()]
        } else {
            (0..parts.len()).map(|i| format!("F{i}")).collect()
        };
        let stores: Vec<_> = self
            .fields(parts)
            .zip(fields)
            .map(|((p, part), field)| self.store(part, &p, &format!("v.{field}")))
            .collect();
        format!("func(p abi.Pointer, v {name}) {{ {} }}", stores.join("; "))
    }

    /// Returns the function that reads a named type.
    pub(super) fn load_function(&self, id: TypeId) -> String {
        let name = self.name(id);
        let body = match &self.resolve.types[id].kind {
            TypeDefKind::Record(record) => {
                let loads = self
                    .record_fields(record)
                    .map(|(p, field, ty)| format!("\tv.{field} = {}\n", self.load(ty, &p)));
                loads.collect::<String>() + "\treturn v\n"
            }
            TypeDefKind::Enum(cases) => {
                let names: Vec<_> = cases
                    .cases
                    .iter()
                    .map(|case| format!("{:?}", case.name))
                    .collect();
                let (tag, names) = (int(cases.tag()), names.join(", "));
                format!("\treturn [...]{name}{{{names}}}[abi.Load[{tag}](p)]\n")
            }
            TypeDefKind::Flags(_) => {
                let tag = unsigned(self.size(Type::Id(id)));
                format!("\treturn {name}(abi.Load[{tag}](p))\n")
            }
            TypeDefKind::Variant(variant) => {
                let cases = self.cases(variant).map(|(number, case, payload)| {
                    let value = payload.map_or(String::new(), |(p, ty)| self.load(ty, &p));
                    format!("\tcase {number}:\n\t\tv = {name}{case}{{{value}}}\n")
                });
                let tag = int(variant.tag());
                let cases: String = cases.collect();
                format!("\tswitch abi.Load[{tag}](p) {{\n{cases}\t}}\n\treturn v\n")
            }
            _ => String::new(),
        };
        format!("\nfunc load{name}(p abi.Pointer) (v {name}) {{\n{body}}}\n")
    }

    /// Returns the function that writes a named type.
    pub(super) fn store_function(&self, id: TypeId) -> String {
        let name = self.name(id);
        let body: String = match &self.resolve.types[id].kind {
            TypeDefKind::Record(record) => self
                .record_fields(record)
                .map(|(p, field, ty)| format!("\t{}\n", self.store(ty, &p, &format!("v.{field}"))))
                .collect(),
            TypeDefKind::Enum(cases) => {
                let names: Vec<_> = cases
                    .cases
                    .iter()
                    .map(|case| format!("{:?}", case.name))
                    .collect();
                let (tag, names) = (int(cases.tag()), names.join(", "));
                format!("\tabi.Store(p, {tag}(bind.Number(v, {names})))\n")
            }
            TypeDefKind::Flags(_) => {
                format!("\tabi.Store(p, {}(v))\n", unsigned(self.size(Type::Id(id))))
            }
            TypeDefKind::Variant(variant) => {
                let tag = int(variant.tag());
                let cases = self.cases(variant).map(|(number, case, payload)| {
                    let store = payload.map_or(String::new(), |(p, ty)| {
                        format!("\t\t{}\n", self.store(ty, &p, "v.Value"))
                    });
                    format!("\tcase {name}{case}:\n\t\tabi.Store(p, {tag}({number}))\n{store}")
                });
                let cases: String = cases.collect();
                let missing = format!("\tdefault:\n\t\tpanic(\"a {name} is missing\")\n");
                let has_values = variant.cases.iter().any(|case| case.ty.is_some());
                let subject = if has_values {
                    "v := v.(type)"
                } else {
                    "v.(type)"
                };
                format!("\tswitch {subject} {{\n{cases}{missing}\t}}\n")
            }
            _ => String::new(),
        };
        format!("\nfunc store{name}(p abi.Pointer, v {name}) {{\n{body}}}\n")
    }

    pub(super) fn record_fields<'b>(
        &'b self,
        record: &'b Record,
    ) -> impl Iterator<Item = (String, String, Type)> + 'b {
        let types: Vec<_> = record.fields.iter().map(|field| field.ty).collect();
        let places: Vec<_> = self.fields(&types).collect();
        let names = record.fields.iter().map(|field| exported(&field.name));
        places
            .into_iter()
            .zip(names)
            .map(|((p, ty), name)| (p, name, ty))
    }

    /// Returns the number, the name and the payload of each case, with the address of the payload.
    pub(super) fn cases<'b>(
        &self,
        variant: &'b Variant,
    ) -> impl Iterator<Item = (usize, String, Option<(String, Type)>)> + 'b {
        let payloads: Vec<_> = variant.cases.iter().map(|case| case.ty).collect();
        let p = at("p", self.payload_offset(&payloads, variant.tag()));
        variant.cases.iter().enumerate().map(move |(number, case)| {
            (
                number,
                exported(&case.name),
                case.ty.map(|ty| (p.clone(), ty)),
            )
        })
    }

    /// Returns the addresses of values that are next to each other.
    fn fields(&self, types: &[Type]) -> impl Iterator<Item = (String, Type)> {
        let offsets = self.sizes.field_offsets(types);
        let places = offsets
            .into_iter()
            .map(|(offset, ty)| (at("p", offset.size_wasm32()), *ty));
        places.collect::<Vec<_>>().into_iter()
    }

    pub(super) fn payload_offset(&self, cases: &[Option<Type>], tag: Int) -> usize {
        self.sizes
            .payload_offset(tag, cases.iter().map(Option::as_ref))
            .size_wasm32()
    }

    pub(super) fn size(&self, ty: Type) -> usize {
        self.sizes.size(&ty).size_wasm32()
    }

    pub(super) fn size_of(&self, types: &[Type]) -> usize {
        self.sizes.record(types).size.size_wasm32()
    }

    /// Whether Go and the component lay a list of this type out in the same way.
    fn is_number(&self, ty: Type) -> bool {
        !matches!(
            self.root(ty),
            Type::Id(_) | Type::String | Type::ErrorContext
        )
    }
}

/// Returns the address at an offset.
pub(super) fn at(p: &str, offset: usize) -> String {
    if offset == 0 {
        p.to_owned()
    } else {
        format!("abi.At({p}, {offset})")
    }
}

/// Returns the Go type of a tag.
pub(super) fn int(tag: Int) -> &'static str {
    match tag {
        Int::U8 => "uint8",
        Int::U16 => "uint16",
        Int::U32 => "uint32",
        Int::U64 => "uint64",
    }
}

fn unsigned(size: usize) -> &'static str {
    match size {
        1 => "uint8",
        2 => "uint16",
        _ => "uint32",
    }
}
