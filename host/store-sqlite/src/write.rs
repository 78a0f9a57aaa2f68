//! The statements of each writing call, inside a transaction that the call shares with others.
//!
//! Nothing here commits: the writer commits once for the whole group. The next states come from
//! `hookyard_store::transitions` and from the caller; this module only decides which rows to
//! change.

mod knowledge;
mod append;
mod claim;
mod discard;
mod effects;
mod lane;
mod lease;
mod outbox;
mod quarantine;
mod replay;
mod retention;
mod retry;
mod routing;
mod settle;
mod sweep;

pub(crate) use claim::NewLease;
pub(crate) use discard::{DiscardBatch, Discarded};
pub(crate) use outbox::{ExpiredMessage, MessageBatch, NewMessageLease, is_disabled};
pub(crate) use quarantine::quarantined;
pub(crate) use replay::ReplayBatch;
pub(crate) use retention::Expired;
pub(crate) use routing::{JobCounts, load_routes};
pub(crate) use sweep::Sweep;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use hookyard_crash::Point;
use hookyard_model::{PluginRef, TenantName, Timestamp};
use hookyard_store::{ClaimedJob, Error, Feed, Handover, Hint};
use rusqlite::{Connection, params};

use crate::codec::store;
use knowledge::Knowledge;

const STORED_ADD: &str = "
    INSERT INTO stored (tenant, events, bytes) VALUES (?1, ?2, ?3)
    ON CONFLICT (tenant)
    DO UPDATE SET events = events + excluded.events, bytes = bytes + excluded.bytes";
/// The writer's connection, and what the writer knows of the database.
pub(crate) struct Database {
    pub(crate) connection: Connection,
    /// The time at which the current transaction began, by the clock of the store.
    now: Timestamp,
    knowledge: Knowledge,
    handover: Option<Arc<Handover>>,
    /// The jobs that the current transaction has leased for the handover.
    handed_over: Vec<ClaimedJob>,
    /// The events and bytes that the current transaction has stored for each tenant, and has yet to
    /// add to the totals.
    stored: HashMap<TenantName, (i64, i64)>,
    /// The plugins whose jobs the current transaction has made due, if there is a handover.
    due_plugins: HashSet<PluginRef>,
    /// Whether anybody hears the hints of the current transaction.
    is_heard: bool,
    /// What the current transaction has changed, if anybody hears it.
    hints: Vec<Hint>,
    /// Whether the current transaction has made other jobs due.
    pub(crate) has_due_jobs: bool,
    /// Whether the current transaction has made messages due.
    pub(crate) has_due_messages: bool,
}

/// How far a transaction has come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mark {
    /// The number of jobs that it has leased for the handover.
    handed_over: usize,
    /// The number of changes that it has noted.
    hints: usize,
}

impl Database {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection,
            now: Timestamp::from_unix_millis(0),
            knowledge: Knowledge::new(),
            handover: None,
            handed_over: Vec::new(),
            stored: HashMap::new(),
            due_plugins: HashSet::new(),
            is_heard: false,
            hints: Vec::new(),
            has_due_jobs: false,
            has_due_messages: false,
        }
    }

    /// Prepares for a transaction that begins at `now`. `is_heard` is whether anybody hears of its
    /// changes.
    pub(crate) fn begin(
        &mut self,
        now: Timestamp,
        handover: Option<Arc<Handover>>,
        is_heard: bool,
    ) {
        self.now = now;
        self.handover = handover;
        self.is_heard = is_heard;
        self.hints.clear();
        self.due_plugins.clear();
        self.has_due_jobs = false;
        self.has_due_messages = false;
    }

    /// Writes the totals of what the transaction has stored. Must be called before its end.
    pub(crate) fn add_totals(&mut self) -> rusqlite::Result<()> {
        for (tenant, (events, bytes)) in self.stored.drain() {
            self.connection
                .prepare_cached(STORED_ADD)?
                .execute(params![tenant.as_str(), events, bytes])?;
        }

        Ok(())
    }

    /// Hands over the jobs that the transaction has leased, and notes the plugins whose jobs it has
    /// made due. Must be called once the transaction is durable.
    pub(crate) fn hand_over_all(&mut self) {
        let Some(handover) = &self.handover else {
            return;
        };
        if !self.handed_over.is_empty() {
            Point::HandoverCommitted.pass();
            handover.put(self.handed_over.drain(..));
        }
        for plugin in self.due_plugins.drain() {
            handover.note_due(&plugin);
        }
    }

    /// Tells what the transaction has changed. Must be called once the transaction is durable.
    pub(crate) fn tell(&mut self, feed: &Feed) {
        self.hints.drain(..).for_each(|hint| feed.tell(hint));
    }

    /// Notes a change for those who look on.
    pub(crate) fn hint(&mut self, hint: impl FnOnce() -> Hint) {
        if self.is_heard {
            self.hints.push(hint());
        }
    }

    /// Returns the time at which the current transaction began.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Notes that a job of a plugin is due.
    fn set_due(&mut self, plugin: &PluginRef) {
        if self.handover.is_none() {
            self.has_due_jobs = true;
        } else if !self.due_plugins.contains(plugin) {
            self.due_plugins.insert(plugin.clone());
        }
    }

    /// Forgets what may not be true after a rollback, and gives back the places of the jobs that
    /// were leased for the handover.
    pub(crate) fn undo(&mut self) {
        self.undo_to(Mark::default());
    }

    /// Returns how far the transaction has come.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            handed_over: self.handed_over.len(),
            hints: self.hints.len(),
        }
    }

    /// Does the same as [`Database::undo`] for what came after a mark.
    pub(crate) fn undo_to(&mut self, mark: Mark) {
        self.forget();
        self.stored.clear();
        self.hints.truncate(mark.hints);
        let undone = self.handed_over.drain(mark.handed_over..);
        if let Some(handover) = &self.handover {
            for job in undone {
                handover.begun(&job.lease.plugin, job.event.body.len());
            }
        }
    }

    /// Forgets what may not be true after another process has written.
    pub(crate) fn forget(&mut self) {
        self.knowledge.forget();
    }

    pub(crate) fn execute(
        &self,
        statement: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> Result<usize, Error> {
        self.connection
            .prepare_cached(statement)
            .and_then(|mut statement| statement.execute(values))
            .map_err(store)
    }
}

/// Returns this number of days.
pub(crate) fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 3600)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    #[test]
    fn statements_use_indexes() {
        query_plans::check(&[("append: totals", STORED_ADD, &[])]);
    }
}
