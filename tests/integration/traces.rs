//! Traces of the real host, as collectors receive them.

mod collector;

use std::time::Duration;

use anyhow::Result;
use hookyard_testkit::guests;
use hookyard_testkit::receiver::Receiver;
use hookyard_testkit::site::Config;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use self::collector::Collector;
use crate::rig::{Rig, fresh_payment, quick};

const PLUGIN: &str = "acme/ledger";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TOKEN: &str = "a-token-for-the-collector";
const SENDER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The steps of an event that sends one message.
const STEPS: [&str; 12] = [
    "request",
    "verify",
    "append",
    "queue",
    "attempt",
    "decode",
    "instantiate",
    "run",
    "keyvalue.increment",
    "outbox.send",
    "settle",
    "deliver",
];

async fn start(traces: &str, receiver: &Receiver) -> Result<Rig> {
    let destination = format!(
        "url = \"{}\"\nallow_http = true\naddresses = [\"127.0.0.1\"]\n\
         secrets = [{{ file = \"audit.secret\" }}]",
        receiver.url()
    );
    let config: Config = quick()
        .section("traces", traces)
        .section("tenants.acme.destinations.audit", &destination);
    Rig::prepared(config, &[(PLUGIN, &guests::test("ledger")?)], |site| {
        site.write("audit.secret", SECRET)?;
        site.write("collector.token", TOKEN)?;
        let settings = "[grants]\ndestinations = [\"audit\"]";
        site.write(&format!("plugins/{PLUGIN}.toml"), settings)
            .map(drop)
    })
    .await
}

async fn send(rig: &Rig, traceparent: Option<&str>) -> Result<()> {
    let mut webhook = rig.senders.sign("topper", &fresh_payment().1)?;
    if let Some(value) = traceparent {
        webhook = webhook.and("traceparent", value);
    }
    let answer = rig.post("topper", &webhook).await?;
    assert!(answer.is_accepted(), "{answer:?}");
    Ok(())
}

