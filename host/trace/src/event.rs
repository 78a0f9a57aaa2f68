//! The trace of an event, and the ids of its spans.

use hookyard_model::{Event, EventId, PluginRef, SourceRef};

use crate::context::{Context, FLAG_SAMPLED, TRACEPARENT};
use crate::{SpanId, TraceId, facade};

/// The trace of a sampled event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTrace {
    event: EventId,
    trace: TraceId,
    /// The span of the sender.
    sender: Option<SpanId>,
}

impl EventTrace {
    /// Returns the trace of a stored event, or `None` if the trace is not recorded.
    pub fn of(event: &Event) -> Option<Self> {
        if !facade::is_on() {
            return None;
        }
        let mut headers = event.headers.iter();
        let given = headers.find(|header| header.name == TRACEPARENT);
        Self::begun(event.id, &event.source, given.map(|header| &*header.value))
    }

    /// Returns the trace of the event that a request becomes, or `None` if the trace is not
    /// recorded. `given` is the value of the sender's `traceparent` header.
    pub fn begun(event: EventId, source: &SourceRef, given: Option<&[u8]>) -> Option<Self> {
        if !facade::is_on() {
            return None;
        }
        // A value that is not a valid context is ignored, as if the sender had sent none (4.3).
        let given = given.and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
        let given: Option<Context> = given;

        let trace = Self {
            event,
            trace: given.map_or(TraceId(*event.as_uuid().as_bytes()), |given| given.trace),
            sender: given.map(|given| given.span),
        };
        let by_sender = given.is_some_and(|given| given.flags & FLAG_SAMPLED != 0);
        facade::rules()
            .samples(source, trace.trace, by_sender)
            .then_some(trace)
    }

    /// Returns the id of the trace.
    pub const fn id(&self) -> TraceId {
        self.trace
    }

    /// Returns the span of the sender that caused the event, if the sender named a span.
    pub const fn sender(&self) -> Option<SpanId> {
        self.sender
    }

    /// Returns the id of the span of the request.
    pub fn request(&self) -> SpanId {
        self.span(&[b"request"])
    }

    /// Returns the id of the span of an attempt.
    pub fn attempt(&self, plugin: &PluginRef, replays: u32, attempt: u32) -> SpanId {
        self.span(&[
            b"attempt",
            plugin.to_string().as_bytes(),
            &replays.to_be_bytes(),
            &attempt.to_be_bytes(),
        ])
    }

    /// Returns the id of a span within another one, the `place`th with this name.
    pub fn within(&self, parent: SpanId, name: &str, place: u32) -> SpanId {
        self.span(&[&parent.bytes(), name.as_bytes(), &place.to_be_bytes()])
    }

    /// Returns the context of a request that this span causes.
    pub const fn context(&self, span: SpanId) -> Context {
        Context {
            trace: self.trace,
            span,
            flags: FLAG_SAMPLED,
        }
    }

    fn span(&self, parts: &[&[u8]]) -> SpanId {
        let event = self.event.as_uuid();
        let all: Vec<&[u8]> = [&event.as_bytes()[..]]
            .into_iter()
            .chain(parts.iter().copied())
            .collect();
        SpanId::of(&all)
    }
}
