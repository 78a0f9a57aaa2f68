//! `$ref`: what a pointer leads to, and where types that contain themselves are cut.

mod cycles;

use std::collections::HashSet;

use crate::document::{At, Document, Node};
use crate::error::{Error, Fault, short};

pub(crate) use cycles::Cycles;

/// Follows a `$ref` and the `$ref`s that it leads to. Any other value is returned as it is.
///
/// # Errors
///
/// Fails if a `$ref` leads out of the document, nowhere, or back to itself.
pub(crate) fn resolved<'a>(document: &'a Document, at: At<'a>) -> Result<At<'a>, Error> {
    let mut seen = HashSet::new();
    let mut here = at.clone();
    let mut last = None;
    while let Some(reference) = reference(&here) {
        let next = target(document, &reference)?;
        if !seen.insert(next.pointer.clone()) {
            let name = |at: &At<'_>| short(at.node.text().map_or("", name_of));
            let fault = Fault::RefLoop {
                first: name(&reference),
                last: name(last.as_ref().unwrap_or(&reference)),
            };
            return Err(document.fail(&at, fault));
        }
        last = Some(reference);
        here = next;
    }
    Ok(here)
}

/// Returns the text of a `$ref`, if the value is an object with one.
pub(crate) fn reference<'a>(at: &At<'a>) -> Option<At<'a>> {
    at.get("$ref").filter(|it| it.node.text().is_some())
}

/// Returns what the text of a `$ref` points at.
pub(crate) fn target<'a>(document: &'a Document, at: &At<'a>) -> Result<At<'a>, Error> {
    let text = at.node.text().unwrap_or_default();
    let Some(fragment) = text.strip_prefix('#') else {
        return Err(document.fail(at, Fault::RemoteRef(short(text))));
    };
    let pointer = percent_decoded(fragment);
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return Err(document.fail(at, Fault::Keyword("$anchor")));
    }
    document
        .at_root()
        .find(&pointer)
        .map_err(|(last, missing)| {
            let keys = last.node.object().into_iter().flat_map(|it| it.keys());
            let fault = Fault::Dangling {
                target: short(text),
                near: nearest(&missing, keys, 1).into_iter().next(),
            };
            document.fail(at, fault)
        })
}

/// Returns the last part of a pointer: the name of a component.
pub(crate) fn name_of(pointer: &str) -> &str {
    pointer.rsplit('/').next().unwrap_or(pointer)
}

/// Returns the names that are most like a text, the nearest first.
pub(crate) fn nearest<'a>(
    text: &str,
    names: impl Iterator<Item = &'a str>,
    max: usize,
) -> Vec<String> {
    let close = |name: &'a str| {
        let likeness = strsim::jaro_winkler(text, name);
        (likeness > 0.75).then(|| (likeness, short(name)))
    };
    let mut found: Vec<_> = names.take(10_000).filter_map(close).collect();
    found.sort_by(|one, another| another.0.total_cmp(&one.0).then(one.1.cmp(&another.1)));
    found.dedup_by(|one, another| one.1 == another.1);
    found.into_iter().take(max).map(|(_, name)| name).collect()
}

/// Decodes `%2F` and the like, as the fragment of a URL has them. Other text stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        let decoded = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, decoded) {
            (b'%', Some(decoded)) => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// Calls a function for each schema directly within a schema.
pub(crate) fn each_part<'a>(at: &At<'a>, mut visit: impl FnMut(At<'a>)) {
    const SCHEMAS: [&str; 12] = [
        "additionalProperties",
        "items",
        "contains",
        "not",
        "if",
        "then",
        "else",
        "propertyNames",
        "unevaluatedItems",
        "unevaluatedProperties",
        "additionalItems",
        "contentSchema",
    ];
    const LISTS: [&str; 5] = ["allOf", "anyOf", "oneOf", "prefixItems", "items"];
    const TABLES: [&str; 5] = [
        "properties",
        "patternProperties",
        "dependentSchemas",
        "$defs",
        "definitions",
    ];
    let is_schema = |node: &Node| node.object().is_some();
    for key in SCHEMAS {
        at.get(key)
            .filter(|it| is_schema(it.node))
            .into_iter()
            .for_each(&mut visit);
    }
    for key in LISTS {
        at.list(key).into_iter().for_each(&mut visit);
    }
    for key in TABLES {
        at.table(key).into_iter().for_each(|(_, part)| visit(part));
    }
}
