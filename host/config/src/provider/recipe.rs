//! `[scheme.hmac]`, and a destination's `hmac`: a way of signing with an HMAC, as data.

use std::time::Duration;

use hookyard_schemes::Freshness;
use hookyard_schemes::hmac::{Encoding, Field, Hash, Part, Recipe, TimeField, TimeFormat};

use crate::document::{Section, unknown};

const TOLERANCE: Duration = Duration::from_secs(300);

/// Reads a recipe.
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
    let signed = section.require("signed", "what is signed, such as \"{timestamp}.{body}\"");
    Some(Recipe {
        hash: hash?,
        encoding: encoding?,
        key: key?,
        signature: signature?,
        timestamp: transposed(timestamp)?,
        id: transposed(id)?,
        signed: signed?,
    })
}

/// Absent is fine, faulty is not.
fn transposed<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        Some(None) => None,
        Some(value) => Some(value),
        None => Some(None),
    }
}

fn choice<T: Copy>(section: &Section<'_>, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
    let names = || choices.iter().map(|(name, _)| *name);
    let list = names().collect::<Vec<_>>().join(", ");
    let given = section.require::<String>(key, &format!("one of {list}"))?;
    let chosen = choices.iter().find(|(name, _)| *name == given);
    if chosen.is_none() {
        section.entry(key)?.fault(format_args!(
            "{} (one of {list})",
            unknown("value", &given, names())
        ));
    }
    chosen.map(|(_, choice)| *choice)
}

fn field(section: &Section<'_>) -> Option<Field> {
    let header = section.require("header", "the header that it stands in");
    let after = section.get::<String>("after").map(Part::After);
    let separator = section.entry("separator").and_then(|entry| {
        let text = entry.get::<String>()?;
        let mut chars = text.chars();
        let one = chars.next().filter(|_| chars.next().is_none());
        if one.is_none() {
            entry.fault("must be one character, such as \",\"");
        }
        one
    });
    let pair = section.get("pair").map(|name| Part::Pair {
        separator: separator.unwrap_or(','),
        name,
    });
    if after.is_some() && pair.is_some() {
        section.fault("must say `after` or `pair`, not both");
    }
    Some(Field {
        header: header?,
        part: after.or(pair).unwrap_or(Part::Whole),
    })
}

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
    let tolerance = section.get("tolerance").unwrap_or(TOLERANCE);
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
