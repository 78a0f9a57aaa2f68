//! `hookyard outbox show`: one message whole, with every try that was made at sending it.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, anyhow};
use clap::Args;
use hookyard_model::{Answer, Delivery};
use hookyard_store::{MessageRecord, Outbox};
use serde::Serialize;

use crate::cli::Failure;
use crate::cli::shared::id_prefix::IdPrefix;
use crate::cli::shared::text::{self, Body};
use crate::cli::shared::{self, ids};
use crate::output;
use hookyard_model::visible;

/// The arguments of `hookyard outbox show`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The id of the message, or its first digits
    id: IdPrefix,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Shows one message.
pub(super) async fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let Arguments { id, json } = arguments;
    let inbox = shared::open_for_reading(path)?.inbox;
    let id = ids::message(&inbox, &id).await?;
    let record = inbox
        .message(id)
        .await
        .context("the message can't be read")?;
    let record = record.ok_or_else(|| anyhow!("no message {id} is stored"))?;
    match json {
        true => output::line(
            serde_json::to_string(&Shown::of(&record)).context("the message can't be told")?,
        ),
        false => output::text(in_words(&Shown::of(&record))),
    }
}

#[derive(Serialize)]
struct Shown<'m> {
    id: String,
    tenant: &'m str,
    destination: &'m str,
    plugin: &'m str,
    event: String,
    #[serde(rename = "type")]
    event_type: Option<&'m str>,
    ordering_key: Option<&'m str>,
    committed_at: String,
    state: &'static str,
    /// The end of the lease or of the wait.
    until: Option<String>,
    behind: Option<text::Behind>,
    replays: u32,
    #[serde(flatten)]
    body: Body<'m>,
    tries: Vec<Try<'m>>,
}

/// One try at sending it.
#[derive(Serialize)]
struct Try<'m> {
    /// Replays before it.
    replay: u32,
    number: u32,
    started_at: String,
    duration_ms: f64,
    result: &'static str,
    told: String,
    answer: Option<ShownAnswer<'m>>,
}

/// What was answered: its head, and the beginning of its body.
#[derive(Serialize)]
struct ShownAnswer<'m> {
    headers: Vec<(&'m str, Cow<'m, str>)>,
    #[serde(flatten)]
    body: Body<'m>,
}

impl<'m> Shown<'m> {
    fn of(record: &'m MessageRecord) -> Self {
        let message = &record.summary;
        Self {
            id: message.id.to_string(),
            tenant: message.plugin.tenant.as_str(),
            destination: message.destination.as_str(),
            plugin: message.plugin.name.as_str(),
            event: message.event.to_string(),
            event_type: message.event_type.as_deref(),
            ordering_key: record.ordering_key.as_deref(),
            committed_at: message.created_at.to_string(),
            state: message.state.name(),
            until: text::until(message.state),
            behind: message.behind.as_ref().map(text::Behind::of),
            replays: record.replays,
            body: Body::of(&record.body),
            tries: record
                .deliveries
                .iter()
                .map(|(replay, delivery)| Try::of(*replay, delivery))
                .collect(),
        }
    }
}

impl<'m> Try<'m> {
    fn of(replay: u32, delivery: &'m Delivery) -> Self {
        let answer = |answer: &'m Answer| ShownAnswer {
            headers: text::headers(&answer.headers),
            body: Body::of(&answer.body),
        };
        Self {
            replay,
            number: delivery.number,
            started_at: delivery.started_at.to_string(),
            duration_ms: delivery.duration.as_secs_f64() * 1000.0,
            result: delivery.result.name(),
            told: delivery.result.to_string(),
            answer: delivery.answer.as_ref().map(answer),
        }
    }
}

/// For people. What is a guest's or a receiver's has its control characters written out, save the lines of a body.
fn in_words(shown: &Shown<'_>) -> String {
    let mut out = String::new();
    let to = format!("{}/{}", shown.tenant, shown.destination);
    let standing = text::standing(shown.state, shown.until.as_deref(), shown.behind.as_ref());
    let state = text::state(&standing, shown.replays);
    let mut fields = vec![
        ("message", shown.id.as_str()),
        ("to", &to),
        ("type", shown.event_type.unwrap_or("(untyped)")),
        ("plugin", shown.plugin),
        ("event", &shown.event),
        ("committed", &shown.committed_at),
        ("state", &state),
    ];
    if let Some(key) = shown.ordering_key {
        fields.push(("order", key));
    }
    text::write_fields(&fields, &mut out);
    out.push('\n');
    shown.body.write("body", "", &mut out);
    for one in &shown.tries {
        try_in_words(one, &mut out);
    }
    out
}

