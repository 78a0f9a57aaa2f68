//! The pace of wrong tokens: a few from one address, and not many in all.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hookyard_model::Timestamp;

/// The time in which failures are counted.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);
/// The maximum number of failures of one address.
const PEER_MAX: usize = 5;
/// The maximum number of failures of all addresses.
const ALL_MAX: usize = 30;

/// The failures of the last minute, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<VecDeque<(Timestamp, IpAddr)>>);

impl Pace {
    /// Returns whether this address may try now.
    pub(super) fn allows(&self, peer: IpAddr, now: Timestamp) -> bool {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.retain(|(at, _)| now.since(*at) < WINDOW);
        let of_peer = failures
            .iter()
            .filter(|(_, failed)| *failed == peer)
            .count();
        of_peer < PEER_MAX && failures.len() < ALL_MAX
    }

    /// Counts a failure of this address.
    pub(super) fn failed(&self, peer: IpAddr, now: Timestamp) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.push_back((now, peer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_secs(1_780_400_200 + seconds)
    }

    #[test]
    fn sixth_try_of_an_address_waits_a_minute() {
        let (pace, peer, other) = (Pace::default(), [10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        for _ in 0..PEER_MAX {
            assert!(pace.allows(peer, at(0)));
            pace.failed(peer, at(0));
        }
        assert!(!pace.allows(peer, at(59)) && pace.allows(other, at(59)));
        assert!(pace.allows(peer, at(60)));
    }

    #[test]
    fn failures_of_all_addresses_are_bounded() {
        let pace = Pace::default();
        for last in 0..ALL_MAX {
            pace.failed([10, 0, 1, last as u8].into(), at(0));
        }
        assert!(!pace.allows([10, 0, 2, 1].into(), at(1)));
    }
}
