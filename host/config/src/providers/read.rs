//! The reader of `provider.toml`.

use std::collections::BTreeMap;

use hookyard_schemes::{
    Direction, EventCase, JsonPointer, OutgoingEvents, Provider, SchemeKind, SchemeRule,
};

use super::{answer, event_rules, handshake, http_signatures, jwt, outgoing, recipe, verifier};
use crate::document::{self, Entry, Section, Sink, unknown};

/// Reads the text of a `provider.toml` in a folder named `folder`. Faults go to `sink` under the
/// name `file`.
pub(crate) fn provider(file: &str, folder: &str, text: &str, sink: &Sink) -> Option<Provider> {
    document::read(file, text, sink, |root| {
        let name = name(root, folder);
        let package = package(root);
        let versions = root
            .entry("versions")
            .map(|entry| versions(&entry))
            .unwrap_or_default();
        let content = root
            .entry("content")
            .map_or_else(|| Some(JsonPointer::default()), |entry| pointer(&entry));
        let key = required(
            root,
            "key",
            "where an event contains its id",
            event_rules::key,
        );
        let what_for = "where an event contains its type";
        let event_type = required(root, "type", what_for, event_rules::event_type);
        let what_for = "how the sender proves its identity";
        let scheme = required(root, "scheme", what_for, |entry| entry.table(scheme_rule));
        // By default, the provider is sent to with the same scheme as it uses itself.
        let sending = root
            .entry("sending")
            .map_or_else(|| scheme.clone(), |entry| entry.table(scheme_rule));

        let mut events = root.table("events", incoming);
        let outgoing = root.entry("outgoing").map_or_else(
            || Some(OutgoingEvents::default()),
            |it| it.table(outgoing::read),
        );
        events.extend(outgoing.iter().flat_map(outgoing::cases));
        let handshakes = root
            .entry("handshake")
            .map(|entry| handshake::read(&entry))
            .unwrap_or_default();
        let answer = root.entry("answer").and_then(|entry| answer::read(&entry));

        Some(Provider {
            name: name?,
            package: package?,
            versions,
            key: key?,
            event_type: event_type?,
            content: content?,
            events,
            outgoing: outgoing?,
            handshakes,
            answer,
            scheme: scheme?,
            sending: sending?,
        })
    })
}

/// Reads a value that must be present.
fn required<T>(
    root: &Section<'_>,
    key: &'static str,
    what_for: &str,
    read: impl FnOnce(&Entry<'_>) -> Option<T>,
) -> Option<T> {
    let Some(entry) = root.entry(key) else {
        root.missing(key, what_for);
        return None;
    };
    read(&entry)
}

fn name(root: &Section<'_>, folder: &str) -> Option<String> {
    let name = root.require::<String>(
        "name",
        "the name of the provider, which must be the name of its folder",
    )?;
    if name != folder {
        root.entry("name")?.fault(format_args!(
            "differs from the name of the folder, `{folder}`; make them the same"
        ));
        return None;
    }
    Some(name)
}

fn package(root: &Section<'_>) -> Option<String> {
    let package = root.require::<String>(
        "package",
        "the WIT package of its events, such as \"topper:webhooks\"",
    )?;
    let is_plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let parts = package.split_once(':');

    if !parts.is_some_and(|(namespace, name)| is_plain(namespace) && is_plain(name)) {
        root.entry("package")?
            .fault("must be a namespace and a name without a version, such as \"topper:webhooks\"");
        return None;
    }
    Some(package)
}

/// Reads the versions of the package that plugins may be built against. An empty list allows all.
fn versions(entry: &Entry<'_>) -> Vec<String> {
    let version = |item: &Entry<'_>| {
        let text = item.get::<String>()?;
        if !is_compatible_range(&text) {
            item.fault(
                "must be the part that compatible versions share: \"1\" for 1.x.y, \"0.9\" for \
                 0.9.x",
            );
        }
        Some(text)
    };
    entry.items().iter().filter_map(version).collect()
}

/// Returns whether `text` is a major version, or a minor version of major version 0.
fn is_compatible_range(text: &str) -> bool {
    let numbers: Vec<_> = text.split('.').collect();
    let is_number =
        |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let length = if numbers[0] == "0" { 2 } else { 1 };
    numbers.iter().all(is_number) && numbers.len() == length
}

/// Reads a JSON pointer.
pub(crate) fn pointer(entry: &Entry<'_>) -> Option<JsonPointer> {
    JsonPointer::parse(&entry.get::<String>()?)
        .map_err(|error| entry.fault(error))
        .ok()
}

/// Reads the schemes with which a provider sends, or with which it is sent to.
fn scheme_rule(section: &Section<'_>) -> Option<SchemeRule> {
    let default = section
        .entry("default")
        .and_then(|entry| scheme_kind(&entry));
    let allowed: Vec<SchemeKind> = match section.entry("allowed") {
        Some(entry) => entry.items().iter().filter_map(scheme_kind).collect(),
        None => default.into_iter().collect(),
    };

    if let Some(default) = default.filter(|default| !allowed.contains(default)) {
        section.fault(format_args!(
            "the default scheme, {default}, is not in `allowed`"
        ));
    }
    if allowed.is_empty() {
        section.fault("must contain at least one scheme: `default = \"…\"` or `allowed = [ … ]`");
    }

    let header = section.get("header");
    let hmac = section
        .entry("hmac")
        .and_then(|entry| entry.table(recipe::hmac));
    let public_key = section
        .entry("public-key")
        .and_then(|entry| entry.table(recipe::public_key));
    let token = section
        .entry("token")
        .and_then(|entry| entry.table(recipe::token));
    let verifier = section
        .entry("verifier")
        .and_then(|entry| entry.table(verifier::read));
    let jwt = section
        .entry("jwt")
        .and_then(|entry| entry.table(jwt::read));
    let http_signatures = section
        .entry("http-signatures")
        .and_then(|entry| entry.table(http_signatures::read));
    Some(SchemeRule {
        default,
        allowed,
        header,
        hmac,
        public_key,
        token,
        verifier,
        jwt,
        http_signatures,
    })
}

fn scheme_kind(entry: &Entry<'_>) -> Option<SchemeKind> {
    let name = entry.get::<String>()?;
    let kind = SchemeKind::ALL.into_iter().find(|kind| kind.name() == name);
    if kind.is_none() {
        let known = SchemeKind::ALL.map(SchemeKind::name);
        entry.fault(unknown("scheme", &name, known));
    }
    kind
}

/// Reads `[events]`: the types of incoming events, each with its case in the WIT package.
fn incoming(section: &Section<'_>) -> BTreeMap<String, EventCase> {
    let mut cases = BTreeMap::new();
    section.each(|event_type, entry| {
        let case = entry.get::<String>().map(|case| EventCase {
            case,
            direction: Direction::Incoming,
        });
        cases.extend(case.map(|case| (event_type.to_owned(), case)));
    });
    cases
}
