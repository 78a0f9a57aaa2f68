//! The generated file of a provider: types, handlers by case, and messages.

use std::fmt::Write;

use super::types::{comment, declarations, name};
use crate::bindings::c::model::{Model, Outgoing, Parameter};
use crate::template::Spelling;

/// Writes the file.
pub(crate) fn source(model: &Model<'_>) -> String {
    let export = format!("{}#handle", model.resolve.name_world_key(&model.handler));
    let mut text = "const hookyard = @import(\"hookyard\");\n".to_owned();
    if !model.outgoing.is_empty() {
        text.push_str("const imports = @import(\"imports\");\n");
    }
    text.push('\n');

    if model.cases.is_none() {
        text.push_str(&UNTYPED.replace("EXPORT", &export));
        return text;
    }
    text.push_str(&declarations(model));
    text.push_str(&HANDLE.replace("EXPORT", &export));
    if !model.outgoing.is_empty() {
        text.push_str("\n/// The messages that the plugin can send. The functions return the id of the message.\npub const outgoing = struct {\n");
        for outgoing in &model.outgoing {
            send(model, outgoing, &mut text);
        }
        text.push_str("};\n");
    }
    text
}

const UNTYPED: &str = "\
/// A header as the host received it. The name is in lower case.
pub const Header = struct {
    name: []const u8,
    value: []const u8,
};

/// A request of the sender.
pub const Message = struct {
    headers: []const Header,
    /// The event as the sender wrote it, without the envelope that it may have arrived in.
    body: []const u8,
};

/// Exports the handler: `comptime { untyped.handle(accept); }`.
pub fn handle(comptime handler: anytype) void {
    hookyard.exportHandle(Message, handler, \"EXPORT\");
}
";

const HANDLE: &str = "\
/// Exports the handlers, each a field with the name of a case of `Event`. An event without a handler is logged
/// and done.
pub fn handle(comptime handlers: anytype) void {
    hookyard.exportHandlers(Event, handlers, \"EXPORT\");
}
";

fn send(model: &Model<'_>, outgoing: &Outgoing<'_>, text: &mut String) {
    let function = outgoing.function;
    let mut parameters = String::new();
    let mut arguments = Vec::new();
    let mut types = Vec::new();
    for parameter in outgoing.parameters() {
        let (argument, ty) = match parameter {
            Parameter::Payload(ty) => ("payload", name(model, ty)),
            Parameter::Destination => ("destination", "?[]const u8".to_owned()),
            Parameter::Unknown(ty) => ("null", name(model, ty)),
        };
        if argument != "null" {
            let _ = write!(parameters, "{argument}: {ty}, ");
        }
        arguments.push(argument);
        types.push(ty);
    }

    comment(&function.docs, "    ", text);
    let _ = write!(
        text,
        "    pub fn {}({}) error{{HostError}}![]const u8 {{\n        \
         if (!hookyard.is_wasm) return hookyard.testing.record(\"{}\", destination, payload, \"\");\n        \
         const import = imports.{}.@\"{}\";\n        \
         const result = hookyard.abi.call(import, struct {{ {} }}, .{{ {} }}, hookyard.Sent);\n        \
         return hookyard.sentId(\"outgoing\", destination, result);\n    }}\n",
        Spelling::Camel.of(&function.name),
        parameters.trim_end_matches(", "),
        function.name,
        interface(model, outgoing),
        function.name,
        types.join(", "),
        arguments.join(", "),
    );
}

fn interface(model: &Model<'_>, outgoing: &Outgoing<'_>) -> String {
    let name = model.resolve.name_world_key(&outgoing.key);
    let name = name.split('@').next().unwrap_or_default();
    name.replace([':', '/', '-'], "_")
}
