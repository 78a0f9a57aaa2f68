//! Sends the recorded spans to the operator's collector by OTLP, the protocol of OpenTelemetry.
//!
//! The parts of the host put ended spans into a queue and never wait. One task sends them in
//! batches. A collector that is slow or away costs spans, which are counted, and nothing else.

mod client;
mod convert;

use std::time::Duration;

use anyhow::Context;
use hookyard_config::settings::{TraceProtocol, Traces as Settings};
use hookyard_egress::Door;
use hookyard_trace::{Sink, Span};
use metrics::{counter, describe_counter};
use opentelemetry_otlp::{
    Protocol, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tonic::metadata::{MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::ClientTlsConfig;

use client::DoorClient;

/// The maximum number of spans that wait.
const QUEUE_MAX: usize = 2_048;
/// The maximum number of spans in one request.
const BATCH_MAX: usize = 512;
/// How long spans are gathered for one request.
const GATHER_TIME: Duration = Duration::from_secs(1);
/// How long the host waits at its end for the last spans to be sent.
const FLUSH_MAX: Duration = Duration::from_secs(2);

const LOST: &str = "hookyard_trace_spans_lost_total";

/// Describes the metric to the recorder.
pub(super) fn describe_metrics() {
    describe_counter!(
        LOST,
        "Spans of traces that were lost: `full` because the collector was too slow, `unsent` because \
         it took none."
    );
    for reason in ["full", "unsent"] {
        counter!(LOST, "reason" => reason).increment(0);
    }
}

/// The task that sends spans.
pub(super) struct Traces {
    task: JoinHandle<()>,
    stop: mpsc::Sender<Message>,
}

enum Message {
    Span(Box<SpanData>),
    /// The host ends: send what is left.
    Stop,
}

/// The queue that the parts of the host put their spans into.
struct Queue(mpsc::Sender<Message>);

impl Sink for Queue {
    fn take(&self, span: Span) {
        let message = Message::Span(Box::new(convert::span(span)));
        if let Err(TrySendError::Full(_)) = self.0.try_send(message) {
            counter!(LOST, "reason" => "full").increment(1);
        }
    }
}

/// Starts to record and send traces, if a collector is configured.
///
/// # Errors
///
/// Fails if no request can be made for the collector's URL.
pub(super) fn start(settings: &Settings, door: Door) -> anyhow::Result<Option<Traces>> {
    let Some(endpoint) = &settings.endpoint else {
        return Ok(None);
    };
    let mut exporter = exporter(endpoint, settings, door)
        .with_context(|| format!("cannot send traces to {endpoint} (`endpoint` in [traces])"))?;
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder_empty()
        .with_service_name("hookyard")
        .with_attribute(version);
    exporter.set_resource(&resource.build());

    // One more place, so that the end of the host finds room.
    let (queue, spans) = mpsc::channel(QUEUE_MAX + 1);
    let sender = Exporter {
        exporter,
        endpoint: endpoint.clone(),
        is_failing: false,
        timeout: settings.timeout,
    };
    let task = tokio::spawn(sender.run(spans));
    hookyard_trace::start(Box::new(Queue(queue.clone())));
    hookyard_trace::sample_by(settings.rules());
    Ok(Some(Traces { task, stop: queue }))
}

impl Traces {
    /// Sends the last spans, for a bounded time.
    pub(super) async fn finish(self) {
        let ended = async {
            if self.stop.send(Message::Stop).await.is_ok() {
                let _ = self.task.await;
            }
        };
        if timeout(FLUSH_MAX, ended).await.is_err() {
            tracing::warn!(target: "hookyard::traces", "the last spans were not sent in time");
        }
    }
}

struct Exporter {
    exporter: SpanExporter,
    endpoint: String,
    /// Whether the last request failed.
    is_failing: bool,
    timeout: Duration,
}

impl Exporter {
    async fn run(mut self, mut spans: mpsc::Receiver<Message>) {
        let mut is_over = false;
        while !is_over {
            let mut batch = Vec::new();
            is_over = gather(&mut spans, &mut batch).await;
            if !batch.is_empty() {
                self.send(batch).await;
            }
        }
    }

    async fn send(&mut self, batch: Vec<SpanData>) {
        let count = batch.len() as u64;
        let sent = timeout(self.timeout, self.exporter.export(batch)).await;
        let failure = match sent {
            Ok(Ok(())) => None,
            Ok(Err(OTelSdkError::InternalFailure(reason))) => Some(reason),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {:?}", self.timeout)),
        };

        let endpoint = &self.endpoint;
        let was_failing = std::mem::replace(&mut self.is_failing, failure.is_some());
        match failure {
            Some(reason) => {
                counter!(LOST, "reason" => "unsent").increment(count);
                if !was_failing {
                    tracing::warn!(
                        target: "hookyard::traces", endpoint, reason,
                        "the collector takes no spans; they are lost until it takes them again"
                    );
                }
            }
            None if was_failing => {
                tracing::info!(target: "hookyard::traces", endpoint, "the collector takes spans again");
            }
            None => {}
        }
    }
}

/// Waits for a span, and gathers further spans for a moment. Returns whether there will be no more.
async fn gather(spans: &mut mpsc::Receiver<Message>, batch: &mut Vec<SpanData>) -> bool {
    let mut until = None;
    while batch.len() < BATCH_MAX {
        let received = match until {
            None => spans.recv().await,
            Some(until) => match timeout_at(until, spans.recv()).await {
                Ok(received) => received,
                Err(_) => return false,
            },
        };
        match received {
            Some(Message::Span(span)) => batch.push(*span),
            Some(Message::Stop) | None => return true,
        }
        until.get_or_insert_with(|| Instant::now() + GATHER_TIME);
    }
    false
}

fn exporter(endpoint: &str, settings: &Settings, door: Door) -> anyhow::Result<SpanExporter> {
    let builder = SpanExporter::builder();
    Ok(match settings.protocol {
        TraceProtocol::Grpc => builder
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(settings.timeout)
            .with_tls_config(ClientTlsConfig::new().with_native_roots())
            .with_metadata(metadata(settings)?)
            .build()?,
        TraceProtocol::Http => {
            let path = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
            builder
                .with_http()
                .with_http_client(DoorClient::new(door, settings))
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(path)
                .with_timeout(settings.timeout)
                .build()?
        }
    })
}

fn metadata(settings: &Settings) -> anyhow::Result<MetadataMap> {
    let mut metadata = MetadataMap::new();
    for (name, value) in &settings.headers {
        let key: MetadataKey<_> = name.parse().with_context(|| format!("the header {name}"))?;
        let value = MetadataValue::try_from(value.expose())
            .with_context(|| format!("the value of the header {name}"))?;
        metadata.insert(key, value);
    }
    Ok(metadata)
}
