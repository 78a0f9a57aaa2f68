//! The terms of Hookyard as types, and the rules that apply to them.
//!
//! Everything here is plain data and pure functions: events, jobs, messages, names, retries, and
//! the one state machine that jobs and messages follow. Nothing in this crate reads a clock, the
//! environment, a file or a source of randomness (invariant 9): callers pass in `now` and random
//! numbers. Every other crate of the host depends on this one; this one depends on none of them.

pub mod event;
pub mod refused;
pub mod role;
pub mod effect;
pub mod name;
pub mod job;
pub mod outcome;
pub mod delivery;
pub mod retry;
pub mod share;
pub mod quarantine;
pub mod probation;
pub mod release;
pub mod time;
pub mod text;
pub mod chain;

pub use chain::chain;
pub use delivery::{Answer, Delivery, DeliveryResult};
pub use effect::{
    Effects, Key, Message, MessageId, ReadVersion, RecordedAnswer, Response, Versioned, Write,
};
pub use event::{Event, EventId, Header, Payload};
pub use job::{Illegal, Input, Next, WorkState, apply};
pub use name::{
    DestinationName, DestinationRef, InvalidName, PluginName, PluginRef, Revision, SourceName,
    SourceRef, TenantName,
};
pub use outcome::{Attempt, AttemptUsage, Limit, LogLine, Outcome, TimeLimit};
pub use probation::{Probation, ProbationPolicy, Regression};
pub use quarantine::{FailureBreaker, QuarantinePolicy};
pub use refused::{RefusedId, RefusedRequest};
pub use release::Step;
pub use retry::{Failure, RetryPolicy};
pub use role::Role;
pub use text::{excerpt, is_hidden, one_line, visible};
pub use time::{Clock, Timestamp};
