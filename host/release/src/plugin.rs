//! The release state of one plugin, and the questions that it answers without doing anything.
//!
//! [`step`](crate::decide::step) is the only code that changes this state while a host runs. A
//! command reads the same state from the record of releases with [`Plugin::recorded`], so that a
//! command and a host give the same answers. What an operator ordered comes before what was dropped
//! into the folder, and a blocked revision never serves.

mod rollback;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use hookyard_model::{PluginRef, Revision, Step, Timestamp};
use hookyard_store::REVISIONS_MAX;
use hookyard_store::{Block, Order, RevisionRecord};

use crate::backoff::Backoff;
use crate::folder::track::Track;

/// The release state of one plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugin {
    /// The plugin's tenant and name.
    pub name: PluginRef,
    /// What the folder holds of the plugin; `None` if it holds nothing.
    pub(crate) track: Option<Track>,
    /// The revision in the folder, if it can be run.
    pub file: Option<Revision>,
    /// Whether the file has been handled and its revision is not in service.
    pub(crate) is_file_out: bool,
    /// The active revision.
    pub active: Option<Revision>,
    /// The revision that was active when the previous host ended; `None` once this host has
    /// replaced it.
    pub last: Option<Revision>,
    /// The time at which `last` became active.
    pub(crate) last_since: Option<Timestamp>,
    /// The revisions that have served, the latest first. The active revision may be among them.
    pub served: Vec<Revision>,
    /// The operator's order.
    pub order: Option<Order>,
    /// The revisions that may not serve.
    pub blocks: Vec<Block>,
    /// The revision that is being rehearsed.
    pub(crate) rehearsing: Option<Revision>,
    /// The revision that is being loaded from the archive, or waits for another attempt at that.
    pub(crate) recalling: Option<Revision>,
    /// The reason for which the file was last refused.
    pub(crate) refusal: Option<String>,
    /// The last recorded step of each revision that is being released, active or draining.
    pub(crate) steps: BTreeMap<Revision, Step>,
    /// The pauses between attempts to compile the file.
    pub(crate) load_backoff: Backoff,
    /// The pauses between attempts to compile an archived revision.
    pub(crate) recall_backoff: Backoff,
}

/// What may become of a file that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// The file's revision is rehearsed, and becomes active if the rehearsal allows that.
    Rehearse,
    /// Its revision is active already, perhaps with other settings.
    Renew,
    /// An operator has pinned the plugin to this other revision.
    Pinned(Revision),
    /// Its revision is blocked.
    Blocked(Block),
}

impl Plugin {
    /// Creates the state of a plugin that has neither a file nor a record.
    pub fn new(name: PluginRef) -> Self {
        Self {
            name,
            track: None,
            file: None,
            is_file_out: false,
            active: None,
            last: None,
            last_since: None,
            served: Vec::new(),
            order: None,
            blocks: Vec::new(),
            rehearsing: None,
            recalling: None,
            refusal: None,
            steps: BTreeMap::new(),
            load_backoff: Backoff::default(),
            recall_backoff: Backoff::default(),
        }
    }

