//! Finds the handlers that a component exports, and compiles how each of them is called.
//!
//! A component may export anything else as well, because toolchains do. Only exports that are named
//! like a handler are looked at. If such an export cannot be called, the whole component is
//! refused: its author expects it to be called.

pub(crate) mod loaded;
pub(crate) mod untyped;

mod context;
mod typed;

use std::fmt;

use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex};

use self::context::Context;
use self::typed::Events;
use self::untyped::Untyped;
use crate::call::failure;
use crate::plan::{Shape, shape_of};
use crate::text::{REASON_BYTES_MAX, one_line, shown_name, shown_names};
use crate::{Contract, Contracts, Fault};

/// The package and the interface of the untyped handler.
const UNTYPED_PACKAGE: &str = "hookyard:plugin";
const UNTYPED_INTERFACE: &str = "handler";
/// The function of every handler.
pub(crate) const FUNCTION: &str = "handle";
const SIGNATURE: &str =
    "expected handle: func(delivery: delivery, event-or-message) -> result<_, failure>";

/// A handler that a plugin exports. It is displayed with the name of its interface, or as
/// `untyped`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandlerKind {
    /// A handler for the typed events of one provider.
    Typed {
        /// The provider's name, as events have it.
        provider: String,
        /// The provider's package without a version, such as `topper:webhooks`.
        package: String,
        /// The name of the interface, such as `handler`.
        interface: String,
        /// The version that the plugin was built against, if the name of the export has one.
        version: Option<String>,
    },
    /// A handler for all events as bytes.
    Untyped,
}

impl fmt::Display for HandlerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Typed {
                package,
                interface,
                version,
                ..
            } => {
                write!(f, "{package}/{interface}")?;
                match version {
                    Some(version) => write!(f, "@{version}"),
                    None => Ok(()),
                }
            }
            Self::Untyped => f.write_str("untyped"),
        }
    }
}

impl HandlerKind {
    /// Whether both handlers are for the same events, so that the host could not choose between
    /// them.
    fn has_same_events(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Untyped, Self::Untyped) => true,
            (
                Self::Typed { provider, .. },
                Self::Typed {
                    provider: other, ..
                },
            ) => provider == other,
            _ => false,
        }
    }
}

/// A handler of a component.
pub(crate) struct Handler {
    kind: HandlerKind,
    function: ComponentExportIndex,
    arguments: ArgumentPlan,
}

/// How the arguments of a handler are made.
enum ArgumentPlan {
    Typed { context: Context, events: Events },
    Untyped(Untyped),
}

/// The handlers among the exports of a component.
pub(crate) struct Exports {
    /// All handlers that this host can call. There is at least one.
    handlers: Vec<Handler>,
    /// Interfaces that look like handlers and whose packages do not belong to a provider of this
    /// host.
    unknown: Option<String>,
}

/// Finds the handlers of a component.
///
/// # Errors
///
/// Fails if there is no handler, if the host cannot call one of the handlers, or if two are for the
/// same events.
pub(crate) fn find(component: &Component, contracts: &Contracts) -> Result<Exports, Fault> {
    let engine = component.engine();
    let ty = component.component_type();
    let mut handlers: Vec<Handler> = Vec::new();
    let mut unknown = Vec::new();
    let mut others = Vec::new();

    for (export, item) in ty.exports(engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else {
            continue;
        };
        let name = ExportName::parse(export);
        let function = instance.get_export(engine, FUNCTION).map(|item| item.ty);
        let Some(ComponentItem::ComponentFunc(function)) = function else {
            others.push(export);
            continue;
        };
        let contract = contracts.get(name.package).map(|contract| &**contract);
        if !name.is_untyped_handler() && contract.is_none() {
            unknown.push(export);
            continue;
        }

        let handler = compile(component, &name, &function, contract)
            .map_err(|reason| refusal(export, &reason))?;
        let is_second = |other: &Handler| other.kind.has_same_events(&handler.kind);
        if handlers.iter().any(is_second) {
            let reason = "it exports another handler for the same events; keep one of them";
            return Err(refusal(export, reason));
        }
        handlers.push(handler);
    }

    if handlers.is_empty() {
        unknown.append(&mut others);
        let packages: Vec<_> = contracts.packages().collect();
        return Err(Fault::NoHandler {
            exported: shown_names(&unknown),
            packages: shown_names(&packages),
        });
    }
    let unknown = (!unknown.is_empty()).then(|| shown_names(&unknown));
    Ok(Exports { handlers, unknown })
}

