//! `[outgoing]`: what a provider is sent, as data.

use std::collections::BTreeMap;

use hookyard_schemes::{Direction, EventCase, OutgoingEvents};
use hookyard_schemes::{Envelope, NameCase, Spelling};
use toml::de::{DeTable, DeValue};

use super::read::pointer;
use crate::document::{Scalar, Section, unknown};

/// Reads it.
pub fn read(section: &Section<'_>) -> Option<OutgoingEvents> {
    let order = section.entry("order").and_then(|entry| pointer(&entry));
    let spelling = Spelling {
        case: case(section),
        exceptions: section.table("names", texts),
    };
    let envelope = section.get("envelope").unwrap_or_default();
    let functions = section.table("events", texts);
    let types = functions
        .iter()
        .map(|(event_type, function)| (function.clone(), event_type.clone()))
        .collect();
    let outgoing = OutgoingEvents {
        types,
        spelling,
        envelope,
        order,
    };
    if outgoing.types.len() < functions.len() {
        section.fault("two types of `events` have the same function; give each its own");
    }
    Some(outgoing)
}

/// As the events that they are for the host: known, and refused when they come in.
pub fn cases(outgoing: &OutgoingEvents) -> impl Iterator<Item = (String, EventCase)> {
    let case = |(function, event_type): (&String, &String)| {
        (
            event_type.clone(),
            EventCase {
                case: function.clone(),
                direction: Direction::Outgoing,
            },
        )
    };
    outgoing.types.iter().map(case)
}

fn case(section: &Section<'_>) -> NameCase {
    let Some(entry) = section.entry("case") else {
        return NameCase::default();
    };
    let Some(given) = entry.get::<String>() else {
        return NameCase::default();
    };
    let found = NameCase::ALL.into_iter().find(|case| case.name() == given);
    found.unwrap_or_else(|| {
        let names = NameCase::ALL.map(NameCase::name);
        entry.fault(format_args!(
            "{} (one of {})",
            unknown("case", &given, names),
            names.join(", ")
        ));
        NameCase::default()
    })
}

fn texts(section: &Section<'_>) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    section.each(|name, entry| {
        texts.extend(entry.get::<String>().map(|text| (name.to_owned(), text)))
    });
    texts
}

impl Scalar for Envelope {
    /// A template of JSON, written as TOML; its members stand in the order in which they are written.
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        Ok(match value {
            DeValue::String(text) => Self::parse(text).map_err(|error| error.to_string())?,
            DeValue::Boolean(value) => Self::Fixed(value.to_string()),
            DeValue::Integer(number) => Self::Fixed(decimal(number.as_str(), number.radix())?),
            DeValue::Array(values) => Self::Array(
                values
                    .iter()
                    .map(|value| Self::read(value.get_ref()))
                    .collect::<Result<_, _>>()?,
            ),
            DeValue::Table(table) => Self::Object(members(table)?),
            DeValue::Float(_) | DeValue::Datetime(_) => {
                return Err(
                    "an envelope is made of texts, whole numbers, true or false, lists and tables"
                        .into(),
                );
            }
        })
    }
}

fn decimal(digits: &str, radix: u32) -> Result<String, String> {
    let number = i64::from_str_radix(digits, radix);
    number
        .map(|number| number.to_string())
        .map_err(|_| format!("{digits} is too large a number"))
}

fn members(table: &DeTable<'_>) -> Result<Vec<(String, Envelope)>, String> {
    let mut written: Vec<_> = table.iter().collect();
    written.sort_by_key(|(name, _)| name.span().start);
    let member = |(name, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let name: &toml::de::DeString<'_> = name.get_ref();
        let value = Envelope::read(value.get_ref()).map_err(|error| format!("{name}: {error}"))?;
        Ok((name.to_string(), value))
    };
    written.into_iter().map(member).collect()
}
