//! Bindings for Rust: `gen/webhooks.rs`.
//!
//! The macro of wit-bindgen makes the types. The file adds what the macro does not: short paths,
//! functions that send typed events, the export of the handler, and the decoding of fixtures for
//! tests outside WebAssembly.

mod decode;
mod outgoing;

use std::fmt::Write as _;

use wit_parser::{
    Interface, InterfaceId, Resolve, Type, TypeDefKind, TypeId, TypeOwner, WorldItem,
};

use super::{Input, NOTICE};
use crate::build::BuildError;
use crate::files::Files;
use crate::template::Spelling;

/// The packages that the SDK has bindings for, with the versions that it was built with.
const OF_SDK: [&str; 13] = [
    "hookyard:plugin/types@0.1.0",
    "hookyard:plugin/outbox@0.1.0",
    "hookyard:plugin/responder@0.1.0",
    "wasi:keyvalue/store@0.2.0-draft2",
    "wasi:keyvalue/atomics@0.2.0-draft2",
    "wasi:config/store@0.2.0-rc.1",
    "wasi:logging/logging@0.1.0-draft",
    "wasi:io/error@0.2.12",
    "wasi:io/poll@0.2.12",
    "wasi:io/streams@0.2.12",
    "wasi:clocks/monotonic-clock@0.2.12",
    "wasi:http/types@0.2.12",
    "wasi:http/outgoing-handler@0.2.12",
];

/// Returns the bindings for the world of a plugin.
pub(super) fn files(input: &Input<'_>) -> Result<Files, BuildError> {
    let resolve = input.resolve;
    let world = &resolve.worlds[input.world];
    let imports: Vec<_> = world.imports.values().filter_map(interface).collect();
    let exports: Vec<_> = world.exports.values().filter_map(interface).collect();
    let [handler] = exports[..] else {
        return Err(BuildError::Bindings(format!(
            "the world must export one handler, and it exports {}",
            exports.len()
        )));
    };

    let mut text = format!(
        "// {NOTICE}\n//! The events of the plugin, in the types of `wit/`.\n\n\
         #![cfg_attr(rustfmt, rustfmt_skip)]\n#![allow(dead_code, unused_imports, unused_macros, unused_variables, missing_docs, unreachable_pub, \
         clippy::all, clippy::pedantic)]\n\n"
    );
    raw(&mut text, resolve, &world.name, &imports);
    for id in imports.iter().filter(|id| !is_of_sdk(resolve, **id)) {
        if resolve.interfaces[*id].functions.is_empty() {
            let _ = writeln!(text, "pub use {}::*;", path(resolve, *id, false));
        } else {
            outgoing::write(&mut text, resolve, *id);
        }
    }
    export(&mut text, resolve, handler);
    decode::write(&mut text, resolve, &imports, handler);

    let mut files = Files::default();
    files.add("webhooks.rs", text);
    Ok(files)
}

fn interface(item: &WorldItem) -> Option<InterfaceId> {
    match item {
        WorldItem::Interface { id, .. } => Some(*id),
        _ => None,
    }
}

fn is_of_sdk(resolve: &Resolve, id: InterfaceId) -> bool {
    resolve
        .id_of(id)
        .is_some_and(|id| OF_SDK.contains(&id.as_str()))
}

/// Writes the call of the macro. Interfaces of the SDK are not generated again.
fn raw(text: &mut String, resolve: &Resolve, world: &str, imports: &[InterfaceId]) {
    text.push_str("/// The bindings that wit-bindgen makes.\npub mod raw {\n");
    text.push_str("    hookyard::wit_bindgen::generate!({\n        path: \"wit\",\n");
    let _ = writeln!(text, "        world: {world:?},");
    text.push_str("        runtime_path: \"hookyard::wit_bindgen::rt\",\n");
    text.push_str("        generate_all,\n        with: {\n");
    for id in imports.iter().filter(|id| is_of_sdk(resolve, **id)) {
        let name = resolve.id_of(*id).unwrap_or_default();
        let path = path(resolve, *id, false);
        let _ = writeln!(text, "            {name:?}: hookyard::{path},");
    }
    text.push_str("        },\n    });\n}\n\n");
}

/// Writes the macro that exports the handler.
fn export(text: &mut String, resolve: &Resolve, handler: InterfaceId) {
    let path = path(resolve, handler, true);
    let (event, convert) = if resolve.interfaces[handler].types.contains_key("event") {
        ("Event", "event")
    } else {
        ("Message", "message")
    };
    let types = own_types(resolve, handler).join(", ");
    let _ = write!(
        text,
        "pub use {path}::{{{types}}};

/// Exports the handler of the plugin. `#[hookyard::handler]` calls this.
macro_rules! export {{
    ($handle:path) => {{
        const _: () = {{
            struct Plugin;

            impl $crate::webhooks::{path}::Guest for Plugin {{
                fn handle(
                    delivery: $crate::webhooks::{path}::Delivery,
                    {convert}: $crate::webhooks::{event},
                ) -> Result<(), $crate::webhooks::{path}::Failure> {{
                    ::hookyard::run({convert}, delivery, $handle).map_err(Into::into)
                }}
            }}

            $crate::webhooks::raw::export!(Plugin with_types_in $crate::webhooks::raw);
        }};
    }};
}}
pub(crate) use export;
"
    );
}

/// Returns the types that an interface defines, without the ones that it uses from others: wit-bindgen
/// makes aliases of those, and two paths to one name are ambiguous.
fn own_types(resolve: &Resolve, id: InterfaceId) -> Vec<String> {
    let is_own = |ty: &TypeId| match &resolve.types[*ty].kind {
        TypeDefKind::Type(Type::Id(target)) => {
            resolve.types[*target].owner == TypeOwner::Interface(id)
        }
        _ => true,
    };
    let types = resolve.interfaces[id].types.iter();
    types
        .filter(|(_, ty)| is_own(ty))
        .map(|(name, _)| Spelling::Pascal.of(name))
        .collect()
}

/// Returns the path of an interface's module, below `webhooks`.
fn path(resolve: &Resolve, id: InterfaceId, is_export: bool) -> String {
    let interface = &resolve.interfaces[id];
    let mut path = String::from(if is_export { "raw::exports" } else { "raw" });
    if let Some(package) = interface.package {
        let name = &resolve.packages[package].name;
        let _ = write!(path, "::{}::{}", ident(&name.namespace), ident(&name.name));
    }
    let _ = write!(path, "::{}", ident(interface_name(interface)));
    path
}

fn interface_name(interface: &Interface) -> &str {
    interface.name.as_deref().unwrap_or_default()
}

/// Returns a name as wit-bindgen writes it: in snake case, and with `_` after a keyword.
fn ident(name: &str) -> String {
    const KEYWORDS: [&str; 48] = [
        "as", "break", "const", "continue", "crate", "else", "enum", "extern", "false", "fn",
        "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref",
        "return", "self", "static", "struct", "super", "trait", "true", "type", "unsafe", "use",
        "where", "while", "async", "await", "dyn", "abstract", "become", "box", "do", "final",
        "macro", "override", "priv", "typeof", "unsized", "virtual",
    ];
    let snake = Spelling::Snake.of(name);
    let is_keyword =
        KEYWORDS.contains(&snake.as_str()) || ["yield", "try"].contains(&snake.as_str());
    if is_keyword {
        format!("{snake}_")
    } else {
        snake
    }
}

#[cfg(test)]
mod tests;