fn compile(
    component: &Component,
    name: &ExportName<'_>,
    function: &ComponentFunc,
    contract: Option<&Contract>,
) -> Result<Handler, String> {
    if let Some(contract) = contract {
        contract.check_version(name.version)?;
    }
    let signature = Signature::read(function)?;
    let (kind, arguments) = match contract {
        None => (HandlerKind::Untyped, untyped_arguments(&signature)?),
        Some(contract) => {
            let kind = HandlerKind::Typed {
                provider: contract.provider.clone(),
                package: contract.package.clone(),
                interface: shown_name(name.interface),
                version: name.version.map(shown_name),
            };
            (kind, typed_arguments(&signature, contract)?)
        }
    };

    let function = component
        .get_export_index(None, name.export)
        .and_then(|instance| component.get_export_index(Some(&instance), FUNCTION))
        .ok_or_else(|| "the component does not have its function".to_owned())?;
    Ok(Handler {
        kind,
        function,
        arguments,
    })
}

fn untyped_arguments(signature: &Signature) -> Result<ArgumentPlan, String> {
    let untyped = Untyped::new(&signature.delivery, &signature.event);
    untyped
        .map(ArgumentPlan::Untyped)
        .map_err(|error| error.to_string())
}

fn typed_arguments(signature: &Signature, contract: &Contract) -> Result<ArgumentPlan, String> {
    let context = Context::new(&signature.delivery).map_err(|error| error.to_string())?;
    let events = Events::new(&signature.event, contract).map_err(|error| error.to_string())?;
    Ok(ArgumentPlan::Typed { context, events })
}

/// The types of the parameters of a handler's function.
struct Signature {
    delivery: Shape,
    event: Shape,
}

impl Signature {
    fn read(function: &ComponentFunc) -> Result<Self, String> {
        if function.async_() {
            return Err(format!(
                "its `{FUNCTION}` is async, which this host does not offer; build it without"
            ));
        }

        let parameters: Vec<_> = function.params().map(|(_, ty)| ty).collect();
        let results: Vec<_> = function.results().collect();
        let ([delivery, event], [result]) = (parameters.as_slice(), results.as_slice()) else {
            return Err(format!(
                "its `{FUNCTION}` takes or returns another number of values; {SIGNATURE}"
            ));
        };

        let read = |ty, at| shape_of(ty, at).map_err(|error| error.to_string());
        if read(result, "its result")? != failure::shape() {
            return Err(format!(
                "its `{FUNCTION}` returns another type; {SIGNATURE} as hookyard:plugin/types has it"
            ));
        }
        Ok(Self {
            delivery: read(delivery, "delivery")?,
            event: read(event, "event")?,
        })
    }
}

/// The parts of an export's name `package:name/interface@version`.
struct ExportName<'a> {
    export: &'a str,
    package: &'a str,
    interface: &'a str,
    version: Option<&'a str>,
}

impl<'a> ExportName<'a> {
    fn parse(export: &'a str) -> Self {
        let (path, version) = match export.split_once('@') {
            Some((path, version)) => (path, Some(version)),
            None => (export, None),
        };
        let (package, interface) = path.split_once('/').unwrap_or(("", path));
        Self {
            export,
            package,
            interface,
            version,
        }
    }

    fn is_untyped_handler(&self) -> bool {
        self.package == UNTYPED_PACKAGE && self.interface == UNTYPED_INTERFACE
    }
}

fn refusal(interface: &str, reason: &str) -> Fault {
    Fault::Handler {
        interface: shown_name(interface),
        reason: one_line(reason, REASON_BYTES_MAX),
    }
}
