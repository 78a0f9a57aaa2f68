//! What passes between an attempt and the host, counted and bounded (calls, bytes, requests), and what the host holds.
//!
//! Every function that the host offers is reached through a view of the store's state, WASI's included, so that is where
//! calls are counted. Bytes are counted by those who take or hand out texts and bodies: the key-value store, the outbox,
//! the log, standard output and error, settings, and requests. What is of a fixed small size, such as the time, counts as
//! a call and no bytes; so does randomness, of which one call gives a bounded amount.
//!
//! A count of calls or requests that is used up ends the attempt at the next epoch, and whatever it answers until then
//! isn't taken; bytes end it at once. What would be more than the host holds is refused, which the guest may live with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hookyard_model::{Limit, Outcome};

use crate::Limits;

/// The account of one attempt; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Account>);

#[derive(Debug)]
struct Account {
    calls: AtomicU64,
    calls_max: u64,
    bytes: AtomicU64,
    bytes_max: u64,
    requests: AtomicU64,
    requests_max: u64,
    held: AtomicU64,
    held_max: u64,
    is_refused: AtomicBool,
}

/// The host would hold more for the attempt than its memory may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRoom {
    pub(crate) max: u64,
}

impl From<NoRoom> for Outcome {
    fn from(NoRoom { max }: NoRoom) -> Self {
        Self::OutOfMemory { max }
    }
}

/// The attempt has used more of something than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the attempt has used up {} of {max}", .limit.name())]
pub(crate) struct Excess {
    pub(crate) limit: Limit,
    pub(crate) max: u64,
}

impl From<Excess> for Outcome {
    fn from(Excess { limit, max }: Excess) -> Self {
        Self::Exceeded { limit, max }
    }
}

impl Budget {
    /// With nothing used.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self(Arc::new(Account {
            calls: AtomicU64::new(0),
            calls_max: limits.host_calls_max,
            bytes: AtomicU64::new(0),
            bytes_max: limits.host_bytes_max,
            requests: AtomicU64::new(0),
            requests_max: limits.http_requests_max,
            held: AtomicU64::new(0),
            held_max: limits.memory_max,
            is_refused: AtomicBool::new(false),
        }))
    }

    /// One more call of a function of the host's.
    pub(crate) fn call(&self) {
        // An attempt is one task, so nothing of this happens at once; atomics are for its moves between threads.
        self.0.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// So many more bytes, in either direction.
    pub(crate) fn bytes(&self, count: usize) -> Result<(), Excess> {
        let used = self
            .0
            .bytes
            .fetch_add(count as u64, Ordering::Relaxed)
            .saturating_add(count as u64);
        within(used, Limit::HostBytes, self.0.bytes_max)
    }

    /// One more outgoing request.
    pub(crate) fn request(&self) -> Result<(), Excess> {
        let used = self.0.requests.fetch_add(1, Ordering::Relaxed) + 1;
        within(used, Limit::HttpRequests, self.0.requests_max)
    }

    /// So many bytes more that the host holds for the attempt.
    pub(crate) fn hold(&self, bytes: u64) -> Result<(), NoRoom> {
        let max = self.0.held_max;
        let more = |held: u64| held.checked_add(bytes).filter(|held| *held <= max);
        let held = self
            .0
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        held.map(drop).map_err(|_| {
            self.0.is_refused.store(true, Ordering::Relaxed);
            NoRoom { max }
        })
    }

    /// So many bytes fewer.
    pub(crate) fn let_go(&self, bytes: u64) {
        self.0.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether something wasn't held.
    pub(crate) fn no_room(&self) -> Option<NoRoom> {
        self.0.is_refused.load(Ordering::Relaxed).then_some(NoRoom {
            max: self.0.held_max,
        })
    }

    /// What has been used up by now; the attempt is to end.
    pub(crate) fn excess(&self) -> Option<Excess> {
        let requests = self.0.requests.load(Ordering::Relaxed);
        let calls = within(self.calls(), Limit::HostCalls, self.0.calls_max);
        let requests = within(requests, Limit::HttpRequests, self.0.requests_max);
        calls.and(requests).and_then(|()| self.bytes(0)).err()
    }

    /// Calls so far.
    pub(crate) fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::Relaxed)
    }

    /// Bytes so far.
    pub(crate) fn bytes_used(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }
}

fn within(used: u64, limit: Limit, max: u64) -> Result<(), Excess> {
    if used <= max {
        Ok(())
    } else {
        Err(Excess { limit, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_excess_names_its_limit() {
        let limits = Limits {
            host_calls_max: 2,
            host_bytes_max: 10,
            http_requests_max: 1,
            ..Limits::default()
        };
        let excess = |limit, max| Some(Excess { limit, max });
        let budget = Budget::new(&limits);
        budget.call();
        budget.call();
        assert_eq!(
            (budget.bytes(10), budget.request(), budget.excess()),
            (Ok(()), Ok(()), None)
        );
        assert_eq!(budget.request().err(), excess(Limit::HttpRequests, 1));
        assert_eq!(budget.excess(), excess(Limit::HttpRequests, 1));
        budget.call();
        assert_eq!(budget.excess(), excess(Limit::HostCalls, 2));

        let budget = Budget::new(&limits);
        assert_eq!(budget.clone().bytes(11).err(), excess(Limit::HostBytes, 10));
        assert_eq!(
            budget.excess(),
            excess(Limit::HostBytes, 10),
            "clones share one account"
        );
        assert_eq!((budget.calls(), budget.bytes_used()), (0, 11));
    }

    #[test]
    fn what_is_held_is_bounded_and_let_go() {
        let budget = Budget::new(&Limits {
            memory_max: 10,
            ..Limits::default()
        });
        assert_eq!((budget.hold(10), budget.no_room()), (Ok(()), None));
        assert_eq!(
            (budget.clone().hold(1), budget.hold(u64::MAX)),
            (Err(NoRoom { max: 10 }), Err(NoRoom { max: 10 }))
        );
        assert_eq!(budget.no_room(), Some(NoRoom { max: 10 }));
        budget.let_go(4);
        assert_eq!(
            (budget.hold(4), budget.hold(1)),
            (Ok(()), Err(NoRoom { max: 10 }))
        );
    }
}
