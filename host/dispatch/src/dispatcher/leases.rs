//! The leases of the dispatcher: extended while an attempt runs, given back if none begins.

use std::time::Duration;

use tokio::time::Instant;

use super::Dispatcher;

/// The parts of a lease after which all leases are extended. An attempt begins within two parts, so
/// its lease survives two extensions that fail.
const EXTENSIONS_PER_LEASE: u32 = 6;

/// The parts of a lease that a job may wait for a slot. It is then given back, so that its lease
/// does not run out in the queue.
const WAITS_PER_LEASE: u32 = 3;

impl Dispatcher {
    /// Extends the leases of all attempts that are not settled, in one call, and takes jobs out of
    /// the queues that would wait too long. Does so from time to time while attempts run; without
    /// them, no job waits for a slot.
    pub(super) fn keep_leases(&mut self, now: Instant) {
        let interval = self.executor.lease / EXTENSIONS_PER_LEASE;
        match self.next_extension {
            None if !self.running.is_empty() => self.next_extension = Some(now + interval),
            Some(at) if at <= now => {
                self.next_extension = (!self.running.is_empty()).then(|| now + interval);
                self.return_late(now, interval);
                self.extend();
            }
            _ => {}
        }
    }

    /// Gives back the jobs that would wait for more than their part of the lease before the next
    /// look at them.
    fn return_late(&mut self, now: Instant, interval: Duration) {
        let wait_max = self.executor.lease / WAITS_PER_LEASE;
        if let Some(limit) = (now + interval).checked_sub(wait_max) {
            self.plugins.return_leased_before(limit);
        }
    }

    fn extend(&mut self) {
        if self.running.is_empty() || !self.calls.can_extend() {
            return;
        }

        let leases = self
            .running
            .leases()
            .map(|attempt| attempt.lease.clone())
            .collect();
        self.calls.extend(&self.executor, leases);
    }

    /// Gives back the leases of the jobs that cannot begin.
    pub(super) fn give_back(&mut self) {
        let returned = self.plugins.take_returned();
        if returned.is_empty() {
            return;
        }

        let leases: Vec<_> = returned.into_iter().map(|job| job.lease).collect();
        for lease in &leases {
            self.executor.report_not_run(lease);
        }
        self.calls.give_back(&self.executor, leases);
    }
}
