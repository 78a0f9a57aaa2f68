//! The statements of each writing call, inside a transaction that the call shares with others.
//!
//! Nothing here commits: the writer commits once for the whole group. The next states come from
//! `hookyard_store::transitions` and from the caller; this module only decides which rows to
//! change.

mod append;
mod claim;
mod discard;
mod effects;
mod lane;
mod outbox;
mod quarantine;
mod replay;
mod retention;
mod retry;
mod routing;
mod sweep;

pub(crate) use claim::NewLease;
pub(crate) use discard::{DiscardBatch, Discarded};
pub(crate) use outbox::{ExpiredMessage, MessageBatch, NewMessageLease, is_disabled};
pub(crate) use quarantine::quarantined;
pub(crate) use replay::ReplayBatch;
pub(crate) use retention::Expired;
pub(crate) use routing::{JobCounts, load_routes};
pub(crate) use sweep::Sweep;

use std::collections::BTreeSet;

use hookyard_crash::Point;
use hookyard_model::{
    Outcome, PluginName, PluginRef, RecordedAnswer, SourceName, SourceRef, Timestamp, WorkState,
};
use hookyard_store::{Error, JobLease, Routes, Settlement, transitions};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::codec::{self, parsed, store};

const JOB_LEASED: &str = "
    SELECT job.event, event.source, job.due_at
    FROM event CROSS JOIN job ON job.event = event.seq
    WHERE event.id = ?1 AND job.plugin = ?2 AND job.tenant = ?3 AND job.state = 'leased'
      AND job.replays = ?4 AND job.attempts = ?5";
const JOB_FAILED: &str = "UPDATE job SET failed_on = ?3 WHERE event = ?1 AND plugin = ?2";
const JOB_SPARE: &str = "UPDATE job SET spared = spared + 1 WHERE event = ?1 AND plugin = ?2";
const ATTEMPT_INSERT: &str = "
    INSERT INTO attempt (event, plugin, replays, number, revision, started_at, duration_us,
      outcome, detail, log)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const ANSWERS_DELETE: &str = "DELETE FROM answer WHERE event = ?1 AND plugin = ?2";
