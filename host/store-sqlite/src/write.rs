//! The statements of each writing call, inside a transaction that the call shares with others.
//!
//! Nothing here commits: the writer commits once for the whole group. The next states come from
//! `hookyard_store::transitions` and from the caller; this module only decides which rows to
//! change.

mod knowledge;
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

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use hookyard_crash::Point;
use hookyard_model::{
    Next, Outcome, PluginRef, RecordedAnswer, SourceRef, TenantName, Timestamp, WorkState,
};
use hookyard_store::{ClaimedJob, Error, Handover, JobLease, Settlement, transitions};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::codec::{self, parsed, store};
use knowledge::Knowledge;
use lane::{JobChange, JobRow};

const JOB_BY_TOKEN: &str = "
    SELECT state, due_at, lease, lane FROM job WHERE event = ?1 AND plugin = ?2 AND tenant = ?3";
const FIRST_SUCCESS: &str = "
    UPDATE job SET state = 'done', due_at = NULL, lease = ?3, first_revision = ?4,
      first_started_at = ?5, first_duration_us = ?6
    WHERE event = ?1 AND plugin = ?2";
const WAS_SETTLED: &str = "
    SELECT EXISTS (SELECT 1 FROM attempt WHERE event = ?1 AND plugin = ?2 AND lease = ?3)";
const SOURCE_OF: &str = "SELECT source FROM event WHERE seq = ?1";
const ATTEMPT_INSERT: &str = "
    INSERT INTO attempt (event, plugin, replays, number, revision, started_at, duration_us,
      outcome, detail, log, lease)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const STORED_ADD: &str = "
    INSERT INTO stored (tenant, events, bytes) VALUES (?1, ?2, ?3)
    ON CONFLICT (tenant)
    DO UPDATE SET events = events + excluded.events, bytes = bytes + excluded.bytes";
const ANSWERS_DELETE: &str = "DELETE FROM answer WHERE event = ?1 AND plugin = ?2";
const ANSWER_INSERT: &str = "
    INSERT INTO answer (event, plugin, number, tenant, request, status, headers, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
/// Runs once, when the store is opened. It walks the index of leased and waiting jobs.
const ABANDONED_LEASES: &str = "
    SELECT job.event, job.plugin, job.tenant, event.source, job.due_at, job.attempts, job.lane
    FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.due_at IS NOT NULL AND job.state = 'leased'";

/// The writer's connection, and what the writer knows of the database.
pub(crate) struct Database {
    pub(crate) connection: Connection,
    /// The time at which the current transaction began, by the clock of the store.
    now: Timestamp,
    knowledge: Knowledge,
    handover: Option<Arc<Handover>>,
    /// The jobs that the current transaction has leased for the handover.
    handed_over: Vec<ClaimedJob>,
    /// The events and bytes that the current transaction has stored for each tenant, and has yet to
    /// add to the totals.
    stored: HashMap<TenantName, (i64, i64)>,
    /// The plugins of which the current transaction has made jobs due, if there is a handover.
    due_plugins: HashSet<PluginRef>,
    /// Whether the current transaction has made jobs due of other plugins.
    pub(crate) has_due_jobs: bool,
    /// Whether the current transaction has made messages due.
    pub(crate) has_due_messages: bool,
}

/// What a lease is when its holder comes back with it.
enum Standing {
    /// The job is still under the lease.
    Leased(LeasedJob),
    /// The attempt under the lease has been settled.
    Settled,
    /// The lease has ended.
    Lost,
}

struct LeasedJob {
    seq: i64,
    lease: i64,
    lane: Option<String>,
    until: Timestamp,
}

impl LeasedJob {
    fn row<'j>(&self, plugin: &'j PluginRef) -> JobRow<'j> {
        JobRow {
            seq: self.seq,
            plugin,
            lane: self.lane.clone(),
            state: WorkState::Leased { until: self.until },
        }
    }
}

