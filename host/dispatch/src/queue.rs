//! The jobs of one plugin that are leased and wait for a slot.

use std::collections::VecDeque;

use hookyard_store::ClaimedJob;
use tokio::time::Instant;

/// The jobs of one plugin that are leased and wait for a slot, in their order. The places of the
/// handover and the limits of claims bound their number.
#[derive(Debug, Default)]
pub(crate) struct Queue(VecDeque<QueuedJob>);

/// A leased job that waits for a slot.
#[derive(Debug)]
pub(crate) struct QueuedJob {
    /// The job.
    pub(crate) job: ClaimedJob,
    /// The start of its lease.
    pub(crate) leased_at: Instant,
    /// Whether it has a place in the handover.
    pub(crate) has_place: bool,
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a job that came after all others.
    pub(crate) fn push_last(&mut self, job: QueuedJob) {
        self.0.push_back(job);
    }

    /// Adds a job that comes before all others.
    pub(crate) fn push_first(&mut self, job: QueuedJob) {
        self.0.push_front(job);
    }

    /// Takes the next job.
    pub(crate) fn pop(&mut self) -> Option<QueuedJob> {
        self.0.pop_front()
    }

    /// Takes the jobs that were leased before `limit`.
    pub(crate) fn take_leased_before(&mut self, limit: Instant) -> Vec<QueuedJob> {
        let all = std::mem::take(&mut self.0);
        let (late, rest) = all.into_iter().partition(|queued| queued.leased_at < limit);
        self.0 = rest;
        late.into()
    }

    /// Takes all jobs.
    pub(crate) fn take_all(&mut self) -> Vec<QueuedJob> {
        std::mem::take(&mut self.0).into()
    }
}
