//! Bindings for JavaScript and TypeScript.
//!
//! Both languages get the same files. Each provider has a module with its types. `entry.js` connects
//! the author's handler with the engine. The SDK converts values according to `shapes.json`, and
//! `engine.d.ts` declares what the engine offers.

mod engine;
mod entry;
mod late;
mod module;
mod shapes;
mod types;

use wit_parser::{FunctionKind, InterfaceId, Resolve, Type, TypeId, WorldId, WorldItem, WorldKey};

use super::Input;
use crate::build::BuildError;
use crate::files::Files;

pub(crate) use engine::{WORLD, wit};
pub(crate) use entry::{capability_of, imports};
pub(crate) use late::{NAMESPACE, restore_names};
use types::Types;

/// Returns the bindings for the world of a plugin.
pub(super) fn files(input: &Input<'_>) -> Result<Files, BuildError> {
    let plugin = Plugin::of(input.resolve, input.world)?;
    let engine = input.manifest.engine.unwrap_or_default();
    let mut files = Files::default();

    let mut types = Types::new(input.resolve);
    if let Some(event) = plugin.event {
        types.add(Type::Id(event))?;
    }
    files.add("shapes.json", shapes::text(&types, plugin.event, engine)?);
    files.add("entry.js", entry::text(input, &plugin));
    files.add("engine.d.ts", engine::declarations(engine));
    for (name, interfaces) in plugin.modules(input.resolve) {
        let module = module::Module::new(input.resolve, &plugin, &interfaces)?;
        files.add(format!("{name}.d.ts"), module.declarations()?);
        files.add(format!("{name}.js"), module.code());
    }
    Ok(files)
}

/// What a world says about a plugin.
#[derive(Debug)]
struct Plugin {
    /// The exported handler.
    handler: InterfaceId,
    /// The variant of events that a typed handler receives.
    event: Option<TypeId>,
    /// The imported interfaces.
    imports: Vec<InterfaceId>,
}

impl Plugin {
    fn of(resolve: &Resolve, world: WorldId) -> Result<Self, BuildError> {
        let world = &resolve.worlds[world];
        let handlers: Vec<_> = interfaces(&world.exports).collect();
        let &[handler] = handlers.as_slice() else {
            return Err(BuildError::Bindings(format!(
                "the world exports {} interfaces; a plugin in JavaScript or TypeScript exports \
                 exactly one handler",
                handlers.len()
            )));
        };

        Ok(Self {
            handler,
            event: event(resolve, handler)?,
            imports: interfaces(&world.imports).collect(),
        })
    }

    /// Returns the interfaces that become modules, by the name of the module.
    fn modules(&self, resolve: &Resolve) -> Vec<(String, Vec<InterfaceId>)> {
        let is_outgoing =
            |id: &&InterfaceId| resolve.interfaces[**id].name.as_deref() == Some("outgoing");
        let typed = self.event.map(|_| self.handler);
        let mut modules: Vec<(String, Vec<InterfaceId>)> = Vec::new();

        for id in typed.iter().chain(self.imports.iter().filter(is_outgoing)) {
            let Some(package) = resolve.interfaces[*id].package else {
                continue;
            };
            let name = resolve.packages[package].name.namespace.clone();
            match modules.iter_mut().find(|(known, _)| *known == name) {
                Some((_, interfaces)) => interfaces.push(*id),
                None => modules.push((name, vec![*id])),
            }
        }
        modules
    }
}

fn interfaces<'a>(
    items: impl IntoIterator<Item = (&'a WorldKey, &'a WorldItem)>,
) -> impl Iterator<Item = InterfaceId> {
    items.into_iter().filter_map(|(_, item)| match item {
        WorldItem::Interface { id, .. } => Some(*id),
        _ => None,
    })
}

/// Returns the event variant of a typed handler, and nothing for the handler of bytes.
fn event(resolve: &Resolve, handler: InterfaceId) -> Result<Option<TypeId>, BuildError> {
    let interface = &resolve.interfaces[handler];
    let name = resolve.id_of(handler).unwrap_or_default();
    if name.starts_with("hookyard:plugin/handler") {
        return Ok(None);
    }

    let function = interface.functions.get("handle");
    let function = function.filter(|function| function.kind == FunctionKind::Freestanding);
    match function.map(|function| function.params.as_slice()) {
        Some([_, event]) if let Type::Id(id) = event.ty => Ok(Some(types::root(resolve, id))),
        _ => Err(BuildError::Bindings(format!(
            "{name} is not a handler: it needs `handle: func(delivery: delivery, event: event)`"
        ))),
    }
}

#[cfg(test)]
mod tests;
