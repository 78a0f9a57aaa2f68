//! Writes the WIT of a package, in the shape of the packages of this repository.

mod comment;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::names::escaped;
use crate::note::{sentence, values};
use crate::package::{Emitted, Package, cases, emitted};
use crate::types::{Field, Form, TypeId, Values};

use comment::comment;

/// What the package says of itself.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    /// The provider's name, which is the namespace of the package.
    pub(crate) name: &'a str,
    /// The version of the package.
    pub(crate) package: &'a str,
    pub(crate) title: &'a str,
    /// The version of the description.
    pub(crate) version: Option<&'a str>,
}

/// Returns the text of the file.
pub(crate) fn write(package: &Package<'_>, head: &Head<'_>) -> String {
    let mut text = String::new();
    let version = head
        .version
        .map(|it| format!(", version {it}"))
        .unwrap_or_default();
    let title = format!("{}{version}: its webhooks, typed.", head.title);
    comment(&title, "", &mut text);
    text.push_str(
        "///\n/// `hookyard provider import` wrote this file. Import again rather than edit it.\n",
    );
    let _ = writeln!(text, "package {}:webhooks@{};\n", head.name, head.package);

    let mut types: Vec<_> = package.names.iter().map(|(id, name)| (name, *id)).collect();
    types.sort();
    let has_json = uses_json(package, &types);
    if has_json || !types.is_empty() {
        text.push_str("interface types {\n");
        let mut declared: Vec<_> = types
            .iter()
            .map(|(name, id)| declaration(package, name, *id))
            .collect();
        if has_json {
            let place = types.partition_point(|(name, _)| name.as_str() < "json");
            declared.insert(place, JSON.to_owned());
        }
        text.push_str(&declared.join("\n"));
        text.push_str("}\n\n");
    }
    handler(package, head, &mut text);
    let _ = write!(
        text,
        "/// A plugin for the events of {}.\nworld plugin {{\n    export handler;\n}}\n",
        comment::inline(head.title)
    );
    text
}

const JSON: &str =
    "    /// Any JSON value, as its text.\n    variant json {\n        other(string),\n    }\n";

fn uses_json(package: &Package<'_>, types: &[(&String, TypeId)]) -> bool {
    let in_fields = types
        .iter()
        .any(|(_, id)| match &package.types.get(*id).form {
            Form::Record(fields) => {
                let emitted = emitted(fields).fields;
                emitted.iter().any(|(_, field)| package.has_json(field.ty))
            }
            _ => false,
        });
    in_fields
        || package
            .events
            .iter()
            .any(|event| package.has_json(event.ty))
}

fn declaration(package: &Package<'_>, name: &str, id: TypeId) -> String {
    let mut text = String::new();
    let ty = package.types.get(id);
    match &ty.form {
        Form::Record(fields) => {
            let emitted = emitted(fields);
            let mut note = ty.note.sentences();
            for sentence in left_out(&emitted) {
                note = [note, sentence].join(" ");
            }
            comment(note.trim_start(), "    ", &mut text);
            let _ = writeln!(text, "    record {} {{", escaped(name));
            for (name, field) in &emitted.fields {
                comment(&field_note(package, field), "        ", &mut text);
                let ty = package.written(field.ty, !field.is_required);
                let _ = writeln!(text, "        {}: {ty},", escaped(name));
            }
            text.push_str("    }\n");
        }
        Form::Text(values) => {
            comment(&ty.note.sentences(), "    ", &mut text);
            let _ = writeln!(text, "    variant {} {{", escaped(name));
            for case in cases(values).unwrap_or_default() {
                let _ = writeln!(text, "        {},", escaped(&case));
            }
            text.push_str("        /// Any other value.\n        other(string),\n    }\n");
        }
        _ => {}
    }
    text
}

/// Lists the keys that a record does not have.
fn left_out(emitted: &Emitted<'_>) -> Vec<String> {
    let list = |fields: &[&Field]| {
        let keys = fields
            .iter()
            .take(12)
            .map(|field| format!("`{}`", crate::error::short(&field.key)));
        let more = if fields.len() > 12 { ", …" } else { "" };
        keys.collect::<Vec<_>>().join(", ") + more
    };
    let mut sentences = Vec::new();
    if !emitted.nameless.is_empty() {
        let keys = list(&emitted.nameless);
        sentences.push(format!("Not here, for WIT has no such name: {keys}."));
    }
    if !emitted.clashing.is_empty() {
        let keys = list(&emitted.clashing);
        sentences.push(format!(
            "Not here, for these names are the same to a host: {keys}."
        ));
    }
    sentences
}

fn field_note(package: &Package<'_>, field: &Field) -> String {
    let mut parts = vec![field.note.sentences()];
    match package.types.form(field.ty) {
        Form::Text(Values::Known(known)) if package.named_in(field.ty).is_none() => {
            parts.extend(values(known));
        }
        Form::Opaque(kinds) => parts.push(match &kinds.cut {
            Some(name) => {
                format!(
                    "JSON text of `{}`; the type contains itself.",
                    crate::error::short(name)
                )
            }
            None if kinds.has_text => "A string, or JSON text.".into(),
            None => "JSON text.".into(),
        }),
        Form::Record(_) if package.named_in(field.ty).is_none() => parts.push("JSON text.".into()),
        _ => {}
    }
    let mut note = parts.remove(0);
    for part in parts {
        // Some descriptions already say what the importer would add.
        if !note.contains(&part) {
            note = [note, part].join(" ").trim_start().to_owned();
        }
    }
    note
}

fn handler(package: &Package<'_>, head: &Head<'_>, text: &mut String) {
    let title = comment::inline(head.title);
    let _ = writeln!(
        text,
        "/// A handler of the events of {title}. A plugin exports this interface to receive them.\n\
         interface handler {{\n    use hookyard:plugin/types@0.1.0.{{delivery, failure}};"
    );
    let mut used: BTreeSet<_> = package
        .events
        .iter()
        .filter_map(|it| package.named_in(it.ty))
        .collect();
    if package
        .events
        .iter()
        .any(|event| package.has_json(event.ty))
    {
        used.insert("json");
    }
    if !used.is_empty() {
        let names: Vec<_> = used.into_iter().map(escaped).collect();
        let _ = writeln!(text, "    use types.{{{}}};", names.join(", "));
    }
    text.push_str("\n    /// An event, by its type.\n    variant event {\n");
    for event in package.events {
        let said = event.text.as_deref().map(sentence).unwrap_or_default();
        let named = format!("{said} `{}`.", crate::error::short(&event.event_type));
        comment(&named, "        ", text);
        let ty = package.written(event.ty, false);
        let _ = writeln!(text, "        {}({ty}),", escaped(&event.case));
    }
    text.push_str(
        "        /// An event of any other type, as its JSON text. `delivery.event-type` has the name of the type.\n\
         \x20       other(string),\n    }\n\n\
         \x20   /// Handles an event. The host calls this function once for every attempt.\n\
         \x20   handle: func(delivery: delivery, event: event) -> result<_, failure>;\n}\n\n",
    );
}
