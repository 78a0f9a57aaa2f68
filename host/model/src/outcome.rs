//! What an attempt came to.

use std::fmt;
use std::time::Duration;

use crate::{Revision, Timestamp};

/// What one run of a handler came to; every attempt ends in exactly one of these (invariant 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The handler returned ok.
    Done,
    /// The handler asks to be run again, no sooner than `after` where it says so.
    Retry {
        /// The handler's words.
        reason: String,
        /// The least delay that the handler asks for.
        after: Option<Duration>,
    },
    /// The handler says that no further run can help.
    Rejected {
        /// The handler's words.
        reason: String,
    },
    /// The guest's code failed: a trap, an exit, a broken return value.
    Trapped {
        /// One line.
        message: String,
    },
    /// The guest used up its CPU or wall time.
    TimedOut {
        /// The limit that it met.
        limit: Duration,
    },
    /// The guest asked for more memory than it may have.
    OutOfMemory {
        /// The limit in bytes.
        limit: u64,
    },
    /// The event doesn't fit the types that the plugin declares.
    Undecodable {
        /// A JSON path such as `$.data.fees[2].amount`.
        path: String,
        /// What was found there and what was wanted.
        message: String,
    },
    /// Earlier attempts were lost together with their host, so many that no more is made: nothing was run.
    Lost {
        /// How many.
        attempts: u32,
    },
}

impl Outcome {
    /// The outcome's name, as it stands in the store, the CLI and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retry { .. } => "retry",
            Self::Rejected { .. } => "rejected",
            Self::Trapped { .. } => "trapped",
            Self::TimedOut { .. } => "timed-out",
            Self::OutOfMemory { .. } => "out-of-memory",
            Self::Undecodable { .. } => "undecodable",
            Self::Lost { .. } => "lost",
        }
    }

    /// Whether running the same code on the same event again can help.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Retry { .. } | Self::Trapped { .. } | Self::TimedOut { .. } | Self::OutOfMemory { .. } => true,
            Self::Done | Self::Rejected { .. } | Self::Undecodable { .. } | Self::Lost { .. } => false,
        }
    }

    /// Whether the plugin's code is to blame, as far as can be told. What a handler says in so many words is no fault of
    /// its code: it asks for a retry when somebody else is down, and rejects an event for what the event is.
    pub const fn is_fault(&self) -> bool {
        match self {
            Self::Trapped { .. } | Self::TimedOut { .. } | Self::OutOfMemory { .. } | Self::Undecodable { .. } => true,
            Self::Done | Self::Retry { .. } | Self::Rejected { .. } | Self::Lost { .. } => false,
        }
    }
}

impl fmt::Display for Outcome {
    /// One line for people: the name, then what is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::Done => f.write_str(name),
            Self::Retry { reason, after: None } | Self::Rejected { reason } => write!(f, "{name}: {reason}"),
            Self::Retry { reason, after: Some(after) } => write!(f, "{name} after {after:?}: {reason}"),
            Self::Trapped { message } => write!(f, "{name}: {message}"),
            Self::TimedOut { limit } => write!(f, "{name}: exceeded {limit:?}"),
            Self::OutOfMemory { limit } => write!(f, "{name}: exceeded {limit} bytes"),
            Self::Undecodable { path, message } => write!(f, "{name} at {path}: {message}"),
            Self::Lost { attempts } => {
                write!(f, "{name}: {attempts} attempts ended with their host, none of them by itself")
            }
        }
    }
}

/// One line that a guest wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Whether it went to standard error rather than standard output.
    pub is_error: bool,
    /// Without its line end; not UTF-8 is replaced, over-long is cut.
    pub text: String,
}

/// The record of one run of a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first run of a job.
    pub number: u32,
    /// The code that ran, from beginning to end (invariant 7).
    pub revision: Revision,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// What it came to.
    pub outcome: Outcome,
    /// What it wrote, up to the limit on lines.
    pub log: Vec<LogLine>,
}
