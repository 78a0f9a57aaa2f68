//! The generated header and source of a provider: handlers by case, and messages.

use std::collections::HashMap;
use std::fmt::Write;

use wit_bindgen_c::{c_func_name, to_c_ident};

use super::types::{declarations, name};
use crate::bindings::c::file_name;
use crate::bindings::c::glue::{after_handle, import};
use crate::bindings::c::model::{Case, Model, Outgoing, Parameter};
use crate::bindings::c::types::comment;

/// The header: types, handlers to define and functions to call.
pub(crate) fn header(model: &Model) -> String {
    let mut text = String::from("#pragma once\n\n#include \"hookyard.hpp\"\n\n");
    let _ = writeln!(text, "namespace {} {{\n", file_name(model));
    if model.cases.is_some() {
        text.push_str(&declarations(model));
    } else {
        text.push_str(UNTYPED);
    }

    text.push_str("// The handlers. Define those that the plugin needs: an event without a handler is logged and done.\n");
    for handler in handlers(model) {
        comment(&handler.docs, "", &mut text);
        let _ = writeln!(text, "{};", handler.signature());
    }
    for outgoing in &model.outgoing {
        text.push('\n');
        comment(&outgoing.function.docs, "", &mut text);
        let _ = writeln!(
            text,
            "// Returns the id of the message.\n{};",
            send_signature(model, outgoing, " = nullptr")
        );
    }
    let _ = writeln!(text, "\n}} // namespace {}", file_name(model));
    text
}

/// The source: the exported function, and the calls of the imported ones.
pub(crate) fn source(model: &Model) -> String {
    let mut text = format!(
        "#include \"{}.hpp\"\n\n#include <cstring>\n\n",
        file_name(model)
    );
    if !model.outgoing.is_empty() {
        text.push_str("#ifndef __wasm__\n#include \"hookyard_fake.h\"\n#endif\n\n");
    }

    let _ = writeln!(text, "namespace {} {{\n", file_name(model));
    for handler in handlers(model) {
        let _ = writeln!(
            text,
            "__attribute__((weak)) {} {{\n    hy_unhandled(\"{}\");\n    return {{}};\n}}\n",
            handler
                .signature()
                .replace(" event,", ",")
                .replace(" delivery)", ")"),
            handler.name
        );
    }
    for outgoing in &model.outgoing {
        send(model, outgoing, &mut text);
    }
    let _ = writeln!(text, "}} // namespace {}\n", file_name(model));
    export(model, &mut text);
    text
}

const UNTYPED: &str = "\
// A header as the host received it. The name is in lower case.
struct header {
    std::string_view name;
    std::string_view value;
};

// A request of the sender.
struct message {
    hookyard::list<header> headers;
    // The event as the sender wrote it, without the envelope that it may have arrived in.
    std::string_view body;
};

";

/// A handler that the plugin may define.
struct Handler {
    name: String,
    docs: wit_parser::Docs,
    event: Option<String>,
}

impl Handler {
    fn signature(&self) -> String {
        let event = self
            .event
            .as_ref()
            .map(|event| format!("const {event}& event, "))
            .unwrap_or_default();
        let name = self.name.replace('-', "_");
        format!("hookyard::outcome on_{name}({event}const hookyard::delivery& delivery)")
    }
}

fn handlers(model: &Model) -> Vec<Handler> {
    let Some(cases) = &model.cases else {
        let docs = model.handle.docs.clone();
        return vec![Handler {
            name: "message".to_owned(),
            docs,
            event: Some("message".to_owned()),
        }];
    };
    let handler = |case: &Case| Handler {
        name: case.name.to_owned(),
        docs: case.docs.clone(),
        event: case.payload.map(|ty| name(model, ty)),
    };
    cases.iter().map(handler).collect()
}