fn try_in_words(one: &Try<'_>, out: &mut String) {
    let Try {
        replay,
        number,
        started_at,
        duration_ms,
        told,
        answer,
        ..
    } = one;
    let name = text::numbered("try", *replay, *number);
    let _ = writeln!(
        out,
        "\n{name} at {started_at}, {duration_ms:.1} ms: {}",
        visible(told)
    );
    if let Some(ShownAnswer { headers, body }) = answer {
        text::write_headers(headers, "  ", out);
        body.write("answer", "  ", out);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hookyard_model::{DeliveryResult, Header, PluginRef, Timestamp, WorkState};
    use hookyard_store::MessageSummary;

    use super::*;

    fn record() -> MessageRecord {
        let delivery = |number, result, answer| Delivery {
            number,
            started_at: Timestamp::from_unix_secs(1_780_400_201),
            duration: Duration::from_micros(12_345),
            result,
            answer,
        };
        let header = Header {
            name: "x-a".into(),
            value: (&b"1\x1b[2J"[..]).into(),
        };
        let answer = Answer {
            headers: vec![header],
            body: (&b"one\ntwo"[..]).into(),
        };
        let failed = DeliveryResult::Failed {
            status: Some(503),
            reason: "it answered 503".into(),
            after: None,
        };
        let plugin = PluginRef {
            tenant: "acme".parse().expect("a name"),
            name: "offers".parse().expect("a name"),
        };
        MessageRecord {
            summary: MessageSummary {
                id: "0197308f-0000-7000-8000-000000000002"
                    .parse()
                    .expect("an id"),
                plugin,
                event: "0197308f-0000-7000-8000-000000000001"
                    .parse()
                    .expect("an id"),
                destination: "partner".parse().expect("a name"),
                event_type: Some("offer.accepted".into()),
                created_at: Timestamp::from_unix_millis(1_780_400_200_250),
                state: WorkState::Done,
                behind: None,
                deliveries: 1,
                last_result: None,
                body_bytes: 2,
            },
            ordering_key: Some("4711".into()),
            replays: 1,
            body: (&b"{}"[..]).into(),
            deliveries: vec![
                (0, delivery(1, failed, Some(answer))),
                (1, delivery(1, DeliveryResult::Sent { status: 200 }, None)),
            ],
        }
    }

    #[test]
    fn a_message_is_shown_whole_and_on_plain_lines() {
        let expected = "\
message    0197308f-0000-7000-8000-000000000002
to         acme/partner
type       offer.accepted
plugin     offers
event      0197308f-0000-7000-8000-000000000001
committed  2026-06-02T11:36:40.250Z
state      done, replayed once
order      4711

body (2 bytes)
  {}

try 1 at 2026-06-02T11:36:41.000Z, 12.3 ms: failed: it answered 503
  x-a: 1\\u{1b}[2J
  answer (7 bytes)
    one
    two

replay 1, try 1 at 2026-06-02T11:36:41.000Z, 12.3 ms: sent: 200
";
        assert_eq!(in_words(&Shown::of(&record())), expected);
    }

    #[test]
    fn machines_are_told_all_of_it() {
        let told = serde_json::to_value(Shown::of(&record())).expect("JSON");
        assert_eq!(
            (&told["body"], &told["state"], &told["replays"]),
            (&"{}".into(), &"done".into(), &1.into())
        );
        let first = &told["tries"][0];
        assert_eq!(
            (&first["result"], &first["answer"]["body"]),
            (&"failed".into(), &"one\ntwo".into())
        );
        assert_eq!(
            first["answer"]["headers"][0],
            serde_json::json!(["x-a", "1\u{1b}[2J"])
        );
        assert_eq!(
            (&told["tries"][1]["replay"], &told["tries"][1]["answer"]),
            (&1.into(), &serde_json::Value::Null)
        );
    }
}
