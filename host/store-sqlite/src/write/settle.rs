//! Settlements: the end of an attempt, its record and its effects. All checks come before the first
//! write, so that a refused settlement changes nothing.

use hookyard_crash::Point;
use hookyard_model::{Attempt, Next, Outcome, PluginRef, RecordedAnswer, Response};
use hookyard_store::{Error, Hint, Settlement, transitions};
use rusqlite::params;

use super::lane::JobChange;
use super::lease::{LeasedJob, Standing};
use super::{Database, effects};
use crate::codec;

const FIRST_SUCCESS: &str = "
    UPDATE job SET state = 'done', due_at = NULL, lease = ?3, first_revision = ?4,
      first_started_at = ?5, first_duration_us = ?6,
      first_cpu_us = ?7, first_memory_bytes = ?8, first_host_calls = ?9
    WHERE event = ?1 AND plugin = ?2";
const ATTEMPT_INSERT: &str = "
    INSERT INTO attempt (event, plugin, replays, number, revision, started_at, duration_us,
      outcome, detail, log, lease, cpu_us, memory_bytes, host_calls)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
const ANSWERS_DELETE: &str = "DELETE FROM answer WHERE event = ?1 AND plugin = ?2";
const ANSWER_INSERT: &str = "
    INSERT INTO answer (event, plugin, number, tenant, request, status, headers, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
/// Changes nothing if the event has a response.
const RESPONSE_INSERT: &str = "
    INSERT INTO response (event, tenant, plugin, status, headers, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (event) DO NOTHING";

impl Database {
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
        self.hint(|| Hint::Job {
            event: lease.event,
            plugin: lease.plugin.clone(),
        });
        if is_done {
            self.commit_effects(settlement, totals)?;
            self.put_answers(job.seq, &lease.plugin, &settlement.effects.answers)?;
            self.put_response(job.seq, &lease.plugin, settlement.effects.response.as_ref())?;
        }

        Ok(())
    }

    /// Stores the end of a job whose only attempt succeeded, in one row.
    fn write_first_success(&self, job: &LeasedJob, settlement: &Settlement) -> Result<(), Error> {
        let Settlement { lease, attempt, .. } = settlement;
        let used = Used::of(attempt);
        let values = params![
            job.seq,
            lease.plugin.name.as_str(),
            job.lease,
            attempt.revision.as_sha256(),
            attempt.started_at.unix_millis(),
            i64::try_from(attempt.duration.as_micros()).unwrap_or(i64::MAX),
            used.cpu_us,
            used.memory_bytes,
            used.host_calls,
        ];

        self.execute(FIRST_SUCCESS, values).map(drop)
    }

    fn record_attempt(&self, job: &LeasedJob, settlement: &Settlement) -> Result<(), Error> {
        let Settlement { lease, attempt, .. } = settlement;
        let used = Used::of(attempt);
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
            used.cpu_us,
            used.memory_bytes,
            used.host_calls,
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

    /// Stores the response of an attempt, unless the event has one.
    fn put_response(
        &self,
        event: i64,
        plugin: &PluginRef,
        response: Option<&Response>,
    ) -> Result<(), Error> {
        let Some(Response {
            status,
            headers,
            body,
        }) = response
        else {
            return Ok(());
        };

        let (tenant, plugin) = (plugin.tenant.as_str(), plugin.name.as_str());
        let headers = codec::headers_to_blob(headers);
        let values = params![event, tenant, plugin, status, headers, &body[..]];
        self.execute(RESPONSE_INSERT, values).map(drop)
    }
}

/// What an attempt used, as the columns have it.
#[derive(Default)]
struct Used {
    cpu_us: Option<i64>,
    memory_bytes: Option<i64>,
    host_calls: Option<i64>,
}

impl Used {
    fn of(attempt: &Attempt) -> Self {
        let Some(used) = attempt.used else {
            return Self::default();
        };
        let cpu = i64::try_from(used.cpu.as_micros()).unwrap_or(i64::MAX);
        let number = |count: u64| Some(i64::try_from(count).unwrap_or(i64::MAX));

        Self {
            cpu_us: Some(cpu),
            memory_bytes: number(used.memory_bytes),
            host_calls: number(used.host_calls),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    #[test]
    fn statements_use_indexes() {
        query_plans::check(&[
            (
                "settle: first success",
                FIRST_SUCCESS,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            ("settle: record", ATTEMPT_INSERT, &[]),
            (
                "settle: forget answers",
                ANSWERS_DELETE,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            ("settle: record an answer", ANSWER_INSERT, &[]),
            ("settle: a response", RESPONSE_INSERT, &[]),
        ]);
    }
}
