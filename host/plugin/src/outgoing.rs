//! Typed sending: interfaces of a provider's package that a plugin imports, implemented by reflection.
//!
//! When a plugin is loaded, each function of such an import is read (`function`): what it is given becomes an encoding
//! of values to JSON, and whatever can't work is refused there and then. When the plugin calls it, the values are
//! written, the provider's envelope is put around them, and the whole is buffered with the attempt's other effects.
//!
//! The imports are the plugin's own, so each plugin has a linker of its own for them, beside the one for all.

mod function;

use std::sync::Arc;

use hookyard_model::DestinationName;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker};

use self::function::Function;
use crate::call::State;
use crate::compile::REASON_BYTES_MAX;
use crate::load::Terms;
use crate::text::{named, one_line};
use crate::{Contract, Contracts, Fault, Grants};

/// An interface that a plugin imports to send a provider's events.
pub(crate) struct Interface {
    /// As it stands in the component's imports.
    name: String,
    functions: Vec<Function>,
}

/// The provider whose events an import sends, where it is one of these and none of the host's own.
pub(crate) fn provider<'c>(interface: &str, contracts: &'c Contracts) -> Option<&'c str> {
    contract(interface, contracts).map(|contract| contract.provider.as_str())
}

/// Whether there is a destination for these events.
pub(crate) fn is_granted(provider: &str, grants: &Grants) -> bool {
    granted(provider, grants).next().is_some()
}

/// All of these that a component imports.
pub(crate) fn find(component: &Component, terms: &Terms) -> Result<Vec<Interface>, Fault> {
    let engine = component.engine();
    let ty = component.component_type();
    let mut interfaces = Vec::new();
    for (name, item) in ty.imports(engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else {
            continue;
        };
        let Some(contract) = contract(name, &terms.contracts) else {
            continue;
        };
        let refused = |reason: String| Fault::Outgoing {
            interface: named(name),
            reason: one_line(&reason, REASON_BYTES_MAX),
        };
        let mut functions = Vec::new();
        for (name, item) in instance.exports(engine) {
            match item.ty {
                ComponentItem::Type(_) => {}
                ComponentItem::ComponentFunc(ty) => functions.push((name, ty)),
                _ => return Err(refused(format!("`{name}` is no function"))),
            }
        }
        if functions.is_empty() {
            continue;
        }
        contract
            .check_version(name.split_once('@').map(|(_, version)| version))
            .map_err(refused)?;
        let destinations: Arc<[_]> = granted(&contract.provider, &terms.grants)
            .cloned()
            .collect();
        let read = |(name, ty)| {
            Function::read(name, &ty, contract, Arc::clone(&destinations)).map_err(refused)
        };
        let functions = functions.into_iter().map(read).collect::<Result<_, _>>()?;
        interfaces.push(Interface {
            name: name.to_owned(),
            functions,
        });
    }
    Ok(interfaces)
}

/// The contract of the package that an import is of.
fn contract<'c>(import: &str, contracts: &'c Contracts) -> Option<&'c Arc<Contract>> {
    contracts.get(import.split('/').next().unwrap_or_default())
}

/// The destinations that a plugin may send a provider's events to.
fn granted<'g>(provider: &'g str, grants: &'g Grants) -> impl Iterator<Item = &'g DestinationName> {
    let takes = move |of: &Option<String>| of.as_deref() == Some(provider);
    grants
        .destinations
        .iter()
        .filter(move |(_, of)| takes(of))
        .map(|(name, _)| name)
}

/// The linker with these interfaces; the one that was given, where there are none.
pub(crate) fn link(
    interfaces: Vec<Interface>,
    linker: &Linker<State>,
) -> Result<Linker<State>, Fault> {
    let mut linker = linker.clone();
    for Interface { name, functions } in interfaces {
        let linked = linker.instance(&name).and_then(|mut instance| {
            functions.into_iter().try_for_each(|function| {
                let name = function.name().to_owned();
                instance.func_new(&name, move |mut store, _, parameters, results| {
                    let state = store.data_mut().entered();
                    let now = state.clock.now();
                    results[0] = function.call(state, parameters, now)?;
                    Ok(())
                })
            })
        });
        let reason = |error| one_line(&format!("{error:#}"), 400);
        linked.map_err(|error: wasmtime::Error| Fault::Outgoing {
            interface: name,
            reason: reason(error),
        })?;
    }
    Ok(linker)
}
