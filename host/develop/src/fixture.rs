//! `hookyard events fixture`: makes a fixture of a stored event, so that the author of a plugin can
//! run its attempt again without the host.

mod redact;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hookyard_model::{Attempt, Event, Outcome};
use hookyard_release::rehearsal::{Captured, Exchange};
use hookyard_schemes::JsonPointer;
use http::Response;

use redact::{redacted_body, without_texts_in};

use crate::json::Json;
use crate::test::found;

/// Headers about the connection, which say nothing about the event.
pub(crate) const CONNECTION_HEADERS: [&str; 6] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "host",
    "user-agent",
];

/// What the fixture expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// A failed attempt should have been done, so the fixture fails until the plugin is corrected.
    Done,
    /// What happened in the host.
    Happened,
}

/// An attempt to make a fixture of.
pub struct Original<'a> {
    /// The event, with everything that the attempt used.
    pub captured: &'a Captured,
    /// The attempt as it ended in the host.
    pub attempt: &'a Attempt,
    /// The settings of the plugin.
    pub config: &'a BTreeMap<String, String>,
    /// The locations in the event's body whose values are replaced.
    pub redact: &'a [JsonPointer],
    /// What the fixture expects.
    pub expected: Expected,
}

/// A fixture, and remarks about what it cannot contain.
#[derive(Debug)]
pub struct Made {
    /// The content of the file.
    pub text: String,
    /// Remarks for the author, one line each.
    pub notes: Vec<String>,
}

/// Makes a fixture.
///
/// # Errors
///
/// Returns the reason if a value to redact is not in the event.
pub fn make(original: &Original<'_>) -> Result<Made, String> {
    let Original {
        captured,
        attempt,
        config,
        ..
    } = original;
    let (body, removed) = redacted_body(&captured.event, original.redact)?;

    let mut members = vec![("event".to_owned(), event(&captured.event, attempt, &body))];
    if !captured.values.is_empty() {
        members.push(("values".to_owned(), values(captured)));
    }
    if !config.is_empty() {
        let settings = config.iter();
        let settings = settings.map(|(name, value)| (name.clone(), Json::text(value)));
        members.push(("config".to_owned(), Json::Object(settings.collect())));
    }
    let stubs: Vec<Json> = captured.exchanges.iter().filter_map(stub).collect();
    if !stubs.is_empty() {
        members.push(("http".to_owned(), Json::Array(stubs)));
    }
    members.push(("expect".to_owned(), expect(original)));

    let members = members.into_iter();
    let members = members.map(|part| without_texts_in(part, &removed));
    Ok(Made {
        text: Json::Object(members.collect()).pretty(0) + "\n",
        notes: notes(original),
    })
}

fn event(event: &Event, attempt: &Attempt, body: &[u8]) -> Json {
    let text = |name: &str, value: &str| (name.to_owned(), Json::text(value));
    let mut members = vec![
        text("provider", &event.provider),
        text("id", &event.id.to_string()),
    ];
    members.extend(event.event_type.as_deref().map(|it| text("type", it)));
    members.push(text("key", &event.key));
    members.push(text("received_at", &event.received_at.to_string()));
    members.push(text("now", &attempt.started_at.to_string()));
    if attempt.number > 1 {
        let number = Json::Scalar(attempt.number.to_string());
        members.push(("attempt".to_owned(), number));
    }

    let headers: Vec<_> = event
        .headers
        .iter()
        .filter(|header| is_kept(&header.name))
        .map(|header| text(&header.name, &String::from_utf8_lossy(&header.value)))
        .collect();
    if !headers.is_empty() {
        members.push(("headers".to_owned(), Json::Object(headers)));
    }
    members.push(exact_body(body));
    Json::Object(members)
}

/// Returns whether a fixture keeps a header. A signature proves nothing without the exact body.
fn is_kept(name: &str) -> bool {
    !CONNECTION_HEADERS.contains(&name) && !name.contains("signature")
}

/// Returns a body that a fixture keeps byte for byte. White space around JSON would be lost.
fn exact_body(body: &[u8]) -> (String, Json) {
    let Ok(text) = std::str::from_utf8(body) else {
        return ("body_base64".into(), Json::text(&BASE64.encode(body)));
    };
    if text.trim() == text && Json::parse(text).is_ok() {
        ("body".into(), Json::Scalar(text.to_owned()))
    } else {
        ("body_text".into(), Json::text(text))
    }
}

fn values(captured: &Captured) -> Json {
    let mut buckets: Vec<(String, Vec<(String, Json)>)> = Vec::new();
    for (key, value) in &captured.values {
        let value = match std::str::from_utf8(value) {
            Ok(text) => Json::text(text),
            Err(_) => Json::Object(vec![("$base64".into(), Json::text(&BASE64.encode(value)))]),
        };
        match buckets.iter_mut().find(|(name, _)| *name == key.bucket) {
            Some((_, keys)) => keys.push((key.key.clone(), value)),
            None => buckets.push((key.bucket.clone(), vec![(key.key.clone(), value)])),
        }
    }
    let buckets = buckets.into_iter();
    Json::Object(
        buckets
            .map(|(name, keys)| (name, Json::Object(keys)))
            .collect(),
    )
}

/// Returns the stub for a request that has a recorded answer.
fn stub(exchange: &Exchange) -> Option<Json> {
    let answer: &Response<Bytes> = exchange.answer.as_ref()?;
    let mut members = vec![
        ("method".to_owned(), Json::text(exchange.method.as_str())),
        ("url".to_owned(), Json::text(&exchange.url.to_string())),
        (
            "status".to_owned(),
            Json::Scalar(answer.status().as_u16().to_string()),
        ),
    ];

    let headers: Vec<_> = answer
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), Json::text(value.to_str().ok()?))))
        .collect();
    if !headers.is_empty() {
        members.push(("headers".to_owned(), Json::Object(headers)));
    }
    if !answer.body().is_empty() {
        members.push(exact_body(answer.body()));
    }
    Some(Json::Object(members))
}

/// Returns the expected results.
fn expect(original: &Original<'_>) -> Json {
    let (happened, again) = (&original.attempt.outcome, &original.captured.result);
    let has_failed = *happened != Outcome::Done;
    let text = |name: &str, value: &str| (name.to_owned(), Json::text(value));

    if original.expected == Expected::Done && has_failed {
        return Json::Object(vec![text("outcome", Outcome::Done.name())]);
    }
    if happened.name() == again.outcome.name() && !has_failed {
        return found::effects(again);
    }
    let reason = found::reason(happened).map(|reason| text("reason", &reason));
    let members = [text("outcome", happened.name())].into_iter().chain(reason);
    Json::Object(members.collect())
}

/// Returns remarks about differences between the attempt in the host and the fixture.
fn notes(original: &Original<'_>) -> Vec<String> {
    let Original {
        captured, attempt, ..
    } = original;
    let (happened, again) = (&attempt.outcome, &captured.result.outcome);
    let mut notes = Vec::new();

    if happened.name() == again.name() {
        notes.push(format!("the fixture reproduces the attempt: {again}"));
    } else {
        notes.push(format!(
            "the attempt was {happened}, and with the values and settings of now it is {again}"
        ));
    }
    for Exchange {
        method,
        url,
        answer,
    } in &captured.exchanges
    {
        if answer.is_none() {
            notes.push(format!(
                "no answer to {method} {url} is recorded; add one to `http` of the fixture"
            ));
        }
    }
    notes
}

#[cfg(test)]
mod tests;
