//! Lanes: the jobs of one source, plugin and ordering key, or the messages of one destination and
//! ordering key. Only the first unfinished item of a lane may be claimed.
//!
//! The head of a lane is the item that is neither over nor blocked. All other items are blocked.
//! The indexes that a claim reads leave blocked items out, so a claim never walks over items that
//! it cannot lease.

use hookyard_model::{PluginRef, Revision, SourceRef, WorkState};
use hookyard_store::Error;
use rusqlite::{OptionalExtension, Row, params};

use super::Database;
use crate::codec::{due_of, store};

const JOB_UPDATE: &str = "
    UPDATE job SET state = ?3, due_at = ?4, attempts = ?5, lease = ?6, failed_on = ?7,
      spared = spared + ?8
    WHERE event = ?1 AND plugin = ?2";
const LANE_HEAD: &str = "
    SELECT event, state = 'leased' FROM job WHERE tenant = ?1 AND plugin = ?2 AND lane = ?3
      AND lane IS NOT NULL AND state NOT IN ('done', 'dead', 'discarded') AND blocked = 0";
const LANE_FIRST: &str = "
    SELECT min(event) FROM job WHERE tenant = ?1 AND plugin = ?2 AND lane = ?3
      AND lane IS NOT NULL AND state NOT IN ('done', 'dead', 'discarded')";
const JOB_BLOCK: &str = "UPDATE job SET blocked = ?3 WHERE event = ?1 AND plugin = ?2";
const MESSAGE_LANE_HEAD: &str = "
    SELECT seq, state = 'leased' FROM message WHERE tenant = ?1 AND destination = ?2
      AND ordering_key = ?3
      AND ordering_key IS NOT NULL AND state NOT IN ('done', 'dead') AND blocked = 0";
const MESSAGE_LANE_FIRST: &str = "
    SELECT min(seq) FROM message WHERE tenant = ?1 AND destination = ?2 AND ordering_key = ?3
      AND ordering_key IS NOT NULL AND state NOT IN ('done', 'dead')";
const MESSAGE_BLOCK: &str = "UPDATE message SET blocked = ?3 WHERE seq = ?1 AND destination = ?2";

/// The kind of the items of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LaneKind {
    /// Jobs of one plugin, in the order of their events.
    Jobs,
    /// Messages to one destination, in the order of their commit.
    Messages,
}

/// A lane of jobs or messages.
pub(super) struct Lane {
    kind: LaneKind,
    tenant: String,
    /// The name of the plugin or destination.
    owner: String,
    name: String,
}

/// Returns the name of a lane of jobs: the source and the ordering key. The name of a source never
/// contains a slash, so the text is unambiguous.
pub(super) fn name(source: &SourceRef, ordering_key: &str) -> String {
    format!("{}/{ordering_key}", source.name)
}

impl Lane {
    fn of_job(plugin: &PluginRef, name: &str) -> Self {
        Self {
            kind: LaneKind::Jobs,
            tenant: plugin.tenant.to_string(),
            owner: plugin.name.to_string(),
            name: name.to_owned(),
        }
    }

    /// Reads the columns for the tenant, the owner and the name of the lane. A job or message
    /// without an ordering key has no lane.
    pub(super) fn read(kind: LaneKind, row: &Row<'_>) -> rusqlite::Result<Option<Self>> {
        let Some(name) = row.get(2)? else {
            return Ok(None);
        };

        Ok(Some(Self {
            kind,
            tenant: row.get(0)?,
            owner: row.get(1)?,
            name,
        }))
    }
}

/// A job whose state is about to change.
pub(super) struct JobRow<'j> {
    pub(super) seq: i64,
    pub(super) plugin: &'j PluginRef,
    pub(super) lane: Option<String>,
    pub(super) state: WorkState,
}

/// The new columns of a job.
pub(super) struct JobChange {
    pub(super) state: WorkState,
    pub(super) attempts: u32,
    /// The number of the lease under which the job is, or under which its last attempt ended.
    pub(super) lease: Option<i64>,
    /// The revision on probation on which the last attempt failed.
    pub(super) failed_on: Option<Revision>,
    /// Whether the last attempt does not count.
    pub(super) is_spared: bool,
}

impl JobChange {
    /// Returns the change to a state without a lease.
    pub(super) const fn to(state: WorkState, attempts: u32) -> Self {
        Self {
            state,
            attempts,
            lease: None,
            failed_on: None,
            is_spared: false,
        }
    }
}

impl Database {
    /// Changes the state of one job, and updates its lane. Only batches change states elsewhere.
    pub(super) fn put(&mut self, job: &JobRow<'_>, change: JobChange) -> Result<(), Error> {
        self.write_change(job, &change)?;
        self.follow_change(job, change.state)
    }

