//! URLs that wait for their fetch while the most are under way, and which of them is fetched next.
//!
//! A stranger can name any number of URLs, as fast as the network allows. Two rules keep the stranger from locking out a
//! genuine URL that has not been proven yet. A URL that was asked for before goes first, since a sender names the same
//! URL with each message and each retry. Among the others chance decides, both which one is next and, where the room is
//! full, which one makes room.

use std::hash::{BuildHasher as _, RandomState};

use hookyard_model::{SourceRef, TenantName};
use tokio::sync::watch;

use super::table::{Fetched, Wait};

/// The most URLs that wait.
pub(super) const ROOM_MAX: usize = 64;
/// The URLs that are known to have been asked for before: as many, each by its hash. A further one replaces another.
const ASKED_MAX: usize = 1 << 14;

/// The URLs that wait.
pub(super) struct Room {
    candidates: Vec<Candidate>,
    asked: Vec<u64>,
    hasher: RandomState,
}

/// A URL that waits for its fetch.
pub(super) struct Candidate {
    pub(super) url: String,
    pub(super) source: SourceRef,
    pub(super) allow_http: bool,
    pub(super) done: watch::Sender<Option<Fetched>>,
    pub(super) wait: Wait,
    /// Whether the URL was asked for more than once.
    pub(super) was_asked: bool,
}

impl Room {
    pub(super) fn new() -> Self {
        Self {
            candidates: Vec::new(),
            asked: vec![0; ASKED_MAX],
            hasher: RandomState::new(),
        }
    }

    /// Takes note that a URL is asked for, and returns whether it was before.
    pub(super) fn ask(&mut self, url: &str) -> bool {
        let hash = self.hasher.hash_one(url) | 1;
        let place = &mut self.asked[(hash >> 1) as usize % ASKED_MAX];
        std::mem::replace(place, hash) == hash
    }

    /// Takes in a URL. Where there is no room, one that nobody asked for before is refused instead of it, or as well may be
    /// the URL itself.
    pub(super) fn enter(&mut self, candidate: Candidate) {
        self.candidates.push(candidate);
        if self.candidates.len() <= ROOM_MAX {
            return;
        }

        let first_timers: Vec<_> = (0..self.candidates.len())
            .filter(|at| !self.candidates[*at].was_asked)
            .collect();
        let at = fastrand::choice(&first_timers)
            .copied()
            .unwrap_or_else(|| fastrand::usize(..self.candidates.len()));
        let refused = self.candidates.swap_remove(at);
        let _ = refused
            .done
            .send(Some(Err("too many certificates wait to be fetched".into())));
    }

    /// How to wait for a URL that waits already.
    pub(super) fn wait_for(&mut self, url: &str) -> Option<Wait> {
        let candidate = self
            .candidates
            .iter_mut()
            .find(|candidate| candidate.url == url)?;
        candidate.was_asked = true;
        Some(candidate.wait.clone())
    }

    /// Takes out the URL that is fetched next: of the tenant with the fewest fetches under way, if it may have another.
    pub(super) fn next(
        &mut self,
        fetching: impl Fn(&TenantName) -> usize,
        tenant_max: usize,
    ) -> Option<Candidate> {
        let rank = |at: usize| {
            let candidate = &self.candidates[at];
            (
                fetching(&candidate.source.tenant),
                !candidate.was_asked,
                fastrand::u32(..),
            )
        };
        let ((under_way, ..), at) = (0..self.candidates.len()).map(|at| (rank(at), at)).min()?;
        (under_way < tenant_max).then(|| self.candidates.swap_remove(at))
    }

    /// Forgets the URLs that nobody waits for any more. A candidate itself holds one receiver.
    pub(super) fn forget_abandoned(&mut self) {
        self.candidates
            .retain(|candidate| candidate.done.receiver_count() > 1);
    }
}
