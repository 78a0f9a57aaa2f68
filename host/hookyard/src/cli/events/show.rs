//! `hookyard events show`: one event whole, with every attempt that was made at it and every message that came of it.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, anyhow};
use clap::Args;
use hookyard_model::Attempt;
use hookyard_store::{
    DiscardRecord, EventRecord, Events, JobRecord, MessagePage, MessageSelection, MessageSummary,
    Outbox,
};
use serde::Serialize;

use crate::cli::Failure;
use crate::cli::shared::id_prefix::IdPrefix;
use crate::cli::shared::text::{self, Body};
use crate::cli::shared::{self, ids};
use crate::output;
use hookyard_model::visible;

/// Messages that are named at most; `hookyard outbox list --event` knows them all.
const MESSAGES_MAX: usize = 1000;

/// The arguments of `hookyard events show`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The id of the event, or its first digits
    id: IdPrefix,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Shows one event.
pub(super) async fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let Arguments { id, json } = arguments;
    let inbox = shared::open_for_reading(path)?.inbox;
    let id = ids::event(&inbox, &id).await?;
    let record = inbox.read(id).await.context("the event can't be read")?;
    let record = record.ok_or_else(|| anyhow!("no event {id} is stored"))?;
    let selection = MessageSelection {
        event: Some(id),
        ..MessageSelection::default()
    };
    let page = MessagePage::first(selection, MESSAGES_MAX);
    let messages = inbox
        .messages(page)
        .await
        .context("the event's messages can't be read")?;
    let shown = Shown::of(&record, &messages);
    match json {
        true => output::line(serde_json::to_string(&shown).context("the event can't be told")?),
        false => output::text(in_words(&shown)),
    }
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
    #[serde(flatten)]
    body: Body<'e>,
    /// Of an event that has no jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discarded: Option<ShownDiscard<'e>>,
    plugins: Vec<ShownJob<'e>>,
    messages: Vec<ShownMessage<'e>>,
}

#[derive(Serialize)]
struct ShownJob<'e> {
    plugin: &'e str,
    state: &'static str,
    /// The end of the lease or of the wait.
    until: Option<String>,
    behind: Option<text::Behind>,
    replays: u32,
    attempts: Vec<ShownAttempt<'e>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    discards: Vec<ShownDiscard<'e>>,
}

/// One time that it was discarded.
#[derive(Serialize)]
struct ShownDiscard<'e> {
    /// Replays before it.
    replay: u32,
    at: String,
    reason: &'e str,
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

/// What plugins asked to have sent when they handled it.
#[derive(Serialize)]
struct ShownMessage<'e> {
    id: String,
    plugin: &'e str,
    destination: &'e str,
    state: &'static str,
    until: Option<String>,
    behind: Option<text::Behind>,
}

#[derive(Serialize)]
struct Line<'e> {
    stream: &'static str,
    text: &'e str,
}

impl<'e> Shown<'e> {
    fn of(record: &'e EventRecord, messages: &'e [MessageSummary]) -> Self {
        let event = &record.event;
        Self {
            id: event.id.to_string(),
            tenant: event.source.tenant.as_str(),
            source: event.source.name.as_str(),
            provider: &event.provider,
            event_type: event.event_type.as_deref(),
            key: &event.key,
            ordering_key: event.ordering_key.as_deref(),
            received_at: event.received_at.to_string(),
            headers: text::headers(&event.headers),
            body: Body::of(&event.body),
            state: match (record.jobs.is_empty(), &record.discarded) {
                (false, _) => None,
                (true, None) => Some("unrouted"),
                (true, Some(_)) => Some("discarded"),
            },
            discarded: record
                .discarded
                .as_ref()
                .map(|discarding| ShownDiscard::of(0, discarding)),
            plugins: record.jobs.iter().map(ShownJob::of).collect(),
            messages: messages.iter().map(ShownMessage::of).collect(),
        }
    }
}

impl<'e> ShownMessage<'e> {
    fn of(message: &'e MessageSummary) -> Self {
        Self {
            id: message.id.to_string(),
            plugin: message.plugin.name.as_str(),
            destination: message.destination.as_str(),
            state: message.state.name(),
            until: text::until(message.state),
            behind: message.behind.as_ref().map(text::Behind::of),
        }
    }
}

