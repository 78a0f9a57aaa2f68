//! Claims: an index finds the due jobs of each plugin, and each job is leased by itself.

use std::time::Duration;

use hookyard_crash::Point;
use hookyard_model::{EventId, PluginRef, Revision, SourceRef, Timestamp, WorkState};
use hookyard_store::{Error, Hint, JobLease, JobRequest, transitions};
use rusqlite::{Row, params};

use super::knowledge::NextDue;
use super::lane::{JobChange, JobRow};
use super::{Database, knowledge};
use crate::codec::{self, parsed, store};

const CLAIM_PENDING: &str = "
    SELECT job.event, event.id, event.source, job.state, job.due_at, job.replays, job.attempts,
      job.revision,
           coalesce(job.since, event.received_at), event.received_at, job.spared, job.lane
    FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.tenant = ?1 AND job.plugin = ?2 AND job.blocked = 0 AND job.state = 'pending'
    ORDER BY job.event LIMIT ?3";
const CLAIM_DUE: &str = "
    SELECT job.event, event.id, event.source, job.state, job.due_at, job.replays, job.attempts,
      job.revision,
           coalesce(job.since, event.received_at), job.due_at, job.spared, job.lane
    FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.tenant = ?1 AND job.plugin = ?2 AND job.blocked = 0 AND job.due_at <= ?4
    ORDER BY job.due_at, job.event LIMIT ?3";

const HAS_PENDING: &str = "
    SELECT EXISTS (SELECT 1 FROM job WHERE tenant = ?1 AND plugin = ?2 AND blocked = 0
      AND state = 'pending')";
const NEXT_DUE: &str = "
    SELECT min(due_at) FROM job WHERE tenant = ?1 AND plugin = ?2 AND blocked = 0
      AND due_at IS NOT NULL";

/// The maximum number of jobs that one claim holds before it stops looking for more.
const HELD_MAX: usize = 500;

/// A new lease without its event. A reader loads the event once the lease is committed.
pub(crate) struct NewLease {
    pub(crate) lease: JobLease,
    pub(crate) seq: i64,
    pub(crate) since: Timestamp,
    pub(crate) due: Timestamp,
    pub(crate) revision: Option<Revision>,
    pub(crate) spared: u32,
}

/// The result for a job that is due.
enum ClaimResult {
    Leased(NewLease),
    /// The job is now held, because its plugin is no longer routed to it.
    Held,
}

impl Database {
    pub(crate) fn claim(
        &mut self,
        requests: &[JobRequest],
        lease: Duration,
    ) -> Result<Vec<NewLease>, Error> {
        let until = self.now.after(lease);
        let (mut leased, mut held) = (Vec::new(), 0);
        for request in requests {
            if !self.may_be_due(&request.plugin) {
                continue;
            }
            let mut request = request.clone();
            loop {
                let before = (leased.len(), held);
                for job in self.due(&request)? {
                    match self.lease(job, &request.plugin, until)? {
                        Some(ClaimResult::Leased(job)) => leased.push(job),
                        Some(ClaimResult::Held) => held += 1,
                        None => {}
                    }
                }
                request.limit -= leased.len() - before.0;
                // The held jobs have made room for others, so the claim looks again.
                if held == before.1 || held >= HELD_MAX || request.limit == 0 {
                    break;
                }
            }

            if request.limit > 0 && held < HELD_MAX {
                self.knowledge.set_idle(&request.plugin, NextDue::Unknown);
            }
        }

        // Wakes the dispatcher, so that it claims again and finds what is left.
        self.has_due_jobs |= held > 0;

        Ok(leased)
    }

    /// Returns the time until a job of these plugins is due, or `None` if no job becomes due by the
    /// passing of time alone.
    pub(crate) fn next_due(&mut self, plugins: &[PluginRef]) -> Result<Option<Duration>, Error> {
        let mut earliest: Option<Timestamp> = None;
        for plugin in plugins {
            let next = match self.knowledge.idle(plugin) {
                Some(NextDue::At(next)) => next,
                known => {
                    if known.is_none() && self.has_pending(plugin)? {
                        return Ok(Some(Duration::ZERO));
                    }
                    let next = self.read_next_due(plugin)?;
                    self.knowledge.set_idle(plugin, NextDue::At(next));
                    next
                }
            };
            earliest = [earliest, next].into_iter().flatten().min();
        }

        Ok(earliest.map(|due| due.since(self.now)))
    }

    /// Returns `false` if it is known without reading that no job of the plugin is due.
    fn may_be_due(&self, plugin: &PluginRef) -> bool {
        match self.knowledge.idle(plugin) {
            Some(NextDue::At(next)) => next.is_some_and(|next| next <= self.now),
            Some(NextDue::Unknown) | None => true,
        }
    }

    fn has_pending(&mut self, plugin: &PluginRef) -> Result<bool, Error> {
        // A sweep may not have held every job of a quarantined plugin yet.
        if self.is_quarantined(plugin)? {
            return Ok(false);
        }
        self.connection
            .prepare_cached(HAS_PENDING)
            .and_then(|mut statement| {
                statement.query_row([plugin.tenant.as_str(), plugin.name.as_str()], |row| {
                    row.get(0)
                })
            })
            .map_err(store)
    }

