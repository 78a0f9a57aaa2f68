//! What the bindings for C, C++ and Zig write down: the types of a provider's package, the cases of
//! its events and the functions that send its messages.
//!
//! The model names each type once, by what the type is. `use` in a WIT file and anonymous types in
//! several interfaces therefore do not make types that cannot be assigned to each other.

use std::collections::HashMap;

use wit_bindgen_core::dealias;
use wit_parser::{
    Docs, Function, InterfaceId, LiveTypes, Resolve, Type, TypeDefKind, TypeId, TypeOwner, WorldId,
    WorldItem, WorldKey,
};

/// The exported handler of a world, and what belongs to it.
pub(crate) struct Model<'a> {
    pub(crate) resolve: &'a Resolve,
    /// The key of the exported interface in the world.
    pub(crate) handler: WorldKey,
    pub(crate) handle: &'a Function,
    /// The cases of the event; none for a handler of raw bytes.
    pub(crate) cases: Option<Vec<Case<'a>>>,
    /// The functions of the imported interfaces of the provider's package.
    pub(crate) outgoing: Vec<Outgoing<'a>>,
    /// The types to declare, each after the types that it contains.
    pub(crate) types: Vec<TypeId>,
    names: HashMap<TypeId, String>,
}

/// A case of a provider's event.
pub(crate) struct Case<'a> {
    pub(crate) name: &'a str,
    pub(crate) docs: &'a Docs,
    pub(crate) payload: Option<Type>,
}

/// A function that sends a message.
pub(crate) struct Outgoing<'a> {
    pub(crate) key: WorldKey,
    pub(crate) function: &'a Function,
}

/// The meaning of a parameter of such a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parameter {
    Payload(Type),
    /// The name of the destination, which is optional.
    Destination,
    /// A parameter that a later version of the provider added. It is an option and stays empty.
    Unknown(Type),
}

impl Outgoing<'_> {
    /// Returns the parameters in their order.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = Parameter> {
        self.function
            .params
            .iter()
            .map(|parameter| match parameter.name.as_str() {
                "payload" => Parameter::Payload(parameter.ty),
                "destination" => Parameter::Destination,
                _ => Parameter::Unknown(parameter.ty),
            })
    }

    /// Returns the type of the payload.
    pub(crate) fn payload(&self) -> Option<Type> {
        self.parameters().find_map(|parameter| match parameter {
            Parameter::Payload(ty) => Some(ty),
            _ => None,
        })
    }
}

impl<'a> Model<'a> {
    /// Reads a world. Returns `None` if the world exports no handler.
    pub(crate) fn new(resolve: &'a Resolve, world: WorldId) -> Option<Self> {
        let world = &resolve.worlds[world];
        let (key, interface) = world
            .exports
            .iter()
            .find_map(|(key, item)| handler(resolve, key, item))?;
        let handle = resolve.interfaces[interface].functions.get("handle")?;

        let package = resolve.interfaces[interface].package;
        let cases = cases(resolve, interface);
        let outgoing: Vec<_> = world
            .imports
            .iter()
            .filter_map(|(key, item)| match item {
                WorldItem::Interface { id, .. } => Some((key, *id)),
                _ => None,
            })
            .filter(|(_, id)| cases.is_some() && resolve.interfaces[*id].package == package)
            .flat_map(|(key, id)| {
                let functions = resolve.interfaces[id].functions.values();
                functions.map(|function| Outgoing {
                    key: key.clone(),
                    function,
                })
            })
            .collect();

        let mut model = Self {
            resolve,
            handler: key,
            handle,
            cases,
            outgoing,
            types: Vec::new(),
            names: HashMap::new(),
        };
        model.name_types(interface);
        Some(model)
    }

