//! The nouns of Hookyard and the one state machine that every job follows.
//!
//! Everything here is plain data and pure functions: no clock, environment, file or randomness is read
//! (invariant 9). Whoever needs `now` or a random number passes it in.

pub mod delivery;
pub mod effect;
pub mod event;
pub mod job;
pub mod name;
pub mod outcome;
pub mod quarantine;
pub mod probation;
pub mod release;
pub mod retry;
pub mod time;
pub mod share;
pub mod chain;
pub mod visible;

pub use chain::chain;
pub use delivery::{Answer, Delivery, DeliveryResult};
pub use effect::{Effects, Key, Message, MessageId, RecordedAnswer, Seen, Versioned, Write};
pub use event::{Event, EventId, Header, Payload};
pub use job::{Illegal, Input, WorkState, apply};
pub use name::{
    DestinationName, DestinationRef, InvalidName, PluginName, PluginRef, Revision, SourceName,
    SourceRef, TenantName,
};
pub use outcome::{Attempt, Limit, LogLine, Outcome, Time};
pub use probation::{Probation, ProbationPolicy, Worse};
pub use quarantine::{Breaker, QuarantinePolicy};
pub use release::Step;
pub use retry::{Failure, RetryPolicy};
pub use time::{Clock, Timestamp};
pub use visible::{excerpt, in_a_line, is_hidden, visible};
