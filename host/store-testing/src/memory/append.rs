//! Storing events in memory, with their jobs, and handing over jobs that have a place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hookyard_model::{Event, EventId, PluginName, PluginRef, Timestamp};
use hookyard_store::{AppendResult, ClaimedJob, DifferingRepeats, Handover, transitions};

use super::{State, Stored};

impl State {
    /// Stores an event at `now` with its jobs, and hands over the jobs that have a place.
    pub(super) fn append(&mut self, event: Event, now: Timestamp) -> AppendResult {
        if self.by_id.contains_key(&event.id) {
            return AppendResult::New;
        }

        let key = (event.source.clone(), event.key.clone());
        if let Some((first, until)) = self.by_key.get(&key)
            && now < *until
        {
            let first = *first;
            return if first == event.id {
                AppendResult::New
            } else {
                self.repeat_of(first, &event, now)
            };
        }

        let at = self.arrived;
        self.arrived += 1;
        self.by_key
            .insert(key, (event.id, now.after(event.key_window)));
        self.by_id.insert(event.id, at);

        let routed = self.routes.0.get(&event.source);
        let plugins = routed.cloned().unwrap_or_default();
        self.events.insert(
            at,
            Stored {
                event: Arc::new(event),
                jobs: BTreeMap::new(),
                discarded: None,
                differing_repeats: None,
                response: None,
            },
        );
        self.append_jobs(at, plugins, now);

        AppendResult::New
    }

    /// Returns the result for an event whose key belongs to the event `first`, and counts it there if
    /// the bodies differ.
    fn repeat_of(&mut self, first: EventId, event: &Event, now: Timestamp) -> AppendResult {
        let stored = self.by_id.get(&first).copied();
        let stored = stored.and_then(|at| self.events.get_mut(&at));
        match stored.filter(|stored| stored.event.body != event.body) {
            Some(stored) => {
                let before = stored.differing_repeats.map_or(0, |repeats| repeats.count);
                stored.differing_repeats = Some(DifferingRepeats {
                    count: before + 1,
                    last: now,
                });
                AppendResult::RepeatDiffers(first)
            }
            None => AppendResult::Repeat(first),
        }
    }

    fn append_jobs(&mut self, at: usize, plugins: BTreeSet<PluginName>, now: Timestamp) {
        let handover = self.handover.clone();
        let mut handed_over = Vec::new();

        for name in plugins {
            let plugin = self.events[&at].plugin(&name);
            let has_pending = self.has_pending(&plugin);
            self.add_job(at, name, None);

            let job = handover
                .as_ref()
                .filter(|_| !has_pending)
                .and_then(|handover| self.lease_new(at, &plugin, handover, now));
            match job {
                Some(job) => {
                    self.due.remove(&plugin);
                    handed_over.push(job);
                }
                None => {
                    self.due.insert(plugin);
                }
            }
        }

        if let Some(handover) = handover
            && !handed_over.is_empty()
        {
            handover.put(handed_over);
        }
    }

    /// Leases a new job for the handover, if the job may be claimed and has a place there.
    fn lease_new(
        &mut self,
        at: usize,
        plugin: &PluginRef,
        handover: &Handover,
        now: Timestamp,
    ) -> Option<ClaimedJob> {
        let stored = &self.events[&at];
        let job = &stored.jobs[&plugin.name];
        let key = job.queue_key(at)?;
        let until = now.after(handover.lease());
        let claim = transitions::claim(job.state, self.is_routed(at, &plugin.name), until, now);
        let transitions::Claim::Lease(next) = claim else {
            return None;
        };

        handover
            .reserve(plugin, stored.event.body.len())
            .then(|| self.lease(key, plugin, next))
    }
}
