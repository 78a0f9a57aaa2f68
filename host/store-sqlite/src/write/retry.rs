//! Retries the jobs that failed on a revision on probation, one batch at a time, when the host
//! rolls the revision back.

use hookyard_model::{PluginName, PluginRef, Revision, SourceRef, WorkState};
use hookyard_store::{Error, Hint, transitions};
use rusqlite::params;

use super::Database;
use super::lane::LaneKind;
use crate::codec::{self, parsed, store};

const FAILED: &str = "
    SELECT job.event, event.source, job.state, job.due_at
      FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.tenant = ?1 AND job.plugin = ?2 AND job.failed_on = ?3 AND job.failed_on IS NOT NULL
      AND job.state IN ('waiting', 'dead')
    ORDER BY job.event LIMIT ?4";
/// A job that was dead stays blocked until its lane is updated.
const JOB_RETRY: &str = "
    UPDATE job SET state = ?3, due_at = NULL, failed_on = NULL,
        blocked = lane IS NOT NULL AND (blocked OR state = 'dead')
    WHERE event = ?1 AND plugin = ?2
    RETURNING tenant, plugin, lane";

/// The maximum number of jobs in one batch.
const BATCH_MAX: usize = 500;

impl Database {
    /// Returns the number of jobs that are due now, and whether there may be more.
    pub(crate) fn retry_failed(
        &mut self,
        plugin: &PluginRef,
        revision: Revision,
    ) -> Result<(u64, bool), Error> {
        let found = self.failed(plugin, revision)?;
        self.hint(|| Hint::Everything);
        for (event, source, state) in &found {
            let source = SourceRef {
                tenant: plugin.tenant.clone(),
                name: parsed(source, "an event's source")?,
            };
            let routed = self.accepts(&source, plugin)?;
            if let Ok(next) = transitions::retry(*state, routed) {
                self.put_retried(*event, &plugin.name, next)?;
            }
        }

        self.knowledge.set_all_busy();
        self.has_due_jobs |= !found.is_empty();

        Ok((found.len() as u64, found.len() == BATCH_MAX))
    }

    fn failed(
        &self,
        plugin: &PluginRef,
        revision: Revision,
    ) -> Result<Vec<(i64, String, WorkState)>, Error> {
        let mut statement = self.connection.prepare_cached(FAILED).map_err(store)?;
        let (tenant, name) = (plugin.tenant.as_str(), plugin.name.as_str());
        let values = params![tenant, name, revision.to_string(), BATCH_MAX as i64];

        codec::read_all(&mut statement, values, |row| {
            let state: String = row.get(2).map_err(store)?;
            let state = codec::state(&state, row.get(3).map_err(store)?)?;
            Ok((
                row.get(0).map_err(store)?,
                row.get(1).map_err(store)?,
                state,
            ))
        })
    }

    fn put_retried(
        &mut self,
        event: i64,
        plugin: &PluginName,
        next: WorkState,
    ) -> Result<(), Error> {
        match self.change(
            LaneKind::Jobs,
            JOB_RETRY,
            params![event, plugin.as_str(), next.name()],
        )? {
            Some(lane) => self.update_lane(&lane),
            None => Ok(()),
        }
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
                "retry: find",
                FAILED,
                &["INDEX job_failed (tenant=? AND plugin=? AND failed_on=?)"],
            ),
            (
                "retry: put",
                JOB_RETRY,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
        ]);
    }
}
