//! Which imports of a component are met: those that are offered (`offers`), in a version that is, and granted.
//!
//! WASI 0.2 has nothing behind it that reaches out: no folder is opened, no address allowed and no name resolved.
//! Interfaces that are types only need nobody to implement them, whoever's they are and in whatever version.

use wasmtime::Engine;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker};

use crate::asked::{Asked, asked};
use crate::call::State;
use crate::load::Terms;
use crate::offers::{self, Lack, Need};
use crate::text::{listed, named, one_line};
use crate::toolchain::Toolchain;
use crate::{Fault, capability, effects, outgoing};

/// A linker with all that is offered.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    effects::add_to_linker(&mut linker)?;
    capability::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// Checks, before anything is compiled, that nothing is imported but what is offered and granted. What can't be told from
/// the bytes is told by `check`.
pub(crate) fn check_first(bytes: &[u8], terms: &Terms, toolchain: Toolchain) -> Result<(), Fault> {
    let asked = asked(bytes);
    if let Some(Asked { name, .. }) = asked.iter().find(|asked| is_wasi3(asked.name)) {
        return Err(Fault::Wasi3 {
            name: named(name),
            toolchain,
        });
    }
    judge(
        asked.into_iter().filter(|asked| !asked.is_unknown),
        terms,
        toolchain,
    )
}

fn is_wasi3(name: &str) -> bool {
    name.starts_with("wasi:")
        && split(name)
            .1
            .is_some_and(|version| version.starts_with("0.3."))
}

/// Checks the same by what the compiler found.
pub(crate) fn check(
    component: &Component,
    terms: &Terms,
    toolchain: Toolchain,
) -> Result<(), Fault> {
    let engine = component.engine();
    let ty = component.component_type();
    let asked = ty.imports(engine).map(|(name, item)| match &item.ty {
        ComponentItem::ComponentInstance(instance) => Asked::instance(
            name,
            is_types_only(instance, engine),
            has_functions(instance, engine),
        ),
        _ => Asked::other(name),
    });
    judge(asked, terms, toolchain)
}

fn judge<'a>(
    asked: impl Iterator<Item = Asked<'a>>,
    terms: &Terms,
    toolchain: Toolchain,
) -> Result<(), Fault> {
    let mut ungranted: Vec<(&str, Lack)> = Vec::new();
    for Asked {
        name,
        is_instance,
        is_types_only,
        has_functions,
        ..
    } in asked
    {
        if !is_instance {
            return Err(never(name));
        }
        if is_types_only {
            continue;
        }
        if let Some(provider) = outgoing::provider(name, &terms.contracts) {
            // The rest of it is read by `outgoing`.
            if has_functions && !outgoing::is_granted(provider, &terms.grants) {
                ungranted.push((
                    name,
                    Lack {
                        need: Need::Destination,
                        provider: Some(provider.to_owned()),
                    },
                ));
            }
            continue;
        }
        let (interface, version) = split(name);
        match offers::find(interface).filter(|offer| offer.versions.include(version)) {
            Some(offer) if offer.need.is_met(&terms.grants) => {}
            Some(offer) => ungranted.push((
                name,
                Lack {
                    need: offer.need,
                    provider: None,
                },
            )),
            None => return Err(never(name)),
        }
    }

    if ungranted.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = ungranted.iter().map(|(name, _)| *name).collect();
    let imports = listed(&names);
    let lacks = ungranted.into_iter().map(|(_, lack)| lack).collect();
    Err(Fault::Ungranted {
        imports,
        lacks,
        toolchain,
    })
}

/// What is left to go wrong when the imports are met: an interface of ours with a function or type that we don't have.
pub(crate) fn mismatch(error: &wasmtime::Error) -> Fault {
    Fault::Mismatch {
        reason: one_line(&format!("{error:#}"), 400),
    }
}

fn is_types_only(instance: &ComponentInstance, engine: &Engine) -> bool {
    instance
        .exports(engine)
        .all(|(_, item)| matches!(item.ty, ComponentItem::Type(_)))
}

fn has_functions(instance: &ComponentInstance, engine: &Engine) -> bool {
    instance
        .exports(engine)
        .any(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)))
}

/// A name's interface and version.
fn split(name: &str) -> (&str, Option<&str>) {
    name.split_once('@')
        .map_or((name, None), |(interface, version)| {
            (interface, Some(version))
        })
}

/// The fault of importing what no grant would help to.
fn never(name: &str) -> Fault {
    let (interface, _) = split(name);
    let package = interface.split('/').next().unwrap_or_default();
    let name = named(name);
    if let Some(offer) = offers::find(interface) {
        return Fault::Version {
            name,
            offered: offer.versions.to_string(),
        };
    }
    let offered: Vec<_> = offers::of_package(package)
        .map(|offer| offer.name)
        .collect();
    let way_out = if !offered.is_empty() {
        format!(
            "of its package this host offers {}; rebuild it without",
            offered.join(", ")
        )
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