impl<'e> ShownJob<'e> {
    fn of(job: &'e JobRecord) -> Self {
        Self {
            plugin: job.plugin.as_str(),
            state: job.state.name(),
            until: text::until(job.state),
            behind: job.behind.as_ref().map(text::Behind::of),
            replays: job.replays,
            attempts: job
                .attempts
                .iter()
                .map(|(replay, attempt)| ShownAttempt::of(*replay, attempt))
                .collect(),
            discards: job
                .discards
                .iter()
                .map(|(replay, discarding)| ShownDiscard::of(*replay, discarding))
                .collect(),
        }
    }
}

impl<'e> ShownDiscard<'e> {
    fn of(replay: u32, DiscardRecord { at, reason }: &'e DiscardRecord) -> Self {
        Self {
            replay,
            at: at.to_string(),
            reason,
        }
    }
}

impl<'e> ShownAttempt<'e> {
    fn of(replay: u32, attempt: &'e Attempt) -> Self {
        let line = |line: &'e hookyard_model::LogLine| Line {
            stream: stream(line.is_error),
            text: &line.text,
        };
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

/// For people. What is a sender's or a guest's has its control characters written out, save the lines of the body.
fn in_words(shown: &Shown<'_>) -> String {
    let mut out = String::new();
    let source = format!("{}/{}", shown.tenant, shown.source);
    let mut fields = vec![
        ("event", shown.id.as_str()),
        ("source", &source),
        ("provider", shown.provider),
        ("type", shown.event_type.unwrap_or("(unknown)")),
        ("key", shown.key),
    ];
    fields.extend(shown.ordering_key.map(|key| ("order", key)));
    fields.push(("received", &shown.received_at));
    text::write_fields(&fields, &mut out);
    out.push_str("\nheaders\n");
    text::write_headers(&shown.headers, "  ", &mut out);
    out.push('\n');
    shown.body.write("body", "", &mut out);
    match &shown.discarded {
        _ if !shown.plugins.is_empty() => {}
        None => {
            let way_out = format!(
                "`hookyard events replay {} --plugin <tenant>/<name>` gives it to one",
                shown.id
            );
            let _ = writeln!(out, "\nunrouted: no plugin has taken it; {way_out}");
        }
        Some(discard) => {
            let _ = writeln!(out, "\n{}", discard_in_words(discard));
        }
    }
    for job in &shown.plugins {
        job_in_words(job, &mut out);
    }
    if !shown.messages.is_empty() {
        out.push_str("\nmessages\n");
    }
    for ShownMessage {
        id,
        plugin,
        destination,
        state,
        until,
        behind,
    } in &shown.messages
    {
        let standing = text::standing(state, until.as_deref(), behind.as_ref());
        let _ = writeln!(out, "  {id} of {plugin} to {destination}: {standing}");
    }
    out
}

fn job_in_words(job: &ShownJob<'_>, out: &mut String) {
    let standing = text::standing(job.state, job.until.as_deref(), job.behind.as_ref());
    let state = text::state(&standing, job.replays);
    let _ = writeln!(out, "\nplugin {}: {state}", job.plugin);
    for attempt in &job.attempts {
        let ShownAttempt {
            replay,
            number,
            revision,
            started_at,
            duration_ms,
            told,
            log,
            ..
        } = attempt;
        let name = text::numbered("attempt", *replay, *number);
        let _ = writeln!(
            out,
            "  {name} at {started_at}, {duration_ms:.1} ms on {revision}: {}",
            visible(told)
        );
        for line in log {
            let _ = writeln!(out, "    {} | {}", line.stream, visible(line.text));
        }
    }
    for discard in &job.discards {
        let _ = writeln!(out, "  {}", discard_in_words(discard));
    }
}

fn discard_in_words(ShownDiscard { at, reason, .. }: &ShownDiscard<'_>) -> String {
    format!("discarded at {at}: {}", visible(reason))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hookyard_model::{
        Event, Header, LogLine, Outcome, Payload, PluginRef, Revision, Timestamp, WorkState,
    };
    use hookyard_store::Predecessor;

    use super::*;

    fn record(body: &'static [u8]) -> EventRecord {
        let attempt = |number, outcome| Attempt {
            number,
            revision: Revision::from_sha256([0xab; 32]),
            started_at: Timestamp::from_unix_secs(1_780_400_201),
            duration: Duration::from_micros(1_500),
            outcome,
            log: vec![LogLine {
                is_error: true,
                text: "no such\tledger".into(),
            }],
        };
        let event = Event {
            id: "0197308f-0000-7000-8000-000000000001"
                .parse()
                .expect("an id"),
            source: hookyard_model::SourceRef {
                tenant: "acme".parse().expect("a name"),
                name: "payments".parse().expect("a name"),
            },
            provider: "topper".into(),
            event_type: Some("order".into()),
            key: "k-1".into(),
            key_until: Timestamp::from_unix_secs(2_000_000_000),
            received_at: Timestamp::from_unix_millis(1_780_400_200_250),
            headers: vec![Header {
                name: "x-a".into(),
                value: (&b"1\x1b[2J"[..]).into(),
            }],
            body: body.into(),
            payload: Payload::Body,
            ordering_key: None,
        };
        let jobs = vec![JobRecord {
            plugin: "books".parse().expect("a name"),
            state: WorkState::Waiting {
                until: Timestamp::from_unix_secs(1_780_400_300),
            },
            behind: None,
            replays: 1,
            attempts: vec![
                (
                    0,
                    attempt(
                        1,
                        Outcome::Rejected {
                            reason: "no\nway".into(),
                        },
                    ),
                ),
                (
                    1,
                    attempt(
                        1,
                        Outcome::Trapped {
                            message: "unreachable".into(),
                        },
                    ),
                ),
            ],
            discards: vec![(0, discarding())],
        }];
        EventRecord {
            event,
            jobs,
            discarded: None,
        }
    }

    fn discarding() -> DiscardRecord {
        DiscardRecord {
            at: Timestamp::from_unix_secs(1_780_400_250),
            reason: "not\tours".into(),
        }
    }

    fn message() -> MessageSummary {
        MessageSummary {
            id: "0197308f-0000-7000-8000-000000000002"
                .parse()
                .expect("an id"),
            plugin: PluginRef {
                tenant: "acme".parse().expect("a name"),
                name: "books".parse().expect("a name"),
            },
            event: "0197308f-0000-7000-8000-000000000001"
                .parse()
                .expect("an id"),
            destination: "partner".parse().expect("a name"),
            event_type: None,
            created_at: Timestamp::from_unix_secs(1_780_400_202),
            state: WorkState::Pending,
            behind: Some(Predecessor {
                id: "0197308f-0000-7000-8000-000000000003"
                    .parse()
                    .expect("an id"),
                state: WorkState::Waiting {
                    until: Timestamp::from_unix_secs(1_780_400_300),
                },
            }),
            deliveries: 0,
            last_result: None,
            body_bytes: 2,
        }
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
             stderr | no such\\tledger\n  discarded at 2026-06-02T11:37:30.000Z: not\\tours\n\n\
             messages\n  0197308f-0000-7000-8000-000000000002 of books to partner: pending behind \
             0197308f-0000-7000-8000-000000000003, which is waiting until 2026-06-02T11:38:20.000Z\n"
        );
        assert_eq!(
            in_words(&Shown::of(&record(b"{\n  \"a\"\n}"), &[message()])),
            expected
        );
    }

    #[test]
    fn machines_are_told_all_of_it() {
        let told = serde_json::to_value(Shown::of(&record(b"{}"), &[message()])).expect("JSON");
        assert_eq!(told["body"], "{}");
        assert_eq!(told["headers"][0], serde_json::json!(["x-a", "1\u{1b}[2J"]));
        let job = &told["plugins"][0];
        assert_eq!(
            (&job["state"], &job["until"]),
            (&"waiting".into(), &"2026-06-02T11:38:20.000Z".into())
        );
        let last = &job["attempts"][1];
        assert_eq!(
            (&last["replay"], &last["number"], &last["outcome"]),
            (&1.into(), &1.into(), &"trapped".into())
        );
        assert_eq!(last["duration_ms"], 1.5);
        assert_eq!(
            (
                &told["messages"][0]["state"],
                &told["messages"][0]["destination"]
            ),
            (&"pending".into(), &"partner".into())
        );
        assert_eq!(last["log"][0]["text"], "no such\tledger");
        let told = serde_json::to_value(Shown::of(&record(b"\xff\x00"), &[])).expect("JSON");
        assert_eq!(
            (told.get("body"), &told["body_base64"]),
            (None, &"/wA=".into())
        );
    }
}
