//! Routes, and the effect of a change of the routes on jobs.
//!
//! The table changes in one transaction. The changes to existing jobs are made in batches, so that
//! nobody waits long for the writer: before the table changes, unrouted events get jobs for their
//! first plugins; after it, a sweep holds and frees jobs. Claims read the table, so they never
//! lease a job that must be held.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hookyard_crash::Point;
use hookyard_model::{PluginName, PluginRef, Revision, SourceRef, Timestamp};
use hookyard_store::{Backlog, BacklogPolicy, Error, Routes, transitions};
use rusqlite::{Connection, params};

use super::lane::{self, LaneKind};
use super::{Database, Sweep};
use crate::codec::{self, corrupt, due_of, parsed, store};

/// Inserts a job for an event that arrived earlier. The job stays blocked until its lane is
/// updated.
const JOB_INSERT_LATE: &str = "
    INSERT INTO job (event, plugin, tenant, state, due_at, revision, since, lane, blocked)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8 IS NOT NULL)
    RETURNING tenant, plugin, lane";
pub(crate) const UNROUTED_TAKE: &str = "DELETE FROM unrouted WHERE event = ?1";
const ROUTES_LOAD: &str = "SELECT tenant, source, plugin FROM route";
const ROUTE_INSERT: &str = "INSERT INTO route (tenant, source, plugin) VALUES (?1, ?2, ?3)";
const ROUTE_DELETE: &str = "DELETE FROM route WHERE tenant = ?1 AND source = ?2 AND plugin = ?3";
const UNROUTED: &str = "
    SELECT event.seq, event.ordering_key FROM unrouted
      CROSS JOIN event ON event.seq = unrouted.event
    WHERE unrouted.tenant = ?1 AND unrouted.source = ?2 ORDER BY unrouted.event LIMIT ?3";
/// Removes an event from the unrouted events.
const EVENT_DISCARD_FORGET: &str = "DELETE FROM discard WHERE event = ?1 AND plugin = ''";

/// The maximum number of events in one batch.
const BATCH_MAX: usize = 500;

/// The number of jobs that each plugin has got from its backlog.
pub(crate) type JobCounts = BTreeMap<PluginRef, u64>;

/// A job for an event that arrived earlier.
pub(super) struct LateJob {
    pub(super) event: i64,
    /// The time at which the job becomes due, or `None` for at once.
    pub(super) due: Option<Timestamp>,
    /// The time at which the age of the job starts, or `None` for the arrival of the event.
    pub(super) since: Option<Timestamp>,
    /// The revision to run, or `None` for the active revision.
    pub(super) revision: Option<Revision>,
}

/// The plugins of a source that take its backlog.
struct BacklogTakers<'t> {
    source: &'t SourceRef,
    /// The plugins, each with its rate.
    plugins: Vec<(PluginRef, Option<f64>)>,
    now: Timestamp,
}

impl Database {
    /// Creates jobs for one batch of unrouted events, for the plugins that take a backlog. Returns
    /// whether there may be more.
    pub(crate) fn take_backlog(
        &mut self,
        routes: &Routes,
        backlog: &Backlog,
        job_counts: &mut JobCounts,
    ) -> Result<bool, Error> {
        let mut left = BATCH_MAX;
        for takers in routes
            .0
            .iter()
            .map(|(source, plugins)| BacklogTakers::of(source, plugins, backlog))
        {
            if takers.plugins.is_empty() {
                continue;
            }
            left -= self.take_backlog_of(&takers, job_counts, left)?;
            if left == 0 {
                return Ok(true);
            }
        }

        Ok(false)
    }

    fn take_backlog_of(
        &mut self,
        takers: &BacklogTakers<'_>,
        job_counts: &mut JobCounts,
        limit: usize,
    ) -> Result<usize, Error> {
        let BacklogTakers {
            source,
            plugins,
            now,
        } = takers;
        let events: Vec<(i64, Option<String>)> = {
            let mut statement = self.connection.prepare_cached(UNROUTED).map_err(store)?;
            let values = params![source.tenant.as_str(), source.name.as_str(), limit as i64];
            codec::read_all(&mut statement, values, |row| {
                Ok((row.get(0).map_err(store)?, row.get(1).map_err(store)?))
            })?
        };

        for (event, ordering_key) in &events {
            for (plugin, rate) in plugins {
                let count = job_counts.entry(plugin.clone()).or_default();
                let due = transitions::replay_due(*now, *rate, *count);
                *count += 1;

                let since = rate.map(|_| due.unwrap_or(*now));
                let late = LateJob {
                    event: *event,
                    due,
                    since,
                    revision: None,
                };
                self.add_late_job(&late, source, plugin, ordering_key.as_deref())?;
            }
        }
        Ok(events.len())
    }

    /// Creates a job for an event that arrived earlier. The event is then neither unrouted nor
    /// discarded.
    pub(super) fn add_late_job(
        &mut self,
        late: &LateJob,
        source: &SourceRef,
        plugin: &PluginRef,
        ordering_key: Option<&str>,
    ) -> Result<(), Error> {
        let state = transitions::begin(late.due, !self.is_quarantined(plugin)?);
        let values = params![
            late.event,
            plugin.name.as_str(),
            plugin.tenant.as_str(),
            state.name(),
            due_of(state),
            late.revision.map(|revision| revision.to_string()),
            late.since.map(Timestamp::unix_millis),
            ordering_key.map(|ordering_key| lane::name(source, ordering_key)),
        ];
        let lane = self.change(LaneKind::Jobs, JOB_INSERT_LATE, values)?;
        self.knowledge.note(plugin, None, state);
        self.execute(UNROUTED_TAKE, params![late.event])?;
        self.execute(EVENT_DISCARD_FORGET, params![late.event])?;

        match lane {
            Some(lane) => self.update_lane(&lane),
            None => Ok(()),
        }
    }

