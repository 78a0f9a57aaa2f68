//! What the store may have for the plugins, and the slots that are reserved for claims.

use std::time::Duration;

use hookyard_store::ClaimedJob;
use tokio::time::Instant;

use super::Plugins;
use crate::queue::QueuedJob;
use crate::slots::PluginId;

/// The longest time for which a timer runs. Then the store is asked again.
const TIMER_MAX: Duration = Duration::from_secs(3600);

/// The size of the bodies of claimed jobs that wait, above which no more jobs are claimed than have
/// slots. It bounds the memory of these jobs, as the places of the handover bound that of others.
const CLAIMED_BYTES_MAX: usize = 32 << 20;

impl Plugins {
    /// Notes that the store may have due jobs for a plugin.
    pub(crate) fn note_due(&mut self, id: PluginId) {
        self.plugins[id.0].due.may_exist = true;
        self.update_waiting(id);
    }

    /// Notes that a job of a plugin becomes due `wait` after `now`.
    pub(crate) fn note_due_after(&mut self, id: PluginId, wait: Duration, now: Instant) {
        // Bounded, because a due time may be too far away for an `Instant`.
        let at = now + wait.min(TIMER_MAX);
        let due = &mut self.plugins[id.0].due;
        if due.next.is_some_and(|next| next <= at) {
            return;
        }

        if let Some(later) = due.next.replace(at) {
            self.timers.remove(&(later, id));
        }
        self.timers.insert((at, id));
    }

    /// Returns the next time at which [`Plugins::pass_time`] changes something.
    pub(crate) fn next_time(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Does what is due by `now`: jobs have become due, or plugins are no longer skipped.
    pub(crate) fn pass_time(&mut self, now: Instant) {
        while let Some((at, id)) = self.timers.first().copied() {
            if at > now {
                break;
            }

            self.timers.pop_first();
            self.change(id, |plugin| {
                if plugin.skipped_until.is_some_and(|until| until <= now) {
                    plugin.skipped_until = None;
                    plugin.due.look();
                }
                if plugin.due.next.is_some_and(|next| next <= now) {
                    plugin.due.next = None;
                    plugin.due.look();
                }
            });
        }
    }

    /// Looks at a plugin: the store may have due jobs for it, and it is not known when the next one
    /// is due.
    pub(crate) fn look(&mut self, id: PluginId) {
        self.plugins[id.0].due.look();
        self.update_waiting(id);
    }

    /// Returns whether the store must be asked when the next job of a plugin is due. The caller
    /// asks.
    pub(crate) fn take_unknown(&mut self, id: PluginId) -> bool {
        let due = &mut self.plugins[id.0].due;
        !due.may_exist && std::mem::take(&mut due.is_next_unknown)
    }

    /// Returns the plugins whose next due job the store must be asked for: those that
    /// may have jobs and that are not claimed for anyway.
    pub(crate) fn quiet(&mut self) -> Vec<PluginId> {
        let mut ids = Vec::new();
        for plugin in &mut self.plugins {
            if plugin.due.may_exist {
                plugin.due.is_next_unknown = true;
            } else if plugin.may_claim() {
                ids.push(plugin.shared.id);
            }
        }
        ids
    }

    /// Reserves a slot for a job that the next claim asks for.
    pub(crate) fn reserve(&mut self, id: PluginId) {
        let plugin = &mut self.plugins[id.0];
        if plugin.claiming == 0 {
            self.claiming.push(id);
        }
        plugin.claiming += 1;

        self.slots.take(id);
        self.update_waiting(id);
    }

    /// Takes the plugins that have reserved slots, each with the number of jobs to claim. What they
    /// may have in the store is known by the claim, so it is forgotten here.
    pub(crate) fn take_reserved(&mut self, now: Instant) -> Vec<(PluginId, usize)> {
        let mut reserved = Vec::with_capacity(self.claiming.len());
        let mut bytes = CLAIMED_BYTES_MAX.saturating_sub(self.claimed_bytes);
        for id in std::mem::take(&mut self.claiming) {
            let plugin = &mut self.plugins[id.0];
            plugin.due.may_exist = false;
            let ahead = plugin.claim_ahead(now, bytes);
            bytes -= ahead * plugin.body_bytes;
            reserved.push((id, plugin.claiming + ahead));
            self.update_waiting(id);
        }
        reserved
    }

    /// Frees the slots that were reserved for a claim.
    pub(crate) fn release(&mut self, id: PluginId) {
        for _ in 0..std::mem::take(&mut self.plugins[id.0].claiming) {
            self.slots.put_back(id);
        }
        self.update_waiting(id);
    }

    /// Adds claimed jobs before all jobs that wait.
    pub(crate) fn add_claimed(&mut self, jobs: Vec<ClaimedJob>, asked: Instant) {
        for job in jobs.into_iter().rev() {
            let id = self.id(&job.lease.plugin);
            self.claimed_bytes += job.event.body.len();
            let queued = QueuedJob {
                job,
                leased_at: asked,
                has_place: false,
            };
            match id {
                Some(id) if self.get(id).may_run() => {
                    self.plugins[id.0].queue.push_first(queued);
                    self.update_waiting(id);
                }
                _ => self.returned.push(queued),
            }
        }
    }

    /// Lets a plugin wait until the next claim can be made.
    pub(crate) fn defer(&mut self, id: PluginId) {
        self.plugins[id.0].is_deferred = true;
        self.deferred.push(id);
        self.update_waiting(id);
    }

    /// Ends the waiting of [`Plugins::defer`].
    pub(crate) fn end_deferral(&mut self) {
        for id in std::mem::take(&mut self.deferred) {
            self.plugins[id.0].is_deferred = false;
            self.update_waiting(id);
        }
    }
}
