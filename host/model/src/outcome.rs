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
    /// The attempt used up its time.
    TimedOut {
        /// By which clock.
        time: Time,
        /// As much as it may have.
        limit: Duration,
    },
    /// The guest asked for more memory than it may have, and did not live with the refusal.
    OutOfMemory {
        /// The limit in bytes.
        limit: u64,
    },
    /// The attempt used more of something else than it may.
    Exceeded {
        /// Of what.
        limit: Limit,
        /// As much as it may have, in the unit of the limit.
        max: u64,
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

/// The clock that a time-out went by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// What a processor spent on the attempt.
    Cpu,
    /// What passed.
    Wall,
}

impl Time {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Cpu, Self::Wall];

    /// The name of its limit, as it stands in the store and in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu_max",
            Self::Wall => "wall_max",
        }
    }
}

/// What an attempt may have so much of, beside time and memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of the stack that its calls take.
    Stack,
    /// Elements of all its tables together.
    TableElements,
    /// Core instances of its component, or memories, or tables.
    Instances,
    /// Things of the host's that it holds at once.
    Handles,
    /// Calls of the host's functions.
    HostCalls,
    /// Bytes that pass between it and the host by these calls, together.
    HostBytes,
    /// Bytes that it hands to the host at once, in one call or as its answer.
    TransferBytes,
    /// Outgoing HTTP requests.
    HttpRequests,
    /// Reads of its key-value store.
    KvReads,
    /// Keys in its key-value store.
    KvKeys,
    /// Bytes in its key-value store.
    KvBytes,
    /// Keys of its key-value store that it writes.
    KvWrites,
    /// Bytes that it writes there.
    KvWriteBytes,
    /// Messages that it sends.
    OutboxMessages,
    /// Messages of the plugin that wait to be sent.
    OutboxWaiting,
    /// Bytes of them.
    OutboxWaitingBytes,
    /// Messages of its tenant that wait to be sent.
    OutboxTenantWaiting,
    /// Bytes of them.
    OutboxTenantWaitingBytes,
}

impl Limit {
    /// Every limit.
    pub const ALL: [Self; 18] = [
        Self::Stack,
        Self::TableElements,
        Self::Instances,
        Self::Handles,
        Self::HostCalls,
        Self::HostBytes,
        Self::TransferBytes,
        Self::HttpRequests,
        Self::KvReads,
        Self::KvKeys,
        Self::KvBytes,
        Self::KvWrites,
        Self::KvWriteBytes,
        Self::OutboxMessages,
        Self::OutboxWaiting,
        Self::OutboxWaitingBytes,
        Self::OutboxTenantWaiting,
        Self::OutboxTenantWaitingBytes,
    ];

    /// Its name, as it stands in the store and in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stack => "stack_max",
            Self::TableElements => "table_elements_max",
            Self::Instances => "instances_max",
            Self::Handles => "handles_max",
            Self::HostCalls => "host_calls_max",
            Self::HostBytes => "host_bytes_max",
            Self::TransferBytes => "transfer_max",
            Self::HttpRequests => "http_requests_max",
            Self::KvReads => "kv_reads_max",
            Self::KvKeys => "kv_keys_max",
            Self::KvBytes => "kv_bytes_max",
            Self::KvWrites => "kv_writes_max",
            Self::KvWriteBytes => "kv_write_bytes_max",
            Self::OutboxMessages => "outbox_messages_max",
            Self::OutboxWaiting => "outbox_waiting_max",
            Self::OutboxWaitingBytes => "outbox_waiting_bytes_max",
            Self::OutboxTenantWaiting => "outbox_tenant_waiting_max",
            Self::OutboxTenantWaitingBytes => "outbox_tenant_waiting_bytes_max",
        }
    }

    /// Whether it is used up by what is still to be sent, and not by the attempt: there is room again in time.
    pub const fn is_of_what_waits(self) -> bool {
        matches!(
            self,
            Self::OutboxWaiting
                | Self::OutboxWaitingBytes
                | Self::OutboxTenantWaiting
                | Self::OutboxTenantWaitingBytes
        )
    }
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
            Self::Exceeded { .. } => "exceeded",
            Self::Undecodable { .. } => "undecodable",
            Self::Lost { .. } => "lost",
        }
    }

    /// Whether running the same code on the same event again can help.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Retry { .. }
            | Self::Trapped { .. }
            | Self::TimedOut { .. }
            | Self::OutOfMemory { .. }
            | Self::Exceeded { .. } => true,
            Self::Done | Self::Rejected { .. } | Self::Undecodable { .. } | Self::Lost { .. } => {
                false
            }
        }
    }

    /// Whether the plugin's code is to blame, as far as can be told. What a handler says in so many words is no fault of
    /// its code: it asks for a retry when somebody else is down, and rejects an event for what the event is.
    pub const fn is_fault(&self) -> bool {
        match self {
            Self::Trapped { .. }
            | Self::TimedOut { .. }
            | Self::OutOfMemory { .. }
            | Self::Exceeded { .. }
            | Self::Undecodable { .. } => true,
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
            Self::Retry {
                reason,
                after: None,
            }
            | Self::Rejected { reason } => write!(f, "{name}: {reason}"),
            Self::Retry {
                reason,
                after: Some(after),
            } => write!(f, "{name} after {after:?}: {reason}"),
            Self::Trapped { message } => write!(f, "{name}: {message}"),
            Self::TimedOut { time, limit } => {
                write!(f, "{name}: used up {} of {limit:?}", time.name())
            }
            Self::OutOfMemory { limit } => write!(f, "{name}: used up memory_max of {limit} bytes"),
            Self::Exceeded { limit, max } => write!(f, "{name}: used up {} of {max}", limit.name()),
            Self::Undecodable { path, message } => write!(f, "{name} at {path}: {message}"),
            Self::Lost { attempts } => {
                write!(
                    f,
                    "{name}: {attempts} attempts ended with their host, none of them by itself"
                )
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
