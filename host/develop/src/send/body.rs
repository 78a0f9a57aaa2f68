//! Changes the values of an event.

use hookyard_schemes::{JsonPointer, Provider};
use std::str::FromStr;

use crate::json::{self, Json};

/// A new value at a location of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pointer: JsonPointer,
    /// The value as JSON.
    value: String,
}

impl FromStr for Change {
    type Err = String;

    /// Parses `/pointer=value`. A value that is not JSON is a string.
    fn from_str(text: &str) -> Result<Self, String> {
        let (pointer, value) = text
            .split_once('=')
            .ok_or("must be a JSON pointer and a value, such as /data/amount=5")?;
        let pointer = JsonPointer::parse(pointer).map_err(|error| error.to_string())?;

        let value = match Json::parse(value) {
            Ok(_) => value.trim().to_owned(),
            Err(_) => Json::text(value).inline(),
        };
        Ok(Self { pointer, value })
    }
}

/// Returns a body with these changes.
///
/// # Errors
///
/// Returns the reason if the body is not JSON, or has no value at one of the locations.
pub fn changed(body: Vec<u8>, changes: &[Change]) -> Result<Vec<u8>, String> {
    if changes.is_empty() {
        return Ok(body);
    }

    let mut text = String::from_utf8(body).map_err(|_| "the body is not JSON text".to_owned())?;
    for Change { pointer, value } in changes {
        text = json::replace(&text, pointer, value).ok_or_else(|| missing(&text, pointer))?;
    }
    Ok(text.into_bytes())
}

/// Returns the message about a location without a value, with the names that are there.
fn missing(text: &str, pointer: &JsonPointer) -> String {
    let Ok(mut found) = Json::parse(text) else {
        return "the body is not JSON".to_owned();
    };

    let mut at = String::new();
    for token in pointer.as_str().split('/').skip(1) {
        let name = token.replace("~1", "/").replace("~0", "~");
        let item = name
            .parse()
            .ok()
            .and_then(|at: usize| found.items().get(at));
        match found.member(&name).or(item) {
            Some(next) => {
                at = format!("{at}/{token}");
                found = next.clone();
            }
            None => break,
        }
    }

    let place = if at.is_empty() { "the body" } else { &at };
    let names: Vec<_> = found
        .members()
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let there = match (&found, &names[..]) {
        (Json::Array(items), _) => format!("{place} is a list with {} items", items.len()),
        (_, []) => format!("{place} has no members"),
        (_, names) => format!("{place} has {}", names.join(", ")),
    };
    format!("the body has no value at {pointer}: {there}")
}

/// Returns the body with a new id, where the provider has the id in the body. If a key consists of
/// several values, the first value that is not the type of the event is the id.
pub(crate) fn with_id(provider: &Provider, body: &[u8], id: &str) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(body) else {
        return body.to_owned();
    };

    let mut text = text.to_owned();
    let is_type = |pointer: &&JsonPointer| provider.event_type.pointers().any(|it| it == *pointer);
    for alternative in provider.key.alternatives() {
        let id_at = alternative.pointers().find(|pointer| !is_type(pointer));
        if let Some(pointer) = id_at
            && let Some(replaced) = json::replace(&text, pointer, &Json::text(id).inline())
        {
            text = replaced;
        }
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(body: &str, changes: &[&str]) -> Result<String, String> {
        let changes: Vec<Change> = changes
            .iter()
            .map(|text| text.parse().expect("a change"))
            .collect();
        let changed = changed(body.into(), &changes)?;
        Ok(String::from_utf8(changed).expect("text"))
    }

    #[test]
    fn values_are_changed_in_place() {
        let changed = change(
            r#"{"id": "a",  "data": {"amount": 1, "tags": ["x"]}}"#,
            &["/data/amount=12.50", "/data/tags/0=new tag", "/id=null"],
        );
        assert_eq!(
            changed.as_deref(),
            Ok(r#"{"id": null,  "data": {"amount": 12.50, "tags": ["new tag"]}}"#)
        );
    }

    #[test]
    fn missing_value_names_its_neighbours() {
        let body = r#"{"data": {"amount": 1, "currency": "EUR"}, "list": [1]}"#;

        assert_eq!(
            change(body, &["/data/amout=1"]),
            Err("the body has no value at /data/amout: /data has amount, currency".into())
        );
        assert_eq!(
            change(body, &["/list/4=1"]),
            Err("the body has no value at /list/4: /list is a list with 1 items".into())
        );
        assert!("data=1".parse::<Change>().is_err());
        assert!("/data".parse::<Change>().is_err());
    }
}
