//! Bindings for C: `wit-bindgen`'s, and a layer of short names above them.
//!
//! `hy.h` and `hy.c` are `wit-bindgen`'s. `hookyard_imports.h` says which interfaces the world
//! imports. `<provider>.h` and `<provider>.c` declare the provider's types, a handler for each case
//! of its events, and a function for each message.

pub(super) mod glue;
pub(super) mod model;
pub(super) mod types;

use std::fmt::Write;

pub(crate) use glue::file_name;
use model::Model;
use wit_parser::WorldItem;

use super::{Input, NOTICE};
use crate::build::BuildError;
use crate::files::Files;

/// Returns the bindings for the world of a plugin.
pub(super) fn files(input: &Input<'_>) -> Result<Files, BuildError> {
    let model = model(input)?;
    let mut files = plain(input)?;

    let name = file_name(&model);
    files.add(format!("{name}.h"), with_notice(&glue::header(&model)));
    files.add(format!("{name}.c"), with_notice(&glue::source(&model)));
    Ok(files)
}

/// Reads the world of a plugin.
pub(crate) fn model<'a>(input: &Input<'a>) -> Result<Model<'a>, BuildError> {
    let fault = "the world exports no interface `handler` with a function `handle`";
    Model::new(input.resolve, input.world).ok_or_else(|| BuildError::Bindings(fault.to_owned()))
}

/// Runs `wit-bindgen`, and adds the macros for the SDK. The world is called `hy` in C, whatever its
/// name.
pub(super) fn plain(input: &Input<'_>) -> Result<Files, BuildError> {
    // `build` adds the types of the world to the module, so no object file is needed.
    let options = wit_bindgen_c::Opts {
        no_object_file: true,
        rename_world: Some("hy".to_owned()),
        ..wit_bindgen_c::Opts::default()
    };
    let mut generated = wit_bindgen_core::Files::default();
    options
        .build()
        .generate(&mut input.resolve.clone(), input.world, &mut generated)
        .map_err(|error| BuildError::Bindings(format!("{error:#}")))?;

    let mut files = Files::default();
    for (path, content) in generated.iter() {
        let mut text = with_notice(&String::from_utf8_lossy(content));
        if path.ends_with(".c") {
            text = adjusted(&text);
        }
        files.add(path, text);
    }
    files.add("hookyard_imports.h", with_notice(&imports(input)));
    Ok(files)
}

/// Adapts the source of `wit-bindgen` to the SDK.
fn adjusted(source: &str) -> String {
    // The SDK frees the memory of an attempt at once, so no part of it must be freed before.
    let library = "#include <stdlib.h>\n";
    let without_free = format!("{library}#define free(pointer) ((void)(pointer))\n");
    let mut text = source.replacen(library, &without_free, 1);

    // The generated code refers to a function of the object file.
    text.push_str("\nvoid __component_type_object_force_link_hy(void) {}\n");
    text
}

/// Puts the notice of generated files in front of a text.
pub(super) fn with_notice(text: &str) -> String {
    format!("// {NOTICE}\n{text}")
}

/// Writes a macro for each part of the world that the SDK uses.
fn imports(input: &Input<'_>) -> String {
    let mut text = "// The interfaces that the plugin imports.\n".to_owned();
    for (part, package, interface) in [
        ("KEYVALUE", "keyvalue", "atomics"),
        ("CONFIG", "config", "store"),
        ("LOGGING", "logging", "logging"),
        ("OUTBOX", "plugin", "outbox"),
        ("RESPONDER", "plugin", "responder"),
        ("HTTP", "http", "outgoing-handler"),
    ] {
        let is_imported = input.resolve.worlds[input.world]
            .imports
            .values()
            .any(|item| {
                let WorldItem::Interface { id, .. } = item else {
                    return false;
                };
                let found = &input.resolve.interfaces[*id];
                let package_name = found
                    .package
                    .map(|id| input.resolve.packages[id].name.name.as_str());
                // An interface without functions is there for its types alone.
                found.name.as_deref() == Some(interface)
                    && package_name == Some(package)
                    && !found.functions.is_empty()
            });
        if is_imported {
            let _ = writeln!(text, "#define HY_IMPORT_{part} 1");
        }
    }
    text
}

#[cfg(test)]
mod tests;
