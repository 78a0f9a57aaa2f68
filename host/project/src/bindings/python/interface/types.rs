//! The names of types in annotations.

use wit_parser::{Handle, InterfaceId, Type, TypeDefKind, TypeId, TypeOwner};

use super::super::is_of_the_sdk;
use super::super::names::{self, camel};
use super::Writer;

impl Writer<'_> {
    /// Returns the annotation of a type.
    pub(super) fn name(&self, ty: &Type) -> String {
        match ty {
            Type::Bool => "bool".to_owned(),
            Type::F32 | Type::F64 => "float".to_owned(),
            Type::Char | Type::String => "str".to_owned(),
            Type::ErrorContext => "Any".to_owned(),
            Type::Id(id) => self.type_name(*id),
            _ => "int".to_owned(),
        }
    }

    fn type_name(&self, id: TypeId) -> String {
        let definition = &self.world.resolve.types[id];
        if let TypeDefKind::Type(Type::Id(original)) = &definition.kind {
            return self.type_name(*original);
        }
        match (&definition.name, definition.owner) {
            (_, _) if matches!(definition.kind, TypeDefKind::Resource) => "Any".to_owned(),
            (Some(name), TypeOwner::Interface(owner)) => self.qualified(owner, &camel(name)),
            _ => self.kind(&definition.kind),
        }
    }

    fn qualified(&self, owner: InterfaceId, name: &str) -> String {
        let interfaces = &self.world.resolve.interfaces;
        if owner == self.interface {
            return name.to_owned();
        }

        let stem = self.world.file_stem(owner);
        match interfaces[owner].package {
            Some(package) if is_of_the_sdk(self.world.resolve, package) => "Any".to_owned(),
            Some(package) if interfaces[self.interface].package != Some(package) => {
                format!(
                    "{}_{stem}.{name}",
                    names::package(self.world.resolve, package)
                )
            }
            _ => format!("{stem}.{name}"),
        }
    }

    /// Returns the annotation of a type without a name.
    pub(super) fn kind(&self, kind: &TypeDefKind) -> String {
        let optional =
            |ty: &Option<Type>| ty.as_ref().map_or("None".to_owned(), |ty| self.name(ty));
        match kind {
            TypeDefKind::List(Type::U8) => "bytes".to_owned(),
            TypeDefKind::List(ty) | TypeDefKind::FixedLengthList(ty, _) => {
                format!("list[{}]", self.name(ty))
            }
            TypeDefKind::Map(key, value) => {
                format!("dict[{}, {}]", self.name(key), self.name(value))
            }
            TypeDefKind::Option(ty) => format!("{} | None", self.name(ty)),
            TypeDefKind::Tuple(tuple) => {
                let types: Vec<String> = tuple.types.iter().map(|ty| self.name(ty)).collect();
                format!("tuple[{}]", types.join(", "))
            }
            TypeDefKind::Result(result) => {
                format!("{} | {}", optional(&result.ok), optional(&result.err))
            }
            TypeDefKind::Type(ty) => self.name(ty),
            TypeDefKind::Handle(Handle::Own(_) | Handle::Borrow(_)) => "Any".to_owned(),
            _ => "Any".to_owned(),
        }
    }
}
