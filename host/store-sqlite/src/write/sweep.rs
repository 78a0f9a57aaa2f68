//! Sweeps: going through a plugin's jobs, a stretch at a time, and holding or setting free those that should be.
//!
//! Each stretch is a transaction of its own and looks at a bounded number of jobs, whether they change or not; the place
//! that it came to is where the next one goes on.

use hookyard_model::{PluginRef, SourceRef, Timestamp, WorkState};
use hookyard_store::{Error, transitions};
use rusqlite::params;

use super::Database;
use crate::codec::{self, due_of, parsed, store};

/// Stretches of a plugin's jobs, for `write::sweep`.
const SWEEP_PENDING: &str = "
    SELECT job.event, event.source, job.due_at FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.tenant = ?1 AND job.plugin = ?2 AND job.blocked = ?5 AND job.state = 'pending' AND job.event > ?4
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

/// Jobs that are looked at in one go.
const STRETCH: usize = 500;

/// Which jobs of a plugin are gone through, and how far that has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sweep {
    plugin: PluginRef,
    which: Which,
    /// When the last one that was looked at is due, and its event; jobs are gone through in this order.
    after: (i64, i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Pending { blocked: bool },
    Waiting { blocked: bool },
    Held,
}

impl Sweep {
    /// Through all jobs that may have to be held.
    pub(crate) fn to_hold(plugin: PluginRef) -> impl Iterator<Item = Self> {
        let both = [false, true];
        let pending = both.map(|blocked| Which::Pending { blocked });
        let waiting = both.map(|blocked| Which::Waiting { blocked });
        pending
            .into_iter()
            .chain(waiting)
            .map(move |which| Self::of(plugin.clone(), which))
    }

    /// Through all jobs that may have to be set free.
    pub(crate) fn to_free(plugin: PluginRef) -> Self {
        Self::of(plugin, Which::Held)
    }

    fn of(plugin: PluginRef, which: Which) -> Self {
        Self {
            plugin,
            which,
            after: (i64::MIN, 0),
        }
    }
}

impl Database {
    /// Goes through one stretch; from where to go on, while there is more.
    pub(crate) fn sweep(&mut self, sweep: &Sweep) -> Result<Option<Sweep>, Error> {
        let Sweep {
            plugin,
            which,
            after,
        } = sweep;
        let state = which.state();
        let found = self.stretch(sweep)?;
        for Found { event, source, .. } in &found {
            let source = SourceRef {
                tenant: plugin.tenant.clone(),
                name: parsed(source, "an event's source")?,
            };
            let is_taken = self.is_taken(&source, &plugin.name)?;
            let next = transitions::route(state, is_taken);
            if next != state {
                self.execute(
                    JOB_TURN,
                    params![event, plugin.name.as_str(), next.name(), due_of(next)],
                )?;
                self.has_due_jobs |= is_taken;
            }
        }
        let last = found.last().filter(|_| found.len() == STRETCH);
        Ok(last.map(|last| Sweep {
            after: (last.due_at.unwrap_or(after.0), last.event),
            ..sweep.clone()
        }))
    }

    fn stretch(
        &self,
        Sweep {
            plugin,
            which,
            after,
        }: &Sweep,
    ) -> Result<Vec<Found>, Error> {
        let (statement, blocked) = match which {
            Which::Pending { blocked } => (SWEEP_PENDING, *blocked),
            Which::Waiting { blocked } => (SWEEP_WAITING, *blocked),
            Which::Held => (SWEEP_HELD, false),
        };
        let mut statement = self.connection.prepare_cached(statement).map_err(store)?;
        let (tenant, name) = (plugin.tenant.as_str(), plugin.name.as_str());
        let values = params![tenant, name, STRETCH as i64, after.1, blocked, after.0];
        // Only what waits is gone through by time, and what is held is in no order of its own.
        let values = &values[..statement.parameter_count()];
        codec::read_all(&mut statement, values, |row| {
            Ok(Found {
                event: row.get(0).map_err(store)?,
                source: row.get(1).map_err(store)?,
                due_at: row.get(2).map_err(store)?,
            })
        })
    }
}

struct Found {
    event: i64,
    source: String,
    due_at: Option<i64>,
}

impl Which {
    fn state(self) -> WorkState {
        match self {
            Self::Pending { .. } => WorkState::Pending,
            // When doesn't matter here.
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
