//! `hookyard events show`: prints one event, every attempt, the response that the request got, and
//! every message that plugins sent.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, anyhow};
use clap::Args;
use hookyard_model::{Attempt, visible};
use hookyard_store::{
    DifferingRepeats, DiscardRecord, EventRecord, EventSummary, Events, GivenResponse, JobRecord,
    MessagePage, MessageSelection, MessageSummary, Outbox,
};
use serde::Serialize;

use crate::cli::Failure;
use crate::cli::shared::id_prefix::IdPrefix;
use crate::cli::shared::text::{self, Body, Status, Timing};
use crate::cli::shared::{StoreAccess, UNREADABLE, ids};
use crate::output;

/// The maximum number of messages that are shown. `hookyard outbox list --event` lists all of them.
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
    let store = StoreAccess::read_only(path)?.store;
    let id = ids::find::<EventSummary>(&store, &arguments.id).await?;
    let record = store.read(id).await.context(UNREADABLE)?;
    let record = record.ok_or_else(|| anyhow!("no event {id} is stored"))?;

    let selection = MessageSelection {
        event: Some(id),
        ..MessageSelection::default()
    };
    let page = MessagePage::first(selection, MESSAGES_MAX);
    let messages = store.messages(page).await.context(UNREADABLE)?;

    let response = store.response(id).await.context(UNREADABLE)?;

    let shown = ShownEvent {
        response: response.as_ref().map(ShownResponse::of),
        ..ShownEvent::of(&record, &messages)
    };
    if arguments.json {
        output::line(serde_json::to_string(&shown).context("cannot write the event as JSON")?)
    } else {
        output::text(as_text(&shown))
    }
}

/// An event as JSON.
#[derive(Serialize)]
struct ShownEvent<'e> {
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
    /// Present only for an event without jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discarded: Option<ShownDiscard<'e>>,
    /// Present only if there were such requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    differing_repeats: Option<ShownRepeats>,
    plugins: Vec<ShownJob<'e>>,
    /// Present only if a plugin answered the request of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<ShownResponse<'e>>,
    messages: Vec<ShownMessage<'e>>,
}

/// The response of a plugin as JSON.
#[derive(Serialize)]
struct ShownResponse<'e> {
    plugin: &'e str,
    status: u16,
    headers: Vec<(&'e str, Cow<'e, str>)>,
    #[serde(flatten)]
    body: Body<'e>,
}

/// A job as JSON.
#[derive(Serialize)]
struct ShownJob<'e> {
    plugin: &'e str,
    #[serde(flatten)]
    status: Status,
    replays: u32,
    attempts: Vec<ShownAttempt<'e>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    discards: Vec<ShownDiscard<'e>>,
}

/// The discard of a job or an event as JSON.
#[derive(Serialize)]
struct ShownDiscard<'e> {
    /// The number of replays before the discard.
    replay: u32,
    at: String,
    reason: &'e str,
}

/// The later requests that had the key of the event and another body, as JSON.
#[derive(Serialize)]
struct ShownRepeats {
    count: u64,
    last_at: String,
}

/// An attempt as JSON.
#[derive(Serialize)]
struct ShownAttempt<'e> {
    #[serde(flatten)]
    timing: Timing,
    revision: String,
    /// The name of the outcome.
    outcome: &'static str,
    /// The outcome with its reason.
    description: String,
    log: Vec<Line<'e>>,
}

/// A message that a plugin sent while it handled the event, as JSON.
#[derive(Serialize)]
struct ShownMessage<'e> {
    id: String,
    plugin: &'e str,
    destination: &'e str,
    #[serde(flatten)]
    status: Status,
}

/// A line that the plugin wrote, as JSON.
#[derive(Serialize)]
struct Line<'e> {
    stream: &'static str,
    text: &'e str,
}

