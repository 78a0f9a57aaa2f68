//! Crash points: the points between two steps at which the crash test kills the host.
//!
//! `HOOKYARD_CRASH_AT=settle-written:7` kills the process, like `kill -9`, when it passes that
//! point for the seventh time. With `:block` at the end, the process continues, but each thread
//! that passes the point, from the seventh time on, blocks there forever. This code is compiled
//! only with the feature `armed`; without it, [`Point::pass`] is empty and reads no environment. A
//! point that the host never passes fails the crash test, so that the list cannot become outdated.

use std::fmt;

/// The environment variable that names the crash point.
pub const VARIABLE: &str = "HOOKYARD_CRASH_AT";

/// A point between two steps on the path of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// The request has been read and verified; nothing is stored.
    Received,
    /// The row of the event is written; its jobs are not.
    AppendEvent,
    /// The event and its jobs are written; the transaction is open.
    AppendWritten,
    /// The event is durable; the sender has no answer yet.
    AppendCommitted,
    /// The leases of new jobs are durable; the jobs are not in the handover yet.
    HandoverCommitted,
    /// The dispatcher has taken jobs out of the handover; their attempts have not begun.
    HandoverTaken,
    /// The first job is leased; the transaction is open.
    ClaimLease,
    /// All leases on jobs are committed; the dispatcher does not know them yet.
    ClaimCommitted,
    /// The attempt is about to begin.
    CallBefore,
    /// The guest has returned; its outcome is not stored.
    CallAfter,
    /// The next state of the job is written; the record of the attempt is not.
    SettleState,
    /// The record of the attempt is written; its effects are not.
    SettleRecord,
    /// The key-value writes of the attempt are written; its messages are not.
    SettleValues,
    /// The whole settlement is written; the transaction is open.
    SettleWritten,
    /// The settlement is durable; the dispatcher does not know it yet.
    SettleCommitted,
    /// Leases on messages are committed; the deliverer does not know them yet.
    MessageClaimed,
    /// The message is about to be sent.
    SendBefore,
    /// The delivery has ended, with or without an answer; its result is not stored.
    SendAfter,
    /// The end of a delivery is written; the transaction is open.
    MessageSettleWritten,
    /// The end of a delivery is durable; the deliverer does not know it yet.
    MessageSettled,
    /// Half of the table of routes is replaced.
    RouteHalf,
    /// The leases of the previous host process are given back; the transaction is open.
    LeasesReturned,
}

impl Point {
    /// Every point, in the order in which an event passes them; then the points at the start of a
    /// host.
    pub const ALL: [Self; 22] = [
        Self::Received,
        Self::AppendEvent,
        Self::AppendWritten,
        Self::AppendCommitted,
        Self::HandoverCommitted,
        Self::HandoverTaken,
        Self::ClaimLease,
        Self::ClaimCommitted,
        Self::CallBefore,
        Self::CallAfter,
        Self::SettleState,
        Self::SettleRecord,
        Self::SettleValues,
        Self::SettleWritten,
        Self::SettleCommitted,
        Self::MessageClaimed,
        Self::SendBefore,
        Self::SendAfter,
        Self::MessageSettleWritten,
        Self::MessageSettled,
        Self::RouteHalf,
        Self::LeasesReturned,
    ];

    /// Returns the name of the point in the variable.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::AppendEvent => "append-event",
            Self::AppendWritten => "append-written",
            Self::AppendCommitted => "append-committed",
            Self::HandoverCommitted => "handover-committed",
            Self::HandoverTaken => "handover-taken",
            Self::ClaimLease => "claim-lease",
            Self::ClaimCommitted => "claim-committed",
            Self::CallBefore => "call-before",
            Self::CallAfter => "call-after",
            Self::SettleState => "settle-state",
            Self::SettleRecord => "settle-record",
            Self::SettleValues => "settle-values",
            Self::SettleWritten => "settle-written",
            Self::SettleCommitted => "settle-committed",
            Self::MessageClaimed => "message-claimed",
            Self::SendBefore => "send-before",
            Self::SendAfter => "send-after",
            Self::MessageSettleWritten => "message-settle-written",
            Self::MessageSettled => "message-settled",
            Self::RouteHalf => "route-half",
            Self::LeasesReturned => "leases-returned",
        }
    }

    /// Returns whether a host passes this point only when it starts, and not with every event.
    pub const fn is_at_start(self) -> bool {
        matches!(self, Self::RouteHalf | Self::LeasesReturned)
    }

    /// Returns whether a host passes this point only while jobs wait (`true`) or only while none
    /// waits (`false`), or `None` if that does not matter. A new job is handed over only to a plugin
    /// without a backlog.
    pub const fn needs_backlog(self) -> Option<bool> {
        match self {
            Self::ClaimLease | Self::ClaimCommitted => Some(true),
            Self::HandoverCommitted | Self::HandoverTaken => Some(false),
            _ => None,
        }
    }

    /// Kills the process, or blocks the thread, if the variable names this point.
    #[inline]
    pub fn pass(self) {
        #[cfg(feature = "armed")]
        armed::pass(self);
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(feature = "armed")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    use super::{Point, VARIABLE};

    static PASSED: AtomicU32 = AtomicU32::new(0);

    #[derive(Clone, Copy)]
    struct Target {
        point: Point,
        times: u32,
        is_block: bool,
    }

    pub(crate) fn pass(point: Point) {
        static TARGET: OnceLock<Option<Target>> = OnceLock::new();
        let Some(Target {
            point: target,
            times,
            is_block,
        }) = *TARGET.get_or_init(read_target)
        else {
            return;
        };
        if target != point {
            return;
        }

        let passed = PASSED.fetch_add(1, Ordering::Relaxed) + 1;
        if is_block && passed >= times {
            block();
        }
        if passed == times {
            die();
        }
    }

    fn read_target() -> Option<Target> {
        let value = std::env::var(VARIABLE).ok()?;
        let parse = || {
            let (name, times) = value.split_once(':')?;
            let point = Point::ALL.into_iter().find(|point| point.name() == name)?;
            let block = times.strip_suffix(":block");
            Some(Target {
                point,
                times: block.unwrap_or(times).parse().ok()?,
                is_block: block.is_some(),
            })
        };

        Some(parse().unwrap_or_else(|| {
            panic!("{VARIABLE}={value} does not name a crash point; write it as `call-after:1`")
        }))
    }

    fn block() -> ! {
        loop {
            std::thread::park();
        }
    }

    fn die() -> ! {
        // If the signal fails, an abort is the next best end: it runs no cleanup either.
        let _ = kill_process(getpid(), Signal::KILL);
        std::process::abort()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crash_points_have_distinct_names() {
        let names: std::collections::BTreeSet<_> =
            Point::ALL.iter().map(|point| point.name()).collect();
        assert_eq!(names.len(), Point::ALL.len());
    }
}
