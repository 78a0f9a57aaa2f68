//! Claiming: what is due is found by an index for each plugin, and leased job by job.

use hookyard_crash::Point;
use hookyard_model::{EventId, PluginRef, Revision, SourceRef, Timestamp, WorkState};
use hookyard_store::{Error, JobLease, JobRequest, transitions};
use rusqlite::{Row, params};

use super::Database;
use crate::codec::{self, parsed, store};

const CLAIM_PENDING: &str = "
    SELECT job.event, event.id, event.source, job.state, job.due_at, job.replays, job.attempts, job.revision,
           coalesce(job.since, event.received_at), event.received_at, job.spared
    FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.tenant = ?1 AND job.plugin = ?2 AND job.blocked = 0 AND job.state = 'pending'
    ORDER BY job.event LIMIT ?3";
const CLAIM_DUE: &str = "
    SELECT job.event, event.id, event.source, job.state, job.due_at, job.replays, job.attempts, job.revision,
           coalesce(job.since, event.received_at), job.due_at, job.spared
    FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.tenant = ?1 AND job.plugin = ?2 AND job.blocked = 0 AND job.due_at <= ?4
    ORDER BY job.due_at, job.event LIMIT ?3";

/// A claim that has come upon as many jobs that had to be held looks for no more of them.
const HELD_MAX: usize = 500;

/// A lease that was taken, less the event, which a reader loads once the lease is committed.
pub(crate) struct Leased {
    pub(crate) lease: JobLease,
    pub(crate) until: Timestamp,
    pub(crate) seq: i64,
    pub(crate) since: Timestamp,
    pub(crate) due: Timestamp,
    pub(crate) revision: Option<Revision>,
    pub(crate) spared: u32,
}

/// What became of a job that was found to be due.
enum Taken {
    Leased(Leased),
    /// Its plugin no longer takes it.
    Held,
}

impl Database {
    pub(crate) fn claim(
        &mut self,
        wanted: &[JobRequest],
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Leased>, Error> {
        let (mut leased, mut held) = (Vec::new(), 0);
        for want in wanted {
            let mut want = want.clone();
            loop {
                let before = (leased.len(), held);
                for job in self.due(&want, now)? {
                    match self.lease(job, &want.plugin, now, until)? {
                        Some(Taken::Leased(job)) => leased.push(job),
                        Some(Taken::Held) => held += 1,
                        None => {}
                    }
                }
                want.limit -= leased.len() - before.0;
                // What is held now made way for others.
                if held == before.1 || held >= HELD_MAX || want.limit == 0 {
                    break;
                }
            }
        }
        // So that whoever claims comes again for what is left.
        self.has_due_jobs |= held > 0;
        Ok(leased)
    }

    /// As many as are wanted, the longest due first.
    fn due(&mut self, want: &JobRequest, now: Timestamp) -> Result<Vec<DueJob>, Error> {
        // Not all that a quarantine holds may be held already, or what it held may not be free as a whole.
        let mut due = match self.is_in_quarantine(&want.plugin)? {
            true => Vec::new(),
            false => self.due_by(CLAIM_PENDING, want, now)?,
        };
        due.extend(self.due_by(CLAIM_DUE, want, now)?);
        due.sort_by_key(|job| (job.due_since, job.seq));
        due.truncate(want.limit);
        Ok(due)
    }

    fn due_by(
        &self,
        statement: &str,
        want: &JobRequest,
        now: Timestamp,
    ) -> Result<Vec<DueJob>, Error> {
        let mut statement = self.connection.prepare_cached(statement).map_err(store)?;
        let limit = i64::try_from(want.limit).unwrap_or(i64::MAX);
        let (tenant, plugin) = (want.plugin.tenant.as_str(), want.plugin.name.as_str());
        let values = params![tenant, plugin, limit, now.unix_millis()];
        // The statement for pending jobs knows no time.
        let values = &values[..statement.parameter_count()];
        codec::read_all(&mut statement, values, DueJob::read)
    }

    fn lease(
        &mut self,
        job: DueJob,
        plugin: &PluginRef,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Taken>, Error> {
        let source = SourceRef {
            tenant: plugin.tenant.clone(),
            name: parsed(&job.source, "an event's source")?,
        };
        let routed = self.is_taken(&source, &plugin.name)?;
        match transitions::claim(job.state, routed, until, now) {
            transitions::Claim::Leave => Ok(None),
            transitions::Claim::Hold(next) => self
                .put(job.seq, &plugin.name, next, job.attempts)
                .map(|()| Some(Taken::Held)),
            transitions::Claim::Lease(next) => {
                let attempt = job.attempts + 1;
                self.put(job.seq, &plugin.name, next, attempt)?;
                Point::ClaimLease.pass();
                let lease = JobLease {
                    event: job.id,
                    plugin: plugin.clone(),
                    replays: job.replays,
                    attempt,
                };
                // A pending job is due since it came in, and has waited since its replay only.
                let due = job.since.max(Timestamp::from_unix_millis(job.due_since));
                let leased = Leased {
                    lease,
                    until,
                    seq: job.seq,
                    since: job.since,
                    due,
                    revision: job.revision,
                    spared: job.spared,
                };
                Ok(Some(Taken::Leased(leased)))
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
        ]);
    }
}
