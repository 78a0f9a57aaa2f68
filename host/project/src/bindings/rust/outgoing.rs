//! Functions that send typed events, with [`HostError`] as their error.
//!
//! [`HostError`]: https://docs.rs/hookyard

use std::fmt::Write as _;

use wit_parser::{Function, InterfaceId, Resolve, Type, TypeDefKind};

use super::{ident, interface_name, path};
use crate::template::Spelling;

/// Writes the module of an interface with functions.
pub(super) fn write(text: &mut String, resolve: &Resolve, id: InterfaceId) {
    let interface = &resolve.interfaces[id];
    let raw = path(resolve, id, false);
    let _ = writeln!(
        text,
        "\n/// The functions of `{}`.\npub mod {} {{\n    pub use super::{raw}::*;\n",
        resolve.id_of(id).unwrap_or_default(),
        ident(interface_name(interface))
    );
    for function in interface.functions.values() {
        if let Some(payload) = payload(resolve, function) {
            send(text, function, &payload, &raw);
        }
    }
    text.push_str("}\n\n");
}

/// The type of a payload.
struct Payload {
    name: String,
    /// Whether wit-bindgen passes the payload by value.
    is_plain: bool,
}

/// Returns the payload of a function that sends an event. Other functions stay as they are.
fn payload(resolve: &Resolve, function: &Function) -> Option<Payload> {
    let is_optional = |ty: &Type| match ty {
        Type::Id(id) => matches!(resolve.types[*id].kind, TypeDefKind::Option(_)),
        _ => false,
    };
    let payload = function.params.first().filter(|it| it.name == "payload")?;
    let others_are_optional = function.params[1..].iter().all(|it| is_optional(&it.ty));
    let Type::Id(id) = payload.ty else {
        return None;
    };
    let name = resolve.types[id]
        .name
        .as_ref()
        .filter(|_| others_are_optional)?;
    Some(Payload {
        name: Spelling::Pascal.of(name),
        is_plain: is_plain(resolve, &payload.ty),
    })
}

/// Whether a type contains neither strings nor lists, so that Rust can copy it.
fn is_plain(resolve: &Resolve, ty: &Type) -> bool {
    let Type::Id(id) = ty else {
        return !matches!(ty, Type::String);
    };
    let all = |types: Vec<Type>| types.iter().all(|ty| is_plain(resolve, ty));
    match &resolve.types[*id].kind {
        TypeDefKind::Record(record) => all(record.fields.iter().map(|it| it.ty).collect()),
        TypeDefKind::Tuple(tuple) => all(tuple.types.clone()),
        TypeDefKind::Variant(variant) => all(variant.cases.iter().filter_map(|it| it.ty).collect()),
        TypeDefKind::Option(ty) | TypeDefKind::Type(ty) => is_plain(resolve, ty),
        TypeDefKind::Result(result) => all(result.ok.into_iter().chain(result.err).collect()),
        TypeDefKind::Enum(_) | TypeDefKind::Flags(_) => true,
        _ => false,
    }
}

/// Writes a function that sends an event.
fn send(text: &mut String, function: &Function, payload: &Payload, raw: &str) {
    let name = ident(&function.name);
    for line in function.docs.contents.iter().flat_map(|docs| docs.lines()) {
        let _ = writeln!(
            text,
            "    ///{}{line}",
            if line.is_empty() { "" } else { " " }
        );
    }
    let value = if payload.is_plain {
        "*payload"
    } else {
        "payload"
    };
    let mut arguments = String::new();
    for parameter in &function.params[1..] {
        arguments.push_str(if parameter.name == "destination" {
            ", destination"
        } else {
            ", None"
        });
    }

    let _ = write!(
        text,
        "    ///
    /// Without a destination, the event goes to the only granted one of this provider.
    pub fn {name}(
        payload: &{payload_type},
        destination: Option<&str>,
    ) -> Result<String, hookyard::HostError> {{
        #[cfg(target_arch = \"wasm32\")]
        return super::{raw}::{name}({value}{arguments}).map_err(|error| match error {{
            Error::NoSuchDestination => hookyard::HostError::new(format!(
                \"outbox: no destination {{:?}} is granted\",
                destination.unwrap_or_default()
            )),
            Error::TooMuch(why) | Error::Other(why) => {{
                hookyard::HostError::new(format!(\"outbox: {function}: {{why}}\"))
            }}
        }});
        #[cfg(not(target_arch = \"wasm32\"))]
        hookyard::testing::record({function:?}, destination, payload)
    }}

",
        payload_type = payload.name,
        function = function.name,
    );
}