const ANSWER_INSERT: &str = "
    INSERT INTO answer (event, plugin, number, tenant, request, status, headers, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
/// Runs once, when the store is opened. It walks the index of leased and waiting jobs.
const ABANDONED_LEASES: &str = "
    SELECT job.event, job.plugin, job.tenant, event.source, job.due_at, job.attempts
    FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.due_at IS NOT NULL AND job.state = 'leased'";

/// The writer's connection, and what the writer caches of the database.
pub(crate) struct Database {
    pub(crate) connection: Connection,
    /// The cached table `route`, or `None` if the table must be read again.
    routes: Option<Routes>,
    /// The cached plugins of the table `quarantine`, or `None` if the table must be read again.
    quarantined: Option<BTreeSet<PluginRef>>,
    /// Whether the current transaction has made jobs due.
    pub(crate) has_due_jobs: bool,
    /// Whether the current transaction has made messages due.
    pub(crate) has_due_messages: bool,
}

impl Database {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection,
            routes: None,
            quarantined: None,
            has_due_jobs: false,
            has_due_messages: false,
        }
    }

    /// Clears the caches. Must be called after any rollback, and after another process has written.
    pub(crate) fn forget(&mut self) {
        self.routes = None;
        self.quarantined = None;
    }

    pub(crate) fn extend(&mut self, leases: &[JobLease], until: Timestamp) -> Result<(), Error> {
        for lease in leases {
            if let Some(job) = self.leased(lease)?
                && job.until < until
            {
                self.put(
                    job.seq,
                    &lease.plugin.name,
                    WorkState::Leased { until },
                    lease.attempt,
                )?;
            }
        }

        Ok(())
    }

    pub(crate) fn give_back(&mut self, leases: &[JobLease]) -> Result<(), Error> {
        for lease in leases {
            let Some(job) = self.leased(lease)? else {
                continue;
            };
            let routed = self.accepts_leased(&job, &lease.plugin)?;
            if let Ok(next) = transitions::give_back(WorkState::Leased { until: job.until }, routed)
            {
                self.put(job.seq, &lease.plugin.name, next, lease.attempt - 1)?;
            }
        }

        Ok(())
    }

    pub(crate) fn settle(&mut self, settlement: &Settlement) -> Result<(), Error> {
        let Settlement {
            lease,
            attempt,
            next,
            ..
        } = settlement;
        let Some(job) = self.leased(lease)? else {
            return Err(Error::LeaseLost(lease.clone()));
        };
        let next = transitions::route(*next, self.accepts_leased(&job, &lease.plugin)?);
        self.put(job.seq, &lease.plugin.name, next, lease.attempt)?;

        if settlement.failed_on_probation {
            let revision = attempt.revision.to_string();
            self.execute(
                JOB_FAILED,
                params![job.seq, lease.plugin.name.as_str(), revision],
            )?;
        }

        if settlement.is_spared {
            self.execute(JOB_SPARE, params![job.seq, lease.plugin.name.as_str()])?;
        }

        Point::SettleState.pass();

        let values = params![
            job.seq,
            lease.plugin.name.as_str(),
            lease.replays,
            lease.attempt,
            attempt.revision.to_string(),
            attempt.started_at.unix_millis(),
            i64::try_from(attempt.duration.as_micros()).unwrap_or(i64::MAX),
            attempt.outcome.name(),
            codec::outcome_detail(&attempt.outcome),
            codec::log_to_json(&attempt.log),
        ];
        self.execute(ATTEMPT_INSERT, values)?;
        Point::SettleRecord.pass();

        if attempt.outcome == Outcome::Done {
            self.commit_effects(settlement)?;
            self.put_answers(job.seq, &lease.plugin, &settlement.effects.answers)?;
        }

        Ok(())
    }

    /// Replaces the recorded answers of a job, if there are new answers.
    fn put_answers(
        &self,
        event: i64,
        plugin: &PluginRef,
        answers: &[RecordedAnswer],
    ) -> Result<(), Error> {
        if answers.is_empty() {
            return Ok(());
        }

        let (tenant, plugin) = (plugin.tenant.as_str(), plugin.name.as_str());
        self.execute(ANSWERS_DELETE, params![event, plugin])?;

        for (
            number,
            RecordedAnswer {
                request,
                status,
                headers,
                body,
            },
        ) in (1_i64..).zip(answers)
        {
            let headers = codec::headers_to_blob(headers);
            let values = params![
                event,
                plugin,
                number,
                tenant,
                request,
                status,
                headers,
                &body[..]
            ];
            self.execute(ANSWER_INSERT, values)?;
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
            if let Ok(next) = transitions::give_back(WorkState::Leased { until: job.until }, routed)
            {
                self.put(job.seq, &job.plugin, next, job.attempts)?;
            }
        }

        Ok(left.len())
    }

    fn leased(&self, lease: &JobLease) -> Result<Option<LeasedJob>, Error> {
        let mut statement = self.connection.prepare_cached(JOB_LEASED).map_err(store)?;
        let PluginRef {
            tenant,
            name: plugin,
        } = &lease.plugin;
        let id = lease.event.as_uuid().into_bytes();
        let values = params![
            id,
            plugin.as_str(),
            tenant.as_str(),
            lease.replays,
            lease.attempt
        ];
        let found = statement.query_row(values, |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?))
        });
        let Some((seq, source, until)) = found.optional().map_err(store)? else {
            return Ok(None);
        };
        let source = parsed(&source, "an event's source")?;

        Ok(Some(LeasedJob {
            seq,
            source,
            until: Timestamp::from_unix_millis(until),
        }))
    }

    /// Returns whether the plugin would take a leased job if the job had to run again.
    fn accepts_leased(&mut self, job: &LeasedJob, plugin: &PluginRef) -> Result<bool, Error> {
        let source = SourceRef {
            tenant: plugin.tenant.clone(),
            name: job.source.clone(),
        };
        self.accepts(&source, &plugin.name)
    }

    fn execute(&self, statement: &str, values: &[&dyn rusqlite::ToSql]) -> Result<usize, Error> {
        self.connection
            .prepare_cached(statement)
            .and_then(|mut statement| statement.execute(values))
            .map_err(store)
    }
}

struct LeasedJob {
    seq: i64,
    source: SourceName,
    until: Timestamp,
}

struct AbandonedJob {
    seq: i64,
    plugin: PluginName,
    source: SourceRef,
    until: Timestamp,
    attempts: u32,
}

impl AbandonedJob {
    fn read(row: &Row<'_>) -> Result<Self, Error> {
        let text = |column: usize| row.get::<_, String>(column).map_err(store);
        let source = SourceRef {
            tenant: parsed(&text(2)?, "a job's tenant")?,
            name: parsed(&text(3)?, "an event's source")?,
        };

        Ok(Self {
            seq: row.get(0).map_err(store)?,
            plugin: parsed(&text(1)?, "a job's plugin")?,
            source,
            until: Timestamp::from_unix_millis(row.get(4).map_err(store)?),
            attempts: row.get(5).map_err(store)?,
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
                JOB_LEASED,
                &[
                    "autoindex_event_1 (id=?)",
                    "PRIMARY KEY (event=? AND plugin=?)",
                ],
            ),
            ("settle: record", ATTEMPT_INSERT, &[]),
            (
                "settle: forget answers",
                ANSWERS_DELETE,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            ("settle: record an answer", ANSWER_INSERT, &[]),
            (
                "settle: failed",
                JOB_FAILED,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            (
                "settle: spare",
                JOB_SPARE,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
        ]);
    }

    #[test]
    fn abandoned_leases_are_found_by_index() {
        let steps = query_plans::of(ABANDONED_LEASES);
        assert!(steps[0].contains("INDEX job_due"), "{steps:?}");
    }
}