fn named<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    let mut named = spans.iter().filter(|span| span.name == name);
    named.next().unwrap_or_else(|| panic!("no span {name}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The sender and the receiver of the message are in one trace.
async fn trace_continues(collector: Collector) -> Result<()> {
    let receiver = Receiver::start().await?;
    let rig = start(&collector.table(), &receiver).await?;
    send(&rig, Some(SENDER)).await?;
    let received = receiver
        .wait_for("the message", |received| received.len() == 1)
        .await?;

    let spans = collector.wait_for(&STEPS).await?;
    for span in &spans {
        assert_eq!(hex(&span.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(
            span.start_time_unix_nano <= span.end_time_unix_nano,
            "{span:?}"
        );
        assert_ne!(
            span.status.clone().unwrap_or_default().code(),
            StatusCode::Error
        );
    }
    let (request, attempt) = (named(&spans, "request"), named(&spans, "attempt"));
    let deliver = named(&spans, "deliver");
    assert_eq!(hex(&request.parent_span_id), "00f067aa0ba902b7");
    for (parent, children) in [
        ("request", &["verify", "append", "queue", "attempt"][..]),
        (
            "attempt",
            &["decode", "instantiate", "run", "settle", "deliver"],
        ),
        ("run", &["keyvalue.increment", "outbox.send"]),
    ] {
        for child in children {
            assert_eq!(
                named(&spans, child).parent_span_id,
                named(&spans, parent).span_id,
                "{child} is within {parent}"
            );
        }
    }
    assert_eq!(request.kind(), SpanKind::Server);
    assert_eq!(attempt.kind(), SpanKind::Consumer);
    assert_eq!(deliver.kind(), SpanKind::Client);
    assert_eq!(
        received[0].header("traceparent"),
        format!(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01",
            hex(&deliver.span_id)
        )
    );

    let ids: std::collections::BTreeSet<_> = spans.iter().map(|span| &span.span_id).collect();
    assert_eq!(ids.len(), spans.len(), "ids of spans are unique");
    let has = |span: &Span, key: &str| span.attributes.iter().any(|found| found.key == key);
    assert!(has(request, "hookyard.source") && has(request, "http.response.status_code"));
    assert!(has(attempt, "hookyard.outcome") && has(deliver, "hookyard.result"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn trace_continues_from_sender_to_receiver_over_grpc() -> Result<()> {
    trace_continues(Collector::grpc().await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn trace_continues_from_sender_to_receiver_over_http() -> Result<()> {
    trace_continues(Collector::http().await?).await
}

/// An event without a `traceparent` begins a trace with its own id, and a refused request leaves a
/// span with the reason.
#[tokio::test(flavor = "multi_thread")]
async fn event_begins_a_trace_and_refusal_says_why() -> Result<()> {
    let (collector, receiver) = (Collector::http().await?, Receiver::start().await?);
    let rig = start(&collector.table(), &receiver).await?;
    send(&rig, Some("00-not-a-context-01")).await?;
    let webhook = rig.senders.sign("topper", &fresh_payment().1)?;
    let forged = webhook.with_body(fresh_payment().1);
    assert_eq!(rig.post("topper", &forged).await?.status, 401);

    let spans = collector.wait_for(&STEPS).await?;
    let event = &rig.all_done(1).await?[0];
    let accepted = named(&spans, "attempt");
    assert_eq!(hex(&accepted.trace_id), event.id.replace('-', ""));
    let refused = collector
        .spans()?
        .into_iter()
        .find(|span| span.status.clone().unwrap_or_default().code() == StatusCode::Error)
        .expect("the refused request");
    assert_eq!(refused.name, "request");
    assert!(!refused.status.unwrap_or_default().message.is_empty());
    Ok(())
}

/// A collector that is away costs spans and nothing else, and rules take effect by a reload.
#[tokio::test(flavor = "multi_thread")]
async fn missing_collector_costs_spans_only() -> Result<()> {
    let receiver = Receiver::start().await?;
    let gone = {
        let gone = Receiver::start().await?;
        gone.url()
    };
    let table = |sample: &str| {
        format!(
            "endpoint = \"{gone}\"\nprotocol = \"http\"\nsample = \"{sample}\"\ntimeout = \"1s\""
        )
    };
    let mut rig = start(&table("100%"), &receiver).await?;
    send(&rig, None).await?;
    let line = rig
        .host
        .wait_for_log("the failure", |line| line.target() == "hookyard::traces")
        .await?;
    assert_eq!(line.level(), "WARN");
    receiver
        .wait_for("the message", |received| received.len() == 1)
        .await?;
    let metrics = rig.metrics().await?;
    let lost = r#"hookyard_trace_spans_lost_total{reason="unsent"} "#;
    let lost = metrics.lines().find_map(|line| line.strip_prefix(lost));
    assert_ne!(lost.expect("the counter"), "0");

    let config = rig.senders.introduce(&mut rig.site, quick())?;
    let destination = format!(
        "url = \"{}\"\nallow_http = true\naddresses = [\"127.0.0.1\"]\n\
         secrets = [{{ file = \"audit.secret\" }}]",
        receiver.url()
    );
    let config = config
        .section("traces", &table("0%"))
        .section("tenants.acme.destinations.audit", &destination);
    rig.site.configure(&config)?;
    let is_reloaded =
        |line: &hookyard_testkit::log::Line| line.message() == "configuration reloaded";
    rig.host.wait_for_log("the reload", is_reloaded).await?;
    send(&rig, Some(SENDER)).await?;
    let received = receiver
        .wait_for("the second message", |received| received.len() == 2)
        .await?;
    assert!(received[0].headers.contains_key("traceparent"));
    assert!(!received[1].headers.contains_key("traceparent"));

    let begun = std::time::Instant::now();
    let (status, _) = rig.host.terminate().await?;
    assert!(status.success());
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "the end waits for no collector"
    );
    Ok(())
}
