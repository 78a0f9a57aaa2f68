//! ListOrder: of the jobs of one source, plugin and ordering key, one at a time may be claimed, the earliest first; and so
//! of the messages of one destination and ordering key.
//!
//! A lane's head is the one of it that isn't over and isn't blocked. All others are blocked, which keeps them out
//! of what a claim reads, so that a claim never walks along those that can't be had.

use hookyard_model::{PluginName, SourceRef, WorkState};
use hookyard_store::Error;
use rusqlite::{OptionalExtension, Row, params};

use super::Store;
use crate::codec::{due_of, store};
use crate::sql;

/// What a lane is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// Jobs of one plugin, in the order of their events.
    Jobs,
    /// Messages to one destination, in the order of their commit.
    Messages,
}

/// Jobs or messages of which one comes after the other.
pub(super) struct Lane {
    of: Of,
    tenant: String,
    /// The plugin or destination.
    owner: String,
    name: String,
}

/// Source and ordering key as one text: no source's name has a slash.
pub(super) fn name(source: &SourceRef, ordering_key: &str) -> String {
    format!("{}/{ordering_key}", source.name)
}

impl Lane {
    /// From the columns of its tenant, its owner and its name.
    pub(super) fn read(of: Of, row: &Row<'_>) -> rusqlite::Result<Option<Self>> {
        let Some(name) = row.get(2)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            of,
            tenant: row.get(0)?,
            owner: row.get(1)?,
            name,
        }))
    }
}

impl Store {
    /// The only place where a job's state changes one by one.
    pub(super) fn put(
        &mut self,
        seq: i64,
        plugin: &PluginName,
        next: WorkState,
        attempts: u32,
    ) -> Result<(), Error> {
        let values = params![seq, plugin.as_str(), next.name(), due_of(next), attempts];
        let lane = self.change(Of::Jobs, sql::JOB_UPDATE, values)?;
        // Only the head is ever leased.
        match lane.filter(|_| !matches!(next, WorkState::Leased { .. })) {
            Some(lane) => self.line_up(&lane),
            None => Ok(()),
        }
    }

    /// Runs a statement that changes a job or message, and tells its lane.
    pub(super) fn change(
        &self,
        of: Of,
        statement: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> Result<Option<Lane>, Error> {
        let mut statement = self.connection.prepare_cached(statement).map_err(store)?;
        statement
            .query_row(values, |row| Lane::read(of, row))
            .optional()
            .map(Option::flatten)
            .map_err(store)
    }

    /// Makes the earliest of a lane its head. To be called after any of them has changed.
    pub(super) fn line_up(&mut self, lane: &Lane) -> Result<(), Error> {
        let (head_of, first_of, block) = match lane.of {
            Of::Jobs => (sql::LANE_HEAD, sql::LANE_FIRST, sql::JOB_BLOCK),
            Of::Messages => (
                sql::outbox::LANE_HEAD,
                sql::outbox::LANE_FIRST,
                sql::outbox::BLOCK,
            ),
        };
        let values = [&lane.tenant, &lane.owner, &lane.name];
        let head: Option<(i64, bool)> = {
            let mut statement = self.connection.prepare_cached(head_of).map_err(store)?;
            statement
                .query_row(values, |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
                .map_err(store)?
        };
        // An earlier one may have come back to life by a replay: it waits for an attempt that is under way.
        if head.is_some_and(|(_, is_leased)| is_leased) {
            return Ok(());
        }
        let first: Option<i64> = {
            let mut statement = self.connection.prepare_cached(first_of).map_err(store)?;
            statement
                .query_row(values, |row| row.get(0))
                .map_err(store)?
        };
        let head = head.map(|(seq, _)| seq);
        if first != head {
            for (seq, is_blocked) in head
                .map(|seq| (seq, true))
                .into_iter()
                .chain(first.map(|seq| (seq, false)))
            {
                self.execute(block, params![seq, lane.owner, is_blocked])?;
            }
            match lane.of {
                Of::Jobs => self.has_news = true,
                Of::Messages => self.has_outbox_news = true,
            }
        }
        Ok(())
    }
}
