//! The span of a delivery, and the header that continues the trace at the receiver.

use std::time::SystemTime;

use bytes::Bytes;
use hookyard_model::{Delivery, DeliveryResult, Header, visible};
use hookyard_store::ClaimedMessage;
use hookyard_trace::{Context, Kind, Span, SpanId, TRACEPARENT, Value};

/// The trace of a delivery that is recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeliveryTrace {
    /// The attempt that asked for the message.
    cause: Context,
    delivery: SpanId,
    begun: SystemTime,
}

impl DeliveryTrace {
    /// Returns the trace of a delivery that begins now, or `None` if the trace is not recorded.
    pub(crate) fn begin(message: &ClaimedMessage) -> Option<Self> {
        let cause: Context = message.trace.as_deref()?.parse().ok()?;
        if !hookyard_trace::is_on() {
            return None;
        }

        let lease = &message.lease;
        let id = lease.id.as_uuid();
        Some(Self {
            cause,
            delivery: cause.caused("deliver", id.as_bytes(), [lease.replays, lease.delivery]),
            begun: SystemTime::now(),
        })
    }

    /// Returns the header of the request.
    pub(crate) fn header(&self) -> Header {
        let context = Context {
            span: self.delivery,
            ..self.cause
        };
        Header {
            name: TRACEPARENT.to_owned(),
            value: Bytes::from(context.to_string()),
        }
    }

    /// Records the span of a delivery that has ended.
    pub(crate) fn record(&self, message: &ClaimedMessage, delivery: &Delivery) {
        let is_sent = matches!(delivery.result, DeliveryResult::Sent { .. });
        hookyard_trace::record(Span {
            trace: self.cause.trace,
            id: self.delivery,
            parent: Some(self.cause.span),
            is_parent_remote: false,
            kind: Kind::Client,
            name: "deliver".into(),
            start: self.begun,
            end: self.begun + delivery.duration,
            attributes: attributes(message, delivery),
            error: (!is_sent).then(|| visible(&delivery.result.to_string())),
        });
    }
}

fn attributes(message: &ClaimedMessage, delivery: &Delivery) -> Vec<(&'static str, Value)> {
    let ClaimedMessage {
        lease,
        destination,
        plugin,
        event,
        event_type,
        ..
    } = message;
    let mut attributes = vec![
        ("hookyard.event", event.to_string().into()),
        ("hookyard.message", lease.id.to_string().into()),
        ("hookyard.tenant", destination.tenant.to_string().into()),
        ("hookyard.destination", destination.name.to_string().into()),
        ("hookyard.plugin", plugin.name.to_string().into()),
        ("hookyard.replays", lease.replays.into()),
        ("hookyard.delivery", delivery.number.into()),
        ("hookyard.result", delivery.result.name().into()),
    ];
    let event_type = event_type.as_deref().map(visible);
    attributes.extend(event_type.map(|name| ("hookyard.type", name.into())));
    attributes
}
