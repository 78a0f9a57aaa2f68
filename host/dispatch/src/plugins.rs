//! The plugins of a dispatcher: their queues, their slots, and what the store may have for them.
//!
//! Every change of a plugin goes through this table, so that a plugin waits for a slot exactly when
//! it has work and may begin it, and has places in the handover exactly when it may run. Nothing
//! here walks over all plugins but what follows a change of the plugins themselves or a look at the
//! whole store.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use hookyard_model::{PluginRef, Revision, TenantName};
use hookyard_store::{ClaimedJob, Handover};
use tokio::time::Instant;

use crate::ActivePlugin;
use crate::plugin::{Plugin, SharedPlugin};
use crate::queue::QueuedJob;
use crate::slots::{PluginId, Slots};

mod claims;

/// The time for which a plugin is skipped after it could not be run.
const SKIP: Duration = Duration::from_secs(1);

/// The plugins of a dispatcher.
#[derive(Debug)]
pub(crate) struct Plugins {
    handover: Arc<Handover>,
    tenant_concurrency_max: usize,
    slots: Slots,
    ids: HashMap<PluginRef, PluginId>,
    plugins: Vec<Plugin>,
    /// The plugins for which something happens by the passing of time: a job becomes due, or the
    /// plugin is no longer skipped.
    timers: BTreeSet<(Instant, PluginId)>,
    /// The plugins that have reserved slots for the next claim.
    claiming: Vec<PluginId>,
    /// The plugins that wait until the next claim can be made.
    deferred: Vec<PluginId>,
    /// The size of the bodies of the claimed jobs that have not begun.
    claimed_bytes: usize,
    /// Jobs that cannot begin, and whose leases are to be given back.
    returned: Vec<QueuedJob>,
}

impl Plugins {
    pub(crate) fn new(
        concurrency_max: usize,
        tenant_concurrency_max: usize,
        handover: Arc<Handover>,
    ) -> Self {
        Self {
            handover,
            tenant_concurrency_max: tenant_concurrency_max.max(1),
            slots: Slots::new(concurrency_max),
            ids: HashMap::new(),
            plugins: Vec::new(),
            timers: BTreeSet::new(),
            claiming: Vec::new(),
            deferred: Vec::new(),
            claimed_bytes: 0,
            returned: Vec::new(),
        }
    }

    /// Replaces the active plugins. `is_held` says whether the active revision of a plugin is
    /// quarantined. No plugin is skipped any more.
    pub(crate) fn replace_active(
        &mut self,
        active: Vec<ActivePlugin>,
        is_held: impl Fn(&ActivePlugin) -> bool,
    ) {
        let tenants: HashSet<&TenantName> = active.iter().map(|one| &one.plugin.tenant).collect();
        // A single tenant may use all slots: nobody else could.
        let tenant_max = match tenants.len() {
            0 | 1 => usize::MAX,
            _ => self.tenant_concurrency_max,
        };
        self.slots.set_tenant_max(tenant_max);

        let mut gone: HashSet<PluginId> = self.ids.values().copied().collect();
        for one in active {
            let id = self.id_or_add(&one.plugin);
            gone.remove(&id);
            let is_held = is_held(&one);
            self.change(id, |plugin| {
                let is_new = plugin.concurrency == 0 || plugin.revision != Some(one.revision);
                if is_new || plugin.skipped_until.is_some() || (plugin.is_held && !is_held) {
                    plugin.due.look();
                }
                plugin.revision = Some(one.revision);
                plugin.concurrency = one.concurrency;
                plugin.is_held = is_held;
                plugin.skipped_until = None;
            });
        }
        for id in gone {
            self.change(id, |plugin| {
                plugin.revision = None;
                plugin.concurrency = 0;
            });
        }
    }

    pub(crate) fn id(&self, plugin: &PluginRef) -> Option<PluginId> {
        self.ids.get(plugin).copied()
    }

    pub(crate) fn get(&self, id: PluginId) -> &Plugin {
        &self.plugins[id.0]
    }

    /// Changes a plugin, and everything that follows from the change.
    pub(crate) fn change(&mut self, id: PluginId, change: impl FnOnce(&mut Plugin)) {
        let plugin = &mut self.plugins[id.0];
        let places_before = plugin.places();

        change(plugin);

        let places = plugin.places();
        if places != places_before {
            self.handover.open(&plugin.shared.name, places);
        }
        if !plugin.may_run() {
            self.returned.append(&mut plugin.queue.take_all());
        }
        self.update_waiting(id);
    }