impl<'e> ShownEvent<'e> {
    fn of(record: &'e EventRecord, messages: &'e [MessageSummary]) -> Self {
        let event = &record.event;
        let state = match (record.jobs.is_empty(), &record.discarded) {
            (false, _) => None,
            (true, None) => Some("unrouted"),
            (true, Some(_)) => Some("discarded"),
        };
        let discarded = record.discarded.as_ref();

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
            state,
            discarded: discarded.map(|discard| ShownDiscard::of(0, discard)),
            differing_repeats: record.differing_repeats.map(ShownRepeats::of),
            plugins: record.jobs.iter().map(ShownJob::of).collect(),
            response: None,
            messages: messages.iter().map(ShownMessage::of).collect(),
        }
    }
}

impl<'e> ShownResponse<'e> {
    fn of(given: &'e GivenResponse) -> Self {
        let GivenResponse { plugin, response } = given;
        Self {
            plugin: plugin.as_str(),
            status: response.status,
            headers: text::headers(&response.headers),
            body: Body::of(&response.body),
        }
    }
}

impl<'e> ShownMessage<'e> {
    fn of(message: &'e MessageSummary) -> Self {
        Self {
            id: message.id.to_string(),
            plugin: message.plugin.name.as_str(),
            destination: message.destination.as_str(),
            status: Status::of(message.state, message.behind.as_ref()),
        }
    }
}

impl<'e> ShownJob<'e> {
    fn of(job: &'e JobRecord) -> Self {
        let attempts = job.attempts.iter();
        let discards = job.discards.iter();

        Self {
            plugin: job.plugin.as_str(),
            status: Status::of(job.state, job.behind.as_ref()),
            replays: job.replays,
            attempts: attempts
                .map(|(replay, attempt)| ShownAttempt::of(*replay, attempt))
                .collect(),
            discards: discards
                .map(|(replay, discard)| ShownDiscard::of(*replay, discard))
                .collect(),
        }
    }
}

impl<'e> ShownDiscard<'e> {
    fn of(replay: u32, discard: &'e DiscardRecord) -> Self {
        Self {
            replay,
            at: discard.at.to_string(),
            reason: &discard.reason,
        }
    }

    fn as_text(&self) -> String {
        format!("discarded at {}: {}", self.at, visible(self.reason))
    }
}

impl ShownRepeats {
    fn of(repeats: DifferingRepeats) -> Self {
        Self {
            count: repeats.count,
            last_at: repeats.last.to_string(),
        }
    }

    fn as_text(&self) -> String {
        let Self { count, last_at } = self;
        let requests = if *count == 1 { "request" } else { "requests" };
        format!(
            "{count} later {requests} had this key and another body, and {} not stored; the last \
             arrived at {last_at}",
            if *count == 1 { "was" } else { "were" }
        )
    }
}

impl<'e> ShownAttempt<'e> {
    fn of(replay: u32, attempt: &'e Attempt) -> Self {
        let Attempt {
            number,
            started_at,
            duration,
            ..
        } = attempt;
        let log = attempt.log.iter().map(|line| Line {
            stream: if line.is_error { "stderr" } else { "stdout" },
            text: &line.text,
        });

        Self {
            timing: Timing::new(replay, *number, *started_at, *duration),
            revision: attempt.revision.to_string(),
            outcome: attempt.outcome.name(),
            description: attempt.outcome.to_string(),
            log: log.collect(),
        }
    }
}

