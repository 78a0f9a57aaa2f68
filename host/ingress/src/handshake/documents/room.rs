//! The waiting room: documents that wait for their fetch while the maximum number of fetches is
//! running.
//!
//! A stranger can name any number of documents, as fast as the network allows. Two rules keep a
//! stranger from locking out a genuine document that is not proven yet. First, a document that was
//! requested before goes first, because a sender names the same document with each message and each
//! retry. Second, chance decides among the other documents: which one is fetched next, and which one
//! is refused when the room is full.

use std::hash::{BuildHasher as _, RandomState};

use hookyard_model::{SourceRef, TenantName};
use hookyard_schemes::DocumentRef;
use tokio::sync::watch;

use super::table::{FetchResult, Wait};

/// The maximum number of documents that wait.
pub(super) const ROOM_MAX: usize = 64;
/// The number of documents that are remembered as requested, each by its hash. Another document can
/// replace one of them.
const REMEMBERED_MAX: usize = 1 << 14;

/// The documents that wait.
pub(super) struct WaitingRoom {
    candidates: Vec<Candidate>,
    requested: Vec<u64>,
    hasher: RandomState,
}

/// A document that waits for its fetch.
pub(super) struct Candidate {
    pub(super) name: DocumentRef,
    pub(super) source: SourceRef,
    pub(super) allow_http: bool,
    pub(super) done: watch::Sender<Option<FetchResult>>,
    pub(super) wait: Wait,
    /// Whether the document was requested more than once.
    pub(super) is_repeated: bool,
}

impl WaitingRoom {
    pub(super) fn new() -> Self {
        Self {
            candidates: Vec::new(),
            requested: vec![0; REMEMBERED_MAX],
            hasher: RandomState::new(),
        }
    }

    /// Records that a document is requested. Returns whether it was requested before.
    pub(super) fn remember(&mut self, name: &DocumentRef) -> bool {
        // A hash of zero would look like an empty entry.
        let hash = self.hasher.hash_one(name) | 1;
        let entry = &mut self.requested[(hash >> 1) as usize % REMEMBERED_MAX];
        std::mem::replace(entry, hash) == hash
    }

    /// Adds a document. If the room is full, refuses a random document that was requested only
    /// once, which may be this one.
    pub(super) fn enter(&mut self, candidate: Candidate) {
        self.candidates.push(candidate);
        if self.candidates.len() <= ROOM_MAX {
            return;
        }

        let first_timers: Vec<_> = (0..self.candidates.len())
            .filter(|index| !self.candidates[*index].is_repeated)
            .collect();
        let index = fastrand::choice(&first_timers)
            .copied()
            .unwrap_or_else(|| fastrand::usize(..self.candidates.len()));
        let refused = self.candidates.swap_remove(index);
        let _ = refused.done.send(Some(Err(
            "too many documents are waiting to be fetched".into()
        )));
    }

    /// Returns the way to wait for a document that is already in the room.
    pub(super) fn wait_for(&mut self, name: &DocumentRef) -> Option<Wait> {
        let candidate = self
            .candidates
            .iter_mut()
            .find(|candidate| candidate.name == *name)?;
        candidate.is_repeated = true;
        Some(candidate.wait.clone())
    }

    /// Removes and returns the document to fetch next: one of the tenant with the fewest running
    /// fetches, if the tenant may have another fetch.
    pub(super) fn next(
        &mut self,
        fetching: impl Fn(&TenantName) -> usize,
        tenant_max: usize,
    ) -> Option<Candidate> {
        let rank = |index: usize| {
            let candidate = &self.candidates[index];
            (
                fetching(&candidate.source.tenant),
                !candidate.is_repeated,
                fastrand::u32(..),
            )
        };
        let ((running, ..), index) = (0..self.candidates.len())
            .map(|index| (rank(index), index))
            .min()?;

        (running < tenant_max).then(|| self.candidates.swap_remove(index))
    }

    /// Removes the documents that no request waits for any more. A candidate itself holds one receiver.
    pub(super) fn forget_abandoned(&mut self) {
        self.candidates
            .retain(|candidate| candidate.done.receiver_count() > 1);
    }
}