    /// Writes the new columns of a job. [`Database::follow_change`] must follow.
    pub(super) fn write_change(&self, job: &JobRow<'_>, change: &JobChange) -> Result<(), Error> {
        let values = params![
            job.seq,
            job.plugin.name.as_str(),
            change.state.name(),
            due_of(change.state),
            change.attempts,
            change.lease,
            change.failed_on.map(|revision| revision.to_string()),
            change.is_spared,
        ];

        self.execute(JOB_UPDATE, values).map(drop)
    }

    /// Updates the lane of a job, and what the writer knows, after the job has changed its state.
    pub(super) fn follow_change(
        &mut self,
        job: &JobRow<'_>,
        state: WorkState,
    ) -> Result<(), Error> {
        self.knowledge.note(job.plugin, Some(job.state), state);

        // Only the head of a lane is ever leased, so a lease never changes the head.
        let Some(lane) = &job.lane else {
            return Ok(());
        };
        let is_leased = matches!(state, WorkState::Leased { .. });
        if !is_leased && self.move_head(&Lane::of_job(job.plugin, lane))? {
            self.knowledge.set_busy(job.plugin);
            self.set_due(job.plugin);
        }

        Ok(())
    }

    /// Runs a statement that changes a job or message and returns the columns of its lane.
    pub(super) fn change(
        &self,
        kind: LaneKind,
        statement: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> Result<Option<Lane>, Error> {
        let mut statement = self.connection.prepare_cached(statement).map_err(store)?;
        statement
            .query_row(values, |row| Lane::read(kind, row))
            .optional()
            .map(Option::flatten)
            .map_err(store)
    }

    /// Makes the first unfinished item of a lane its head. Must be called after a batch has changed
    /// any item of the lane.
    pub(super) fn update_lane(&mut self, lane: &Lane) -> Result<(), Error> {
        if self.move_head(lane)? {
            match lane.kind {
                LaneKind::Jobs => {
                    self.knowledge.set_all_busy();
                    self.has_due_jobs = true;
                }
                LaneKind::Messages => self.has_due_messages = true,
            }
        }
        Ok(())
    }

    /// Makes the first unfinished item of a lane its head. Returns whether the head is another item
    /// than before.
    fn move_head(&mut self, lane: &Lane) -> Result<bool, Error> {
        let (head_of, first_of, block) = match lane.kind {
            LaneKind::Jobs => (LANE_HEAD, LANE_FIRST, JOB_BLOCK),
            LaneKind::Messages => (MESSAGE_LANE_HEAD, MESSAGE_LANE_FIRST, MESSAGE_BLOCK),
        };
        let values = [&lane.tenant, &lane.owner, &lane.name];
        let head: Option<(i64, bool)> = {
            let mut statement = self.connection.prepare_cached(head_of).map_err(store)?;
            statement
                .query_row(values, |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
                .map_err(store)?
        };

        // A replay may bring an earlier item back. It waits while the current head is being
        // attempted.
        if head.is_some_and(|(_, is_leased)| is_leased) {
            return Ok(false);
        }

        let first: Option<i64> = {
            let mut statement = self.connection.prepare_cached(first_of).map_err(store)?;
            statement
                .query_row(values, |row| row.get(0))
                .map_err(store)?
        };
        let head = head.map(|(seq, _)| seq);
        let is_moved = first != head;
        if is_moved {
            for (seq, is_blocked) in head
                .map(|seq| (seq, true))
                .into_iter()
                .chain(first.map(|seq| (seq, false)))
            {
                self.execute(block, params![seq, lane.owner, is_blocked])?;
            }
        }

        Ok(is_moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    #[test]
    fn statements_use_indexes() {
        query_plans::check(&[
            (
                "settle: put",
                JOB_UPDATE,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            (
                "settle: head of a lane",
                LANE_HEAD,
                &["INDEX job_head (tenant=? AND plugin=? AND lane=?)"],
            ),
            (
                "settle: first of a lane",
                LANE_FIRST,
                &["INDEX job_lane (tenant=? AND plugin=? AND lane=?)"],
            ),
            (
                "settle: next of a lane",
                JOB_BLOCK,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            (
                "settle: head of a lane",
                MESSAGE_LANE_HEAD,
                &["INDEX message_head (tenant=? AND destination=? AND ordering_key=?)"],
            ),
            (
                "settle: first of a lane",
                MESSAGE_LANE_FIRST,
                &["INDEX message_lane (tenant=? AND destination=? AND ordering_key=?)"],
            ),
            (
                "settle: next of a lane",
                MESSAGE_BLOCK,
                &["PRIMARY KEY (rowid=?)"],
            ),
        ]);
    }
}
