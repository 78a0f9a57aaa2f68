//! Bindings for Go: a package for each WIT package that the plugin handles or calls.
//!
//! The package has the types of the events and of the messages, `Handle`, and a function for each
//! message. Code that calls the host is in files for WebAssembly, and code that records calls in
//! the world of a test is in files for other platforms. The SDK has the calls of `wasi:*` and of
//! `hookyard:plugin/outbox`.

mod events;
mod flat;
mod memory;
mod messages;
pub(crate) mod names;
mod types;

use std::collections::BTreeMap;

use wit_parser::{Interface, InterfaceId, Resolve, WorldId, WorldItem, WorldKey};

use super::{Input, NOTICE};
use crate::build::BuildError;
use crate::files::Files;
use types::Types;

/// Returns the bindings for the world of a plugin.
pub(super) fn files(input: &Input<'_>) -> Result<Files, BuildError> {
    let mut files = Files::default();
    for (name, package) in packages(input.resolve, input.world) {
        package
            .add_files(&name, &mut files)
            .map_err(BuildError::Bindings)?;
    }
    Ok(files)
}

/// Returns the names of the packages in `gen/`.
pub(super) fn package_names(resolve: &Resolve, world: WorldId) -> Vec<String> {
    packages(resolve, world).into_keys().collect()
}

/// The interfaces of a Go package.
#[derive(Debug)]
struct Package<'a> {
    resolve: &'a Resolve,
    exports: Vec<(String, InterfaceId)>,
    imports: Vec<(String, InterfaceId)>,
}

/// Returns the Go packages of a world by their names.
fn packages(resolve: &Resolve, world: WorldId) -> BTreeMap<String, Package<'_>> {
    let world = &resolve.worlds[world];
    let mut packages = BTreeMap::new();
    let imports = world.imports.iter().map(|import| (false, import));
    let exports = world.exports.iter().map(|export| (true, export));

    for (is_export, (key, item)) in imports.chain(exports) {
        let (WorldKey::Interface(_), WorldItem::Interface { id, .. }) = (key, item) else {
            continue;
        };
        // An interface is also imported if another one uses its types.
        if !is_export && world.exports.contains_key(key) {
            continue;
        }
        let Some(name) = package_name(resolve, &resolve.interfaces[*id], is_export) else {
            continue;
        };
        let package = packages.entry(name).or_insert_with(|| Package {
            resolve,
            exports: Vec::new(),
            imports: Vec::new(),
        });
        let interfaces = if is_export {
            &mut package.exports
        } else {
            &mut package.imports
        };
        interfaces.push((resolve.name_world_key(key), *id));
    }
    packages
}

/// Returns the name of the package for an interface, or `None` if the SDK has it.
fn package_name(resolve: &Resolve, interface: &Interface, is_export: bool) -> Option<String> {
    let name = &resolve.packages[interface.package?].name;
    if interface.functions.is_empty() {
        return None;
    }
    match name.namespace.as_str() {
        "hookyard" if is_export => Some("untyped".to_owned()),
        "hookyard" | "wasi" => None,
        namespace => Some(names::package(namespace)),
    }
}

impl Package<'_> {
    fn add_files(&self, name: &str, files: &mut Files) -> Result<(), String> {
        let mut types = Types::new(self.resolve);
        let handlers = events::handlers(self, &mut types)?;
        let messages = messages::messages(self, &mut types)?;

        let mut handling = String::new();
        let mut exports = String::new();
        for handler in &handlers {
            handling += &handler.declaration(&types, name);
            exports += &handler.export(&types, name);
        }
        let (mut calls, mut records) = (String::new(), String::new());
        for message in &messages {
            calls += &message.call(&types);
            records += &message.record(&types);
        }
        for id in types.reachable(handlers.iter().map(events::Handler::event)) {
            exports += &types.load_function(id);
        }
        for id in types.reachable(messages.iter().map(|message| message.payload)) {
            calls += &types.store_function(id);
        }

        let docs = format!(
            "// Package {name} has the events and messages of {}, as the plugin's WIT declares them.\n",
            self.title(),
        );
        let body = handling + &types.declarations();
        files.add(format!("{name}/{name}.go"), file(name, &docs, "", &body));
        files.add(
            format!("{name}/{name}_wasm.go"),
            file(name, "", "", &(exports + &calls)),
        );
        if !records.is_empty() {
            let constraint = "//go:build !wasm\n\n";
            files.add(
                format!("{name}/{name}_native.go"),
                file(name, "", constraint, &records),
            );
        }
        Ok(())
    }

    /// Returns the name of the WIT package.
    fn title(&self) -> String {
        let mut interfaces = self.exports.iter().chain(&self.imports);
        let package = interfaces.find_map(|(_, id)| self.resolve.interfaces[*id].package);
        package.map_or(String::new(), |id| {
            let name = &self.resolve.packages[id].name;
            format!("{}:{}", name.namespace, name.name)
        })
    }
}

/// Returns the text of a file, with the imports that its code needs.
fn file(package: &str, docs: &str, constraint: &str, body: &str) -> String {
    const IMPORTS: [(&str, &str); 4] = [
        ("math.", "math"),
        ("hookyard.", "hookyard"),
        ("abi.", "hookyard/abi"),
        ("bind.", "hookyard/bind"),
    ];
    let needed = IMPORTS.iter().filter(|(usage, _)| uses(body, usage));
    let (standard, own): (Vec<_>, Vec<_>) = needed
        .map(|(_, path)| format!("\t\"{path}\"\n"))
        .partition(|path| path.contains("math"));
    let gap = if standard.is_empty() || own.is_empty() {
        ""
    } else {
        "\n"
    };
    let imports = standard.concat() + gap + &own.concat();

    let imports = if imports.is_empty() {
        String::new()
    } else {
        format!("\nimport (\n{imports})\n")
    };
    format!("// {NOTICE}\n\n{constraint}{docs}package {package}\n{imports}{body}")
}

/// Whether Go code outside of comments uses a package.
fn uses(body: &str, usage: &str) -> bool {
    let code = body
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let mut code = code.flat_map(|line| line.match_indices(usage).map(move |(at, _)| (line, at)));
    code.any(|(line, at)| !line[..at].ends_with(|before: char| before.is_alphanumeric()))
}

#[cfg(test)]
mod tests;