    fn read_next_due(&self, plugin: &PluginRef) -> Result<Option<Timestamp>, Error> {
        let mut statement = self.connection.prepare_cached(NEXT_DUE).map_err(store)?;
        let values = [plugin.tenant.as_str(), plugin.name.as_str()];
        let next: Option<i64> = statement
            .query_row(values, |row| row.get(0))
            .map_err(store)?;

        Ok(next.map(Timestamp::from_unix_millis))
    }

    /// Returns up to `limit` jobs of the plugin, those that have been due for the longest time
    /// first.
    fn due(&mut self, request: &JobRequest) -> Result<Vec<DueJob>, Error> {
        // A sweep may not have held every job of a quarantined plugin yet, so its pending jobs are
        // skipped here.
        let is_idle = self.knowledge.idle(&request.plugin).is_some();
        let mut due = if is_idle || self.is_quarantined(&request.plugin)? {
            Vec::new()
        } else {
            self.due_by(CLAIM_PENDING, request)?
        };

        due.extend(self.due_by(CLAIM_DUE, request)?);
        due.sort_by_key(|job| (job.due_since, job.seq));
        due.truncate(request.limit);

        Ok(due)
    }

    fn due_by(&self, statement: &str, request: &JobRequest) -> Result<Vec<DueJob>, Error> {
        let mut statement = self.connection.prepare_cached(statement).map_err(store)?;
        let limit = i64::try_from(request.limit).unwrap_or(i64::MAX);
        let (tenant, plugin) = (request.plugin.tenant.as_str(), request.plugin.name.as_str());
        let values = params![tenant, plugin, limit, self.now.unix_millis()];
        // The statement for pending jobs has no parameter for the time.
        let values = &values[..statement.parameter_count()];
        codec::read_all(&mut statement, values, DueJob::read)
    }

    fn lease(
        &mut self,
        job: DueJob,
        plugin: &PluginRef,
        until: Timestamp,
    ) -> Result<Option<ClaimResult>, Error> {
        let source = SourceRef {
            tenant: plugin.tenant.clone(),
            name: parsed(&job.source, "an event's source")?,
        };
        let routed = self.accepts(&source, plugin)?;
        let row = JobRow {
            seq: job.seq,
            plugin,
            lane: job.lane,
            state: job.state,
        };

        match transitions::claim(job.state, routed, until, self.now) {
            transitions::Claim::Leave => Ok(None),
            transitions::Claim::Hold(next) => self
                .put(&row, JobChange::to(next, job.attempts))
                .map(|()| Some(ClaimResult::Held)),
            transitions::Claim::Lease(next) => {
                let (lease, attempt) = (self.knowledge.new_lease(), job.attempts + 1);
                let change = JobChange {
                    lease: Some(lease),
                    ..JobChange::to(next, attempt)
                };
                self.put(&row, change)?;
                self.hint(|| Hint::Job {
                    event: job.id,
                    plugin: plugin.clone(),
                });
                Point::ClaimLease.pass();
                let lease = JobLease {
                    event: job.id,
                    plugin: plugin.clone(),
                    replays: job.replays,
                    attempt,
                    token: knowledge::token(lease, job.seq),
                };
                // A pending job is sorted by the arrival of its event, but it has only been due
                // since its last replay.
                let due = job.since.max(Timestamp::from_unix_millis(job.due_since));
                let leased = NewLease {
                    lease,
                    seq: job.seq,
                    since: job.since,
                    due,
                    revision: job.revision,
                    spared: job.spared,
                };
                Ok(Some(ClaimResult::Leased(leased)))
            }
        }
    }
}

struct DueJob {
    seq: i64,
    id: EventId,
    source: String,
    state: WorkState,
    replays: u32,
    attempts: u32,
    revision: Option<Revision>,
    since: Timestamp,
    due_since: i64,
    spared: u32,
    lane: Option<String>,
}

impl DueJob {
    fn read(row: &Row<'_>) -> Result<Self, Error> {
        let id: [u8; 16] = row.get(1).map_err(store)?;
        let state: String = row.get(3).map_err(store)?;
        let revision: Option<String> = row.get(7).map_err(store)?;

        Ok(Self {
            seq: row.get(0).map_err(store)?,
            id: codec::event_id(&id)?,
            source: row.get(2).map_err(store)?,
            state: codec::state(&state, row.get(4).map_err(store)?)?,
            replays: row.get(5).map_err(store)?,
            attempts: row.get(6).map_err(store)?,
            revision: revision
                .map(|text| parsed(&text, "the revision of a replay"))
                .transpose()?,
            since: Timestamp::from_unix_millis(row.get(8).map_err(store)?),
            due_since: row.get(9).map_err(store)?,
            spared: row.get(10).map_err(store)?,
            lane: row.get(11).map_err(store)?,
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
                "claim: pending",
                CLAIM_PENDING,
                &[
                    "INDEX job_pending (tenant=? AND plugin=? AND blocked=?)",
                    "PRIMARY KEY (rowid=?)",
                ],
            ),
            (
                "claim: due",
                CLAIM_DUE,
                &[
                    "job_due (tenant=? AND plugin=? AND blocked=? AND due_at<?)",
                    "PRIMARY KEY (rowid=?)",
                ],
            ),
            (
                "next_due: pending",
                HAS_PENDING,
                &["INDEX job_pending (tenant=? AND plugin=? AND blocked=?)"],
            ),
            (
                "next_due: timed",
                NEXT_DUE,
                &["INDEX job_due (tenant=? AND plugin=? AND blocked=? AND due_at>?)"],
            ),
        ]);
    }
}
