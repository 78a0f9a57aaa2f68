//! `hookyard events show`: one event whole, with every attempt that was made at it.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, anyhow};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hookyard_inbox::{EventRecord, Inbox, JobRecord};
use hookyard_inbox_sqlite::SqliteInbox;
use hookyard_model::{Attempt, EventId, JobState};
use serde::Serialize;

use crate::cli::Failure;
use crate::config;
use crate::explain::visible;

/// Shows an event of the inbox that the configuration at `path` names.
pub(crate) async fn show(path: &Path, id: EventId, json: bool) -> Result<(), Failure> {
    let settings = config::read(path).result?;
    let inbox = SqliteInbox::open_read_only(&settings.inbox).map_err(anyhow::Error::from)?;
    let record = inbox.read(id).await.context("the event can't be read")?;
    let record = record.ok_or_else(|| anyhow!("no event {id} is stored"))?;
    match json {
        true => println!("{}", serde_json::to_string(&Shown::of(&record)).context("the event can't be told")?),
        false => print!("{}", in_words(&record)),
    }
    Ok(())
}

#[derive(Serialize)]
struct Shown<'e> {
    id: String,
    tenant: &'e str,
    source: &'e str,
    provider: &'e str,
    #[serde(rename = "type")]
    event_type: Option<&'e str>,
    key: &'e str,
    ordering_key: Option<&'e str>,
    received_at: String,
    headers: Vec<(&'e str, Cow<'e, str>)>,
    /// Where it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'e str>,
    /// Where it isn't.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    plugins: Vec<ShownJob<'e>>,
}

#[derive(Serialize)]
struct ShownJob<'e> {
    plugin: &'e str,
    state: &'static str,
    /// The end of the lease or of the wait.
    until: Option<String>,
    replays: u32,
    attempts: Vec<ShownAttempt<'e>>,
}

#[derive(Serialize)]
struct ShownAttempt<'e> {
    /// Replays before it.
    replay: u32,
    number: u32,
    revision: String,
    started_at: String,
    duration_ms: f64,
    outcome: &'static str,
    told: String,
    log: Vec<Line<'e>>,
}

#[derive(Serialize)]
struct Line<'e> {
    stream: &'static str,
    text: &'e str,
}

impl<'e> Shown<'e> {
    fn of(record: &'e EventRecord) -> Self {
        let event = &record.event;
        let text = std::str::from_utf8(&event.body).ok();
        Self {
            id: event.id.to_string(),
            tenant: event.source.tenant.as_str(),
            source: event.source.source.as_str(),
            provider: &event.provider,
            event_type: event.event_type.as_deref(),
            key: &event.key,
            ordering_key: event.ordering_key.as_deref(),
            received_at: event.received_at.to_string(),
            headers: event
                .headers
                .iter()
                .map(|header| (header.name.as_str(), String::from_utf8_lossy(&header.value)))
                .collect(),
            body: text,
            body_base64: text.is_none().then(|| STANDARD.encode(&event.body)),
            plugins: record.jobs.iter().map(ShownJob::of).collect(),
        }
    }
}

impl<'e> ShownJob<'e> {
    fn of(job: &'e JobRecord) -> Self {
        Self {
            plugin: job.plugin.as_str(),
            state: job.state.name(),
            until: until(job.state),
            replays: job.replays,
            attempts: job.attempts.iter().map(|(replay, attempt)| ShownAttempt::of(*replay, attempt)).collect(),
        }
    }
}

impl<'e> ShownAttempt<'e> {
    fn of(replay: u32, attempt: &'e Attempt) -> Self {
        let line = |line: &'e hookyard_model::LogLine| Line { stream: stream(line.is_error), text: &line.text };
        Self {
            replay,
            number: attempt.number,
            revision: attempt.revision.to_string(),
            started_at: attempt.started_at.to_string(),
            duration_ms: attempt.duration.as_secs_f64() * 1000.0,
            outcome: attempt.outcome.name(),
            told: attempt.outcome.to_string(),
            log: attempt.log.iter().map(line).collect(),
        }
    }
}

const fn stream(is_error: bool) -> &'static str {
    if is_error { "stderr" } else { "stdout" }
}

fn until(state: JobState) -> Option<String> {
    match state {
        JobState::Leased { until } | JobState::Waiting { until } => Some(until.to_string()),
        JobState::Pending | JobState::Done | JobState::Dead | JobState::Held => None,
    }
}

/// For people. What is a sender's or a guest's has its control characters written out, save the lines of the body.
fn in_words(record: &EventRecord) -> String {
    let mut out = String::new();
    let shown = Shown::of(record);
    let mut field = |name: &str, value: &str| {
        let _ = writeln!(out, "{name:<10} {}", visible(value));
    };
    field("event", &shown.id);
    field("source", &record.event.source.to_string());
    field("provider", shown.provider);
    field("type", shown.event_type.unwrap_or("(unknown)"));
    field("key", shown.key);
    if let Some(key) = shown.ordering_key {
        field("order", key);
    }
    field("received", &shown.received_at);
    out.push_str("\nheaders\n");
    for (name, value) in &shown.headers {
        let _ = writeln!(out, "  {}: {}", visible(name), visible(value));
    }
    body_in_words(&shown, record.event.body.len(), &mut out);
    if shown.plugins.is_empty() {
        out.push_str("\nno plugin takes this source's events yet; it is kept for the first that does\n");
    }
    for job in &shown.plugins {
        job_in_words(job, &mut out);
    }
    out
}

