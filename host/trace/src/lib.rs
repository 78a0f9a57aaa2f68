//! Traces: what happened to an event, as spans that a collector shows together.
//!
//! The parts of the host record spans that have ended, as they record metrics: through a facade
//! that does nothing until [`start`] installs a sink. No span is in progress, and no context is
//! passed on in memory. The ids of spans follow from the event, so ingress, dispatch and delivery
//! agree on them across restarts and hosts.
//!
//! A trace begins with the sender's `traceparent` header, or with the id of the event.

mod context;
mod facade;
mod ids;
mod sampling;
mod span;

pub use context::{Context, FLAG_SAMPLED, TRACEPARENT};
pub use facade::{Sink, is_on, record, sample_by, start};
pub use ids::{SpanId, TraceId};
pub use sampling::{Rule, Rules};
pub use span::{Kind, Span, Value};

mod event;
pub use event::EventTrace;
