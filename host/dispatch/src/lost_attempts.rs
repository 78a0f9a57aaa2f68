//! Attempts that were lost because the host stopped during them.
//!
//! A lost attempt has begun, so it counts, but it has no record. An event that makes the host crash
//! would do so again at every start. So once as many attempts at a job were lost as the retry
//! policy allows in all, the job is dead, and nothing is run.

use std::time::Duration;

use hookyard_model::{Attempt, Effects, Next, Outcome, Revision, chain};
use hookyard_store::{ClaimedJob, Error, EventRecord, KvUsage, OutboxQuota, Settlement};

use crate::executor::Executor;

impl Executor {
    /// Returns the settlement of a job with too many lost attempts, or `None` if the job must be
    /// run.
    pub(crate) async fn give_up_after_losses(&self, job: &ClaimedJob) -> Option<Settlement> {
        let attempts_max = self.policies.load().of(&job.event.source).attempts_max;
        // Fewer attempts than that cannot have lost too many, so nothing needs to be read.
        if job.lease.attempt <= attempts_max {
            return None;
        }

        let attempts = match self.lost_attempts(job).await {
            Ok(lost) => lost.filter(|lost| *lost >= attempts_max)?,
            Err(error) => {
                let (event, plugin) = (job.lease.event, &job.lease.plugin);
                tracing::warn!(%event, %plugin, error = chain(&error), "the number of lost attempts is not known");
                return None;
            }
        };

        let attempt = Attempt {
            number: job.lease.attempt,
            revision: self.revision(job)?,
            started_at: self.clock.now(),
            duration: Duration::ZERO,
            outcome: Outcome::Lost { attempts },
            log: Vec::new(),
            used: None,
        };
        Some(Settlement {
            lease: job.lease.clone(),
            attempt,
            next: Next::Dead,
            failed_on_probation: false,
            is_spared: false,
            effects: Effects::default(),
            quota: KvUsage { keys: 0, bytes: 0 },
            outbox: OutboxQuota::default(),
        })
    }

    async fn lost_attempts(&self, job: &ClaimedJob) -> Result<Option<u32>, Error> {
        let record = self.inbox.read(job.lease.event).await?;
        Ok(record.and_then(|record| count_lost(&record, job)))
    }

    /// Returns the revision that would run the job.
    fn revision(&self, job: &ClaimedJob) -> Option<Revision> {
        if job.revision.is_some() {
            return job.revision;
        }

        self.runner
            .active()
            .into_iter()
            .find(|active| active.plugin == job.lease.plugin)
            .map(|active| active.revision)
    }
}

/// Counts the attempts before this one that have no record, since the last replay of the job.
fn count_lost(record: &EventRecord, job: &ClaimedJob) -> Option<u32> {
    let of_plugin = record
        .jobs
        .iter()
        .find(|other| other.plugin == job.lease.plugin.name)?;
    let recorded = of_plugin
        .attempts
        .iter()
        .filter(|(replays, _)| *replays == job.lease.replays)
        .count();

    (job.lease.attempt - 1).checked_sub(u32::try_from(recorded).ok()?)
}
