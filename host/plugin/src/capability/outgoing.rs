//! Typed sending: interfaces of a provider's package that a plugin imports, implemented by
//! reflection.
//!
//! When a plugin is loaded, each function of such an import is read (`function`) and compiled to an
//! encoding of its parameters as JSON. A function that cannot work is refused then. When the plugin
//! calls the function, the host writes the JSON, puts the provider's envelope around it, and adds
//! the message to the attempt's effects.
//!
//! These imports differ from plugin to plugin, so each plugin that has them gets a linker of its
//! own.

mod function;

use wasmtime::Engine;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker};

use self::function::Function;
use super::destination;
use crate::call::state::State;
use crate::terms::Terms;
use crate::text::{REASON_BYTES_MAX, one_line, shown_name};
use crate::{Contract, Contracts, Fault, Grants};

/// An interface that a plugin imports to send a provider's events.
pub(crate) struct Interface {
    /// The name of the import.
    name: String,
    functions: Vec<Function>,
}

/// Returns the provider whose events an import sends, or `None` if the import does not belong to a
/// provider.
pub(crate) fn provider<'c>(import: &str, contracts: &'c Contracts) -> Option<&'c str> {
    contract(import, contracts).map(|contract| contract.provider.as_str())
}

/// Whether the plugin may send the provider's events to any destination.
pub(crate) fn is_granted(provider: &str, grants: &Grants) -> bool {
    destination::granted(grants, Some(provider))
        .next()
        .is_some()
}

/// Returns all interfaces for sending that a component imports.
///
/// # Errors
///
/// Fails if the host cannot provide one of the functions.
pub(crate) fn find(component: &Component, terms: &Terms) -> Result<Vec<Interface>, Fault> {
    let engine = component.engine();
    let ty = component.component_type();
    let mut interfaces = Vec::new();

    for (import, item) in ty.imports(engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else {
            continue;
        };
        let Some(contract) = contract(import, &terms.contracts) else {
            continue;
        };
        let functions =
            functions(import, &instance, engine, contract).map_err(|reason| Fault::Outgoing {
                interface: shown_name(import),
                reason: one_line(&reason, REASON_BYTES_MAX),
            })?;
        // An interface without functions has types only, which need no implementation.
        if !functions.is_empty() {
            interfaces.push(Interface {
                name: import.to_owned(),
                functions,
            });
        }
    }
    Ok(interfaces)
}

fn functions(
    import: &str,
    instance: &ComponentInstance,
    engine: &Engine,
    contract: &Contract,
) -> Result<Vec<Function>, String> {
    let mut types = Vec::new();
    for (name, item) in instance.exports(engine) {
        match item.ty {
            ComponentItem::Type(_) => {}
            ComponentItem::ComponentFunc(ty) => types.push((name, ty)),
            _ => return Err(format!("`{name}` is not a function")),
        }
    }
    if types.is_empty() {
        return Ok(Vec::new());
    }

    contract.check_version(import.split_once('@').map(|(_, version)| version))?;
    types
        .into_iter()
        .map(|(name, ty)| Function::read(name, &ty, contract))
        .collect()
}

/// Returns the contract of the package that an import belongs to.
fn contract<'c>(import: &str, contracts: &'c Contracts) -> Option<&'c Contract> {
    let package = import.split('/').next().unwrap_or_default();
    contracts.get(package).map(|contract| &**contract)
}

/// Returns a copy of the linker with these interfaces added.
///
/// # Errors
///
/// Fails if the linker does not accept an interface.
pub(crate) fn link(
    interfaces: Vec<Interface>,
    linker: &Linker<State>,
) -> Result<Linker<State>, Fault> {
    let mut linker = linker.clone();
    for Interface { name, functions } in interfaces {
        add_interface(&mut linker, &name, functions).map_err(|error| Fault::Outgoing {
            interface: name,
            reason: one_line(&format!("{error:#}"), REASON_BYTES_MAX),
        })?;
    }
    Ok(linker)
}

fn add_interface(
    linker: &mut Linker<State>,
    name: &str,
    functions: Vec<Function>,
) -> wasmtime::Result<()> {
    let mut instance = linker.instance(name)?;
    for function in functions {
        let name = function.name().to_owned();
        instance.func_new(&name, move |mut store, _, parameters, results| {
            let state = store.data_mut().entered();
            results[0] = function.call(state, parameters)?;
            Ok(())
        })?;
    }
    Ok(())
}
