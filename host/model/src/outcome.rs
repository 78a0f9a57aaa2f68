//! The outcome of an attempt, and the record of the attempt.

use std::fmt;
use std::time::Duration;

use crate::{Revision, Timestamp};

/// The result of one run of a handler; every attempt has exactly one outcome (invariant 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The handler returned ok.
    Done,
    /// The handler asks to be run again.
    Retry {
        /// The handler's reason.
        reason: String,
        /// The shortest delay that the handler asks for, if it asks for a delay.
        after: Option<Duration>,
    },
    /// The handler reports that another run cannot help.
    Rejected {
        /// The handler's reason.
        reason: String,
    },
    /// The guest's code failed: a trap, an exit or an invalid return value.
    Trapped {
        /// A description, on one line.
        message: String,
    },
    /// The attempt reached a time limit.
    TimedOut {
        /// The time limit that was reached.
        limit: TimeLimit,
        /// The value of the limit.
        max: Duration,
    },
    /// The guest asked for more memory than its limit, and failed when the host refused.
    OutOfMemory {
        /// The value of the limit, in bytes.
        max: u64,
    },
    /// The attempt reached another limit.
    Exceeded {
        /// The limit that was reached.
        limit: Limit,
        /// The value of the limit, in its own unit.
        max: u64,
    },
    /// The event does not match the types that the plugin declares.
    Undecodable {
        /// A JSON path such as `$.data.fees[2].amount`.
        path: String,
        /// What the event has at this path, and what the type requires.
        message: String,
    },
    /// Too many earlier attempts were lost because the host stopped during them. Nothing was run.
    Lost {
        /// The number of lost attempts.
        attempts: u32,
    },
}

/// A limit on the time of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLimit {
    /// The processor time of the guest.
    Cpu,
    /// The elapsed time, including the time that the guest waits.
    Wall,
}

impl TimeLimit {
    /// Both time limits.
    pub const ALL: [Self; 2] = [Self::Cpu, Self::Wall];

    /// Returns the name of the limit in the store and the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu_max",
            Self::Wall => "wall_max",
        }
    }
}

/// A limit of an attempt, other than its time and memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of stack.
    Stack,
    /// Elements of all tables together.
    TableElements,
    /// The number of core instances, of memories, or of tables in the component.
    Instances,
    /// The number of host resources, such as streams or buckets, that are open at once.
    Handles,
    /// The number of calls of host functions.
    HostCalls,
    /// Bytes that all calls of host functions pass in both directions together.
    HostBytes,
    /// Bytes that one call of a host function, or the handler's return value, passes to the host.
    TransferBytes,
    /// The number of outgoing HTTP requests.
    HttpRequests,
    /// The number of key-value reads.
    KvReads,
    /// The number of keys in the plugin's key-value store.
    KvKeys,
    /// Bytes in the plugin's key-value store.
    KvBytes,
    /// The number of keys that the attempt writes.
    KvWrites,
    /// Bytes of keys and values that the attempt writes.
    KvWriteBytes,
    /// The number of messages that the attempt sends.
    OutboxMessages,
    /// The number of the plugin's messages that wait to be sent.
    OutboxWaiting,
    /// Bytes of the plugin's messages that wait to be sent.
    OutboxWaitingBytes,
    /// The number of the tenant's messages that wait to be sent.
    OutboxTenantWaiting,
    /// Bytes of the tenant's messages that wait to be sent.
    OutboxTenantWaitingBytes,
    /// Bytes of the body of the attempt's response.
    ResponseBytes,
}

impl Limit {
    /// Every limit.
    pub const ALL: [Self; 19] = [
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
        Self::ResponseBytes,
    ];

    /// Returns the name of the limit in the store and the configuration.
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
            Self::ResponseBytes => "response_bytes_max",
        }
    }

    /// Returns whether the limit is on messages that wait to be sent, rather than on the attempt.
    ///
    /// Such a limit has room again once messages have been sent.
    pub const fn is_on_waiting_messages(self) -> bool {
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
    /// Returns the name of the outcome in the store, the CLI and metrics.
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

    /// Returns whether another run of the same code on the same event can help.
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

    /// Returns whether the plugin's code is at fault, as far as the host can see.
    ///
    /// A decision of the handler is not a fault: a handler asks for a retry because another system
    /// is down, and rejects an event because of the event.
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
    /// Writes one line for people: the name of the outcome, then its details.
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
            Self::TimedOut { limit, max } => {
                write!(f, "{name}: used up {} of {max:?}", limit.name())
            }
            Self::OutOfMemory { max } => write!(f, "{name}: used up memory_max of {max} bytes"),
            Self::Exceeded { limit, max } => write!(f, "{name}: used up {} of {max}", limit.name()),
            Self::Undecodable { path, message } => write!(f, "{name} at {path}: {message}"),
            Self::Lost { attempts } => {
                write!(
                    f,
                    "{name}: the host stopped during each of {attempts} attempts"
                )
            }
        }
    }
}

/// One line that a guest wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Whether the guest wrote to standard error rather than to standard output.
    pub is_error: bool,
    /// The text without the line break. Invalid UTF-8 is replaced, and a long line is cut.
    pub text: String,
}

/// The record of one run of a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The number of the attempt; 1 for the first attempt of a job.
    pub number: u32,
    /// The revision that ran, the same from beginning to end (invariant 7).
    pub revision: Revision,
    /// The time at which the attempt began.
    pub started_at: Timestamp,
    /// The duration of the attempt.
    pub duration: Duration,
    /// The outcome of the attempt.
    pub outcome: Outcome,
    /// The lines that the guest wrote, up to the maximum number of lines.
    pub log: Vec<LogLine>,
    /// What the attempt used, if it is known.
    pub used: Option<AttemptUsage>,
}

impl Attempt {
    /// Returns the time at which the attempt ended.
    pub fn ended_at(&self) -> Timestamp {
        self.started_at.after(self.duration)
    }
}

/// What an attempt used of its limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AttemptUsage {
    /// The processor time of the guest.
    pub cpu: Duration,
    /// The linear memory of the guest at the end, which is the most that it had, in bytes.
    pub memory_bytes: u64,
    /// The number of calls of host functions.
    pub host_calls: u64,
}