    /// Adds jobs that were handed over.
    pub(crate) fn add_handed_over(&mut self, jobs: Vec<ClaimedJob>, now: Instant) {
        for job in jobs {
            let id = self.id(&job.lease.plugin);
            let queued = QueuedJob {
                job,
                leased_at: now,
                has_place: true,
            };
            match id {
                Some(id) if self.get(id).may_run() => {
                    self.plugins[id.0].queue.push_last(queued);
                    self.update_waiting(id);
                }
                _ => self.returned.push(queued),
            }
        }
    }

    /// Skips a plugin for a moment. Returns whether the plugin was not skipped before.
    pub(crate) fn skip(&mut self, id: PluginId, now: Instant) -> bool {
        let until = now + SKIP;
        let was_skipped = self.get(id).skipped_until.is_some();
        self.change(id, |plugin| plugin.skipped_until = Some(until));

        self.timers.insert((until, id));
        !was_skipped
    }

    /// Says again which plugins are quarantined.
    pub(crate) fn update_held(&mut self, is_held: impl Fn(&PluginRef, Revision) -> bool) {
        for index in 0..self.plugins.len() {
            let plugin = &self.plugins[index];
            if let Some(revision) = plugin.revision {
                let is_held = is_held(&plugin.shared.name, revision);
                self.change(PluginId(index), |plugin| plugin.is_held = is_held);
            }
        }
    }

    /// Returns the plugin that gets the next slot.
    pub(crate) fn next(&self) -> Option<PluginId> {
        self.slots.next()
    }

    /// Takes a slot for the next job in the queue of a plugin. Returns `None` if the queue is empty.
    pub(crate) fn begin(
        &mut self,
        id: PluginId,
        now: Instant,
    ) -> Option<(QueuedJob, Arc<SharedPlugin>)> {
        let plugin = &mut self.plugins[id.0];
        let queued = plugin.queue.pop()?;
        plugin.unsettled += 1;
        plugin.begun.add(now);
        plugin.body_bytes = queued.job.event.body.len();
        let shared = Arc::clone(&plugin.shared);

        self.leave_queue(&queued);
        self.slots.take(id);
        self.update_waiting(id);
        Some((queued, shared))
    }

    /// Frees the slot of an attempt whose call has ended.
    pub(crate) fn free_slot(&mut self, id: PluginId) {
        self.slots.put_back(id);
        self.update_waiting(id);
    }

    /// Notes that an attempt is settled, or that no attempt was made.
    pub(crate) fn end_attempt(&mut self, id: PluginId) {
        self.plugins[id.0].unsettled -= 1;
        self.update_waiting(id);
    }

    /// Gives back the queued jobs whose leases began before `limit`.
    pub(crate) fn return_leased_before(&mut self, limit: Instant) {
        for index in 0..self.plugins.len() {
            let plugin = &mut self.plugins[index];
            if !plugin.queue.is_empty() {
                self.returned
                    .append(&mut plugin.queue.take_leased_before(limit));
                self.update_waiting(PluginId(index));
            }
        }
    }

    /// Lets no more attempts begin, and gives back all jobs that wait.
    pub(crate) fn stop(&mut self) {
        for index in 0..self.plugins.len() {
            self.change(PluginId(index), |plugin| plugin.concurrency = 0);
        }
    }

    /// Takes the jobs that cannot begin. The caller gives their leases back.
    pub(crate) fn take_returned(&mut self) -> Vec<ClaimedJob> {
        if self.returned.is_empty() {
            return Vec::new();
        }

        let returned = std::mem::take(&mut self.returned);
        for queued in &returned {
            self.leave_queue(queued);
        }
        returned.into_iter().map(|queued| queued.job).collect()
    }

    /// Notes that the memory of a job that waited is no longer used for waiting.
    fn leave_queue(&mut self, queued: &QueuedJob) {
        let job = &queued.job;
        let bytes = job.event.body.len();
        if queued.has_place {
            self.handover.begun(&job.lease.plugin, bytes);
        } else {
            self.claimed_bytes -= bytes;
        }
    }

    fn id_or_add(&mut self, name: &PluginRef) -> PluginId {
        if let Some(id) = self.id(name) {
            return id;
        }

        let id = self.slots.add(&name.tenant);
        self.ids.insert(name.clone(), id);
        self.plugins.push(Plugin::new(id, name.clone()));
        id
    }

    fn update_waiting(&mut self, id: PluginId) {
        let running = self.slots.running(id);
        let is_waiting = self.plugins[id.0].wants_slot(running);
        self.slots.set_waiting(id, is_waiting);
    }
}
