//! Sweeps: passes over the jobs of a plugin that hold or free the jobs, one batch at a time.
//!
//! Each batch is a transaction and reads a bounded number of jobs, whether they change or not. The
//! next batch continues after the last job of the previous one.

use hookyard_model::{PluginRef, SourceRef, Timestamp, WorkState};
use hookyard_store::{Error, Hint, transitions};
use rusqlite::params;

use super::Database;
use crate::codec::{self, due_of, parsed, store};

/// Selects a batch of the pending jobs of a plugin.
const SWEEP_PENDING: &str = "
    SELECT job.event, event.source, job.due_at FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.tenant = ?1 AND job.plugin = ?2 AND job.blocked = ?5 AND job.state = 'pending'
      AND job.event > ?4
    ORDER BY job.event LIMIT ?3";
const SWEEP_WAITING: &str = "
    SELECT job.event, event.source, job.due_at FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.tenant = ?1 AND job.plugin = ?2 AND job.blocked = ?5 AND job.due_at IS NOT NULL
      AND (job.due_at, job.event) > (?6, ?4) AND job.state = 'waiting'
    ORDER BY job.due_at, job.event LIMIT ?3";
const SWEEP_HELD: &str = "
    SELECT job.event, event.source, job.due_at FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.tenant = ?1 AND job.plugin = ?2 AND job.state = 'held' AND job.event > ?4
    ORDER BY job.event LIMIT ?3";
const JOB_TURN: &str = "UPDATE job SET state = ?3, due_at = ?4 WHERE event = ?1 AND plugin = ?2";

/// The maximum number of jobs that one batch reads.
const BATCH_MAX: usize = 500;

/// A pass over the jobs of a plugin, and its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sweep {
    plugin: PluginRef,
    jobs: SweepState,
    /// The position: the due time and the event of the last job that was read. Jobs are read in
    /// this order.
    after: (i64, i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SweepState {
    Pending { blocked: bool },
    Waiting { blocked: bool },
    Held,
}

impl Sweep {
    /// Returns the sweeps over all jobs that may have to be held.
    pub(crate) fn to_hold(plugin: PluginRef) -> impl Iterator<Item = Self> {
        let both = [false, true];
        let pending = both.map(|blocked| SweepState::Pending { blocked });
        let waiting = both.map(|blocked| SweepState::Waiting { blocked });
        pending
            .into_iter()
            .chain(waiting)
            .map(move |jobs| Self::of(plugin.clone(), jobs))
    }

    /// Returns the sweep over all jobs that may have to be freed.
    pub(crate) fn to_free(plugin: PluginRef) -> Self {
        Self::of(plugin, SweepState::Held)
    }

    fn of(plugin: PluginRef, jobs: SweepState) -> Self {
        Self {
            plugin,
            jobs,
            after: (i64::MIN, 0),
        }
    }
}

impl Database {
    /// Processes one batch. Returns the rest of the sweep while there is more.
    pub(crate) fn sweep(&mut self, sweep: &Sweep) -> Result<Option<Sweep>, Error> {
        let Sweep {
            plugin,
            jobs,
            after,
        } = sweep;
        let state = jobs.state();
        self.hint(|| Hint::Everything);
        let found = self.batch(sweep)?;
        for SweptJob { event, source, .. } in &found {
            let source = SourceRef {
                tenant: plugin.tenant.clone(),
                name: parsed(source, "an event's source")?,
            };
            let accepts = self.accepts(&source, plugin)?;
            let next = transitions::route(state, accepts);
            if next != state {
                self.execute(
                    JOB_TURN,
                    params![event, plugin.name.as_str(), next.name(), due_of(next)],
                )?;
                self.has_due_jobs |= accepts;
            }
        }

        self.knowledge.set_all_busy();
        let last = found.last().filter(|_| found.len() == BATCH_MAX);

        Ok(last.map(|last| Sweep {
            after: (last.due_at.unwrap_or(after.0), last.event),
            ..sweep.clone()
        }))
    }

    fn batch(
        &self,
        Sweep {
            plugin,
            jobs,
            after,
        }: &Sweep,
    ) -> Result<Vec<SweptJob>, Error> {
        let (statement, blocked) = match jobs {
            SweepState::Pending { blocked } => (SWEEP_PENDING, *blocked),
            SweepState::Waiting { blocked } => (SWEEP_WAITING, *blocked),
            SweepState::Held => (SWEEP_HELD, false),
        };
        let mut statement = self.connection.prepare_cached(statement).map_err(store)?;
        let (tenant, name) = (plugin.tenant.as_str(), plugin.name.as_str());
        let values = params![tenant, name, BATCH_MAX as i64, after.1, blocked, after.0];
        // Only waiting jobs are read in the order of their due time, and held jobs are in no such
        // order.
        let values = &values[..statement.parameter_count()];
        codec::read_all(&mut statement, values, |row| {
            Ok(SweptJob {
                event: row.get(0).map_err(store)?,
                source: row.get(1).map_err(store)?,
                due_at: row.get(2).map_err(store)?,
            })
        })
    }
}

struct SweptJob {
    event: i64,
    source: String,
    due_at: Option<i64>,
}

impl SweepState {
    fn state(self) -> WorkState {
        match self {
            Self::Pending { .. } => WorkState::Pending,
            // The time does not matter here.
            Self::Waiting { .. } => WorkState::Waiting {
                until: Timestamp::from_unix_millis(0),
            },
            Self::Held => WorkState::Held,
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
                "sweep: pending",
                SWEEP_PENDING,
                &["INDEX job_pending (tenant=? AND plugin=? AND blocked=? AND event>?)"],
            ),
            (
                "sweep: waiting",
                SWEEP_WAITING,
                &["job_due (tenant=? AND plugin=? AND blocked=? AND (due_at,event)>(?,?))"],
            ),
            (
                "sweep: held",
                SWEEP_HELD,
                &["INDEX job_held (tenant=? AND plugin=? AND event>?)"],
            ),
            (
                "sweep: turn",
                JOB_TURN,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
        ]);
    }
}
