//! The functions that send typed messages.

use wit_parser::abi::AbiVariant;
use wit_parser::{Function, Type, TypeDefKind};

use super::Package;
use super::memory::at;
use super::names::{comment, exported};
use super::types::Types;

/// An imported function that sends a message.
#[derive(Debug)]
pub(super) struct Message<'a> {
    interface: &'a str,
    function: &'a Function,
    pub(super) payload: Type,
}

/// Returns the functions of a package that send messages, and takes the types of their payloads
/// into it.
pub(super) fn messages<'a>(
    package: &'a Package<'_>,
    types: &mut Types<'_>,
) -> Result<Vec<Message<'a>>, String> {
    let mut messages = Vec::new();
    for (interface, id) in &package.imports {
        for function in package.resolve.interfaces[*id].functions.values() {
            let payload = function
                .params
                .iter()
                .find(|parameter| parameter.name == "payload");
            let sends = function
                .result
                .is_some_and(|result| is_message_id(types, result));
            let (Some(payload), true) = (payload, sends) else {
                return Err(format!(
                    "{interface} has the function `{}`; a function that sends a message has the \
                     parameter `payload` and returns `result<string, error>`",
                    function.name
                ));
            };
            let payload = payload.ty;
            types
                .add(payload)
                .map_err(|name| format!("{interface} sends a {name}"))?;
            messages.push(Message {
                interface,
                function,
                payload,
            });
        }
    }
    Ok(messages)
}

fn is_message_id(types: &Types<'_>, ty: Type) -> bool {
    let Some((_, definition)) = types.definition(ty) else {
        return false;
    };
    matches!(&definition.kind, TypeDefKind::Result(result) if result.ok == Some(Type::String))
}

impl Message<'_> {
    /// Returns the signature of the function in Go, with its documentation.
    fn signature(&self, types: &Types<'_>) -> String {
        let docs = comment(self.function.docs.contents.as_deref(), "");
        let docs = if docs.is_empty() {
            docs
        } else {
            format!("//\n{docs}")
        };
        let name = exported(&self.function.name);
        let destination = if self.has_destination(types) {
            ", destination ...string"
        } else {
            ""
        };
        format!(
            "\n// Send{name} sends a message and returns its id.\n{docs}func Send{name}(payload \
             {}{destination}) (string, error)",
            types.write(self.payload),
        )
    }

    fn has_destination(&self, types: &Types<'_>) -> bool {
        self.function.params.iter().any(|parameter| {
            parameter.name == "destination"
                && types.write(parameter.ty) == "hookyard.Option[string]"
        })
    }

    fn destination(&self, types: &Types<'_>) -> &'static str {
        if self.has_destination(types) {
            "bind.Destination(destination)"
        } else {
            "\"\""
        }
    }

    /// Returns the function that records the message in the world of a test.
    pub(super) fn record(&self, types: &Types<'_>) -> String {
        format!(
            "{} {{\n\treturn bind.Record(\"{}\", payload, {})\n}}\n",
            self.signature(types),
            self.function.name,
            self.destination(types),
        )
    }

    /// Returns the function that calls the host.
    pub(super) fn call(&self, types: &Types<'_>) -> String {
        let parameters: Vec<_> = self
            .function
            .params
            .iter()
            .map(|parameter| parameter.ty)
            .collect();
        let signature = types
            .resolve
            .wasm_signature(AbiVariant::GuestImport, self.function);
        let (declared, passed) = if signature.indirect_params {
            (vec!["area abi.Pointer".to_owned()], vec!["area".to_owned()])
        } else {
            let cores = types.cores(&parameters).into_iter().enumerate();
            let declared = cores
                .map(|(i, core)| format!("a{i} {}", core.go()))
                .collect();
            (declared, types.flatten(&parameters))
        };

        let import = format!("send{}", exported(&self.function.name));
        format!(
            "\n//go:wasmimport {interface} {name}\nfunc {import}({declared}, result abi.Pointer)\n\
             {signature} {{\n\tabi.Pause()\n\tdefer abi.Resume()\n\tarea, result := \
             abi.Allocate({size}), abi.Allocate(16)\n{stores}\t{import}({passed}, result)\n\treturn \
             bind.MessageID(result, {destination})\n}}\n",
            interface = self.interface,
            name = self.function.name,
            declared = declared.join(", "),
            signature = self.signature(types),
            size = types.size_of(&parameters),
            stores = self.stores(types, &parameters),
            passed = passed.join(", "),
            destination = self.destination(types),
        )
    }

    /// Returns the statements that write the parameters. Other parameters stay absent.
    fn stores(&self, types: &Types<'_>, parameters: &[Type]) -> String {
        let offsets = types.sizes.field_offsets(parameters);
        let mut stores = String::new();
        for (parameter, (offset, ty)) in self.function.params.iter().zip(offsets) {
            let area = at("area", offset.size_wasm32());
            if parameter.name == "payload" {
                stores += &format!("\t{}\n", types.store(*ty, &area, "payload"));
            } else if parameter.name == "destination" && self.has_destination(types) {
                stores += &format!("\tbind.StoreDestination({area}, destination)\n");
            }
        }
        stores
    }
}
