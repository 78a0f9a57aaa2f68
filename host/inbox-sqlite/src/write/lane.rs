//! Order: of the jobs of one source, plugin and ordering key, one at a time may be claimed, the earliest first.
//!
//! A lane's head is the one job of it that isn't over and isn't blocked. All others are blocked, which keeps them out
//! of what a claim reads, so that a claim never walks along those that can't be had.

use std::collections::BTreeSet;

use hookyard_inbox::Error;
use hookyard_model::{JobState, PluginName, SourceRef};
use rusqlite::{OptionalExtension, Row, params};

use super::Store;
use crate::codec::{self, due_of, store};
use crate::sql;

/// Jobs of one plugin that are handled in the order of their events.
pub(super) struct Lane {
    tenant: String,
    plugin: String,
    name: String,
}

/// Source and ordering key as one text: no source's name has a slash.
pub(super) fn name(source: &SourceRef, ordering_key: &str) -> String {
    format!("{}/{ordering_key}", source.source)
}

impl Lane {
    /// From the columns `tenant`, `plugin` and `lane`.
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Option<Self>> {
        let Some(name) = row.get(2)? else { return Ok(None) };
        Ok(Some(Self { tenant: row.get(0)?, plugin: row.get(1)?, name }))
    }
}

impl Store {
    /// The only place where a job's state changes one by one.
    pub(super) fn put(&mut self, seq: i64, plugin: &PluginName, next: JobState, attempts: u32) -> Result<(), Error> {
        let values = params![seq, plugin.as_str(), next.name(), due_of(next), attempts];
        let lane = self.change(sql::JOB_UPDATE, values)?;
        // Only the head is ever leased.
        match lane.filter(|_| !matches!(next, JobState::Leased { .. })) {
            Some(lane) => self.line_up(&lane),
            None => Ok(()),
        }
    }

    /// Runs a statement that changes a job, and tells its lane.
    pub(super) fn change(&self, statement: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Option<Lane>, Error> {
        let mut statement = self.connection.prepare_cached(statement).map_err(store)?;
        statement.query_row(values, Lane::read).optional().map(Option::flatten).map_err(store)
    }

    /// Makes the earliest job of a lane its head. To be called after any of them has changed.
    pub(super) fn line_up(&mut self, lane: &Lane) -> Result<(), Error> {
        let values = [&lane.tenant, &lane.plugin, &lane.name];
        let head: Option<(i64, bool)> = {
            let mut statement = self.connection.prepare_cached(sql::LANE_HEAD).map_err(store)?;
            statement.query_row(values, |row| Ok((row.get(0)?, row.get(1)?))).optional().map_err(store)?
        };
        // An earlier one may have come back to life by a replay: it waits for an attempt that is under way.
        if head.is_some_and(|(_, is_leased)| is_leased) {
            return Ok(());
        }
        let first: Option<i64> = {
            let mut statement = self.connection.prepare_cached(sql::LANE_FIRST).map_err(store)?;
            statement.query_row(values, |row| row.get(0)).map_err(store)?
        };
        let head = head.map(|(seq, _)| seq);
        if first != head {
            for (seq, is_blocked) in head.map(|seq| (seq, true)).into_iter().chain(first.map(|seq| (seq, false))) {
                self.execute(sql::JOB_BLOCK, params![seq, lane.plugin, is_blocked])?;
            }
            self.has_news = true;
        }
        Ok(())
    }

    /// Gives the events of a source that have had no plugin so far to this one.
    pub(super) fn add_jobs(&mut self, source: &SourceRef, plugin: &PluginName, state: JobState) -> Result<(), Error> {
        let (tenant, source_name) = (source.tenant.as_str(), source.source.as_str());
        let ordering_keys: BTreeSet<String> = {
            let mut statement = self.connection.prepare_cached(sql::UNROUTED_ORDER).map_err(store)?;
            codec::read_all(&mut statement, [tenant, source_name], |row| row.get(0).map_err(store))?
                .into_iter()
                .collect()
        };
        let values = params![tenant, source_name, plugin.as_str(), state.name()];
        self.execute(sql::JOBS_OF_UNROUTED, values)?;
        ordering_keys.iter().try_for_each(|ordering_key| {
            let name = name(source, ordering_key);
            self.line_up(&Lane { tenant: tenant.to_owned(), plugin: plugin.to_string(), name })
        })
    }
}
