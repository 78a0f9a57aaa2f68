//! Finds a component's handlers by reflection and compiles how each is called.
//!
//! A component may export anything else as well; toolchains do. Only what is named like a handler is looked at, and
//! one of these that can't be called is a reason to refuse the whole component: its author meant it to be called.

use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex};

use crate::compile::REASON_BYTES_MAX;
use crate::delivery::Delivery;
use crate::plan::Shape;
use crate::text::{listed, named, one_line};
use crate::typed::Events;
use crate::untyped::Untyped;
use crate::{Contract, Contracts, Fault, HandlerKind, failure};

/// The package whose interface `handler` takes bytes.
const OUR_PACKAGE: &str = "hookyard:plugin";
const OUR_INTERFACE: &str = "handler";
/// The function of any handler.
const FUNCTION: &str = "handle";

/// One handler of a component.
pub(crate) struct Handler {
    pub(crate) kind: HandlerKind,
    pub(crate) function: ComponentExportIndex,
    pub(crate) call: Call,
}

/// How its arguments are made.
pub(crate) enum Call {
    Typed { delivery: Delivery, events: Events },
    Untyped(Untyped),
}

/// What a component exports to be called.
pub(crate) struct Found {
    /// All handlers that this host can call; there is at least one.
    pub(crate) handlers: Vec<Handler>,
    /// Interfaces that look like handlers, of packages that no provider of this host has.
    pub(crate) strange: Option<String>,
}

/// All handlers of a component.
pub(crate) fn find(component: &Component, contracts: &Contracts) -> Result<Found, Fault> {
    let engine = component.engine();
    let ty = component.component_type();
    let mut handlers: Vec<Handler> = Vec::new();
    let (mut strange, mut others) = (Vec::new(), Vec::new());
    for (export, item) in ty.exports(engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else {
            continue;
        };
        let name = InterfaceName::parse(export);
        let contract = contracts.get(name.package);
        let is_ours = name.package == OUR_PACKAGE && name.interface == OUR_INTERFACE;
        let function = instance.get_export(engine, FUNCTION).map(|item| item.ty);
        let Some(ComponentItem::ComponentFunc(function)) = function else {
            others.push(export);
            continue;
        };
        if !is_ours && contract.is_none() {
            strange.push(export);
            continue;
        }
        let handler = compile(
            component,
            &name,
            &function,
            contract.map(|contract| &**contract),
        )?;
        if handlers
            .iter()
            .any(|earlier| same_events(&earlier.kind, &handler.kind))
        {
            return Err(refused(
                export,
                "it exports another handler for the same events; keep one of them".into(),
            ));
        }
        handlers.push(handler);
    }
    if handlers.is_empty() {
        strange.append(&mut others);
        let packages: Vec<_> = contracts.packages().collect();
        return Err(Fault::NoHandler {
            exported: listed(&strange),
            packages: listed(&packages),
        });
    }
    Ok(Found {
        handlers,
        strange: (!strange.is_empty()).then(|| listed(&strange)),
    })
}

fn compile(
    component: &Component,
    name: &InterfaceName<'_>,
    function: &ComponentFunc,
    contract: Option<&Contract>,
) -> Result<Handler, Fault> {
    let wrong = |reason: String| refused(name.export, reason);
    contract
        .map_or(Ok(()), |contract| contract.check_version(name.version))
        .map_err(wrong)?;
    let signature = Signature::read(function).map_err(wrong)?;
    let (kind, call) = match contract {
        None => (
            HandlerKind::Untyped,
            Untyped::new(&signature.delivery, &signature.event).map(Call::Untyped),
        ),
        Some(contract) => {
            let kind = HandlerKind::Typed {
                provider: contract.provider.clone(),
                package: contract.package.clone(),
                interface: named(name.interface),
                version: name.version.map(named),
            };
            let delivery =
                Delivery::new(&signature.delivery).map_err(|refused| wrong(refused.to_string()))?;
            (
                kind,
                Events::new(&signature.event, contract)
                    .map(|events| Call::Typed { delivery, events }),
            )
        }
    };
    let call = call.map_err(|refused| wrong(refused.to_string()))?;
    let function = component
        .get_export_index(None, name.export)
        .and_then(|instance| component.get_export_index(Some(&instance), FUNCTION))
        .ok_or_else(|| wrong("its function can't be found again".into()))?;
    Ok(Handler {
        kind,
        function,
        call,
    })
}

/// The types of a handler's function.
struct Signature {
    delivery: Shape,
    event: Shape,
}

impl Signature {
    fn read(function: &ComponentFunc) -> Result<Self, String> {
        let wanted =
            "wanted handle: func(delivery: delivery, event-or-message) -> result<_, failure>";
        if function.async_() {
            return Err(format!(
                "its `{FUNCTION}` is async, which this host does not offer; build it without"
            ));
        }
        let parameters: Vec<_> = function.params().map(|(_, ty)| ty).collect();
        let results: Vec<_> = function.results().collect();
        let ([delivery, event], [result]) = (parameters.as_slice(), results.as_slice()) else {
            return Err(format!(
                "its `{FUNCTION}` takes or returns another number of values; {wanted}"
            ));
        };
        let read = |ty, at| Shape::of(ty, at).map_err(|refused| refused.to_string());
        if read(result, "its result")? != failure::shape() {
            return Err(format!(
                "its `{FUNCTION}` returns another type; {wanted} as hookyard:plugin/types has it"
            ));
        }
        Ok(Self {
            delivery: read(delivery, "delivery")?,
            event: read(event, "event")?,
        })
    }
}

/// `package:name/interface@version`, taken apart.
struct InterfaceName<'a> {
    export: &'a str,
    package: &'a str,
    interface: &'a str,
    version: Option<&'a str>,
}

impl<'a> InterfaceName<'a> {
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
}

fn same_events(one: &HandlerKind, another: &HandlerKind) -> bool {
    match (one, another) {
        (HandlerKind::Untyped, HandlerKind::Untyped) => true,
        (
            HandlerKind::Typed { provider: one, .. },
            HandlerKind::Typed {
                provider: another, ..
            },
        ) => one == another,
        _ => false,
    }
}

fn refused(interface: &str, reason: String) -> Fault {
    Fault::Handler {
        interface: named(interface),
        reason: one_line(&reason, REASON_BYTES_MAX),
    }
}
