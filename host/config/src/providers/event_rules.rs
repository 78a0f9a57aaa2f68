//! The readers of `key` and `type`: which event a verified request is.

use hookyard_schemes::value::{OwnPiece, Piece, Template};
use hookyard_schemes::{JsonPointer, KeyPiece, KeyRule, Shape, TypeRule};

use super::read::pointer;
use super::value;
use crate::document::{Entry, Section};

/// The text of a rule that finds nothing, because the sender has nothing to find.
const NONE: &str = "none";

/// Reads how the key of an event is found.
pub(super) fn key(entry: &Entry<'_>) -> Option<KeyRule> {
    if entry.as_text() == Some(NONE) {
        return Some(KeyRule::None);
    }
    if entry.is_table() && has_earlier_form(entry)? {
        return None;
    }

    let alternatives = alternatives(
        entry,
        "\"{json:/id}\", or \"none\" if the sender has no ids",
    )?;
    for (entry, template) in &alternatives {
        check_key(entry, template);
    }
    Some(KeyRule::FirstOf(templates(alternatives)))
}

/// Reads how the type of an event is found.
pub(super) fn event_type(entry: &Entry<'_>) -> Option<TypeRule> {
    if entry.as_text() == Some(NONE) {
        return Some(TypeRule::None);
    }
    if entry.is_table() && entry.section()?.entry("rules").is_some() {
        return entry.table(shapes).map(TypeRule::Shapes);
    }

    let example = "\"{json:/type}\", or \"none\" if the sender has no types";
    alternatives(entry, example).map(|found| TypeRule::FirstOf(templates(found)))
}

/// A value with its place in the file.
type Alternative<'d, X> = (Entry<'d>, Template<X>);

/// Reads one value, or a list of values. The caller has reported a table that is not a place.
fn alternatives<'d, X: OwnPiece>(
    entry: &Entry<'d>,
    example: &str,
) -> Option<Vec<Alternative<'d, X>>> {
    let entries = if entry.is_table() || entry.as_text().is_some() {
        vec![entry.clone()]
    } else {
        entry.items()
    };
    let count = entries.len();
    let read: Vec<_> = entries
        .into_iter()
        .filter_map(|entry| value::value(&entry).map(|template| (entry, template)))
        .collect();

    if count == 0 && entry.is_list() {
        entry.fault(format_args!("is empty; write {example}"));
    }
    (count > 0 && read.len() == count).then_some(read)
}

fn templates<X>(alternatives: Vec<Alternative<'_, X>>) -> Vec<Template<X>> {
    alternatives
        .into_iter()
        .map(|(_, template)| template)
        .collect()
}

/// Reports a key that is the same for all events, and notes one that may be the same for two.
fn check_key(entry: &Entry<'_>, template: &Template<KeyPiece>) {
    let is_value = |piece: &Piece<KeyPiece>| !matches!(piece, Piece::Text(_));
    let pieces = template.pieces();
    if !pieces.iter().any(is_value) {
        entry.fault(
            "contains no value of the request, so that all events would have the same key; write \
             \"none\" if the sender has no ids",
        );
    }

    let are_adjacent = |pair: &[Piece<KeyPiece>]| pair.iter().all(is_value);
    if pieces.windows(2).any(are_adjacent) {
        entry.advise(
            "contains two values without a separator, so that the keys of two events can be equal; \
             write a `:` between the values",
        );
    }
}

/// Reports a table with several places in the form of earlier versions. Returns `None` if the table
/// has a fault of its own.
fn has_earlier_form(entry: &Entry<'_>) -> Option<bool> {
    let section = entry.section()?;
    let text = |key: &'static str| section.entry(key).and_then(|entry| entry.as_text());
    let scheme_id = section.entry("scheme-id").map(|_| "{scheme-id}".to_owned());
    let otherwise = section
        .entry("otherwise")
        .map(|_| "{body-sha256}".to_owned());
    let header = text("header").map(|name| format!("{{header:{name}}}"));
    let json = text("json").map(|pointer| format!("{{json:{pointer}}}"));

    let is_earlier =
        scheme_id.is_some() || otherwise.is_some() || (header.is_some() && json.is_some());
    if is_earlier {
        let found = [scheme_id, header, json, otherwise].into_iter().flatten();
        let found: Vec<_> = found.map(|text| format!("\"{text}\"")).collect();
        let new = match found.as_slice() {
            [only] => only.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        entry.fault(format_args!(
            "has the form of an earlier version; write key = {new}"
        ));
    }
    Some(is_earlier)
}

/// Reads rules that derive the type from the shape of the event.
fn shapes(section: &Section<'_>) -> Option<Vec<Shape>> {
    let items = section.entry("rules")?.items();
    let shapes: Vec<_> = items.iter().filter_map(|item| item.table(shape)).collect();
    (shapes.len() == items.len()).then_some(shapes)
}

/// Reads one rule that derives the type from the fields of the event.
fn shape(section: &Section<'_>) -> Option<Shape> {
    let any = pointers(section, "any");
    let none = pointers(section, "none");
    let entry = section.entry("is");
    if entry.is_none() {
        section.missing(
            "is",
            "the type of the event, such as \"offer.{json:/status}\"",
        );
    }
    let is = value::value(&entry?)?;
    Some(Shape { any, none, is })
}

fn pointers(section: &Section<'_>, key: &'static str) -> Vec<JsonPointer> {
    let items = section
        .entry(key)
        .map(|entry| entry.items())
        .unwrap_or_default();
    items.iter().filter_map(pointer).collect()
}
