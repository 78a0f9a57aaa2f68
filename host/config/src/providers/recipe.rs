//! The `hmac` table of a provider's scheme or of a destination: how an HMAC signature is computed.

use std::time::Duration;

use hookyard_schemes::Freshness;
use hookyard_schemes::hmac::{Encoding, Field, Hash, Part, Recipe, TimeField, TimeFormat};

use crate::document::{Entry, Section, unknown};

/// How far a signed time may be from the present, unless the recipe sets `tolerance`.
const TOLERANCE: Duration = Duration::from_secs(300);

/// Reads an HMAC recipe.
pub fn read(section: &Section<'_>) -> Option<Recipe> {
    let hash = choice(
        section,
        "hash",
        &[
            ("sha256", Hash::Sha256),
            ("sha1", Hash::Sha1),
            ("sha512", Hash::Sha512),
        ],
    );
    let encodings = [
        ("hex", Encoding::Hex),
        ("base64", Encoding::Base64),
        ("utf8", Encoding::Utf8),
    ];
    let encoding = choice(section, "encoding", &encodings);
    let key = match section.entry("key") {
        Some(_) => choice(section, "key", &encodings),
        None => Some(Encoding::Utf8),
    };
    let signature = section.table("signature", |section| field(section));
    let timestamp = section
        .entry("timestamp")
        .map(|entry| entry.table(time_field));
    let id = section.entry("id").map(|entry| entry.table(field));
    let signed = section.require("signed", "the signed text, such as \"{timestamp}.{body}\"");

    Some(Recipe {
        hash: hash?,
        encoding: encoding?,
        key: key?,
        signature: signature?,
        timestamp: absent_or_valid(timestamp)?,
        id: absent_or_valid(id)?,
        signed: signed?,
    })
}

/// Returns `None` if the value is present and faulty. An absent value is valid.
fn absent_or_valid<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        Some(None) => None,
        Some(value) => Some(value),
        None => Some(None),
    }
}

/// Reads a key whose value must be one of the names in `choices`.
fn choice<T: Copy>(section: &Section<'_>, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
    let names = || choices.iter().map(|(name, _)| *name);
    let list = names().collect::<Vec<_>>().join(", ");
    let given = section.require::<String>(key, &format!("one of {list}"))?;

    let chosen = choices.iter().find(|(name, _)| *name == given);
    if chosen.is_none() {
        let message = unknown("value", &given, names());
        section
            .entry(key)?
            .fault(format_args!("{message} (choose one of {list})"));
    }
    chosen.map(|(_, choice)| *choice)
}

/// Reads the header, or the part of a header, that contains a value.
fn field(section: &Section<'_>) -> Option<Field> {
    let header = section.require("header", "the header that contains the value");
    let after = section.get::<String>("after").map(Part::After);
    let separator = section
        .entry("separator")
        .and_then(|entry| character(&entry));
    let pair = section.get("pair").map(|name| Part::Pair {
        separator: separator.unwrap_or(','),
        name,
    });
    if after.is_some() && pair.is_some() {
        section.fault("contains both `after` and `pair`; remove one of them");
    }

    Some(Field {
        header: header?,
        part: after.or(pair).unwrap_or(Part::Whole),
    })
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

/// Reads the header, or the part of a header, that contains the time of the signature.
fn time_field(section: &Section<'_>) -> Option<TimeField> {
    let formats = [
        ("unix-seconds", TimeFormat::UnixSeconds),
        ("unix-millis", TimeFormat::UnixMillis),
        ("rfc3339", TimeFormat::Rfc3339),
    ];
    let format = match section.entry("format") {
        Some(_) => choice(section, "format", &formats),
        None => Some(TimeFormat::UnixSeconds),
    };
    let tolerance = section.get_or("tolerance", TOLERANCE);

    let freshness = Freshness {
        past: tolerance,
        future: tolerance,
    };
    Some(TimeField {
        field: field(section)?,
        format: format?,
        freshness,
    })
}
