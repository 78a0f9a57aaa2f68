//! Names in Python, and the names of componentize-py's modules.

use wit_parser::{InterfaceId, PackageId, Resolve, WorldId, WorldItem};

/// The words that Python does not take as names. componentize-py appends `_` to the same words.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

/// Returns `offer_line_id` for `offer-line-id`.
pub(crate) fn snake(name: &str) -> String {
    escaped(name.replace('-', "_").to_lowercase())
}

/// Returns `OfferLineId` for `offer-line-id`.
pub(super) fn camel(name: &str) -> String {
    escaped(name.split('-').map(capitalized).collect())
}

/// Returns `OFFER_LINE_ID` for `offer-line-id`.
pub(super) fn shouted(name: &str) -> String {
    name.replace('-', "_").to_uppercase()
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first
        .into_iter()
        .chain(letters.map(|letter| letter.to_ascii_lowercase()))
        .collect()
}

fn escaped(name: String) -> String {
    if KEYWORDS.contains(&name.as_str()) {
        format!("{name}_")
    } else {
        name
    }
}

/// Returns the name of the package in `gen/`: `topi_saas` for `topi-saas:webhooks`.
pub(super) fn package(resolve: &Resolve, package: PackageId) -> String {
    let name = &resolve.packages[package].name;
    if name.name == "webhooks" {
        snake(&name.namespace)
    } else {
        snake(&format!("{}-{}", name.namespace, name.name))
    }
}

pub(super) fn of_interface(resolve: &Resolve, interface: InterfaceId) -> &str {
    resolve.interfaces[interface]
        .name
        .as_deref()
        .unwrap_or("types")
}

/// Returns the name of an interface's module in `wit_world`.
///
/// componentize-py's own name depends on the other interfaces of the world, so `build` states the
/// names. The modules that componentize-py's `poll_loop` imports have the names that it expects.
pub(super) fn binding(resolve: &Resolve, interface: InterfaceId) -> String {
    let name = of_interface(resolve, interface);
    let Some(package) = resolve.interfaces[interface].package else {
        return snake(name);
    };

    let package = &resolve.packages[package].name;
    match (package.namespace.as_str(), package.name.as_str()) {
        ("wasi", "http" | "io") => snake(name),
        (namespace, package) => snake(&format!("{namespace}-{package}-{name}")),
    }
}

/// Returns the arguments that make componentize-py use the names of [`binding`].
pub(crate) fn arguments(resolve: &Resolve, world: WorldId) -> Vec<String> {
    let world = &resolve.worlds[world];
    let mut arguments = Vec::new();

    for (option, items) in [
        ("--import-interface-name", &world.imports),
        ("--export-interface-name", &world.exports),
    ] {
        for (key, item) in items {
            if let WorldItem::Interface { id, .. } = item {
                let key = resolve.name_world_key(key);
                arguments.extend([
                    option.to_owned(),
                    format!("{key}={}", binding(resolve, *id)),
                ]);
            }
        }
    }
    arguments
}
