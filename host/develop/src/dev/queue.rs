//! The events to send: those that were captured elsewhere, those of the fixtures, and the samples of
//! the provider.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hookyard_model::Header;

use crate::json::Json;

/// The maximum size of a file with captured events, in bytes.
const CAPTURED_MAX: u64 = 64 << 20;

/// An event to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedEvent {
    /// The name for the screen, such as the name of a fixture.
    pub name: String,
    /// The provider. `None` for the only provider, or the first.
    pub provider: Option<String>,
    /// The type of the event, if it is known.
    pub event_type: Option<String>,
    /// Headers to send besides those of the proof.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Vec<u8>,
}

/// The events in turn, from the first to the last and again.
#[derive(Debug, Default)]
pub struct Queue {
    events: Vec<QueuedEvent>,
    next: usize,
    last: Option<QueuedEvent>,
}

impl Queue {
    /// Replaces the events. The turn stays.
    pub fn set(&mut self, events: Vec<QueuedEvent>) {
        self.events = events;
    }

    /// Returns the events, in order.
    pub fn events(&self) -> &[QueuedEvent] {
        &self.events
    }

    /// Returns the next event, or `None` if there are no events at all.
    pub fn take_next(&mut self) -> Option<QueuedEvent> {
        let event = self
            .events
            .get(self.next % self.events.len().max(1))?
            .clone();
        self.next = (self.next + 1) % self.events.len();
        self.last = Some(event.clone());
        Some(event)
    }

    /// Returns the event that was returned last.
    pub fn last(&self) -> Option<QueuedEvent> {
        self.last.clone()
    }
}

/// Reads a file with events that were captured elsewhere: a JSON object with `body`, and optionally
/// `headers`, on each line, or one body.
///
/// # Errors
///
/// Returns the reason if the file cannot be read.
pub fn captured(path: &Path) -> Result<Vec<QueuedEvent>, String> {
    let unreadable = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > CAPTURED_MAX {
        let path = path.display();
        return Err(format!("{path} has {size} bytes, more than {CAPTURED_MAX}"));
    }

    let content = fs::read(path).map_err(unreadable)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.into_owned();
    Ok(lines(&content, &name).unwrap_or_else(|| vec![event(name, Vec::new(), content)]))
}

/// Returns the event of each line, or `None` if a line is not a captured event.
fn lines(content: &[u8], name: &str) -> Option<Vec<QueuedEvent>> {
    let text = std::str::from_utf8(content).ok()?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());

    let mut events = Vec::new();
    for (number, line) in lines.enumerate() {
        let json = Json::parse(line).ok()?;
        let body = match (json.member("body"), json.member("body_base64")) {
            (Some(body), _) => body.as_text().unwrap_or_else(|| body.inline()).into_bytes(),
            (None, Some(packed)) => BASE64.decode(packed.as_text()?).ok()?,
            (None, None) => return None,
        };
        let headers = json.member("headers").map(headers).unwrap_or_default();
        events.push(event(format!("{name}:{}", number + 1), headers, body));
    }
    (!events.is_empty()).then_some(events)
}

fn event(name: String, headers: Vec<Header>, body: Vec<u8>) -> QueuedEvent {
    QueuedEvent {
        name,
        provider: None,
        event_type: None,
        headers,
        body,
    }
}

/// Returns the headers that do not belong to the connection or to the proof of the first receiver.
fn headers(json: &Json) -> Vec<Header> {
    let is_kept = |name: &str| {
        let is_proof = ["signature", "authorization", "webhook-", "svix-"];
        !crate::fixture::CONNECTION_HEADERS.contains(&name)
            && !is_proof.iter().any(|part| name.contains(part))
    };
    let header = |(name, value): &(String, Json)| {
        let name = name.to_ascii_lowercase();
        let value = value.as_text()?;
        is_kept(&name).then(|| Header {
            name,
            value: value.into(),
        })
    };
    json.members().iter().filter_map(header).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captured_lines_are_events() {
        let text = br#"{"headers": {"X-A": "b", "Svix-Id": "c"}, "body": "{\"a\": 1}"}

{"body": {"a":  2}}"#;
        let events = lines(text, "f").expect("events");

        assert_eq!(events.len(), 2);
        assert_eq!(events[0].body, br#"{"a": 1}"#);
        assert_eq!(events[0].headers.len(), 1);
        assert_eq!(events[1].body, br#"{ "a": 2 }"#);
        assert_eq!(lines(br#"{"a": 1}"#, "f"), None, "a plain body");
        assert_eq!(lines(b"", "f"), None);
    }

    #[test]
    fn events_come_in_turn() {
        let mut queue = Queue::default();
        assert_eq!(queue.take_next(), None);

        queue.set(vec![
            event("a".into(), Vec::new(), Vec::new()),
            event("b".into(), Vec::new(), Vec::new()),
        ]);
        let mut next = || queue.take_next().map(|event| event.name);
        assert_eq!(
            [next(), next(), next()].map(Option::unwrap_or_default),
            ["a", "b", "a"]
        );
        assert_eq!(queue.last().map(|event| event.name).as_deref(), Some("a"));
    }
}