    /// Replaces the table and returns the sweeps that must follow.
    pub(crate) fn route(
        &mut self,
        routes: &Routes,
        backlog: &Backlog,
        job_counts: &mut JobCounts,
    ) -> Result<Vec<Sweep>, Error> {
        // Takes the events that arrived since the last batch.
        while self.take_backlog(routes, backlog, job_counts)? {}

        let old = load_routes(&self.connection)?;
        for (source, plugin) in difference(&old, routes) {
            self.execute(
                ROUTE_DELETE,
                params![
                    source.tenant.as_str(),
                    source.name.as_str(),
                    plugin.as_str()
                ],
            )?;
        }

        Point::RouteHalf.pass();

        for (source, plugin) in difference(routes, &old) {
            self.execute(
                ROUTE_INSERT,
                params![
                    source.tenant.as_str(),
                    source.name.as_str(),
                    plugin.as_str()
                ],
            )?;
        }

        self.knowledge.set_routes(routes);
        self.knowledge.set_all_busy();
        self.has_due_jobs = true;

        let of_tenant = |(source, plugin): (&SourceRef, &PluginName)| PluginRef {
            tenant: source.tenant.clone(),
            name: plugin.clone(),
        };

        let gone: BTreeSet<_> = difference(&old, routes)
            .into_iter()
            .map(of_tenant)
            .collect();
        // Sweeps every routed plugin, not only the new ones: an earlier host may have died before
        // it had freed all jobs.
        let there: BTreeSet<_> = difference(routes, &Routes::default())
            .into_iter()
            .map(of_tenant)
            .collect();

        Ok(gone
            .into_iter()
            .flat_map(Sweep::to_hold)
            .chain(there.into_iter().map(Sweep::to_free))
            .collect())
    }

    /// Returns whether the source is routed to the plugin and the plugin is not quarantined.
    pub(super) fn accepts(
        &mut self,
        source: &SourceRef,
        plugin: &PluginRef,
    ) -> Result<bool, Error> {
        Ok(self.is_routed(source, plugin)? && !self.is_quarantined(plugin)?)
    }

    pub(super) fn is_routed(
        &mut self,
        source: &SourceRef,
        plugin: &PluginRef,
    ) -> Result<bool, Error> {
        Ok(self.plugins_of(source)?.contains(plugin))
    }

    /// Returns the plugins that the source is routed to.
    pub(super) fn plugins_of(&mut self, source: &SourceRef) -> Result<Arc<[PluginRef]>, Error> {
        if self.knowledge.routes.is_none() {
            self.knowledge.set_routes(&load_routes(&self.connection)?);
        }
        let routes = self.knowledge.routes.as_ref().expect("just loaded");

        Ok(routes.get(source).map(Arc::clone).unwrap_or_default())
    }
}

impl<'t> BacklogTakers<'t> {
    fn of(source: &'t SourceRef, plugins: &BTreeSet<PluginName>, backlog: &Backlog) -> Self {
        let taker = |plugin: &PluginName| {
            let plugin = PluginRef {
                tenant: source.tenant.clone(),
                name: plugin.clone(),
            };
            match backlog.of(&plugin) {
                BacklogPolicy::All { rate } => Some((plugin, rate)),
                BacklogPolicy::None => None,
            }
        };

        Self {
            source,
            plugins: plugins.iter().filter_map(taker).collect(),
            now: backlog.now,
        }
    }
}

/// Returns the routes of `these` that `those` does not have.
fn difference<'a>(these: &'a Routes, those: &Routes) -> Vec<(&'a SourceRef, &'a PluginName)> {
    let pairs = these
        .0
        .iter()
        .flat_map(|(source, plugins)| plugins.iter().map(move |plugin| (source, plugin)));
    pairs
        .filter(|(source, plugin)| {
            !those
                .0
                .get(source)
                .is_some_and(|there| there.contains(plugin))
        })
        .collect()
}

/// Reads the stored table.
pub(crate) fn load_routes(connection: &Connection) -> Result<Routes, Error> {
    let mut statement = connection.prepare_cached(ROUTES_LOAD).map_err(store)?;
    let mut rows = statement.query([]).map_err(store)?;
    let mut routes = BTreeMap::<SourceRef, BTreeSet<PluginName>>::new();
    while let Some(row) = rows.next().map_err(store)? {
        let text = |column: usize| {
            row.get_ref(column)
                .ok()
                .and_then(|value| value.as_str().ok())
                .unwrap_or_default()
        };
        let tenant = parsed(text(0), "a route's tenant")?;
        let source = SourceRef {
            tenant,
            name: parsed(text(1), "a route's source")?,
        };
        let plugin = PluginName::new(text(2)).map_err(|_| corrupt("a route's plugin"))?;
        routes.entry(source).or_default().insert(plugin);
    }

    Ok(Routes(routes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    #[test]
    fn statements_use_indexes() {
        query_plans::check(&[
            (
                "route: unrouted",
                UNROUTED,
                &[
                    "unrouted USING PRIMARY KEY (tenant=? AND source=?)",
                    "(rowid=?)",
                ],
            ),
            (
                "route: take",
                UNROUTED_TAKE,
                &["INDEX unrouted_event (event=?)"],
            ),
            ("route: a late job", JOB_INSERT_LATE, &[]),
            (
                "discard: forget",
                EVENT_DISCARD_FORGET,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
        ]);
    }
}
