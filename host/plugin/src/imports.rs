//! Which imports of a component are met.
//!
//! WASI 0.2 is, with nothing behind it that reaches out: standard libraries import files and sockets whether they are
//! used or not, so those interfaces are there, with no folder opened, no address allowed and no name resolved.
//! `wasi:keyvalue` and our outbox are there as well: they reach nothing but the plugin's own data.
//! Interfaces that are types only need nobody to implement them, whoever's they are and in whatever version.

use wasmtime::Engine;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker};

use crate::Fault;
use crate::call::State;
use crate::effects::{self, KEYVALUE_VERSIONS};
use crate::text::one_line;

/// The packages of WASI 0.2 that plugins are given.
const OFFERED: [&str; 6] = ["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:io", "wasi:random", "wasi:sockets"];

/// A linker with all that is offered.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    effects::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// Checks that nothing is imported but what is offered.
pub(crate) fn check(component: &Component) -> Result<(), Fault> {
    let engine = component.engine();
    let ty = component.component_type();
    for (name, item) in ty.imports(engine) {
        let is_met = match &item.ty {
            ComponentItem::ComponentInstance(instance) => is_offered(name) || is_types_only(instance, engine),
            _ => false,
        };
        if !is_met {
            return Err(Fault::Import { name: name.to_owned(), way_out: way_out(name) });
        }
    }
    Ok(())
}

/// What is left to go wrong when the imports are met: an interface of ours with a function or type that we don't have.
pub(crate) fn mismatch(error: &wasmtime::Error) -> Fault {
    Fault::Mismatch { reason: one_line(&format!("{error:#}"), 400) }
}

fn is_offered(name: &str) -> bool {
    let Some((path, version)) = name.split_once('@') else { return false };
    let package = path.split('/').next().unwrap_or_default();
    match path {
        "wasi:keyvalue/store" | "wasi:keyvalue/atomics" | "wasi:keyvalue/batch" => KEYVALUE_VERSIONS.contains(&version),
        "hookyard:plugin/outbox" => version.starts_with("0.1."),
        _ => OFFERED.contains(&package) && version.starts_with("0.2."),
    }
}

fn is_types_only(instance: &ComponentInstance, engine: &Engine) -> bool {
    instance.exports(engine).all(|(_, item)| matches!(item.ty, ComponentItem::Type(_)))
}

fn way_out(name: &str) -> &'static str {
    let is_wasi = |package: &str| name.starts_with(package);
    if is_wasi("wasi:http") {
        "plugins may not make requests; rebuild it without (for StarlingMonkey: --disable http fetch-event)"
    } else if OFFERED.iter().any(|package| is_wasi(package)) {
        "this host offers WASI 0.2; rebuild it for that (for Rust: --target wasm32-wasip2)"
    } else if is_wasi("hookyard:plugin") {
        "this host offers hookyard:plugin 0.1; rebuild it for that"
    } else if is_wasi("wasi:keyvalue") {
        "this host offers store, atomics and batch of wasi:keyvalue 0.2.0-draft and 0.2.0-draft2; rebuild it for these"
    } else if is_wasi("wasi:") {
        "this host does not offer that part of WASI; rebuild it without"
    } else if name.starts_with("wasi_") || name == "env" {
        "it belongs to a core module; make it a component with `wasm-tools component new` and the WASI adapter"
    } else {
        "plugins may import WASI 0.2 and interfaces of types only; rebuild it without"
    }
}