fn body_in_words(shown: &Shown<'_>, bytes: usize, out: &mut String) {
    let _ = writeln!(out, "\nbody ({bytes} bytes{})", if shown.body.is_none() { ", in base64" } else { "" });
    let encoded = shown.body_base64.as_deref().unwrap_or_default();
    for line in shown.body.unwrap_or(encoded).lines() {
        let _ = writeln!(out, "  {}", visible(line));
    }
}

fn job_in_words(job: &ShownJob<'_>, out: &mut String) {
    let until = job.until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
    let replays = match job.replays {
        0 => String::new(),
        1 => ", replayed once".to_owned(),
        times => format!(", replayed {times} times"),
    };
    let _ = writeln!(out, "\nplugin {}: {}{until}{replays}", job.plugin, job.state);
    for attempt in &job.attempts {
        let ShownAttempt { replay, number, revision, started_at, duration_ms, told, log, .. } = attempt;
        let name =
            if *replay == 0 { format!("attempt {number}") } else { format!("replay {replay}, attempt {number}") };
        let _ = writeln!(out, "  {name} at {started_at}, {duration_ms:.1} ms on {revision}: {}", visible(told));
        for line in log {
            let _ = writeln!(out, "    {} | {}", line.stream, visible(line.text));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hookyard_model::{Event, Header, LogLine, Outcome, Payload, Revision, Timestamp};

    use super::*;

    fn record(body: &'static [u8]) -> EventRecord {
        let attempt = |number, outcome| Attempt {
            number,
            revision: Revision::from_sha256([0xab; 32]),
            started_at: Timestamp::from_unix_secs(1_780_400_201),
            duration: Duration::from_micros(1_500),
            outcome,
            log: vec![LogLine { is_error: true, text: "no such\tledger".into() }],
        };
        let event = Event {
            id: "0197308f-0000-7000-8000-000000000001".parse().expect("an id"),
            source: hookyard_model::SourceRef {
                tenant: "acme".parse().expect("a name"),
                source: "payments".parse().expect("a name"),
            },
            provider: "topper".into(),
            event_type: Some("order".into()),
            key: "k-1".into(),
            key_until: Timestamp::from_unix_secs(2_000_000_000),
            received_at: Timestamp::from_unix_millis(1_780_400_200_250),
            headers: vec![Header { name: "x-a".into(), value: (&b"1\x1b[2J"[..]).into() }],
            body: body.into(),
            payload: Payload::Body,
            ordering_key: None,
        };
        let jobs = vec![JobRecord {
            plugin: "books".parse().expect("a name"),
            state: JobState::Waiting { until: Timestamp::from_unix_secs(1_780_400_300) },
            replays: 1,
            attempts: vec![
                (0, attempt(1, Outcome::Rejected { reason: "no\nway".into() })),
                (1, attempt(1, Outcome::Trapped { message: "unreachable".into() })),
            ],
        }];
        EventRecord { event, jobs }
    }

    #[test]
    fn an_event_is_shown_whole_and_on_plain_lines() {
        let revision = "ab".repeat(32);
        let expected = format!(
            "event      0197308f-0000-7000-8000-000000000001\nsource     acme/payments\nprovider   topper\n\
             type       order\nkey        k-1\nreceived   2026-06-02T11:36:40.250Z\n\n\
             headers\n  x-a: 1\\u{{1b}}[2J\n\nbody (9 bytes)\n  {{\n    \"a\"\n  }}\n\n\
             plugin books: waiting until 2026-06-02T11:38:20.000Z, replayed once\n  \
             attempt 1 at 2026-06-02T11:36:41.000Z, 1.5 ms on {revision}: rejected: no\\nway\n    stderr | no such\\tledger\n  \
             replay 1, attempt 1 at 2026-06-02T11:36:41.000Z, 1.5 ms on {revision}: trapped: unreachable\n    \
             stderr | no such\\tledger\n"
        );
        assert_eq!(in_words(&record(b"{\n  \"a\"\n}")), expected);
    }

    #[test]
    fn machines_are_told_all_of_it() {
        let told = serde_json::to_value(Shown::of(&record(b"{}"))).expect("JSON");
        assert_eq!(told["body"], "{}");
        assert_eq!(told["headers"][0], serde_json::json!(["x-a", "1\u{1b}[2J"]));
        let job = &told["plugins"][0];
        assert_eq!((&job["state"], &job["until"]), (&"waiting".into(), &"2026-06-02T11:38:20.000Z".into()));
        let last = &job["attempts"][1];
        assert_eq!((&last["replay"], &last["number"], &last["outcome"]), (&1.into(), &1.into(), &"trapped".into()));
        assert_eq!(last["duration_ms"], 1.5);
        assert_eq!(last["log"][0]["text"], "no such\tledger");
        let told = serde_json::to_value(Shown::of(&record(b"\xff\x00"))).expect("JSON");
        assert_eq!((told.get("body"), &told["body_base64"]), (None, &"/wA=".into()));
    }
}
