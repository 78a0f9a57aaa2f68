//! Writes `gen/` for Python: a package for each provider, and the module that is made a component.
//!
//! componentize-py generates its own classes, under `wit_world`, which exists only in a component.
//! Authors and unit tests need classes everywhere, with readable names and the documentation of
//! the WIT. So these are ours, and `gen/component.py` puts them in the place of componentize-py's
//! before the component is made. Both have the same fields in the same order.

mod component;
mod interface;
mod names;

use wit_parser::{InterfaceId, PackageId, Resolve, WorldId, WorldItem};

use super::{Input, NOTICE};
use crate::build::BuildError;
use crate::files::Files;

pub(crate) use names::arguments;

/// The text of `gen/__init__.py`, which makes the SDK importable.
const PACKAGE: &str = "\
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent / \"sdk\"))
";

/// Returns the bindings for the world of a plugin.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the generators of other languages can fail"
)]
pub(super) fn files(input: &Input<'_>) -> Result<Files, BuildError> {
    let world = World::new(input.resolve, input.world);
    let mut files = Files::default();
    let mut add = |path: &str, text: &str| files.add(path, format!("# {NOTICE}\n{text}"));

    add("__init__.py", PACKAGE);
    add("component.py", &component::module(&world));
    for package in world.packages() {
        let name = names::package(world.resolve, package);
        for interface in world.interfaces_of(package) {
            let path = format!("{name}/{}.py", world.file_stem(interface));
            add(&path, &interface::module(&world, interface));
        }
        if !world.has_handler(package) {
            add(&format!("{name}/__init__.py"), "");
        }
    }
    Ok(files)
}

/// The world of a plugin, with the questions that the generator asks about it.
struct World<'r> {
    resolve: &'r Resolve,
    imports: Vec<InterfaceId>,
    exports: Vec<InterfaceId>,
}

impl<'r> World<'r> {
    fn new(resolve: &'r Resolve, world: WorldId) -> Self {
        let interfaces = |items: &mut dyn Iterator<Item = &WorldItem>| {
            items
                .filter_map(|item| match item {
                    WorldItem::Interface { id, .. } => Some(*id),
                    _ => None,
                })
                .collect()
        };
        let world = &resolve.worlds[world];
        Self {
            resolve,
            imports: interfaces(&mut world.imports.values()),
            exports: interfaces(&mut world.exports.values()),
        }
    }

    /// Returns the packages whose types an author uses: those of the providers.
    fn packages(&self) -> Vec<PackageId> {
        let mut packages = Vec::new();
        for interface in self.imports.iter().chain(&self.exports) {
            if let Some(package) = self.resolve.interfaces[*interface].package
                && !is_of_the_sdk(self.resolve, package)
                && !packages.contains(&package)
            {
                packages.push(package);
            }
        }
        packages
    }

    fn interfaces_of(&self, package: PackageId) -> impl Iterator<Item = InterfaceId> {
        self.imports
            .iter()
            .chain(&self.exports)
            .copied()
            .filter(move |interface| self.resolve.interfaces[*interface].package == Some(package))
    }

    fn has_handler(&self, package: PackageId) -> bool {
        self.interfaces_of(package).any(|it| self.is_handler(it))
    }

    /// Whether the plugin exports the interface. Its types are in the provider's `__init__.py`.
    fn is_handler(&self, interface: InterfaceId) -> bool {
        self.exports.contains(&interface)
    }

    fn file_stem(&self, interface: InterfaceId) -> String {
        if self.is_handler(interface) {
            return "__init__".to_owned();
        }
        names::snake(names::of_interface(self.resolve, interface))
    }
}

/// Whether the SDK, and not `gen/`, shows the interfaces of a package to an author.
fn is_of_the_sdk(resolve: &Resolve, package: PackageId) -> bool {
    let name = &resolve.packages[package].name;
    name.namespace == "wasi" || (name.namespace == "hookyard" && name.name == "plugin")
}

#[cfg(test)]
mod tests;
