//! `provider.toml`: from text to a provider, with every fault at its line.

use std::collections::BTreeMap;

use hookyard_schemes::{
    Direction, EventCase, JsonPointer, KeyFallback, KeyRule, KeySource, OutgoingEvents, Provider,
    SchemeKind, SchemeRule, TypeRule,
};
use hookyard_schemes::{Shape, Template};

use super::{outgoing, recipe};
use crate::document::{self, Entry, Section, Sink, unknown};

/// Reads the `provider.toml` that stands in the folder `folder`.
pub fn provider(file: &str, folder: &str, text: &str, sink: &Sink) -> Option<Provider> {
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
            "where the sender's id of an event stands",
            key_rule,
        );
        let event_type = required(
            root,
            "type",
            "where the sender says what happened",
            type_rule,
        );
        let scheme = required(root, "scheme", "how the sender is proven", scheme_rule);
        // What it is sent is signed as it signs itself, unless it says otherwise.
        let sending = root
            .entry("sending")
            .map_or_else(|| scheme.clone(), |entry| entry.table(scheme_rule));
        let mut events = root.table("events", incoming);
        let outgoing = root.entry("outgoing").map_or_else(
            || Some(OutgoingEvents::default()),
            |it| it.table(outgoing::read),
        );
        events.extend(outgoing.iter().flat_map(outgoing::cases));
        Some(Provider {
            name: name?,
            package: package?,
            versions,
            key: key?,
            event_type: event_type?,
            content: content?,
            events,
            outgoing: outgoing?,
            scheme: scheme?,
            sending: sending?,
        })
    })
}

fn required<T>(
    root: &Section<'_>,
    key: &'static str,
    what_for: &str,
    read: impl FnOnce(&Section<'_>) -> Option<T>,
) -> Option<T> {
    match root.entry(key) {
        Some(entry) => entry.table(read),
        None => {
            root.missing(key, what_for);
            None
        }
    }
}

fn name(root: &Section<'_>, folder: &str) -> Option<String> {
    let name = root.require::<String>("name", "the provider's name, the same as its folder's")?;
    if name != folder {
        root.entry("name")?.fault(format_args!(
            "is not the name of its folder, `{folder}`; make them the same"
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
    if !package
        .split_once(':')
        .is_some_and(|(namespace, name)| is_plain(namespace) && is_plain(name))
    {
        root.entry("package")?
            .fault("must be a namespace and a name without a version, such as \"topper:webhooks\"");
        return None;
    }
    Some(package)
}

/// Versions of the package that plugins may be built against; none said is any.
fn versions(entry: &Entry<'_>) -> Vec<String> {
    let is_line = |text: &str| {
        let numbers: Vec<_> = text.split('.').collect();
        let is_number =
            |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        numbers.iter().all(is_number) && numbers.len() == if numbers[0] == "0" { 2 } else { 1 }
    };
    let line = |item: &Entry<'_>| {
        let text = item.get::<String>()?;
        if !is_line(&text) {
            item.fault("must be what compatible versions have in common: \"1\" for 1.x.y, \"0.9\" for 0.9.x");
        }
        Some(text)
    };
    entry.items().iter().filter_map(line).collect()
}

pub fn pointer(entry: &Entry<'_>) -> Option<JsonPointer> {
    JsonPointer::parse(&entry.get::<String>()?)
        .map_err(|error| entry.fault(error))
        .ok()
}

fn pointers(section: &Section<'_>, key: &'static str) -> Vec<JsonPointer> {
    let items = section
        .entry(key)
        .map(|entry| entry.items())
        .unwrap_or_default();
    items.iter().filter_map(pointer).collect()
}

fn header(entry: &Entry<'_>) -> Option<String> {
    entry.get::<String>().map(|name| name.to_ascii_lowercase())
}

fn key_rule(section: &Section<'_>) -> Option<KeyRule> {
    let faults_before = section.fault_count();
    let scheme_id = section
        .get::<bool>("scheme-id")
        .unwrap_or(false)
        .then_some(KeySource::SchemeId);
    let header = section
        .entry("header")
        .and_then(|entry| header(&entry))
        .map(KeySource::Header);
    let json = section
        .entry("json")
        .and_then(|entry| pointer(&entry))
        .map(KeySource::Json);
    let otherwise =
        section
            .entry("otherwise")
            .and_then(|entry| match entry.get::<String>()?.as_str() {
                "body-sha256" => Some(KeyFallback::BodySha256),
                _ => {
                    entry.fault("must be \"body-sha256\", or left out to refuse what has no key");
                    None
                }
            });
    let from: Vec<KeySource> = [scheme_id, header, json].into_iter().flatten().collect();
    if from.is_empty() && section.fault_count() == faults_before {
        section.fault(
            "must say where to look: `scheme-id = true`, `header = \"…\"` or `json = \"/…\"`",
        );
    }
    (!from.is_empty()).then_some(KeyRule { from, otherwise })
}

fn type_rule(section: &Section<'_>) -> Option<TypeRule> {
    let faults_before = section.fault_count();
    let json = section
        .entry("json")
        .and_then(|entry| pointer(&entry))
        .map(TypeRule::Json);
    let header = section
        .entry("header")
        .and_then(|entry| header(&entry))
        .map(TypeRule::Header);
    let shapes = section.entry("rules").map(|entry| {
        let shapes = entry
            .items()
            .iter()
            .filter_map(|item| item.table(shape))
            .collect();
        TypeRule::Shapes(shapes)
    });
    let mut rules = [json, header, shapes].into_iter().flatten();
    let (rule, more) = (rules.next(), rules.next());
    if more.is_some() || (rule.is_none() && section.fault_count() == faults_before) {
        section.fault("must say one thing: `json = \"/…\"`, `header = \"…\"` or `rules = [ … ]`");
    }
    rule
}

fn shape(section: &Section<'_>) -> Option<Shape> {
    let any = pointers(section, "any");
    let none = pointers(section, "none");
    let is = section.require::<String>("is", "the event's type, such as \"offer.{/status}\"")?;
    let entry = section.entry("is")?;
    let is = Template::parse(&is)
        .map_err(|error| entry.fault(error))
        .ok()?;
    Some(Shape { any, none, is })
}

fn scheme_rule(section: &Section<'_>) -> Option<SchemeRule> {
    let kind = |entry: &Entry<'_>| -> Option<SchemeKind> {
        let name = entry.get::<String>()?;
        let kind = SchemeKind::ALL.into_iter().find(|kind| kind.name() == name);
        if kind.is_none() {
            entry.fault(unknown(
                "scheme",
                &name,
                SchemeKind::ALL.map(SchemeKind::name),
            ));
        }
        kind
    };
    let default = section.entry("default").and_then(|entry| kind(&entry));
    let allowed = section
        .entry("allowed")
        .map(|entry| entry.items().iter().filter_map(kind).collect());
    let allowed: Vec<SchemeKind> = allowed.unwrap_or_else(|| default.into_iter().collect());
    if let Some(default) = default.filter(|default| !allowed.contains(default)) {
        section.fault(format_args!(
            "the default, {default}, is not among those allowed"
        ));
    }
    if allowed.is_empty() {
        section.fault("must say how the sender is proven: `default = \"…\"` or `allowed = [ … ]`");
    }
    let header = section.get("header");
    let recipe = section
        .entry("hmac")
        .and_then(|entry| entry.table(recipe::read));
    Some(SchemeRule {
        default,
        allowed,
        header,
        recipe,
    })
}

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