    /// The name of the package's namespace, such as `topi-saas`.
    pub(crate) fn namespace(&self) -> &'a str {
        let WorldKey::Interface(id) = &self.handler else {
            return "plugin";
        };
        let package = self.resolve.interfaces[*id].package;
        package.map_or("plugin", |id| &self.resolve.packages[id].name.namespace)
    }

    /// The name of a type in kebab case, and its id without aliases.
    pub(crate) fn name(&self, id: TypeId) -> Option<&str> {
        self.names.get(&self.canonical(id)).map(String::as_str)
    }

    /// Follows aliases of primitive types, such as `type cents = s64`.
    pub(crate) fn resolved(&self, ty: Type) -> Type {
        let Type::Id(id) = ty else { return ty };
        let id = dealias(self.resolve, id);
        match self.resolve.types[id].kind {
            TypeDefKind::Type(ty) => self.resolved(ty),
            _ => Type::Id(id),
        }
    }

    fn canonical(&self, id: TypeId) -> TypeId {
        dealias(self.resolve, id)
    }

    fn name_types(&mut self, handler: InterfaceId) {
        let mut live = LiveTypes::default();
        if self.cases.is_some() {
            live.add_interface(self.resolve, handler);
        }
        for outgoing in &self.outgoing {
            live.add_func(self.resolve, outgoing.function);
        }

        let mut declared: HashMap<String, TypeId> = HashMap::new();
        for id in live.iter() {
            let is_alias = matches!(self.resolve.types[id].kind, TypeDefKind::Type(_));
            if is_alias || !self.is_own(id) {
                continue;
            }
            let name = self.own_name(id);
            let is_named = self.resolve.types[id].name.is_some();
            match declared.get(&name) {
                // Two anonymous types of one name are the same type.
                Some(_) if !is_named => {}
                Some(_) => {
                    self.declare(id, &format!("{}-{name}", self.interface(id)), &mut declared)
                }
                None => {
                    self.declare(id, &name, &mut declared);
                    continue;
                }
            }
            self.names.entry(id).or_insert(name);
        }
    }

    fn declare(&mut self, id: TypeId, name: &str, declared: &mut HashMap<String, TypeId>) {
        declared.insert(name.to_owned(), id);
        self.names.insert(id, name.to_owned());
        self.types.push(id);
    }

    /// Whether the bindings declare the type: not the types of Hookyard and of WASI, and not the
    /// results of the functions.
    fn is_own(&self, id: TypeId) -> bool {
        let ty = &self.resolve.types[id];
        let TypeOwner::Interface(interface) = ty.owner else {
            let is_result = matches!(ty.kind, TypeDefKind::Result(_));
            return !is_result && !is_primitive(self.resolve, &Type::Id(id));
        };
        let package = self.resolve.interfaces[interface].package;
        package.is_none_or(|id| self.resolve.packages[id].name.namespace != "hookyard")
    }

    fn own_name(&self, id: TypeId) -> String {
        let ty = &self.resolve.types[id];
        if let Some(name) = &ty.name {
            return name.clone();
        }
        match &ty.kind {
            TypeDefKind::Option(ty) => format!("option-{}", self.part_name(ty)),
            TypeDefKind::List(ty) => format!("list-{}", self.part_name(ty)),
            TypeDefKind::Tuple(tuple) => {
                let parts: Vec<_> = tuple.types.iter().map(|ty| self.part_name(ty)).collect();
                format!("tuple-{}", parts.join("-"))
            }
            other => other.as_str().to_owned(),
        }
    }

    fn part_name(&self, ty: &Type) -> String {
        match self.resolved(*ty) {
            Type::Id(id) => match self.names.get(&id) {
                Some(name) => name.clone(),
                None => self.own_name(id),
            },
            Type::String => "string".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    fn interface(&self, id: TypeId) -> &str {
        match self.resolve.types[id].owner {
            TypeOwner::Interface(id) => {
                self.resolve.interfaces[id].name.as_deref().unwrap_or("own")
            }
            _ => "own",
        }
    }
}

/// Whether a type is made of primitive types without a name alone. `wit-bindgen` declares such types
/// once for the world.
pub(crate) fn is_primitive(resolve: &Resolve, ty: &Type) -> bool {
    let Type::Id(id) = ty else { return true };
    let ty = &resolve.types[*id];
    match &ty.kind {
        _ if ty.name.is_some() => false,
        TypeDefKind::Option(ty) | TypeDefKind::List(ty) => is_primitive(resolve, ty),
        TypeDefKind::Tuple(tuple) => tuple.types.iter().all(|ty| is_primitive(resolve, ty)),
        _ => false,
    }
}

fn handler(resolve: &Resolve, key: &WorldKey, item: &WorldItem) -> Option<(WorldKey, InterfaceId)> {
    let WorldItem::Interface { id, .. } = item else {
        return None;
    };
    let name = resolve.interfaces[*id].name.as_deref();
    (name == Some("handler")).then(|| (key.clone(), *id))
}

fn cases(resolve: &Resolve, handler: InterfaceId) -> Option<Vec<Case<'_>>> {
    let event = *resolve.interfaces[handler].types.get("event")?;
    let TypeDefKind::Variant(variant) = &resolve.types[event].kind else {
        return None;
    };
    let cases = variant.cases.iter();
    Some(
        cases
            .map(|case| Case {
                name: &case.name,
                docs: &case.docs,
                payload: case.ty,
            })
            .collect(),
    )
}
