//! Replays jobs, one batch at a time.

use hookyard_model::{PluginRef, Revision, SourceRef, Timestamp, WorkState};
use hookyard_store::{Error, Hint, ReplaySummary, transitions};
use rusqlite::{OptionalExtension, params};

use super::Database;
use super::lane::LaneKind;
use super::routing::LateJob;
use crate::codec::{self, due_of, parsed, store};
use crate::selection::JobKey;

const JOB_TO_REPLAY: &str = "
    SELECT job.state, job.due_at, job.tenant, event.source
    FROM job CROSS JOIN event ON event.seq = job.event WHERE job.event = ?1 AND job.plugin = ?2";
const JOB_REPLAY: &str = "
    UPDATE job SET state = ?3, due_at = ?4, replays = replays + 1, attempts = 0, spared = 0,
      revision = ?5, since = ?6,
        failed_on = NULL, first_revision = NULL, first_started_at = NULL, first_duration_us = NULL,
        first_cpu_us = NULL, first_memory_bytes = NULL, first_host_calls = NULL,
        blocked = lane IS NOT NULL
          AND (blocked OR state IN ('done', 'dead', 'discarded'))
    WHERE event = ?1 AND plugin = ?2
    RETURNING tenant, plugin, lane";
/// Gives the attempt of a job that succeeded at once a row of its own.
const FIRST_SUCCESS_MOVE: &str = "
    INSERT INTO attempt (event, plugin, replays, number, revision, started_at, duration_us,
      outcome, lease, cpu_us, memory_bytes, host_calls)
    SELECT event, plugin, 0, 1, lower(hex(first_revision)), first_started_at, first_duration_us,
      'done', lease, first_cpu_us, first_memory_bytes, first_host_calls
    FROM job WHERE event = ?1 AND plugin = ?2 AND first_revision IS NOT NULL";
const EVENT_TO_ROUTE: &str = "SELECT tenant, source, ordering_key FROM event WHERE seq = ?1";

/// A batch of jobs to replay.
pub(crate) struct ReplayBatch {
    pub(crate) jobs: Vec<JobKey>,
    pub(crate) revision: Option<Revision>,
    /// The number of jobs per second from `now` on.
    pub(crate) rate: Option<f64>,
    pub(crate) now: Timestamp,
    /// The number of jobs that were replayed before this batch.
    pub(crate) before: u64,
}

impl Database {
    pub(crate) fn replay(&mut self, batch: &ReplayBatch) -> Result<ReplaySummary, Error> {
        self.hint(|| Hint::Everything);
        let mut replayed = ReplaySummary::default();
        for place in &batch.jobs {
            let due = batch.due(batch.before + replayed.replayed);
            match self.to_replay(place)? {
                Some((state, source)) => {
                    let plugin = plugin_at(place, &source);
                    let routed = self.accepts(&source, &plugin)?;
                    match transitions::replay(state, due, routed) {
                        Err(_) => replayed.leased += 1,
                        Ok(next) => {
                            self.run_again(place, next, batch, due)?;
                            replayed.replayed += 1;
                        }
                    }
                }
                None => self.make_missing(place, batch, due, &mut replayed)?,
            }
        }

        self.knowledge.set_all_busy();
        self.has_due_jobs |= replayed.replayed > 0;

        Ok(replayed)
    }

    fn run_again(
        &mut self,
        place: &JobKey,
        next: WorkState,
        batch: &ReplayBatch,
        due: Option<Timestamp>,
    ) -> Result<(), Error> {
        let revision = batch.revision.map(|revision| revision.to_string());
        let since = due.unwrap_or(batch.now).unix_millis();
        let values = params![
            place.seq,
            place.plugin.as_str(),
            next.name(),
            due_of(next),
            revision,
            since
        ];

        self.execute(
            FIRST_SUCCESS_MOVE,
            params![place.seq, place.plugin.as_str()],
        )?;
        match self.change(LaneKind::Jobs, JOB_REPLAY, values)? {
            Some(lane) => self.update_lane(&lane),
            None => Ok(()),
        }
    }

    /// Creates the missing job of an event for a plugin, if the source of the event is routed to
    /// the plugin.
    fn make_missing(
        &mut self,
        place: &JobKey,
        batch: &ReplayBatch,
        due: Option<Timestamp>,
        replayed: &mut ReplaySummary,
    ) -> Result<(), Error> {
        // The event is gone if it was pruned since the reader found it.
        let Some((source, ordering_key)) = self.to_route(place.seq)? else {
            return Ok(());
        };
        let plugin = plugin_at(place, &source);
        if !self.is_routed(&source, &plugin)? {
            replayed.not_routed += 1;
            return Ok(());
        }

        let since = Some(due.unwrap_or(batch.now));
        let late = LateJob {
            event: place.seq,
            due,
            since,
            revision: batch.revision,
        };
        self.add_late_job(&late, &source, &plugin, ordering_key.as_deref())?;
        replayed.replayed += 1;
        replayed.created += 1;
        Ok(())
    }

    fn to_route(&self, event: i64) -> Result<Option<(SourceRef, Option<String>)>, Error> {
        let mut statement = self
            .connection
            .prepare_cached(EVENT_TO_ROUTE)
            .map_err(store)?;
        let found = statement.query_row([event], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, Option<String>>(2)?,
            ))
        });
        let Some((tenant, source, ordering_key)) = found.optional().map_err(store)? else {
            return Ok(None);
        };
        let tenant = parsed(&tenant, "an event's tenant")?;

        Ok(Some((
            SourceRef {
                tenant,
                name: parsed(&source, "an event's source")?,
            },
            ordering_key,
        )))
    }

    pub(super) fn to_replay(
        &self,
        place: &JobKey,
    ) -> Result<Option<(WorkState, SourceRef)>, Error> {
        let mut statement = self
            .connection
            .prepare_cached(JOB_TO_REPLAY)
            .map_err(store)?;
        let values = params![place.seq, place.plugin.as_str()];
        let found = statement.query_row(values, |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, String>(3)?,
            ))
        });
        let Some((state, due_at, tenant, source)) = found.optional().map_err(store)? else {
            return Ok(None);
        };
        let tenant = parsed(&tenant, "a job's tenant")?;
        let source = SourceRef {
            tenant,
            name: parsed(&source, "an event's source")?,
        };

        Ok(Some((codec::state(&state, due_at)?, source)))
    }
}

/// Returns the plugin of a job, whose tenant is that of the source.
fn plugin_at(place: &JobKey, source: &SourceRef) -> PluginRef {
    PluginRef {
        tenant: source.tenant.clone(),
        name: place.plugin.clone(),
    }
}

impl ReplayBatch {
    /// Returns the time at which the job becomes due if `before` others are replayed first.
    fn due(&self, before: u64) -> Option<Timestamp> {
        hookyard_store::transitions::replay_due(self.now, self.rate, before)
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
                "replay: find",
                JOB_TO_REPLAY,
                &["job USING PRIMARY KEY (event=? AND plugin=?)"],
            ),
            (
                "replay: keep the attempt",
                FIRST_SUCCESS_MOVE,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            (
                "replay: put",
                JOB_REPLAY,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
        ]);
    }
}