/// Returns the event as text. Control characters of senders and guests are written as escapes,
/// except the line ends of the body.
fn as_text(event: &ShownEvent<'_>) -> String {
    let mut out = String::new();
    let source = format!("{}/{}", event.tenant, event.source);
    let mut fields = vec![
        ("event", event.id.as_str()),
        ("source", &source),
        ("provider", event.provider),
        ("type", event.event_type.unwrap_or("(unknown)")),
        ("key", event.key),
    ];
    fields.extend(event.ordering_key.map(|key| ("order", key)));
    fields.push(("received", &event.received_at));
    text::write_fields(&fields, &mut out);

    out.push_str("\nheaders\n");
    text::write_headers(&event.headers, "  ", &mut out);
    out.push('\n');
    event.body.write("body", "", &mut out);

    if let Some(repeats) = &event.differing_repeats {
        let _ = writeln!(out, "\n{}", repeats.as_text());
    }
    if event.plugins.is_empty() {
        write_state_without_jobs(event, &mut out);
    }
    for job in &event.plugins {
        write_job(job, &mut out);
    }
    if let Some(response) = &event.response {
        write_response(response, &mut out);
    }
    write_messages(&event.messages, &mut out);
    out
}

fn write_state_without_jobs(event: &ShownEvent<'_>, out: &mut String) {
    let _ = match &event.discarded {
        Some(discard) => writeln!(out, "\n{}", discard.as_text()),
        None => writeln!(
            out,
            "\nunrouted: no plugin handles it; `hookyard events replay {} --plugin \
             <tenant>/<name>` gives it to a plugin",
            event.id
        ),
    };
}

fn write_job(job: &ShownJob<'_>, out: &mut String) {
    let status = job.status.with_replays(job.replays);
    let _ = writeln!(out, "\nplugin {}: {status}", job.plugin);

    for attempt in &job.attempts {
        let headline = attempt.timing.headline("attempt");
        let description = visible(&attempt.description);
        let _ = writeln!(out, "  {headline} on {}: {description}", attempt.revision);
        for line in &attempt.log {
            let _ = writeln!(out, "    {} | {}", line.stream, visible(line.text));
        }
    }
    for discard in &job.discards {
        let _ = writeln!(out, "  {}", discard.as_text());
    }
}

fn write_response(response: &ShownResponse<'_>, out: &mut String) {
    let ShownResponse {
        plugin,
        status,
        headers,
        body,
    } = response;
    let _ = writeln!(out, "\nanswered by plugin {plugin} with {status}");
    text::write_headers(headers, "  ", out);
    body.write("answer", "  ", out);
}

