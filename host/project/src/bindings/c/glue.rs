//! The generated header and source of a provider: handlers by case, and messages.

use std::fmt::Write;

use wit_bindgen_c::{c_func_name, to_c_ident};
use wit_parser::{Function, Type};

use super::model::{Model, Outgoing};
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
        &Default::default(),
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
    text.push_str("}\n#endif\n");
}

/// The parameters of a function that sends a message, as C declares them.
fn send_signature(model: &Model, outgoing: &Outgoing) -> String {
    let parameter = |(label, ty): (String, Type)| match model.resolved(ty) {
        _ if is_optional_text(model, ty) => format!("const char *{label}"),
        Type::Id(_) => format!("const {} *{label}", name(model, ty)),
        _ => format!("{} {label}", name(model, ty)),
    };
    let mut parameters: Vec<_> = parameters(outgoing.function).map(parameter).collect();
    parameters.push("hy_string *id".to_owned());
    let function = identifier(model, &format!("send-{}", outgoing.function.name));
    format!("hy_outcome {function}({})", parameters.join(", "))
}

fn send(model: &Model, outgoing: &Outgoing, text: &mut String) {
    let function = outgoing.function;
    let import = c_func_name(
        true,
        model.resolve,
        "hy",
        Some(&outgoing.key),
        function,
        &Default::default(),
    );
    let prefix = import
        .trim_end_matches(&function.name.replace('-', "_"))
        .trim_end_matches('_');
    let payload = parameters(function)
        .next()
        .map_or_else(String::new, |(label, _)| label);
    let _ = writeln!(
        text,
        "{} {{\n#ifdef __wasm__",
        send_signature(model, outgoing)
    );

    let mut arguments = String::new();
    for (label, ty) in parameters(function) {
        if is_optional_text(model, ty) {
            let _ = writeln!(text, "    hy_string {label}_text = hy_text({label});");
            let _ = write!(arguments, "{label} == NULL ? NULL : &{label}_text, ");
        } else if let Type::Id(id) = ty {
            let target = model.resolve.types[id]
                .name
                .as_deref()
                .unwrap_or_default()
                .replace('-', "_");
            let _ = write!(arguments, "({prefix}_{target}_t *)(uintptr_t){label}, ");
        } else if ty == Type::String {
            let _ = write!(arguments, "&{label}, ");
        } else {
            let _ = write!(arguments, "{label}, ");
        }
    }
    let _ = write!(
        text,
        "    hy_string sent = {{NULL, 0}};\n    {prefix}_error_t error;\n    if (!{import}({arguments}&sent, &error))\n        \
         return hy_unsent(\"outgoing\", destination, error.tag, &error.val.other);\n    \
         if (id != NULL) *id = sent;\n    return HY_OK;\n#else\n    \
         return hy_fake_sent(\"{}\", destination, {payload}, sizeof *{payload}, id);\n#endif\n}}\n\n",
        function.name
    );
}

/// The parameters of a function, with names for C.
pub(crate) fn parameters(function: &Function) -> impl Iterator<Item = (String, Type)> {
    function
        .params
        .iter()
        .map(|parameter| (to_c_ident(&parameter.name), parameter.ty))
}

/// Whether a parameter is a text that may be absent, such as `destination`.
pub(crate) fn is_optional_text(model: &Model, ty: Type) -> bool {
    let Type::Id(id) = model.resolved(ty) else {
        return false;
    };
    matches!(
        model.resolve.types[id].kind,
        wit_parser::TypeDefKind::Option(Type::String)
    )
}
