//! `hookyard events fixture`: makes a fixture of a stored event, so that the author of a plugin can
//! run its attempt again without the host.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hookyard_model::{Attempt, Event, Outcome};
use hookyard_release::rehearsal::{Captured, Exchange};
use hookyard_schemes::{JsonPointer, payload_bytes};
use http::Response;

use crate::json::{self, Json};
use crate::test::found;

/// What replaces a text.
const REDACTED: &str = "redacted";
/// The minimum length of a redacted text that is also replaced in other places.
const SEARCHED_MIN: usize = 4;
/// Members of a fixture that have a meaning for the host, each with the part that they are in.
const FORMAT_MEMBERS: [(&str, &str); 6] = [
    ("event", "provider"),
    ("event", "id"),
    ("event", "type"),
    ("event", "received_at"),
    ("event", "now"),
    ("expect", "outcome"),
];
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

/// Returns the payload of an event without the redacted values, and the texts that were removed.
fn redacted_body(event: &Event, redact: &[JsonPointer]) -> Result<(Vec<u8>, Vec<String>), String> {
    let payload = payload_bytes(&event.payload, &event.body).map_err(|error| error.to_string())?;
    if redact.is_empty() {
        return Ok((payload.into_owned(), Vec::new()));
    }

    let text = std::str::from_utf8(&payload);
    let mut text = text
        .map_err(|_| "the event is not JSON".to_owned())?
        .to_owned();
    let mut removed = Vec::new();
    for pointer in redact {
        let value = pointer.find(text.as_bytes()).map_err(|it| it.to_string())?;
        let value = value.ok_or_else(|| format!("the event has no value at {pointer}"))?;
        let value = Json::parse(value.get()).map_err(|error| error.to_string())?;
        collect_texts(&value, &mut removed);

        let replaced = json::replace(&text, pointer, &redacted(&value).inline());
        text = replaced.unwrap_or(text);
    }

    let scrubbed = Json::parse(&text).map(|json| without_texts(json, &removed));
    let text = scrubbed.map_or(text, |json| json.inline());
    Ok((text.into_bytes(), removed))
}

/// Returns a value without these texts.
fn without_texts(value: Json, texts: &[String]) -> Json {
    match value {
        Json::Scalar(mut text) if text.starts_with('"') => {
            for removed in texts {
                text = text.replace(removed, REDACTED);
            }
            Json::Scalar(text)
        }
        Json::Scalar(_) => value,
        Json::Array(items) => {
            let items = items.into_iter();
            Json::Array(items.map(|item| without_texts(item, texts)).collect())
        }
        Json::Object(members) => {
            let members = members.into_iter();
            let members = members.map(|(name, value)| (name, without_texts(value, texts)));
            Json::Object(members.collect())
        }
    }
}

/// Does the same for a part of the fixture. Members that have a meaning for the host stay.
fn without_texts_in((name, value): (String, Json), texts: &[String]) -> (String, Json) {
    let Json::Object(members) = value else {
        return (name, without_texts(value, texts));
    };
    let members = members.into_iter().map(|(member, value)| {
        let is_meant_for_host = FORMAT_MEMBERS.contains(&(name.as_str(), member.as_str()));
        if is_meant_for_host {
            (member, value)
        } else {
            let value = without_texts(value, texts);
            (member, value)
        }
    });
    let members = members.collect();
    (name, Json::Object(members))
}

/// Returns a value of the same type that says nothing.
fn redacted(value: &Json) -> Json {
    match value {
        Json::Scalar(text) if text.starts_with('"') => Json::text(REDACTED),
        Json::Scalar(text)
            if text.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) =>
        {
            Json::Scalar("0".into())
        }
        Json::Scalar(_) => value.clone(),
        Json::Array(items) => Json::Array(items.iter().map(redacted).collect()),
        Json::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, value)| (name.clone(), redacted(value)));
            Json::Object(members.collect())
        }
    }
}