impl Database {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection,
            now: Timestamp::from_unix_millis(0),
            knowledge: Knowledge::new(),
            handover: None,
            handed_over: Vec::new(),
            stored: HashMap::new(),
            due_plugins: HashSet::new(),
            has_due_jobs: false,
            has_due_messages: false,
        }
    }

    /// Prepares for a transaction that begins at `now`.
    pub(crate) fn begin(&mut self, now: Timestamp, handover: Option<Arc<Handover>>) {
        self.now = now;
        self.handover = handover;
        self.due_plugins.clear();
        self.has_due_jobs = false;
        self.has_due_messages = false;
    }

    /// Writes the totals of what the transaction has stored. Must be called before its end.
    pub(crate) fn add_totals(&mut self) -> rusqlite::Result<()> {
        for (tenant, (events, bytes)) in self.stored.drain() {
            self.connection
                .prepare_cached(STORED_ADD)?
                .execute(params![tenant.as_str(), events, bytes])?;
        }

        Ok(())
    }

    /// Hands over the jobs that the transaction has leased, and notes the plugins of which it has
    /// made jobs due. Must be called once the transaction is durable.
    pub(crate) fn hand_over_all(&mut self) {
        let Some(handover) = &self.handover else {
            return;
        };
        if !self.handed_over.is_empty() {
            Point::HandoverCommitted.pass();
            handover.put(self.handed_over.drain(..));
        }
        for plugin in self.due_plugins.drain() {
            handover.note_due(&plugin);
        }
    }

    /// Notes that a job of a plugin is due.
    fn set_due(&mut self, plugin: &PluginRef) {
        if self.handover.is_none() {
            self.has_due_jobs = true;
        } else if !self.due_plugins.contains(plugin) {
            self.due_plugins.insert(plugin.clone());
        }
    }

    /// Forgets what may not be true after a rollback, and gives back the places of the jobs that
    /// were leased for the handover.
    pub(crate) fn undo(&mut self) {
        self.undo_to(0);
    }

    /// Returns the number of jobs that the transaction has leased for the handover.
    pub(crate) fn handed_over(&self) -> usize {
        self.handed_over.len()
    }

    /// Does the same as [`Database::undo`] for all but the first jobs of the handover.
    pub(crate) fn undo_to(&mut self, handed_over: usize) {
        self.forget();
        self.stored.clear();
        let undone = self.handed_over.drain(handed_over..);
        if let Some(handover) = &self.handover {
            for job in undone {
                handover.begun(&job.lease.plugin, job.event.body.len());
            }
        }
    }

    /// Forgets what may not be true after another process has written.
    pub(crate) fn forget(&mut self) {
        self.knowledge.forget();
    }

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

    pub(crate) fn settle(&mut self, settlement: &Settlement) -> Result<(), Error> {
        let Settlement { lease, attempt, .. } = settlement;
        let job = match self.standing(lease)? {
            Standing::Leased(job) => job,
            Standing::Settled => return Ok(()),
            Standing::Lost => return Err(Error::LeaseLost(lease.clone())),
        };
        let is_done = attempt.outcome == Outcome::Done;
        let totals = if is_done {
            self.check_effects(settlement)?
        } else {
            effects::NewTotals::default()
        };

        let mut next = settlement.next.at(self.now);
        if !next.is_over() {
            next = transitions::route(next, self.accepts_leased(&job, &lease.plugin)?);
        }
        let row = job.row(&lease.plugin);
        if is_first_success(settlement) {
            self.write_first_success(&job, settlement)?;
            Point::SettleState.pass();
        } else {
            let change = JobChange {
                lease: Some(job.lease),
                failed_on: settlement.failed_on_probation.then_some(attempt.revision),
                is_spared: settlement.is_spared,
                ..JobChange::to(next, lease.attempt)
            };
            self.write_change(&row, &change)?;
            Point::SettleState.pass();
            self.record_attempt(&job, settlement)?;
        }
        Point::SettleRecord.pass();

        self.follow_change(&row, next)?;
        if is_done {
            self.commit_effects(settlement, totals)?;
            self.put_answers(job.seq, &lease.plugin, &settlement.effects.answers)?;
        }

        Ok(())
    }

    /// Stores the end of a job whose only attempt succeeded, in one row.
    fn write_first_success(&self, job: &LeasedJob, settlement: &Settlement) -> Result<(), Error> {
        let Settlement { lease, attempt, .. } = settlement;
        let values = params![
            job.seq,
            lease.plugin.name.as_str(),
            job.lease,
            attempt.revision.as_sha256(),
            attempt.started_at.unix_millis(),
            i64::try_from(attempt.duration.as_micros()).unwrap_or(i64::MAX),
        ];

        self.execute(FIRST_SUCCESS, values).map(drop)
    }

    fn record_attempt(&self, job: &LeasedJob, settlement: &Settlement) -> Result<(), Error> {
        let Settlement { lease, attempt, .. } = settlement;
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
            job.lease,
        ];

        self.execute(ATTEMPT_INSERT, values).map(drop)
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
    fn standing(&self, lease: &JobLease) -> Result<Standing, Error> {
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
    fn accepts_leased(&mut self, job: &LeasedJob, plugin: &PluginRef) -> Result<bool, Error> {
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

    fn execute(&self, statement: &str, values: &[&dyn rusqlite::ToSql]) -> Result<usize, Error> {
        self.connection
            .prepare_cached(statement)
            .and_then(|mut statement| statement.execute(values))
            .map_err(store)
    }
}

/// Returns whether the settlement ends the only attempt of a job, which succeeded, wrote no log and
/// so fits into the row of the job.
fn is_first_success(settlement: &Settlement) -> bool {
    let Settlement { lease, attempt, .. } = settlement;
    let is_only = lease.replays == 0 && lease.attempt == 1 && settlement.next == Next::Done;
    let is_plain = attempt.log.is_empty() && !settlement.is_spared;

    is_only && is_plain && attempt.outcome == Outcome::Done && !settlement.failed_on_probation
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
            (
                "settle: first success",
                FIRST_SUCCESS,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            ("append: totals", STORED_ADD, &[]),
            ("settle: record", ATTEMPT_INSERT, &[]),
            (
                "settle: forget answers",
                ANSWERS_DELETE,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            ("settle: record an answer", ANSWER_INSERT, &[]),
        ]);
    }

    #[test]
    fn abandoned_leases_are_found_by_index() {
        let steps = query_plans::of(ABANDONED_LEASES);
        assert!(steps[0].contains("INDEX job_due"), "{steps:?}");
    }
}
