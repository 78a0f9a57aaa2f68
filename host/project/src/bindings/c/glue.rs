//! The generated header and source of a provider: handlers by case, and messages.

use std::collections::HashMap;
use std::fmt::Write;

use wit_bindgen_c::{c_func_name, to_c_ident};
use wit_parser::Type;

use super::model::{Model, Outgoing, Parameter};
use super::types::{comment, declarations, identifier, name};

/// The name of the generated files, without an extension.
pub(crate) fn file_name(model: &Model) -> String {
    match model.cases {
        Some(_) => model.namespace().replace('-', "_"),
        None => "untyped".to_owned(),
    }
}

/// The header: types, handlers to define and functions to call.
pub(crate) fn header(model: &Model) -> String {
    let mut text = String::from("#pragma once\n\n#include \"hookyard.h\"\n\n");
    text.push_str("#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    if model.cases.is_some() {
        text.push_str(&declarations(model));
    } else {
        text.push_str(UNTYPED);
    }

    text.push_str("// The handlers. Define those that the plugin needs: an event without a handler is logged and done.\n");
    for (docs, signature) in handlers(model) {
        comment(&docs, "", &mut text);
        let _ = writeln!(text, "{signature};");
    }
    for outgoing in &model.outgoing {
        text.push('\n');
        comment(&outgoing.function.docs, "", &mut text);
        let _ = writeln!(
            text,
            "// `destination` and `id` may be NULL.\n{};",
            send_signature(model, outgoing)
        );
    }
    text.push_str("\n#ifdef __cplusplus\n}\n#endif\n");
    text
}

/// The source: the exported function, and the calls of the imported ones.
pub(crate) fn source(model: &Model) -> String {
    let mut text = format!("#include \"{}.h\"\n\n", file_name(model));
    if !model.outgoing.is_empty() {
        text.push_str("#ifndef __wasm__\n#include \"hookyard_fake.h\"\n#endif\n\n");
    }

    for (_, signature) in handlers(model) {
        let name = signature.split_once("on_").map_or("", |(_, rest)| rest);
        let name = name.split('(').next().unwrap_or_default();
        let _ = writeln!(text, "__attribute__((weak)) {signature} {{");
        for unused in signature.matches("event,").map(|_| "event") {
            let _ = writeln!(text, "    (void){unused};");
        }
        let _ = writeln!(
            text,
            "    (void)delivery;\n    return hy_unhandled(\"{}\");\n}}\n",
            name.replace('_', "-")
        );
    }
    for outgoing in &model.outgoing {
        send(model, outgoing, &mut text);
    }
    export(model, &mut text);
    text
}

const UNTYPED: &str = "\
// A request of the sender: its headers, and its body without the envelope that it may have arrived in.
typedef exports_hookyard_plugin_handler_message_t hy_message;

// A header as the host received it. The name is in lower case.
typedef exports_hookyard_plugin_handler_header_t hy_message_header;

";

/// The handlers of the cases, as documentation and signature.
fn handlers(model: &Model) -> Vec<(wit_parser::Docs, String)> {
    let Some(cases) = &model.cases else {
        let signature =
            "hy_outcome on_message(const hy_message *event, const hy_delivery *delivery)";
        return vec![(model.handle.docs.clone(), signature.to_owned())];
    };
    let signature = |case: &str, payload: Option<Type>| {
        let event = payload
            .map(|ty| format!("const {} *event, ", name(model, ty)))
            .unwrap_or_default();
        format!(
            "hy_outcome on_{}({event}const hy_delivery *delivery)",
            case.replace('-', "_")
        )
    };
    cases
        .iter()
        .map(|case| (case.docs.clone(), signature(case.name, case.payload)))
        .collect()
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
    let event = if model.cases.is_some() {
        "event"
    } else {
        "message"
    };
    let _ = writeln!(
        text,
        "#ifdef __wasm__\nbool {function}({prefix}_delivery_t *delivery, {prefix}_{event}_t *event, \
         {prefix}_failure_t *failure) {{\n    hy_begin(delivery);"
    );

    match &model.cases {
        None => text.push_str("    return hy_end(on_message(event, delivery), failure);\n"),
        Some(cases) => {
            let _ = writeln!(
                text,
                "    const {0} *typed = (const {0} *)event;\n    switch (typed->tag) {{",
                identifier(model, "event")
            );
            for case in cases {
                let argument = case
                    .payload
                    .map(|_| format!("&typed->val.{}, ", to_c_ident(case.name)))
                    .unwrap_or_default();
                let _ = writeln!(
                    text,
                    "    case {}: return hy_end(on_{}({argument}delivery), failure);",
                    identifier(model, &format!("event_{}", case.name)).to_uppercase(),
                    case.name.replace('-', "_"),
                );
            }
            text.push_str("    default: hy_trap(\"the event has an unknown case\");\n    }\n");
        }
    }
    let _ = writeln!(text, "}}\n\n{}#endif", after_handle(model, ""));
}

