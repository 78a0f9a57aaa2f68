//! Counts and limits the traffic between an attempt and the host: calls, bytes and HTTP requests.
//!
//! The budget also bounds the memory that the host holds for the attempt.
//!
//! A guest reaches every host function, including WASI's, through a view of the store's state.
//! Calls are counted there. Bytes are counted where the host takes or returns texts and bodies:
//! stored values, the outbox, the log, standard output and error, settings and requests. Results of
//! a small fixed size, such as the time, count as a call without bytes. So does randomness, because
//! one call returns a bounded amount.
//!
//! When the count of calls or requests is used up, the attempt ends at the next epoch, and the host
//! ignores any result that the guest returns until then. When the count of bytes is used up, the
//! attempt ends at once. A request to hold too much memory is refused, and the guest may go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hookyard_model::{Limit, Outcome};

use crate::Limits;

/// The budget of one attempt. Clones share one account.
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
    /// The memory that the host holds for the attempt, in bytes.
    held: AtomicU64,
    held_max: u64,
    is_hold_refused: AtomicBool,
}

/// The host would hold more memory for the attempt than the attempt may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemoryExceeded {
    /// The limit, in bytes.
    pub(crate) max: u64,
}

impl From<MemoryExceeded> for Outcome {
    fn from(MemoryExceeded { max }: MemoryExceeded) -> Self {
        Self::OutOfMemory { max }
    }
}

/// The attempt used more of something than its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the attempt has used up {} of {max}", .limit.name())]
pub(crate) struct LimitExceeded {
    pub(crate) limit: Limit,
    pub(crate) max: u64,
}

impl From<LimitExceeded> for Outcome {
    fn from(LimitExceeded { limit, max }: LimitExceeded) -> Self {
        Self::Exceeded { limit, max }
    }
}

impl Budget {
    /// Creates the budget of an attempt that has used nothing yet.
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
            is_hold_refused: AtomicBool::new(false),
        }))
    }

    /// Begins the account of another attempt of the same instance.
    pub(crate) fn begin(&self) {
        let Account {
            calls,
            bytes,
            requests,
            held,
            is_hold_refused,
            calls_max: _,
            bytes_max: _,
            requests_max: _,
            held_max: _,
        } = &*self.0;
        for count in [calls, bytes, requests, held] {
            count.store(0, Ordering::Relaxed);
        }
        is_hold_refused.store(false, Ordering::Relaxed);
    }

    /// Counts a call of a host function.
    pub(crate) fn count_call(&self) {
        // An attempt is one task, so nothing here happens concurrently. The counters are atomic
        // because the task moves between threads.
        self.0.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts bytes that pass in either direction.
    ///
    /// # Errors
    ///
    /// Fails if the attempt has passed more bytes than its limit.
    pub(crate) fn count_bytes(&self, count: usize) -> Result<(), LimitExceeded> {
        let used = self
            .0
            .bytes
            .fetch_add(count as u64, Ordering::Relaxed)
            .saturating_add(count as u64);
        check(used, Limit::HostBytes, self.0.bytes_max)
    }

    /// Counts an outgoing HTTP request.
    ///
    /// # Errors
    ///
    /// Fails if the attempt has made more requests than its limit.
    pub(crate) fn count_request(&self) -> Result<(), LimitExceeded> {
        let used = self.0.requests.fetch_add(1, Ordering::Relaxed) + 1;
        check(used, Limit::HttpRequests, self.0.requests_max)
    }

    /// Reserves memory that the host holds for the attempt.
    ///
    /// # Errors
    ///
    /// Fails, and reserves nothing, if the host would hold more than the limit.
    pub(crate) fn hold(&self, bytes: u64) -> Result<(), MemoryExceeded> {
        let max = self.0.held_max;
        let held = self
            .0
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
                held.checked_add(bytes).filter(|held| *held <= max)
            });

        if held.is_ok() {
            return Ok(());
        }
        self.0.is_hold_refused.store(true, Ordering::Relaxed);
        Err(MemoryExceeded { max })
    }

    /// Frees memory that was reserved with [`hold`](Self::hold).
    pub(crate) fn free(&self, bytes: u64) {
        self.0.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Returns the memory limit if a reservation was refused.
    pub(crate) fn refused_hold(&self) -> Option<MemoryExceeded> {
        let is_refused = self.0.is_hold_refused.load(Ordering::Relaxed);
        is_refused.then_some(MemoryExceeded {
            max: self.0.held_max,
        })
    }

    /// Returns the limit that the attempt has exceeded. The attempt must end then.
    pub(crate) fn exceeded(&self) -> Option<LimitExceeded> {
        let bytes = self.bytes();
        let requests = self.0.requests.load(Ordering::Relaxed);

        check(self.calls(), Limit::HostCalls, self.0.calls_max)
            .and_then(|()| check(requests, Limit::HttpRequests, self.0.requests_max))
            .and_then(|()| check(bytes, Limit::HostBytes, self.0.bytes_max))
            .err()
    }

    /// Returns the number of calls so far.
    pub(crate) fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::Relaxed)
    }

    /// Returns the number of bytes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }
}

fn check(used: u64, limit: Limit, max: u64) -> Result<(), LimitExceeded> {
    if used <= max {
        Ok(())
    } else {
        Err(LimitExceeded { limit, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceeded_limit_is_named() {
        let limits = Limits {
            host_calls_max: 2,
            host_bytes_max: 10,
            http_requests_max: 1,
            ..Limits::default()
        };
        let exceeded = |limit, max| Some(LimitExceeded { limit, max });

        let budget = Budget::new(&limits);
        budget.count_call();
        budget.count_call();
        assert_eq!(budget.count_bytes(10), Ok(()));
        assert_eq!(budget.count_request(), Ok(()));
        assert_eq!(budget.exceeded(), None);

        assert_eq!(
            budget.count_request().err(),
            exceeded(Limit::HttpRequests, 1)
        );
        assert_eq!(budget.exceeded(), exceeded(Limit::HttpRequests, 1));
        budget.count_call();
        assert_eq!(budget.exceeded(), exceeded(Limit::HostCalls, 2));
    }

    #[test]
    fn clones_share_one_budget() {
        let budget = Budget::new(&Limits {
            host_bytes_max: 10,
            ..Limits::default()
        });
        let exceeded = Some(LimitExceeded {
            limit: Limit::HostBytes,
            max: 10,
        });

        assert_eq!(budget.clone().count_bytes(11).err(), exceeded);
        assert_eq!(budget.exceeded(), exceeded);
        assert_eq!((budget.calls(), budget.bytes()), (0, 11));
    }

    #[test]
    fn held_memory_is_bounded() {
        let budget = Budget::new(&Limits {
            memory_max: 10,
            ..Limits::default()
        });
        let refused = MemoryExceeded { max: 10 };
        assert_eq!((budget.hold(10), budget.refused_hold()), (Ok(()), None));
        assert_eq!(budget.clone().hold(1), Err(refused));
        assert_eq!(budget.hold(u64::MAX), Err(refused));
        assert_eq!(budget.refused_hold(), Some(refused));

        budget.free(4);
        assert_eq!((budget.hold(4), budget.hold(1)), (Ok(()), Err(refused)));
    }
}
