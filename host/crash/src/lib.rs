//! Crash points: the places between two steps at which the crash test has the host die.
//!
//! `HOOKYARD_CRASH_AT=settle-before-commit:7` kills the process, as `kill -9` would, when it comes to that place for
//! the seventh time. With `:block` at the end, the process goes on: each thread that comes to that place, from the seventh
//! time on, blocks there for ever. All of it is compiled only with the feature `armed`; without it, `Point::pass` is empty and no
//! environment is read. A point that the host never passes fails the crash test, so the list can't go stale.

use std::fmt;

/// The variable that says where to die.
pub const VARIABLE: &str = "HOOKYARD_CRASH_AT";

/// A place between two steps of the road of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// The request is read and verified; nothing is stored.
    Received,
    /// The event's row is written, its jobs are not.
    AppendEvent,
    /// All of the event is written; the transaction is open.
    AppendWritten,
    /// The event is durable; the sender hasn't been answered.
    AppendCommitted,
    /// A first job is leased; the transaction is open.
    ClaimLease,
    /// All leases are committed; nobody knows of them yet.
    ClaimCommitted,
    /// The attempt is about to begin.
    CallBefore,
    /// The guest has returned; nothing of it is stored.
    CallAfter,
    /// The job's next state is written, the attempt's record is not.
    SettleState,
    /// The record is written, the effects are not.
    SettleRecord,
    /// The plugin's values are written, its messages are not.
    SettleValues,
    /// All of the settlement is written; the transaction is open.
    SettleWritten,
    /// The settlement is durable; the dispatcher doesn't know it yet.
    SettleCommitted,
    /// Leases on messages are committed; nobody knows of them yet.
    MessageClaimed,
    /// The message is about to be sent.
    SendBefore,
    /// The receiver has answered, or hasn't; nothing of it is stored.
    SendAfter,
    /// The end of a try at sending is written; the transaction is open.
    MessageSettleWritten,
    /// The end of the try is durable; whoever sent doesn't know it yet.
    MessageSettled,
    /// The table of routes is half replaced.
    RouteHalf,
    /// The leases of the host before are given back; the transaction is open.
    LeasesReturned,
}

impl Point {
    /// All of them, in the order in which an event passes them, then those at the start of a host.
    pub const ALL: [Self; 20] = [
        Self::Received,
        Self::AppendEvent,
        Self::AppendWritten,
        Self::AppendCommitted,
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

    /// The name, as the variable has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::AppendEvent => "append-event",
            Self::AppendWritten => "append-written",
            Self::AppendCommitted => "append-committed",
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

    /// Whether a host comes by here only when it starts, rather than with every event.
    pub const fn is_at_start(self) -> bool {
        matches!(self, Self::RouteHalf | Self::LeasesReturned)
    }

    /// Dies here if the variable says so.
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
        at: Point,
        times: u32,
        is_block: bool,
    }

    pub(crate) fn pass(point: Point) {
        static TARGET: OnceLock<Option<Target>> = OnceLock::new();
        let Some(Target {
            at,
            times,
            is_block,
        }) = *TARGET.get_or_init(target)
        else {
            return;
        };
        if at != point {
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

    fn target() -> Option<Target> {
        let value = std::env::var(VARIABLE).ok()?;
        let parse = || {
            let (name, times) = value.split_once(':')?;
            let at = Point::ALL.into_iter().find(|point| point.name() == name)?;
            let block = times.strip_suffix(":block");
            Some(Target {
                at,
                times: block.unwrap_or(times).parse().ok()?,
                is_block: block.is_some(),
            })
        };
        Some(parse().unwrap_or_else(|| {
            panic!("{VARIABLE}={value} names no crash point; write one as `call-after:1`")
        }))
    }

    fn block() -> ! {
        loop {
            std::thread::park();
        }
    }

    fn die() -> ! {
        // Should the signal not be taken, an abort runs as little of ours as it would.
        let _ = kill_process(getpid(), Signal::KILL);
        std::process::abort()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> =
            Point::ALL.iter().map(|point| point.name()).collect();
        assert_eq!(names.len(), Point::ALL.len());
    }
}