fn export(model: &Model, text: &mut String) {
    let function = c_func_name(
        false,
        model.resolve,
        "hy",
        Some(&model.handler),
        model.handle,
        &HashMap::default(),
    );
    let prefix = function.trim_end_matches("_handle");
    let scope = file_name(model);
    let event = if model.cases.is_some() {
        "event"
    } else {
        "message"
    };
    let _ = writeln!(
        text,
        "#ifdef __wasm__\n{LAYOUT}\
         bool {function}({prefix}_delivery_t *raw_delivery, {prefix}_{event}_t *event, {prefix}_failure_t *failure) {{\n    \
         static_assert(sizeof(hookyard::delivery) == sizeof *raw_delivery);\n    \
         using namespace {scope};\n    check_layout();\n    hy_begin(raw_delivery);\n    \
         const auto& delivery = *reinterpret_cast<const hookyard::delivery*>(raw_delivery);"
    );

    match &model.cases {
        None => {
            let _ = writeln!(
                text,
                "    static_assert(sizeof(message) == sizeof *event);\n    \
                 return hy_end(hookyard::plain(on_message(*reinterpret_cast<const message*>(event), delivery)), failure);"
            );
        }
        Some(cases) => {
            text.push_str("    switch (event->tag) {\n");
            for (index, case) in cases.iter().enumerate() {
                export_case(model, (index, case), text);
            }
            text.push_str("    default: hy_trap(\"the event has an unknown case\");\n    }\n");
        }
    }
    let after = after_handle(model, "extern \"C\" ");
    let _ = writeln!(text, "}}\n\n{after}#endif");
}

/// The layout of a view of text and of a span is that of the bindings for C in the library of LLVM,
/// which the compilers for WebAssembly have. The code checks it, because no standard says so.
const LAYOUT: &str = "\
// The types are laid out as the host passes them. No standard says so, but the library of LLVM does it.
static void check_layout() {
    const std::string_view text(\"a\");
    const std::span<const char> list(text);
    hy_string copies[2];
    static_assert(sizeof text == sizeof copies[0] && sizeof list == sizeof copies[0]);
    std::memcpy(&copies[0], &text, sizeof text);
    std::memcpy(&copies[1], &list, sizeof list);
    for (const hy_string& copy : copies)
        if (copy.len != 1) hy_trap(\"this library of C++ lays out std::string_view in another way than LLVM's\");
}

";

fn export_case(model: &Model, (index, case): (usize, &Case), text: &mut String) {
    let function = case.name.replace('-', "_");
    let Some(payload) = case.payload else {
        let _ = writeln!(
            text,
            "    case {index}: return hy_end(hookyard::plain(on_{function}(delivery)), failure);"
        );
        return;
    };
    let field = to_c_ident(case.name);
    let ty = name(model, payload);
    let _ = writeln!(
        text,
        "    case {index}:\n        static_assert(sizeof({ty}) == sizeof event->val.{field});\n        \
         return hy_end(hookyard::plain(on_{function}(*reinterpret_cast<const {ty}*>(&event->val.{field}), delivery)), failure);"
    );
}

fn send_signature(model: &Model, outgoing: &Outgoing, default: &str) -> String {
    let payload = outgoing
        .payload()
        .map(|ty| format!("const {}& payload, ", name(model, ty)));
    let function = outgoing.function.name.replace('-', "_");
    format!(
        "hookyard::expected<std::string> send_{function}({}const char* destination{default})",
        payload.unwrap_or_default()
    )
}

fn send(model: &Model, outgoing: &Outgoing, text: &mut String) {
    let import = import(model, outgoing);
    let arguments: String = outgoing
        .parameters()
        .map(|parameter| match parameter {
            Parameter::Payload(_) => "hookyard::pointer{&payload}, ",
            Parameter::Destination => "destination == nullptr ? nullptr : &name, ",
            Parameter::Unknown(_) => "nullptr, ",
        })
        .collect();
    let _ = write!(
        text,
        "{} {{\n    hy_string sent{{}};\n#ifdef __wasm__\n    hy_string name = hy_text(destination);\n    \
         {}_error_t error;\n    if (!{}({arguments}&sent, &error))\n        \
         HOOKYARD_DO(hookyard::checked(hy_unsent(\"outgoing\", destination, error.tag, &error.val.other)));\n#else\n    \
         HOOKYARD_DO(hookyard::checked(hy_fake_sent(\"{}\", destination, &payload, sizeof payload, &sent)));\n#endif\n    \
         return std::string(hookyard::view(sent));\n}}\n\n",
        send_signature(model, outgoing, ""),
        import.interface,
        import.function,
        outgoing.function.name
    );
}
