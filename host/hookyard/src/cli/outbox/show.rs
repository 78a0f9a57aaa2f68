//! `hookyard outbox show`: prints one message and every delivery.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, anyhow};
use clap::Args;
use hookyard_model::{Answer, Delivery, visible};
use hookyard_store::{MessageRecord, MessageSummary, Outbox};
use serde::Serialize;

use crate::cli::Failure;
use crate::cli::shared::id_prefix::IdPrefix;
use crate::cli::shared::text::{self, Body, Status, Timing};
use crate::cli::shared::{StoreAccess, UNREADABLE, ids};
use crate::output;

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
    let store = StoreAccess::read_only(path)?.store;
    let id = ids::find::<MessageSummary>(&store, &arguments.id).await?;
    let record = store.message(id).await.context(UNREADABLE)?;
    let record = record.ok_or_else(|| anyhow!("no message {id} is stored"))?;

    let shown = ShownMessage::of(&record);
    if arguments.json {
        output::line(serde_json::to_string(&shown).context("cannot write the message as JSON")?)
    } else {
        output::text(as_text(&shown))
    }
}

/// A message as JSON.
#[derive(Serialize)]
struct ShownMessage<'m> {
    id: String,
    tenant: &'m str,
    destination: &'m str,
    plugin: &'m str,
    event: String,
    #[serde(rename = "type")]
    event_type: Option<&'m str>,
    ordering_key: Option<&'m str>,
    committed_at: String,
    #[serde(flatten)]
    status: Status,
    replays: u32,
    #[serde(flatten)]
    body: Body<'m>,
    deliveries: Vec<ShownDelivery<'m>>,
}

/// A delivery as JSON.
#[derive(Serialize)]
struct ShownDelivery<'m> {
    #[serde(flatten)]
    timing: Timing,
    /// The name of the result.
    result: &'static str,
    /// The result with its reason.
    description: String,
    answer: Option<ShownAnswer<'m>>,
}

/// The answer of the receiver as JSON. The body is cut off.
#[derive(Serialize)]
struct ShownAnswer<'m> {
    headers: Vec<(&'m str, Cow<'m, str>)>,
    #[serde(flatten)]
    body: Body<'m>,
}

impl<'m> ShownMessage<'m> {
    fn of(record: &'m MessageRecord) -> Self {
        let message = &record.summary;
        let deliveries = record.deliveries.iter();

        Self {
            id: message.id.to_string(),
            tenant: message.plugin.tenant.as_str(),
            destination: message.destination.as_str(),
            plugin: message.plugin.name.as_str(),
            event: message.event.to_string(),
            event_type: message.event_type.as_deref(),
            ordering_key: record.ordering_key.as_deref(),
            committed_at: message.created_at.to_string(),
            status: Status::of(message.state, message.behind.as_ref()),
            replays: record.replays,
            body: Body::of(&record.body),
            deliveries: deliveries
                .map(|(replay, delivery)| ShownDelivery::of(*replay, delivery))
                .collect(),
        }
    }
}

impl<'m> ShownDelivery<'m> {
    fn of(replay: u32, delivery: &'m Delivery) -> Self {
        let Delivery {
            number,
            started_at,
            duration,
            ..
        } = delivery;

        Self {
            timing: Timing::new(replay, *number, *started_at, *duration),
            result: delivery.result.name(),
            description: delivery.result.to_string(),
            answer: delivery.answer.as_ref().map(ShownAnswer::of),
        }
    }
}

impl<'m> ShownAnswer<'m> {
    fn of(answer: &'m Answer) -> Self {
        Self {
            headers: text::headers(&answer.headers),
            body: Body::of(&answer.body),
        }
    }
}

/// Returns the message as text. Control characters of guests and receivers are written as escapes,
/// except the line ends of a body.
fn as_text(message: &ShownMessage<'_>) -> String {
    let mut out = String::new();
    let destination = format!("{}/{}", message.tenant, message.destination);
    let state = message.status.with_replays(message.replays);
    let mut fields = vec![
        ("message", message.id.as_str()),
        ("to", &destination),
        ("type", message.event_type.unwrap_or("(untyped)")),
        ("plugin", message.plugin),
        ("event", &message.event),
        ("committed", &message.committed_at),
        ("state", &state),
    ];
    fields.extend(message.ordering_key.map(|key| ("order", key)));
    text::write_fields(&fields, &mut out);

    out.push('\n');
    message.body.write("body", "", &mut out);
    for delivery in &message.deliveries {
        write_delivery(delivery, &mut out);
    }
    out
}

fn write_delivery(delivery: &ShownDelivery<'_>, out: &mut String) {
    let headline = delivery.timing.headline("delivery");
    let _ = writeln!(out, "\n{headline}: {}", visible(&delivery.description));

    if let Some(answer) = &delivery.answer {
        text::write_headers(&answer.headers, "  ", out);
        answer.body.write("answer", "  ", out);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hookyard_model::{DeliveryResult, Header, PluginRef, Timestamp, WorkState};

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
                ended_at: None,
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
    fn message_as_text() {
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

delivery 1 at 2026-06-02T11:36:41.000Z, 12.3 ms: failed: it answered 503
  x-a: 1\\u{1b}[2J
  answer (7 bytes)
    one
    two

replay 1, delivery 1 at 2026-06-02T11:36:41.000Z, 12.3 ms: sent: 200
";
        assert_eq!(as_text(&ShownMessage::of(&record())), expected);
    }

    #[test]
    fn message_as_json() {
        let shown = serde_json::to_value(ShownMessage::of(&record())).expect("JSON");
        assert_eq!(
            (&shown["body"], &shown["state"], &shown["replays"]),
            (&"{}".into(), &"done".into(), &1.into())
        );
        let first = &shown["deliveries"][0];
        assert_eq!(
            (&first["result"], &first["answer"]["body"]),
            (&"failed".into(), &"one\ntwo".into())
        );
        assert_eq!(
            first["answer"]["headers"][0],
            serde_json::json!(["x-a", "1\u{1b}[2J"])
        );
        assert_eq!(
            (
                &shown["deliveries"][1]["replay"],
                &shown["deliveries"][1]["answer"]
            ),
            (&1.into(), &serde_json::Value::Null)
        );
    }
}
