//! Spans: the steps of a trace.

use std::borrow::Cow;
use std::time::SystemTime;

use crate::{SpanId, TraceId};

/// A step that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The trace.
    pub trace: TraceId,
    /// The id of the step.
    pub id: SpanId,
    /// The step that caused this step; `None` for the first step of a trace.
    pub parent: Option<SpanId>,
    /// Whether the step that caused this step is the sender's.
    pub is_parent_remote: bool,
    /// The place of the step between hosts.
    pub kind: Kind,
    /// The name: one of a few words, which no sender or plugin can choose.
    pub name: Cow<'static, str>,
    /// The time of the start.
    pub start: SystemTime,
    /// The time of the end.
    pub end: SystemTime,
    /// What else is known, by the names of docs/monitoring.md.
    pub attributes: Vec<(&'static str, Value)>,
    /// Why the step failed, in one line, if it failed.
    pub error: Option<String>,
}

/// The place of a step between hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A step within the host.
    Internal,
    /// The answer to a request.
    Server,
    /// A request to another host.
    Client,
    /// The handling of a stored event.
    Consumer,
}

/// A value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A text.
    Text(Cow<'static, str>),
    /// A whole number.
    Number(i64),
    /// A time, in seconds.
    Seconds(f64),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<std::time::Duration> for Value {
    fn from(time: std::time::Duration) -> Self {
        Self::Seconds(time.as_secs_f64())
    }
}
