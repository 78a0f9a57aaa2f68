//! The `[outgoing]` table of a provider: the events that can be sent to the provider.

use std::collections::BTreeMap;

use hookyard_schemes::{Direction, EventCase, OutgoingEvents};
use hookyard_schemes::{Envelope, NameCase, Spelling};
use toml::de::{DeTable, DeValue};

use super::read::pointer;
use crate::document::{Scalar, Section, unknown};

/// Reads the table.
pub(crate) fn read(section: &Section<'_>) -> Option<OutgoingEvents> {
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
    // Two types with one function collapse into one entry of `types`.
    if outgoing.types.len() < functions.len() {
        section.fault("two types in `events` have the same function; give each type its own");
    }
    Some(outgoing)
}

/// Returns the outgoing event types as cases, so that the host refuses such events when they come
/// in.
pub(crate) fn cases(outgoing: &OutgoingEvents) -> impl Iterator<Item = (String, EventCase)> {
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

/// Reads `case`: how field names are spelled in JSON.
fn case(section: &Section<'_>) -> NameCase {
    let Some(entry) = section.entry("case") else {
        return NameCase::default();
    };
    let Some(given) = entry.get::<String>() else {
        return NameCase::default();
    };

    let case = NameCase::ALL.into_iter().find(|case| case.name() == given);
    case.unwrap_or_else(|| {
        let names = NameCase::ALL.map(NameCase::name);
        let message = unknown("case", &given, names);
        entry.fault(format_args!(
            "{message} (choose one of {})",
            names.join(", ")
        ));
        NameCase::default()
    })
}

/// Reads a table of strings under keys that the operator chooses.
fn texts(section: &Section<'_>) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    section.each(|name, entry| {
        texts.extend(entry.get::<String>().map(|text| (name.to_owned(), text)))
    });
    texts
}

impl Scalar for Envelope {
    /// Reads a JSON template that is written as TOML. The members of objects keep their order.
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
                    "an envelope can contain only strings, whole numbers, true or false, lists and tables"
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
        .map_err(|_| format!("{digits} is too large"))
}

/// Reads the members of an object in the order in which they are written.
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
