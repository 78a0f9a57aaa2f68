//! The handlers that a plugin exports.

use wit_parser::abi::AbiVariant;
use wit_parser::{Function, Type, TypeDefKind, Variant};

use super::Package;
use super::memory::{at, int};
use super::names::{comment, exported};
use super::types::{Field, Types, aligned};

/// An exported function `handle`.
#[derive(Debug)]
pub(super) struct Handler<'a> {
    interface: &'a str,
    function: &'a Function,
    delivery: Type,
    event: Type,
}

/// Returns the handlers of a package, and takes the types of their events into it.
pub(super) fn handlers<'a>(
    package: &'a Package<'_>,
    types: &mut Types<'_>,
) -> Result<Vec<Handler<'a>>, String> {
    let mut handlers = Vec::new();
    for (interface, id) in &package.exports {
        for function in package.resolve.interfaces[*id].functions.values() {
            let (false, [delivery, event]) = (!handlers.is_empty(), &function.params[..]) else {
                return Err(format!(
                    "{interface} has the function `{}`; a handler has one function: \
                     `handle: func(delivery: delivery, event: event) -> result<_, failure>`",
                    function.name
                ));
            };
            let (delivery, event) = (delivery.ty, event.ty);
            let handler = Handler {
                interface,
                function,
                delivery,
                event,
            };
            for payload in handler.payloads(types) {
                types
                    .add(payload)
                    .map_err(|name| format!("{interface} receives a {name}"))?;
            }
            handlers.push(handler);
        }
    }
    Ok(handlers)
}

impl Handler<'_> {
    /// Returns the type of the event.
    pub(super) fn event(&self) -> Type {
        self.event
    }

    /// Returns the cases of the event, or `None` if the event is not a variant.
    fn variant<'a>(&self, types: &Types<'a>) -> Option<&'a Variant> {
        match &types.definition(self.event)?.1.kind {
            TypeDefKind::Variant(variant) => Some(variant),
            _ => None,
        }
    }

    fn payloads(&self, types: &Types<'_>) -> Vec<Type> {
        match self.variant(types) {
            Some(variant) => variant.cases.iter().filter_map(|case| case.ty).collect(),
            None => vec![self.event],
        }
    }

    /// Returns the type `Handler` and the function `Handle`.
    pub(super) fn declaration(&self, types: &Types<'_>, package: &str) -> String {
        let function = |ty: Option<Type>| {
            let event = ty.map_or(String::new(), |ty| format!(", {}", types.write(ty)));
            format!("func(hookyard.Delivery{event}) error")
        };
        let handler = match self.variant(types) {
            Some(variant) => {
                let fields = variant.cases.iter().map(|case| Field {
                    docs: comment(case.docs.contents.as_deref(), "\t"),
                    name: exported(&case.name),
                    ty: function(case.ty),
                });
                let fields = aligned(&fields.collect::<Vec<_>>());
                format!(
                    "// Handler has a function for each event. An event without a function is logged at \
                     the level\n// `debug` and done.\ntype Handler struct {{\n{fields}}}\n"
                )
            }
            None => {
                let function = function(Some(self.event));
                format!(
                    "// Handler is a function that handles all events.\ntype Handler {function}\n"
                )
            }
        };
        format!(
            "\n{handler}\nvar handler *Handler\n\n// Handle sets the handler. Call it in a function \
             `init`: `{package}.Handle(…)`.\nfunc Handle(h Handler) {{ handler = &h }}\n"
        )
    }

    /// Returns the exported function, and the functions that read the delivery and the event.
    pub(super) fn export(&self, types: &Types<'_>, package: &str) -> String {
        let parameters = [self.delivery, self.event];
        let signature = types
            .resolve
            .wasm_signature(AbiVariant::GuestExport, self.function);
        let offsets = types.sizes.field_offsets(&parameters);
        let event = at("area", offsets[1].0.size_wasm32());

        let (arguments, keep) = if signature.indirect_params {
            ("area abi.Pointer".to_owned(), String::new())
        } else {
            let cores = types.cores(&parameters).into_iter().enumerate();
            let arguments: Vec<_> = cores
                .map(|(i, core)| format!("a{i} {}", core.go()))
                .collect();
            let allocate = format!("\tarea := abi.Allocate({})\n", types.size_of(&parameters));
            (
                arguments.join(", "),
                allocate + &types.unflatten(&parameters),
            )
        };
        format!(
            "\n//go:wasmexport {}#{}\nfunc handle({arguments}) abi.Pointer {{\n{keep}\treturn \
             bind.Run(loadDelivery(area), loadEvent({event}))\n}}\n{}{}",
            self.interface,
            self.function.name,
            self.load_delivery(types),
            self.load_event(types, package),
        )
    }

    /// Returns the function that reads a delivery. A plugin may declare fewer fields than the SDK
    /// knows, and more.
    fn load_delivery(&self, types: &Types<'_>) -> String {
        let mut loads = String::new();
        if let Some((_, definition)) = types.definition(self.delivery)
            && let TypeDefKind::Record(record) = &definition.kind
        {
            for (p, name, ty) in types.record_fields(record) {
                let value = types.load(ty, &p);
                match (name.as_str(), types.write(ty).as_str()) {
                    ("EventID" | "Tenant" | "Source" | "Provider" | "Key", "string")
                    | ("EventType", "hookyard.Option[string]")
                    | ("Attempt", "uint32") => loads += &format!("\td.{name} = {value}\n"),
                    ("ReceivedAt", "uint64") => {
                        loads += &format!("\td.{name} = bind.Time({value})\n");
                    }
                    _ => {}
                }
            }
        }
        format!(
            "\nfunc loadDelivery(p abi.Pointer) (d hookyard.Delivery) {{\n{loads}\treturn d\n}}\n"
        )
    }

    fn load_event(&self, types: &Types<'_>, package: &str) -> String {
        let missing =
            format!("\tif handler == nil {{\n\t\treturn bind.Missing(\"{package}\")\n\t}}\n");
        let body = match self.variant(types) {
            None => {
                let event = types.load(self.event, "p");
                format!("\treturn bind.Event(*handler, {event})\n")
            }
            Some(variant) => {
                let cases = types.cases(variant).map(|(number, name, payload)| {
                    let call = match payload {
                        None => format!("bind.Bare(handler.{name})"),
                        Some((p, ty)) => {
                            format!("bind.Event(handler.{name}, {})", types.load(ty, &p))
                        }
                    };
                    if number + 1 == variant.cases.len() {
                        format!("\tdefault:\n\t\treturn {call}\n")
                    } else {
                        format!("\tcase {number}:\n\t\treturn {call}\n")
                    }
                });
                let (tag, cases) = (int(variant.tag()), cases.collect::<String>());
                format!("\tswitch abi.Load[{tag}](p) {{\n{cases}\t}}\n")
            }
        };
        format!("\nfunc loadEvent(p abi.Pointer) bind.Call {{\n{missing}{body}}}\n")
    }
}
