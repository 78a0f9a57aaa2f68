//! Which imports of a component are met: those that are offered (`offers`), in a version that is, and granted.
//!
//! WASI 0.2 has nothing behind it that reaches out: no folder is opened, no address allowed and no name resolved.
//! Interfaces that are types only need nobody to implement them, whoever's they are and in whatever version.

use std::collections::BTreeSet;

use wasmparser::{Parser, Payload};
use wasmtime::Engine;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker};

use crate::call::State;
use crate::load::Terms;
use crate::offers::{self, Need};
use crate::text::one_line;
use crate::{Fault, capability, effects, outgoing};

/// A linker with all that is offered.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    effects::add_to_linker(&mut linker)?;
    capability::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// Tells a component that is built for WASI 0.3 before the compiler does, which can only say what it stumbles over.
pub(crate) fn check_wasi(bytes: &[u8]) -> Result<(), Fault> {
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        let Payload::ComponentImportSection(imports) = payload else { continue };
        for import in imports.into_iter().map_while(Result::ok) {
            let name = import.name.name;
            if is_wasi3(name) {
                return Err(Fault::Wasi3 { name: name.to_owned() });
            }
        }
    }
    Ok(())
}

fn is_wasi3(name: &str) -> bool {
    name.starts_with("wasi:") && split(name).1.is_some_and(|version| version.starts_with("0.3."))
}

/// Checks that nothing is imported but what is offered and granted.
pub(crate) fn check(component: &Component, terms: &Terms) -> Result<(), Fault> {
    let engine = component.engine();
    let ty = component.component_type();
    let mut ungranted = Ungranted::default();
    for (name, item) in ty.imports(engine) {
        let ComponentItem::ComponentInstance(instance) = &item.ty else { return Err(never(name)) };
        // Those that are typed are read, and held against the grants, by `outgoing`.
        if is_types_only(instance, engine) || outgoing::is_typed(name, &terms.contracts) {
            continue;
        }
        let (interface, version) = split(name);
        match offers::find(interface).filter(|offer| offer.versions.include(version)) {
            Some(offer) if offer.need.is_met(&terms.grants) => {}
            Some(offer) => ungranted.add(name, offer.need),
            None => return Err(never(name)),
        }
    }
    ungranted.into_result()
}

/// What is left to go wrong when the imports are met: an interface of ours with a function or type that we don't have.
pub(crate) fn mismatch(error: &wasmtime::Error) -> Fault {
    Fault::Mismatch { reason: one_line(&format!("{error:#}"), 400) }
}

/// Imports that lack a grant.
#[derive(Default)]
struct Ungranted {
    imports: Vec<String>,
    needs: BTreeSet<Need>,
}

impl Ungranted {
    fn add(&mut self, name: &str, need: Need) {
        self.imports.push(name.to_owned());
        self.needs.insert(need);
    }

    fn into_result(self) -> Result<(), Fault> {
        if self.imports.is_empty() {
            return Ok(());
        }
        // Needs are in the order in which the lines make one file: tables of their own come last.
        let in_table = self.needs.iter().filter(|need| **need != Need::Http).map(|need| need.lines());
        let mut lines: Vec<_> = in_table.collect();
        if !lines.is_empty() {
            lines.insert(0, "[grants]");
        }
        lines.extend(self.needs.contains(&Need::Http).then(|| Need::Http.lines()));
        Err(Fault::Ungranted { imports: self.imports.join(", "), lines: lines.join("\n") })
    }
}

fn is_types_only(instance: &ComponentInstance, engine: &Engine) -> bool {
    instance.exports(engine).all(|(_, item)| matches!(item.ty, ComponentItem::Type(_)))
}

/// A name's interface and version.
fn split(name: &str) -> (&str, Option<&str>) {
    name.split_once('@').map_or((name, None), |(interface, version)| (interface, Some(version)))
}

/// The fault of importing what no grant would help to.
fn never(name: &str) -> Fault {
    let (interface, _) = split(name);
    let package = interface.split('/').next().unwrap_or_default();
    let name = name.to_owned();
    if let Some(offer) = offers::find(interface) {
        return Fault::Version { name, offered: offer.versions.to_string() };
    }
    let offered: Vec<_> = offers::of_package(package).map(|offer| offer.name).collect();
    let way_out = if !offered.is_empty() {
        format!("of its package this host offers {}; rebuild it without", offered.join(", "))
    } else if package.starts_with("wasi:") {
        "this host does not offer that part of WASI; rebuild it without".to_owned()
    } else if name.starts_with("wasi_") || name == "env" {
        "it belongs to a core module; make it a component with `wasm-tools component new` and the WASI adapter"
            .to_owned()
    } else {
        "see `hookyard wit` for what plugins may import; rebuild it without".to_owned()
    };
    Fault::Import { name, way_out }
}
