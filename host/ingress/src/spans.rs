//! The spans of a request: the request itself, its verification and its append.
//!
//! Nothing is measured while traces are off.

use std::time::SystemTime;

use hookyard_model::{EventId, visible};
use hookyard_trace::{EventTrace, Kind, Span, TRACEPARENT, Value};
use http::request;

use crate::answer::{self, Accepted, Refused};
use crate::source::Source;

/// The steps of a request that may become a span.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    begun: Option<SystemTime>,
    verify: Option<[SystemTime; 2]>,
    append: Option<[SystemTime; 2]>,
    /// The id that the request's event has or would have had.
    event: Option<EventId>,
}

impl Steps {
    /// Returns the steps of a request that begins now.
    pub(crate) fn begin() -> Self {
        Self {
            begun: hookyard_trace::is_on().then(SystemTime::now),
            ..Self::default()
        }
    }

    /// Measures the verification.
    pub(crate) async fn verify<F: Future>(&mut self, step: F) -> F::Output {
        let begun = self.begun.map(|_| SystemTime::now());
        let output = step.await;
        self.verify = begun.map(|begun| [begun, SystemTime::now()]);
        output
    }

    /// Measures the append of an event.
    pub(crate) async fn append<F: Future>(&mut self, event: EventId, step: F) -> F::Output {
        let begun = self.begun.map(|_| SystemTime::now());
        let output = step.await;
        self.append = begun.map(|begun| [begun, SystemTime::now()]);
        self.event = Some(event);
        output
    }

    /// Records the spans of a request that is about to be answered, if its trace is recorded.
    /// `new_id` returns an id for a request without an event.
    pub(crate) fn record(
        &self,
        outcome: &Result<Accepted, Refused>,
        head: &request::Parts,
        source: &Source,
        new_id: &dyn Fn() -> EventId,
    ) {
        let Some(begun) = self.begun else {
            return;
        };
        let given = head
            .headers
            .get(TRACEPARENT)
            .map(http::HeaderValue::as_bytes);
        let event = self.event.unwrap_or_else(new_id);
        let Some(trace) = EventTrace::begun(event, &source.name, given) else {
            return;
        };

        let request = trace.request();
        let step = |name: &'static str, [start, end]: [SystemTime; 2]| Span {
            trace: trace.id(),
            id: trace.within(request, name, 0),
            parent: Some(request),
            is_parent_remote: false,
            kind: Kind::Internal,
            name: name.into(),
            start,
            end,
            attributes: Vec::new(),
            error: None,
        };
        let steps = [("verify", self.verify), ("append", self.append)];
        for (name, times) in steps {
            if let Some(times) = times {
                hookyard_trace::record(step(name, times));
            }
        }
        hookyard_trace::record(Span {
            parent: trace.sender(),
            is_parent_remote: trace.sender().is_some(),
            id: request,
            kind: Kind::Server,
            attributes: attributes(outcome, head, source),
            error: outcome
                .as_ref()
                .err()
                .map(|refused| visible(&refused.detail())),
            ..step("request", [begun, SystemTime::now()])
        });
    }
}

fn attributes(
    outcome: &Result<Accepted, Refused>,
    head: &request::Parts,
    source: &Source,
) -> Vec<(&'static str, Value)> {
    let status = u32::from(answer::status(outcome).as_u16());
    let mut attributes = vec![
        ("http.request.method", head.method.to_string().into()),
        ("http.response.status_code", status.into()),
        ("hookyard.tenant", source.name.tenant.to_string().into()),
        ("hookyard.source", source.name.name.to_string().into()),
        ("hookyard.provider", source.provider.name.clone().into()),
        ("hookyard.reason", answer::reason(outcome).into()),
    ];
    if let Ok(Accepted::Stored(event) | Accepted::Repeat(event) | Accepted::RepeatDiffers(event)) =
        outcome
    {
        attributes.push(("hookyard.event", event.id.to_string().into()));
        let event_type = event.event_type.as_deref().map(visible);
        attributes.extend(event_type.map(|name| ("hookyard.type", name.into())));
    }
    attributes
}
