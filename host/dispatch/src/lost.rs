//! Attempts that were lost together with their host.
//!
//! Each has begun and so counts, but has no record. Whatever takes the host down would do so again at every start; so
//! once as many attempts at a job were lost as may be made in all, the job is dead, and nothing is run.

use std::time::Duration;

use hookyard_model::{Attempt, Effects, Outcome, Revision, WorkState, chain};
use hookyard_store::{ClaimedJob, Error, EventRecord, KvUsage, OutboxQuota, Settlement};

use crate::attempt::Means;

impl Means {
    /// What becomes of a job at which too many attempts were lost; `None` when it's to be run.
    pub(crate) async fn given_up(&self, job: &ClaimedJob) -> Option<Settlement> {
        let attempts_max = self.policies.load().of(&job.event.source).attempts_max;
        // Otherwise so many can't have been lost, and nothing needs to be read.
        if job.lease.attempt <= attempts_max {
            return None;
        }
        let attempts = match self.lost(job).await {
            Ok(lost) => lost.filter(|lost| *lost >= attempts_max)?,
            Err(error) => {
                let (event, plugin) = (job.lease.event, &job.lease.plugin);
                tracing::warn!(%event, %plugin, error = chain(&error), "it is not known how many attempts were lost");
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
        };
        let lease = job.lease.clone();
        let quota = KvUsage { keys: 0, bytes: 0 };
        let (next, effects) = (WorkState::Dead, Effects::default());
        let outbox = OutboxQuota::default();
        Some(Settlement {
            lease,
            attempt,
            next,
            is_watched: false,
            is_spared: false,
            effects,
            quota,
            outbox,
        })
    }

    async fn lost(&self, job: &ClaimedJob) -> Result<Option<u32>, Error> {
        Ok(self
            .inbox
            .read(job.lease.event)
            .await?
            .and_then(|record| lost(&record, job)))
    }

    /// The revision that would run.
    fn revision(&self, job: &ClaimedJob) -> Option<Revision> {
        let active = || {
            self.runner
                .active()
                .into_iter()
                .find(|active| active.plugin == job.lease.plugin)
        };
        job.revision.or_else(|| Some(active()?.revision))
    }
}

/// How many attempts before this one have no record, since the job was last replayed.
fn lost(record: &EventRecord, job: &ClaimedJob) -> Option<u32> {
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
