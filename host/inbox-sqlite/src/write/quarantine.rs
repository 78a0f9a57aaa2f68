//! Quarantine: the jobs of a plugin are held, as if no source were routed to it.

use std::collections::BTreeSet;

use hookyard_inbox::{Error, Quarantine, step};
use hookyard_model::{JobState, PluginName, PluginRef, SourceRef, Timestamp};
use rusqlite::{Connection, Row, params};

use super::Store;
use crate::codec::{self, due_of, parsed, store};
use crate::sql;

/// Jobs that are held or set free at once.
const STRETCH: usize = 500;

impl Store {
    /// Quarantines a plugin and holds a first stretch of its jobs; whether there may be more.
    ///
    /// From now on no claim gives out any of them: the rest may follow one stretch at a time.
    pub(crate) fn quarantine(&mut self, quarantine: &Quarantine) -> Result<bool, Error> {
        let Quarantine { plugin: PluginRef { tenant, plugin }, revision, reason, since } = quarantine;
        let revision = revision.to_string();
        let values = params![tenant.as_str(), plugin.as_str(), revision, reason, since.unix_millis()];
        self.execute(sql::QUARANTINE_PUT, values)?;
        self.quarantined = None;
        self.hold(&quarantine.plugin)
    }

    /// Holds a stretch of a plugin's jobs, if it is quarantined still; whether there may be more.
    pub(crate) fn hold(&mut self, plugin: &PluginRef) -> Result<bool, Error> {
        if !self.is_in_quarantine(plugin)? {
            return Ok(false);
        }
        let waiting = JobState::Waiting { until: Timestamp::from_unix_millis(0) };
        let mut left = STRETCH;
        for (statement, state) in [(sql::HOLD_PENDING, JobState::Pending), (sql::HOLD_WAITING, waiting)] {
            left -= self.turn_some(statement, plugin, step::route(state, false), left, None)?;
        }
        Ok(left == 0)
    }

    /// Sets free a stretch of a plugin's jobs, and ends the quarantine once none is left; whether there may be more.
    pub(crate) fn lift(&mut self, plugin: &PluginRef) -> Result<bool, Error> {
        if !self.is_in_quarantine(plugin)? {
            return Ok(false);
        }
        let of_plugin = |(source, plugins): (&SourceRef, &BTreeSet<PluginName>)| {
            (source.tenant == plugin.tenant && plugins.contains(&plugin.plugin)).then(|| source.clone())
        };
        let sources: Vec<_> = self.routes()?.0.iter().filter_map(of_plugin).collect();
        let mut left = STRETCH;
        for source in &sources {
            let next = step::route(JobState::Held, true);
            left -= self.turn_some(sql::FREE_HELD, plugin, next, left, Some(source))?;
        }
        if left > 0 {
            self.execute(sql::QUARANTINE_DELETE, params![plugin.tenant.as_str(), plugin.plugin.as_str()])?;
            self.quarantined = None;
            self.has_news = true;
        }
        Ok(left == 0)
    }

    fn turn_some(
        &self,
        statement: &str,
        plugin: &PluginRef,
        next: JobState,
        limit: usize,
        source: Option<&SourceRef>,
    ) -> Result<usize, Error> {
        let source = source.map(|source| source.source.as_str());
        let (tenant, plugin) = (plugin.tenant.as_str(), plugin.plugin.as_str());
        let mut statement = self.connection.prepare_cached(statement).map_err(store)?;
        let values = params![tenant, plugin, next.name(), due_of(next), limit as i64, source];
        // Only what is set free is of one source.
        let values = &values[..statement.parameter_count()];
        statement.execute(values).map_err(store)
    }

    pub(super) fn is_in_quarantine(&mut self, plugin: &PluginRef) -> Result<bool, Error> {
        let mut statement = self.connection.prepare_cached(sql::IS_QUARANTINED).map_err(store)?;
        let values = [plugin.tenant.as_str(), plugin.plugin.as_str()];
        statement.query_row(values, |row| row.get(0)).map_err(store)
    }

    pub(super) fn is_quarantined(&mut self, source: &SourceRef, plugin: &PluginName) -> Result<bool, Error> {
        let quarantined = match &mut self.quarantined {
            Some(known) => known,
            unknown => {
                let rows = quarantined(&self.connection)?;
                unknown.insert(rows.into_iter().map(|row| row.plugin).collect())
            }
        };
        // Hardly ever any, and this is asked for every job.
        let is_it = |held: &PluginRef| held.tenant == source.tenant && held.plugin == *plugin;
        Ok(quarantined.iter().any(is_it))
    }
}

/// All that are.
pub(crate) fn quarantined(connection: &Connection) -> Result<Vec<Quarantine>, Error> {
    let mut statement = connection.prepare_cached(sql::QUARANTINED).map_err(store)?;
    codec::read_all(&mut statement, [], read)
}

fn read(row: &Row<'_>) -> Result<Quarantine, Error> {
    let text = |column: usize| row.get::<_, String>(column).map_err(store);
    let tenant = parsed(&text(0)?, "a quarantine's tenant")?;
    Ok(Quarantine {
        plugin: PluginRef { tenant, plugin: parsed(&text(1)?, "a quarantine's plugin")? },
        revision: codec::revision(&text(2)?)?,
        reason: text(3)?,
        since: Timestamp::from_unix_millis(row.get(4).map_err(store)?),
    })
}