/// Adds the texts in a value, as they are written in JSON.
fn collect_texts(value: &Json, texts: &mut Vec<String>) {
    match value {
        Json::Scalar(text) if text.starts_with('"') && text.len() >= SEARCHED_MIN + 2 => {
            texts.push(text[1..text.len() - 1].to_owned());
        }
        Json::Scalar(_) => {}
        Json::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Json::Object(members) => {
            let values = members.iter().map(|(_, value)| value);
            values.for_each(|value| collect_texts(value, texts));
        }
    }
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
mod tests {
    use std::time::Duration;

    use hookyard_model::{
        Effects, EventId, Header, Key, LogLine, Payload, Revision, SourceRef, Timestamp,
    };
    use hookyard_plugin::RehearsalResult;
    use hookyard_release::rehearsal::Fixtures;
    use std::sync::Arc;

    use super::*;

    fn trapped() -> Outcome {
        Outcome::Trapped {
            message: "no city for ann@example.com".into(),
        }
    }

    fn captured(body: &'static str) -> Captured {
        let received_at = Timestamp::from_unix_secs(1_780_400_200);
        let header = |name: &str, value: &'static str| Header {
            name: name.into(),
            value: Bytes::from_static(value.as_bytes()),
        };
        let event = Event {
            id: EventId::from_uuid(uuid::Uuid::from_u128(7)),
            source: SourceRef {
                tenant: "acme".parse().expect("a name"),
                name: "payments".parse().expect("a name"),
            },
            provider: "topper".into(),
            event_type: Some("user:created".into()),
            key: "e-1".into(),
            key_until: received_at,
            received_at,
            headers: vec![header("x-a", "b"), header("host", "h")],
            body: Bytes::from_static(body.as_bytes()),
            payload: Payload::Body,
            ordering_key: None,
        };
        let key = Key {
            bucket: "b".into(),
            key: "k".into(),
        };
        Captured {
            event: Arc::new(event),
            result: RehearsalResult {
                outcome: trapped(),
                log: Vec::new(),
                effects: Effects::default(),
            },
            values: BTreeMap::from([(key, Bytes::from_static(b"ann@example.com"))]),
            exchanges: vec![Exchange {
                method: http::Method::GET,
                url: http::Uri::from_static("https://api.example/x"),
                answer: None,
            }],
        }
    }

    fn attempt() -> Attempt {
        Attempt {
            number: 2,
            revision: Revision::from_sha256([1; 32]),
            started_at: Timestamp::from_unix_secs(1_780_400_300),
            duration: Duration::from_millis(3),
            outcome: trapped(),
            log: vec![LogLine {
                is_error: true,
                text: "no city".into(),
            }],
        }
    }

    fn made(expected: Expected, redact: &[&str]) -> Result<Made, String> {
        let captured =
            captured(r#"{"id": "e-1","name":"user:created", "mail": "ann@example.com", "n": 1.0}"#);
        let redact: Vec<_> = redact
            .iter()
            .map(|it| JsonPointer::parse(it).expect("a pointer"))
            .collect();
        make(&Original {
            captured: &captured,
            attempt: &attempt(),
            config: &BTreeMap::from([("mode".to_owned(), "fast".to_owned())]),
            redact: &redact,
            expected,
        })
    }

    #[test]
    fn fixture_can_be_read_again() {
        let made = made(Expected::Happened, &[]).expect("a fixture");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.json"), &made.text).expect("written");

        let fixtures = Fixtures::in_folder(folder.path());
        assert_eq!(fixtures.faults, [""; 0], "{}", made.text);
        for part in [
            r#""body": {"id": "e-1","name":"user:created", "mail": "ann@example.com", "n": 1.0}"#,
            r#""attempt": 2"#,
            r#""config": { "mode": "fast" }"#,
            r#""outcome": "trapped""#,
            r#""headers": { "x-a": "b" }"#,
        ] {
            assert!(made.text.contains(part), "{part}: {}", made.text);
        }
        assert!(made.notes[1].contains("no answer to GET https://api.example/x is recorded"));
    }

    #[test]
    fn redacted_text_is_removed_everywhere() {
        let made_ = made(Expected::Happened, &["/mail", "/n"]).expect("a fixture");

        assert!(!made_.text.contains("ann@"), "{}", made_.text);
        assert!(
            made_.text.contains(r#""mail": "redacted", "n": 0}"#),
            "{}",
            made_.text
        );
        assert!(made_.text.contains(r#""k": "redacted""#), "{}", made_.text);
        assert_eq!(
            made(Expected::Done, &["/city"]).expect_err("absent"),
            "the event has no value at /city"
        );
    }

    #[test]
    fn failed_attempt_is_expected_to_be_done() {
        let made = made(Expected::Done, &[]).expect("a fixture");
        assert!(
            made.text.contains(r#""expect": { "outcome": "done" }"#),
            "{}",
            made.text
        );
    }
}