    /// Creates the state that a host starts with, from the plugin's records.
    ///
    /// The revision that was active is only the [`last`](Self::last) one until the host has loaded
    /// it.
    pub fn resumed<'r>(
        name: PluginRef,
        records: impl IntoIterator<Item = &'r RevisionRecord>,
    ) -> Self {
        let mut plugin = Self::new(name);
        let mut served = Vec::new();
        for record in records {
            if matches!(record.step, Step::Active | Step::Draining) {
                plugin.steps.insert(record.revision, record.step);
            }
            if let Some(served_at) = record.served_at {
                served.push((served_at, record.revision));
                if record.step == Step::Active {
                    (plugin.last, plugin.last_since) = (Some(record.revision), Some(served_at));
                }
            }
        }

        served.sort_by_key(|(served_at, _)| Reverse(*served_at));
        plugin.served = served.into_iter().map(|(_, revision)| revision).collect();
        plugin
    }

    /// Creates the state as the records have it, for a reader that is not the host.
    ///
    /// The revision that is recorded as active counts as active.
    pub fn recorded<'r>(
        name: PluginRef,
        records: impl IntoIterator<Item = &'r RevisionRecord>,
    ) -> Self {
        let mut plugin = Self::resumed(name, records);
        plugin.active = plugin.last.take();
        plugin
    }

    /// Returns what may become of a file that can be run and holds this revision.
    pub fn admit(&self, file: Revision) -> Admission {
        if let Some(block) = self.block_of(file) {
            return Admission::Blocked(block.clone());
        }

        match self.permitted_order() {
            Some(order) if order.is_pin && order.revision != file => {
                Admission::Pinned(order.revision)
            }
            _ if self.active.or(self.last) == Some(file) => Admission::Renew,
            _ => Admission::Rehearse,
        }
    }

    /// Returns the revision that must come into service although the folder does not hold it.
    pub(crate) fn call_for(&self, is_available: impl Fn(Revision) -> bool) -> Option<Revision> {
        let ordered = self.permitted_order().map(|order| order.revision);
        let fallback = || self.rollback_target(is_available);

        let called = match self.active {
            Some(active) if self.block_of(active).is_some() => ordered.or_else(fallback),
            Some(_) => ordered,
            // The host has just started. A plugin that was removed, or has never served, does not
            // come back by itself.
            None if self.is_file_out && self.last.is_some() => ordered.or_else(fallback),
            None if self.is_file_out => ordered,
            None => None,
        };
        called.filter(|called| self.active != Some(*called))
    }

    /// Returns the revisions whose components the archive must keep: the ordered one, and so many
    /// that served last.
    pub(crate) fn needed(&self, revisions_kept: usize) -> Vec<Revision> {
        let ordered = self.order.iter().map(|order| order.revision);
        ordered
            .chain(self.served.iter().take(revisions_kept).copied())
            .collect()
    }

    /// Returns the revisions whose compiled code is in use: they run, may come back, or wait.
    pub(crate) fn in_use(&self, revisions_kept: usize) -> impl Iterator<Item = Revision> {
        [self.active, self.last, self.file]
            .into_iter()
            .flatten()
            .chain(self.needed(revisions_kept))
    }

    /// Returns whether the file was kept out of service and would be admitted now.
    pub(crate) fn may_take_file(&self) -> bool {
        self.is_file_out
            && self
                .file
                .is_some_and(|file| self.admit(file) == Admission::Rehearse)
    }

    /// Returns the beginning of a revision's probation if it becomes active now.
    ///
    /// There is no probation without a revision to roll back to, or for a revision that an operator
    /// ordered. Whether that revision is available is decided when the probation fails. After a
    /// restart the probation of the previous host goes on.
    pub(crate) fn probation_since(&self, revision: Revision, now: Timestamp) -> Option<Timestamp> {
        let is_new = self.file == Some(revision) && self.active != Some(revision);
        if !is_new || self.is_ordered(revision) {
            return None;
        }

        let next = Self {
            active: Some(revision),
            ..self.clone()
        };
        next.rollback_target(|_| true)?;
        if self.last == Some(revision) {
            return Some(self.last_since.unwrap_or(now));
        }
        Some(now)
    }

    /// Makes a revision the active one, and ends an order that this fulfils.
    pub(crate) fn activate(&mut self, revision: Revision) {
        self.active = Some(revision);
        (self.last, self.last_since) = (None, None);
        self.served.retain(|other| *other != revision);
        self.served.insert(0, revision);
        self.served.truncate(REVISIONS_MAX);
        self.is_file_out = self.file != Some(revision);
        self.order
            .take_if(|order| !order.is_pin && order.revision == revision);
    }

    /// Takes the plugin out of service because its file is gone. An order and blocks stay.
    pub(crate) fn remove(&mut self) {
        self.active = None;
        (self.last, self.last_since) = (None, None);
        self.file = None;
        self.is_file_out = false;
        if self.order.is_none() && self.blocks.is_empty() {
            self.served.clear();
        }
    }

    /// Forgets a revision whose component cannot be had any more, with an order for it.
    pub(crate) fn lose(&mut self, revision: Revision) {
        self.served.retain(|other| *other != revision);
        self.order.take_if(|order| order.revision == revision);
    }

    /// Returns the block of a revision.
    pub fn block_of(&self, revision: Revision) -> Option<&Block> {
        self.blocks.iter().find(|block| block.revision == revision)
    }

    /// Returns the order, if it is a pin.
    pub fn pin(&self) -> Option<&Order> {
        self.order.as_ref().filter(|order| order.is_pin)
    }

    /// Returns the order, unless its revision is blocked.
    fn permitted_order(&self) -> Option<&Order> {
        self.order
            .as_ref()
            .filter(|order| self.block_of(order.revision).is_none())
    }

    /// Returns whether an operator ordered this revision.
    pub(crate) fn is_ordered(&self, revision: Revision) -> bool {
        self.order
            .as_ref()
            .is_some_and(|order| order.revision == revision)
    }

    /// Returns whether the plugin serves, or did when the previous host ended.
    pub(crate) fn serves(&self) -> bool {
        self.active.is_some() || self.last.is_some_and(|last| self.is_at(last, Step::Active))
    }

    /// Returns whether the last recorded step of a revision is this one.
    pub(crate) fn is_at(&self, revision: Revision, step: Step) -> bool {
        self.steps.get(&revision) == Some(&step)
    }

    /// Returns whether the compilation of a revision has been recorded and has not ended.
    pub(crate) fn is_compiling(&self, revision: Revision) -> bool {
        self.is_at(revision, Step::Queued) || self.is_at(revision, Step::Compiling)
    }

    /// Returns whether work is under way that may change what serves.
    pub(crate) fn is_undecided(&self) -> bool {
        let is_tracked = |track: &Track| track.is_open() || track.is_loading();
        self.track.as_ref().is_some_and(is_tracked)
            || self.rehearsing.is_some()
            || self.recalling.is_some()
    }

    /// Returns whether nothing would be lost by forgetting the plugin.
    pub(crate) fn is_blank(&self) -> bool {
        *self == Self::new(self.name.clone())
    }
}

#[cfg(test)]
pub(crate) mod tests;
