//! The WIT folder of a plugin: its world, and every package that the world needs.
//!
//! The folder has the layout that all tools read: `plugin.wit` with the package of the plugin, and
//! `deps/<package>/*.wit`. The contents come from the host, so there is nothing to download, and an
//! author can trim the types in `deps/`.

mod shape;
#[cfg(test)]
mod samples;

use std::collections::BTreeMap;
use std::path::Path;

use wit_parser::{PackageId, Resolve, SourceMap, UnresolvedPackageGroup, WorldId};

use crate::files::Files;
use crate::imports::{Capability, Imports};
use crate::provider::ProviderFiles;
use crate::template;

pub(crate) use shape::Shape;

/// The name of the world.
pub const WORLD: &str = "plugin";
/// The name of the world of a verifier.
pub const VERIFIER_WORLD: &str = "verifier";

/// What a plugin's world imports and exports.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    /// The name of the plugin.
    pub name: &'a str,
    /// The provider whose typed handler the plugin exports; `None` for the untyped handler.
    pub provider: Option<&'a ProviderFiles>,
    /// The capabilities that the plugin imports.
    pub imports: &'a Imports,
}

/// The error for WIT that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WitError {
    /// The provider has no WIT.
    #[error(
        "the provider {0} has no WIT file with an interface `handler`, so there are no types; write \
         {0}/{0}.wit, or use --untyped"
    )]
    NoHandler(String),
    /// WIT that cannot be parsed or resolved.
    #[error("{place}: {fault}")]
    Invalid {
        /// The folder or provider.
        place: String,
        /// The parser's message, with the place in the file.
        fault: String,
    },
}

impl WitError {
    fn invalid(place: impl Into<String>, fault: String) -> Self {
        Self::Invalid {
            place: place.into(),
            fault,
        }
    }
}

/// Returns the files of a verifier's WIT folder.
pub fn verifier() -> Files {
    template::below("wit/verifier")
}

/// Returns the files of a plugin's WIT folder.
///
/// # Errors
///
/// Returns [`WitError`] if the provider has no typed handler or its WIT cannot be parsed.
pub fn files(world: &World<'_>) -> Result<Files, WitError> {
    let mut files = Files::default();
    add_package(&mut files, "hookyard-plugin", "wit/hookyard");
    for capability in world.imports.iter() {
        for (folder, source) in packages(capability) {
            add_package(&mut files, folder, source);
        }
    }

    let mut imports: Vec<_> = world
        .imports
        .iter()
        .flat_map(interfaces)
        .map(|name| (*name).to_owned())
        .collect();
    let mut export = "hookyard:plugin/handler@0.1.0".to_owned();
    if let Some(provider) = world.provider {
        let shape = Shape::of(provider)?;
        let folder = provider.package.replace(':', "-");
        for (name, text) in &provider.wit {
            files.add(format!("deps/{folder}/{name}"), text.as_bytes());
        }
        imports.extend(
            shape
                .imports
                .iter()
                .map(|name| shape.interface(provider, name)),
        );
        export = shape.interface(provider, "handler");
    }

    files.add("plugin.wit", plugin_file(world, &imports, &export));
    let place = world.provider.map_or("the WIT", |provider| &provider.name);
    parse(&files).map_err(|fault| WitError::invalid(place, fault))?;
    Ok(files)
}

/// Reads and resolves a plugin's WIT folder. Returns its world: the only one, or the one called
/// `plugin`.
///
/// # Errors
///
/// Returns [`WitError::Invalid`] with the place of the fault.
pub fn read(folder: &Path) -> Result<(Resolve, WorldId), WitError> {
    let place = folder.display().to_string();
    let mut resolve = Resolve::default();
    let (package, _) = match resolve.push_dir(folder) {
        Ok(package) => package,
        Err(error) => return Err(WitError::invalid(place, resolve.render_error(&error))),
    };

    let world = resolve.select_world(&[package], Some(WORLD));
    let world = world.or_else(|_| resolve.select_world(&[package], None));
    match world {
        Ok(world) => Ok((resolve, world)),
        Err(error) => Err(WitError::invalid(place, format!("{error:#}"))),
    }
}