/// The function that the host calls after it has read the outcome. It replaces the one of
/// `wit-bindgen`, which frees a part of the outcome alone.
pub(crate) fn after_handle(model: &Model, linkage: &str) -> String {
    let handle = c_func_name(
        false,
        model.resolve,
        "hy",
        Some(&model.handler),
        model.handle,
        &HashMap::default(),
    );
    let function = format!("{linkage}void __wasm_export_{handle}_post_return(uint8_t *result)");
    let export = format!(
        "cabi_post_{}#handle",
        model.resolve.name_world_key(&model.handler)
    );
    format!(
        "__attribute__((export_name(\"{export}\"))) {function};\n{function} {{\n    (void)result;\n    \
         hy_free_all();\n}}\n"
    )
}

/// The declaration of a function that sends a message.
fn send_signature(model: &Model, outgoing: &Outgoing) -> String {
    let payload = outgoing
        .payload()
        .map(|ty| format!("const {} *payload, ", name(model, ty)));
    let function = identifier(model, &format!("send-{}", outgoing.function.name));
    format!(
        "hy_outcome {function}({}const char *destination, hy_string *id)",
        payload.unwrap_or_default()
    )
}

fn send(model: &Model, outgoing: &Outgoing, text: &mut String) {
    let import = import(model, outgoing);
    let arguments: String = outgoing
        .parameters()
        .map(|parameter| match parameter {
            Parameter::Payload(_) => "(void *)(uintptr_t)payload, ",
            Parameter::Destination => "destination == NULL ? NULL : &name, ",
            Parameter::Unknown(_) => "NULL, ",
        })
        .collect();
    let _ = write!(
        text,
        "{} {{\n#ifdef __wasm__\n    hy_string name = hy_text(destination), sent = {{NULL, 0}};\n    \
         {}_error_t error;\n    if (!{}({arguments}&sent, &error))\n        \
         return hy_unsent(\"outgoing\", destination, error.tag, &error.val.other);\n    \
         if (id != NULL) *id = sent;\n    return HY_OK;\n#else\n    \
         return hy_fake_sent(\"{}\", destination, payload, sizeof *payload, id);\n#endif\n}}\n\n",
        send_signature(model, outgoing),
        import.interface,
        import.function,
        outgoing.function.name
    );
}

/// The names that `wit-bindgen` gives to an imported function and to the types of its interface.
pub(crate) struct Import {
    pub(crate) function: String,
    pub(crate) interface: String,
}

/// Returns the names of a function that sends a message.
pub(crate) fn import(model: &Model, outgoing: &Outgoing) -> Import {
    let function = c_func_name(
        true,
        model.resolve,
        "hy",
        Some(&outgoing.key),
        outgoing.function,
        &HashMap::default(),
    );
    let own = outgoing.function.name.replace('-', "_");
    let interface = function.strip_suffix(&own).unwrap_or(&function);
    Import {
        interface: interface.trim_end_matches('_').to_owned(),
        function,
    }
}
