//! What the writer knows of the database without reading it: the routes, the quarantines, and which
//! plugins have nothing to claim.
//!
//! Everything here can be read again. [`Knowledge::forget`] clears it after a rollback and after a
//! write of another process.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use hookyard_model::{PluginRef, SourceRef, Timestamp, WorkState};
use hookyard_store::{LeaseToken, Routes};
use uuid::Uuid;

/// What the writer knows.
pub(super) struct Knowledge {
    /// The plugins of each source that has some.
    pub(super) routes: Option<HashMap<SourceRef, Arc<[PluginRef]>>>,
    pub(super) quarantined: Option<BTreeSet<PluginRef>>,
    /// Whether there are idempotency keys of version 5.
    pub(super) has_old_keys: Option<bool>,
    /// The plugins without a job that is pending and could be claimed, each with the next time at
    /// which another job of the plugin is due.
    idle: HashMap<PluginRef, NextDue>,
    last_lease: i64,
}

/// The next time at which a leased or waiting job of a plugin is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextDue {
    Unknown,
    /// The time, or `None` if there is no such job.
    At(Option<Timestamp>),
}

impl Knowledge {
    pub(super) fn new() -> Self {
        // Numbers of leases begin at a random place, so that those of different hosts differ.
        let (_, random) = Uuid::new_v4().as_u64_pair();

        Self {
            routes: None,
            quarantined: None,
            has_old_keys: None,
            idle: HashMap::new(),
            last_lease: random.cast_signed(),
        }
    }

    /// Clears everything that a rollback or another process may have made untrue.
    pub(super) fn forget(&mut self) {
        self.routes = None;
        self.quarantined = None;
        self.has_old_keys = None;
        self.idle.clear();
    }

    /// Returns a number that no other lease has.
    pub(super) fn new_lease(&mut self) -> i64 {
        self.last_lease = self.last_lease.wrapping_add(1);
        self.last_lease
    }

    pub(super) fn set_routes(&mut self, routes: &Routes) {
        let plugins_of = |(source, plugins): (&SourceRef, &BTreeSet<_>)| {
            let plugin = |name: &hookyard_model::PluginName| PluginRef {
                tenant: source.tenant.clone(),
                name: name.clone(),
            };
            (source.clone(), plugins.iter().map(plugin).collect())
        };

        self.routes = Some(routes.0.iter().map(plugins_of).collect());
    }

    /// Returns what is known of an idle plugin, or `None` for a plugin that may have pending jobs.
    pub(super) fn idle(&self, plugin: &PluginRef) -> Option<NextDue> {
        self.idle.get(plugin).copied()
    }

    /// Notes that a plugin has no pending job that could be claimed.
    pub(super) fn set_idle(&mut self, plugin: &PluginRef, next_due: NextDue) {
        match self.idle.get_mut(plugin) {
            Some(known) => *known = next_due,
            None => {
                self.idle.insert(plugin.clone(), next_due);
            }
        }
    }

    /// Notes that a plugin may have pending jobs.
    pub(super) fn set_busy(&mut self, plugin: &PluginRef) {
        self.idle.remove(plugin);
    }

    /// Notes that any plugin may have pending jobs.
    pub(super) fn set_all_busy(&mut self) {
        self.idle.clear();
    }

    /// Notes that the state of a job has changed, or that a job was created.
    pub(super) fn note(&mut self, plugin: &PluginRef, before: Option<WorkState>, after: WorkState) {
        if after == WorkState::Pending {
            self.set_busy(plugin);
            return;
        }

        let Some(NextDue::At(next_due)) = self.idle.get(plugin).copied() else {
            return;
        };
        let ended = before.and_then(|state| state.due_at());
        let known = match after.due_at() {
            Some(due) if next_due.is_none_or(|next| due <= next) => NextDue::At(Some(due)),
            // The job may have been the next one.
            _ if ended.is_some() && ended == next_due => NextDue::Unknown,
            _ => return,
        };
        self.idle.insert(plugin.clone(), known);
    }
}

/// Returns the token of a lease: the number of the lease, and the number of the row.
pub(super) fn token(lease: i64, seq: i64) -> LeaseToken {
    let (lease, seq) = (lease.cast_unsigned(), seq.cast_unsigned());
    LeaseToken::from_u128(u128::from(lease) << 64 | u128::from(seq))
}

/// Returns the number of the lease and the number of the row of a token.
pub(super) fn parts_of(token: LeaseToken) -> (i64, i64) {
    let number = token.as_u128();
    let part = |number: u128| (number as u64).cast_signed();
    (part(number >> 64), part(number))
}