/// Resolves a WIT folder in memory.
fn parse(files: &Files) -> Result<(Resolve, PackageId), String> {
    let mut packages: BTreeMap<&str, SourceMap> = BTreeMap::new();
    for (path, content) in files.iter() {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let sources = packages.entry(folder).or_default();
        sources.push_str(path, String::from_utf8_lossy(content));
    }

    let main = packages.remove("").ok_or("plugin.wit is missing")?;
    let main = group(main)?;
    let dependencies = packages
        .into_values()
        .map(group)
        .collect::<Result<Vec<_>, _>>()?;
    let mut resolve = Resolve::default();
    let package = resolve.push_groups(main, dependencies);
    package
        .map_err(|error| error.render(&resolve.source_map))
        .map(|package| (resolve, package))
}

fn group(sources: SourceMap) -> Result<UnresolvedPackageGroup, String> {
    sources
        .parse()
        .map_err(|(sources, error)| error.render(&sources))
}

fn add_package(files: &mut Files, folder: &str, source: &str) {
    files.add_below(&format!("deps/{folder}"), template::below(source));
}

/// Returns the packages of a capability: the folder in `deps/`, and the folder in the repository.
pub(crate) fn packages(capability: Capability) -> &'static [(&'static str, &'static str)] {
    match capability {
        Capability::Keyvalue => &[("wasi-keyvalue", "wit/wasi/keyvalue-0.2.0-draft2")],
        Capability::Config => &[("wasi-config", "wit/wasi/config-0.2.0-rc.1")],
        Capability::Logging => &[("wasi-logging", "wit/wasi/logging-0.1.0-draft")],
        // The package of every plugin's types, which is always there.
        Capability::Outbox | Capability::Responder => &[],
        Capability::Http => &[
            ("wasi-clocks", "wit/wasi/clocks-0.2.12"),
            ("wasi-http", "wit/wasi/http-0.2.12"),
            ("wasi-io", "wit/wasi/io-0.2.12"),
        ],
    }
}

/// Returns the interfaces of a capability.
fn interfaces(capability: Capability) -> &'static [&'static str] {
    match capability {
        Capability::Keyvalue => &[
            "wasi:keyvalue/store@0.2.0-draft2",
            "wasi:keyvalue/atomics@0.2.0-draft2",
        ],
        Capability::Config => &["wasi:config/store@0.2.0-rc.1"],
        Capability::Logging => &["wasi:logging/logging@0.1.0-draft"],
        Capability::Outbox => &["hookyard:plugin/outbox@0.1.0"],
        Capability::Responder => &["hookyard:plugin/responder@0.1.0"],
        Capability::Http => &["wasi:http/outgoing-handler@0.2.12"],
    }
}

/// Writes the file with the world.
fn plugin_file(world: &World<'_>, imports: &[String], export: &str) -> String {
    let from = world.provider.map_or_else(
        || "A plugin that receives raw bytes.".to_owned(),
        |provider| format!("A plugin for the events of {}.", provider.name),
    );
    let mut text = format!(
        "/// {from} Remove the imports that it does not use, and the types and fields in `deps/` that\n\
         /// it does not read.\n\
         package plugin:{name};\n\nworld {WORLD} {{\n",
        name = identifier(world.name)
    );
    for import in imports {
        text.push_str(&format!("    import {import};\n"));
    }
    text.push_str(&format!("    export {export};\n}}\n"));
    text
}

/// Writes a name so that WIT takes it as an identifier although it may be a keyword.
fn identifier(name: &str) -> String {
    let mut sources = SourceMap::default();
    sources.push_str("name.wit", format!("package plugin:{name};"));
    if sources.parse().is_ok() {
        name.to_owned()
    } else {
        format!("%{name}")
    }
}

#[cfg(test)]
mod tests;
