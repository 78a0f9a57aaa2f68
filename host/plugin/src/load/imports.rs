//! Checks the imports of a component: the host must offer each import, in the right version, and
//! the operator must have granted it.
//!
//! The offered WASI 0.2 gives access to nothing outside: no folder is open, no address is allowed,
//! and no name is resolved. Interfaces that have types only need no implementation, so they are
//! allowed whatever their package and version.

use wasmtime::component::Component;
use wasmtime::component::types::{ComponentInstance, ComponentItem};

use super::import_list::{Import, imports};
use super::offers;
use super::toolchain::Toolchain;
use crate::Fault;
use crate::capability::outgoing;
use crate::grants::{MissingGrant, RequiredGrant};
use crate::terms::Terms;
use crate::text::{REASON_BYTES_MAX, one_line, shown_name, shown_names};

/// Checks the imports before anything is compiled. Imports whose type cannot be read from the bytes
/// are left to [`check_component`].
///
/// # Errors
///
/// Fails if an import is not offered or not granted.
pub(super) fn check_bytes(bytes: &[u8], terms: &Terms, toolchain: Toolchain) -> Result<(), Fault> {
    let imports = imports(bytes);
    if let Some(import) = imports.iter().find(|import| is_wasi_0_3(import.name)) {
        return Err(Fault::Wasi3 {
            name: shown_name(import.name),
            toolchain,
        });
    }

    let known = imports.into_iter().filter(|import| !import.is_unknown);
    check(known, terms, toolchain)
}

/// Checks the imports of a compiled component.
///
/// # Errors
///
/// Fails if an import is not offered or not granted.
pub(super) fn check_component(
    component: &Component,
    terms: &Terms,
    toolchain: Toolchain,
) -> Result<(), Fault> {
    let engine = component.engine();
    let ty = component.component_type();
    let imports = ty.imports(engine).map(|(name, item)| match &item.ty {
        ComponentItem::ComponentInstance(instance) => Import::instance(
            name,
            has_only_types(instance, engine),
            has_functions(instance, engine),
        ),
        _ => Import::other(name),
    });
    check(imports, terms, toolchain)
}

fn check<'a>(
    imports: impl Iterator<Item = Import<'a>>,
    terms: &Terms,
    toolchain: Toolchain,
) -> Result<(), Fault> {
    let mut ungranted: Vec<(&str, MissingGrant)> = Vec::new();
    for import in imports {
        if let Some(missing) = missing_grant(&import, terms)? {
            ungranted.push((import.name, missing));
        }
    }

    if ungranted.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = ungranted.iter().map(|(name, _)| *name).collect();
    let imports = shown_names(&names);
    let missing = ungranted.into_iter().map(|(_, missing)| missing).collect();
    Err(Fault::Ungranted {
        imports,
        missing,
        toolchain,
    })
}

/// Returns the grant that an import requires and that the plugin does not have.
///
/// # Errors
///
/// Fails if the host does not offer the import.
fn missing_grant(import: &Import<'_>, terms: &Terms) -> Result<Option<MissingGrant>, Fault> {
    if !import.is_instance {
        return Err(not_offered(import.name));
    }
    if import.has_only_types {
        return Ok(None);
    }

    if let Some(provider) = outgoing::provider(import.name, &terms.contracts) {
        // `capability::outgoing` checks the functions themselves.
        if !import.has_functions || outgoing::is_granted(provider, &terms.grants) {
            return Ok(None);
        }
        return Ok(Some(MissingGrant {
            grant: RequiredGrant::Destination,
            provider: Some(provider.to_owned()),
        }));
    }

    let (interface, version) = split_version(import.name);
    match offers::find(interface).filter(|offer| offer.versions.include(version)) {
        None => Err(not_offered(import.name)),
        Some(offer) if offer.grant.is_met(&terms.grants) => Ok(None),
        Some(offer) => Ok(Some(MissingGrant {
            grant: offer.grant,
            provider: None,
        })),
    }
}

/// Returns the fault of a component whose imports are all offered, but with other functions or
/// types.
pub(super) fn mismatch(error: &wasmtime::Error) -> Fault {
    Fault::Mismatch {
        reason: one_line(&format!("{error:#}"), REASON_BYTES_MAX),
    }
}

fn has_only_types(instance: &ComponentInstance, engine: &wasmtime::Engine) -> bool {
    instance
        .exports(engine)
        .all(|(_, item)| matches!(item.ty, ComponentItem::Type(_)))
}

fn has_functions(instance: &ComponentInstance, engine: &wasmtime::Engine) -> bool {
    instance
        .exports(engine)
        .any(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)))
}

fn is_wasi_0_3(name: &str) -> bool {
    let (interface, version) = split_version(name);
    interface.starts_with("wasi:") && version.is_some_and(|version| version.starts_with("0.3."))
}

/// Returns the interface and the version of an import's name.
fn split_version(name: &str) -> (&str, Option<&str>) {
    match name.split_once('@') {
        Some((interface, version)) => (interface, Some(version)),
        None => (name, None),
    }
}

/// Returns the fault of an import that the host does not offer, so that no grant would help.
fn not_offered(name: &str) -> Fault {
    let (interface, _) = split_version(name);
    let package = interface.split('/').next().unwrap_or_default();
    let name = shown_name(name);

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
            "this host offers only {} of this package; rebuild the component without \
             the import",
            offered.join(", ")
        )
    } else if package.starts_with("wasi:") {
        "this host does not offer that part of WASI; rebuild the component without the import"
            .to_owned()
    } else if name.starts_with("wasi_") || name == "env" {
        "it belongs to a core module; make it a component with `wasm-tools component new` and the \
         WASI adapter"
            .to_owned()
    } else {
        "see `hookyard wit` for what plugins may import, and rebuild the component without the \
         import"
            .to_owned()
    };
    Fault::Import { name, way_out }
}