fn write_messages(messages: &[ShownMessage<'_>], out: &mut String) {
    if messages.is_empty() {
        return;
    }

    out.push_str("\nmessages\n");
    for message in messages {
        let ShownMessage {
            id,
            plugin,
            destination,
            status,
        } = message;
        let _ = writeln!(out, "  {id} of {plugin} to {destination}: {status}");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hookyard_model::{
        Event, Header, LogLine, Outcome, Payload, PluginRef, Response, Revision, SourceRef,
        Timestamp, WorkState,
    };
    use hookyard_store::Predecessor;

    use super::*;

    fn record(body: &'static [u8]) -> EventRecord {
        let rejected = Outcome::Rejected {
            reason: "no\nway".into(),
        };
        let trapped = Outcome::Trapped {
            message: "unreachable".into(),
        };
        let job = JobRecord {
            plugin: "books".parse().expect("a name"),
            state: WorkState::Waiting {
                until: Timestamp::from_unix_secs(1_780_400_300),
            },
            behind: None,
            replays: 1,
            attempts: vec![(0, attempt(rejected)), (1, attempt(trapped))],
            discards: vec![(0, discard_record())],
        };

        EventRecord {
            event: event(body),
            jobs: vec![job],
            discarded: None,
            differing_repeats: Some(DifferingRepeats {
                count: 2,
                last: Timestamp::from_unix_secs(1_780_400_400),
            }),
        }
    }

    fn event(body: &'static [u8]) -> Event {
        Event {
            id: "0197308f-0000-7000-8000-000000000001"
                .parse()
                .expect("an id"),
            source: SourceRef {
                tenant: "acme".parse().expect("a name"),
                name: "payments".parse().expect("a name"),
            },
            provider: "topper".into(),
            event_type: Some("order".into()),
            key: "k-1".into(),
            key_window: Duration::ZERO,
            received_at: Timestamp::from_unix_millis(1_780_400_200_250),
            headers: vec![Header {
                name: "x-a".into(),
                value: (&b"1\x1b[2J"[..]).into(),
            }],
            body: body.into(),
            payload: Payload::Body,
            ordering_key: None,
        }
    }

    fn attempt(outcome: Outcome) -> Attempt {
        Attempt {
            number: 1,
            revision: Revision::from_sha256([0xab; 32]),
            started_at: Timestamp::from_unix_secs(1_780_400_201),
            duration: Duration::from_micros(1_500),
            outcome,
            log: vec![LogLine {
                is_error: true,
                text: "no such\tledger".into(),
            }],
            used: None,
        }
    }

    fn discard_record() -> DiscardRecord {
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
            ended_at: None,
            body_bytes: 2,
        }
    }

    #[test]
    fn event_as_text() {
        let expected = "\
event      0197308f-0000-7000-8000-000000000001
source     acme/payments
provider   topper
type       order
key        k-1
received   2026-06-02T11:36:40.250Z

headers
  x-a: 1\\u{1b}[2J

body (9 bytes)
  {
    \"a\"
  }

2 later requests had this key and another body, and were not stored; the last arrived at \
2026-06-02T11:40:00.000Z

plugin books: waiting until 2026-06-02T11:38:20.000Z, replayed once
  attempt 1 at 2026-06-02T11:36:41.000Z, 1.5 ms on REVISION: rejected: no\\nway
    stderr | no such\\tledger
  replay 1, attempt 1 at 2026-06-02T11:36:41.000Z, 1.5 ms on REVISION: trapped: unreachable
    stderr | no such\\tledger
  discarded at 2026-06-02T11:37:30.000Z: not\\tours

messages
  0197308f-0000-7000-8000-000000000002 of books to partner: pending behind \
0197308f-0000-7000-8000-000000000003, which is waiting until 2026-06-02T11:38:20.000Z
";
        let expected = expected.replace("REVISION", &"ab".repeat(32));

        assert_eq!(
            as_text(&ShownEvent::of(&record(b"{\n  \"a\"\n}"), &[message()])),
            expected
        );
    }

    #[test]
    fn response_is_shown_with_its_plugin() {
        let given = GivenResponse {
            plugin: "books".parse().expect("a name"),
            response: Response {
                status: 201,
                headers: vec![Header {
                    name: "x-pot".into(),
                    value: "round".into(),
                }],
                body: "made".into(),
            },
        };
        let record = record(b"{}");
        let shown = ShownEvent {
            response: Some(ShownResponse::of(&given)),
            ..ShownEvent::of(&record, &[])
        };

        let expected =
            "\nanswered by plugin books with 201\n  x-pot: round\n  answer (4 bytes)\n    made\n";
        let text = as_text(&shown);
        assert!(text.ends_with(expected), "{text}");
        let json = serde_json::to_value(&shown).expect("JSON");
        assert_eq!(
            (&json["response"]["status"], &json["response"]["body"]),
            (&201.into(), &"made".into())
        );
    }

    #[test]
    fn event_as_json() {
        let shown =
            serde_json::to_value(ShownEvent::of(&record(b"{}"), &[message()])).expect("JSON");
        assert_eq!(shown["body"], "{}");
        assert_eq!(
            shown["headers"][0],
            serde_json::json!(["x-a", "1\u{1b}[2J"])
        );
        let job = &shown["plugins"][0];
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
                &shown["messages"][0]["state"],
                &shown["messages"][0]["destination"]
            ),
            (&"pending".into(), &"partner".into())
        );
        assert_eq!(last["log"][0]["text"], "no such\tledger");
        let shown = serde_json::to_value(ShownEvent::of(&record(b"\xff\x00"), &[])).expect("JSON");
        assert_eq!(
            (shown.get("body"), &shown["body_base64"]),
            (None, &"/wA=".into())
        );
    }
}
