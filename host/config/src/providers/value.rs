//! The reader of values: a text with values in braces, or a table that names one place.
//!
//! `key = "{header:x-request-id}"` and `key = { header = "X-Request-Id" }` mean the same. Only a
//! table can name a part of a value, with `after` or `pair`.

use hookyard_schemes::SettingText;
use hookyard_schemes::value::{OwnPiece, Part, Place, PlaceKind, Template};

use crate::document::{Entry, Section};

/// Reads a value: a text or a table.
pub fn value<X: OwnPiece>(entry: &Entry<'_>) -> Option<Template<X>> {
    if entry.is_table() {
        return entry.table(place).map(Template::from);
    }
    Template::parse(&entry.get::<String>()?)
        .map_err(|error| entry.fault(error))
        .ok()
}

/// Reads the keys of a table that name one place. The table may have further keys.
pub fn place(section: &Section<'_>) -> Option<Place> {
    let faults_before = section.fault_count();
    let kinds: Vec<_> = PlaceKind::WORDS
        .into_iter()
        .filter_map(|word| section.entry(word).and_then(|entry| kind(word, &entry)))
        .collect();
    let part = part(section);

    let [kind] = <[_; 1]>::try_from(kinds)
        .map_err(|kinds| {
            if kinds.len() > 1 || section.fault_count() == faults_before {
                section.fault(
                    "must contain exactly one of `header = \"…\"`, `json = \"/…\"`, `query = \"…\"` \
                     and `form = \"…\"`",
                );
            }
        })
        .ok()?;
    Some(Place { kind, part: part? })
}

fn kind(word: &str, entry: &Entry<'_>) -> Option<PlaceKind> {
    PlaceKind::parse(word, &entry.get::<String>()?)
        .map_err(|error| entry.fault(error))
        .ok()
}

/// Reads the part of the value that counts. Returns `None` if it is faulty.
fn part(section: &Section<'_>) -> Option<Part> {
    let faults_before = section.fault_count();
    let after = section.get::<String>("after").map(Part::After);
    let separator = section
        .entry("separator")
        .and_then(|entry| character(&entry));
    let trim = section.get_or("trim", true);
    let pair = section.get("pair").map(|name| Part::Pair {
        name,
        separator: separator.unwrap_or(','),
        trim,
    });

    let part = match (after, pair) {
        (Some(_), Some(_)) => {
            section.fault("contains both `after` and `pair`; remove one of them");
            return None;
        }
        (None, Some(pair)) => pair,
        (after, None) => {
            for entry in [section.entry("separator"), section.entry("trim")]
                .into_iter()
                .flatten()
            {
                entry.fault("applies only to `pair`; remove it, or name the pair");
            }
            after.unwrap_or(Part::Whole)
        }
    };
    (section.fault_count() == faults_before).then_some(part)
}

fn character(entry: &Entry<'_>) -> Option<char> {
    let text = entry.get::<String>()?;
    let mut chars = text.chars();
    let only = chars.next().filter(|_| chars.next().is_none());
    if only.is_none() {
        entry.fault("must be one character, such as \",\"");
    }
    only
}

/// Reads a text that a source completes with its settings.
pub(super) fn setting_text(entry: &Entry<'_>) -> Option<SettingText> {
    SettingText::parse(&entry.get::<String>()?)
        .map_err(|error| entry.fault(error))
        .ok()
}
