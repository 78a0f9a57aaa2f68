//! Leases on jobs: finding the job of a lease by its token, extending leases and giving them back.

use std::time::Duration;

use hookyard_model::{PluginRef, SourceRef, Timestamp, WorkState};
use hookyard_store::{Error, JobLease, transitions};
use rusqlite::{OptionalExtension, Row, params};

use super::lane::{JobChange, JobRow};
use super::{Database, knowledge};
use crate::codec::{self, parsed, store};

const JOB_BY_TOKEN: &str = "
    SELECT state, due_at, lease, lane FROM job WHERE event = ?1 AND plugin = ?2 AND tenant = ?3";
const WAS_SETTLED: &str = "
    SELECT EXISTS (SELECT 1 FROM attempt WHERE event = ?1 AND plugin = ?2 AND lease = ?3)";
const SOURCE_OF: &str = "SELECT source FROM event WHERE seq = ?1";
/// Runs once, when the store is opened. It walks the index of leased and waiting jobs.
const ABANDONED_LEASES: &str = "
    SELECT job.event, job.plugin, job.tenant, event.source, job.due_at, job.attempts, job.lane
    FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.due_at IS NOT NULL AND job.state = 'leased'";

/// What a lease is when its holder comes back with it.
pub(super) enum Standing {
    /// The job is still under the lease.
    Leased(LeasedJob),
    /// The attempt under the lease has been settled.
    Settled,
    /// The lease has ended.
    Lost,
}

/// A job under lease.
pub(super) struct LeasedJob {
    pub(super) seq: i64,
    pub(super) lease: i64,
    lane: Option<String>,
    until: Timestamp,
}

impl LeasedJob {
    pub(super) fn row<'j>(&self, plugin: &'j PluginRef) -> JobRow<'j> {
        JobRow {
            seq: self.seq,
            plugin,
            lane: self.lane.clone(),
            state: WorkState::Leased { until: self.until },
        }
    }
}

impl Database {
    pub(crate) fn extend(&mut self, leases: &[JobLease], lease: Duration) -> Result<(), Error> {
        let until = self.now.after(lease);
        for lease in leases {
            if let Standing::Leased(job) = self.standing(lease)?
                && job.until < until
            {
                let change = JobChange {
                    lease: Some(job.lease),
                    ..JobChange::to(WorkState::Leased { until }, lease.attempt)
                };
                self.put(&job.row(&lease.plugin), change)?;
            }
        }

        Ok(())
    }

    pub(crate) fn give_back(&mut self, leases: &[JobLease]) -> Result<(), Error> {
        for lease in leases {
            let Standing::Leased(job) = self.standing(lease)? else {
                continue;
            };
            let routed = self.accepts_leased(&job, &lease.plugin)?;
            let row = job.row(&lease.plugin);
            if let Ok(next) = transitions::give_back(row.state, routed) {
                self.put(&row, JobChange::to(next, lease.attempt - 1))?;
                if routed {
                    self.set_due(&lease.plugin);
                }
            }
        }

        Ok(())
    }

    /// Gives back all leases, which an earlier host has left. Its attempts had begun, so they
    /// count.
    pub(crate) fn give_back_all(&mut self) -> Result<usize, Error> {
        let left: Vec<_> = {
            let mut statement = self.connection.prepare(ABANDONED_LEASES).map_err(store)?;
            codec::read_all(&mut statement, [], AbandonedJob::read)?
        };

        for job in &left {
            let routed = self.accepts(&job.source, &job.plugin)?;
            let row = JobRow {
                seq: job.seq,
                plugin: &job.plugin,
                lane: job.lane.clone(),
                state: WorkState::Leased { until: job.until },
            };
            if let Ok(next) = transitions::give_back(row.state, routed) {
                self.put(&row, JobChange::to(next, job.attempts))?;
            }
        }

        Ok(left.len())
    }

    /// Finds the job of a lease by the token, and returns what the lease is.
    pub(super) fn standing(&self, lease: &JobLease) -> Result<Standing, Error> {
        let (number, seq) = knowledge::parts_of(lease.token);
        let PluginRef { tenant, name } = &lease.plugin;
        let mut statement = self
            .connection
            .prepare_cached(JOB_BY_TOKEN)
            .map_err(store)?;
        let found = statement
            .query_row(params![seq, name.as_str(), tenant.as_str()], |row| {
                let state: String = row.get(0)?;
                Ok((
                    state,
                    row.get(1)?,
                    row.get::<_, Option<i64>>(2)?,
                    row.get(3)?,
                ))
            })
            .optional()
            .map_err(store)?;
        let Some((state, due_at, current, lane)) = found else {
            return Ok(Standing::Lost);
        };

        if current != Some(number) {
            let was_settled = self.was_settled(seq, &lease.plugin, number)?;
            return Ok(if was_settled {
                Standing::Settled
            } else {
                Standing::Lost
            });
        }

        Ok(match codec::state(&state, due_at)? {
            WorkState::Leased { until } => Standing::Leased(LeasedJob {
                seq,
                lease: number,
                lane,
                until,
            }),
            _ => Standing::Settled,
        })
    }

    /// Returns whether an earlier attempt of a job was settled under a lease.
    fn was_settled(&self, seq: i64, plugin: &PluginRef, lease: i64) -> Result<bool, Error> {
        self.connection
            .prepare_cached(WAS_SETTLED)
            .and_then(|mut statement| {
                let values = params![seq, plugin.name.as_str(), lease];
                statement.query_row(values, |row| row.get(0))
            })
            .map_err(store)
    }

    /// Returns whether the plugin would take a leased job if the job had to run again.
    pub(super) fn accepts_leased(
        &mut self,
        job: &LeasedJob,
        plugin: &PluginRef,
    ) -> Result<bool, Error> {
        let name: String = self
            .connection
            .prepare_cached(SOURCE_OF)
            .and_then(|mut statement| statement.query_row([job.seq], |row| row.get(0)))
            .map_err(store)?;
        let source = SourceRef {
            tenant: plugin.tenant.clone(),
            name: parsed(&name, "an event's source")?,
        };
        self.accepts(&source, plugin)
    }
}

struct AbandonedJob {
    seq: i64,
    plugin: PluginRef,
    source: SourceRef,
    until: Timestamp,
    attempts: u32,
    lane: Option<String>,
}

impl AbandonedJob {
    fn read(row: &Row<'_>) -> Result<Self, Error> {
        let text = |column: usize| row.get::<_, String>(column).map_err(store);
        let plugin = PluginRef {
            tenant: parsed(&text(2)?, "a job's tenant")?,
            name: parsed(&text(1)?, "a job's plugin")?,
        };
        let source = SourceRef {
            tenant: plugin.tenant.clone(),
            name: parsed(&text(3)?, "an event's source")?,
        };

        Ok(Self {
            seq: row.get(0).map_err(store)?,
            plugin,
            source,
            until: Timestamp::from_unix_millis(row.get(4).map_err(store)?),
            attempts: row.get(5).map_err(store)?,
            lane: row.get(6).map_err(store)?,
        })
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
                "settle: find",
                JOB_BY_TOKEN,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            (
                "settle: an earlier attempt",
                WAS_SETTLED,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            ("settle: source", SOURCE_OF, &["PRIMARY KEY (rowid=?)"]),
        ]);
    }

    #[test]
    fn abandoned_leases_are_found_by_index() {
        let steps = query_plans::of(ABANDONED_LEASES);
        assert!(steps[0].contains("INDEX job_due"), "{steps:?}");
    }
}
