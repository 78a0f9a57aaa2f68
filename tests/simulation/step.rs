//! A step: one call that may change something, and what it was answered.

use std::time::Duration;

use hookyard_model::{Event, PluginRef, Revision, Timestamp};
use hookyard_store::{
    AppendResult, ClaimedJob, Discard, DiscardSummary, Error, JobLease, JobRequest, PruneSummary,
    Replay, ReplaySummary, Routes, Settlement,
};

/// A call that may change something.
#[derive(Clone, Copy)]
pub(crate) enum Step<'s> {
    Append(&'s Event),
    Route(&'s Routes),
    Claim {
        wanted: &'s [JobRequest],
        now: Timestamp,
        lease: Duration,
    },
    Extend(&'s [JobLease]),
    Release(&'s [JobLease]),
    Settle(&'s Settlement),
    Replay(&'s Replay),
    Discard(&'s Discard),
    Prune,
    Quarantine(&'s PluginRef),
    Lift(&'s PluginRef),
    /// What failed while this revision was watched.
    Retry(&'s PluginRef, Revision),
}

/// What it was answered.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Nothing,
    Appended(AppendResult),
    Claimed(Vec<ClaimedJob>),
    Replayed(ReplaySummary),
    Discarded(DiscardSummary),
    Pruned(PruneSummary),
    Retried(u64),
}

/// A step in one line.
pub(crate) fn told(step: &Step<'_>) -> String {
    let jobs = |leases: &[JobLease]| leases.iter().map(job).collect::<Vec<_>>().join(", ");
    match step {
        Step::Append(event) => format!("append {} ({}, key {})", event.id, event.source, event.key),
        Step::Route(Routes(routes)) => format!("route {routes:?}"),
        Step::Claim { wanted, .. } => {
            let wants = wanted
                .iter()
                .map(|want| format!("{} of {}", want.limit, want.plugin));
            format!("claim {}", wants.collect::<Vec<_>>().join(", "))
        }
        Step::Extend(leases) => format!("extend {}", jobs(leases)),
        Step::Release(leases) => format!("release {}", jobs(leases)),
        Step::Settle(Settlement {
            lease,
            attempt,
            next,
            ..
        }) => {
            format!("settle {}: {} -> {next:?}", job(lease), attempt.outcome)
        }
        Step::Replay(replay) => format!("replay {:?}", replay.selection),
        Step::Discard(discard) => format!("discard {:?}", discard.selection),
        Step::Prune => "prune".to_owned(),
        Step::Quarantine(plugin) => format!("quarantine {plugin}"),
        Step::Lift(plugin) => format!("lift {plugin}"),
        Step::Retry(plugin, revision) => format!("retry {plugin} after {}", revision.short()),
    }
}

fn job(
    JobLease {
        event,
        plugin,
        replays,
        attempt,
    }: &JobLease,
) -> String {
    format!("{event} for {plugin} ({replays}/{attempt})")
}

/// What it came to, in one line.
pub(crate) fn answered(answer: &Result<Answer, &Error>) -> String {
    match answer {
        Ok(Answer::Claimed(claimed)) => claimed
            .iter()
            .map(|claimed| job(&claimed.lease))
            .collect::<Vec<_>>()
            .join(", "),
        Ok(answer) => format!("{answer:?}"),
        Err(error) => error.to_string(),
    }
}

impl From<()> for Answer {
    fn from((): ()) -> Self {
        Self::Nothing
    }
}

impl From<AppendResult> for Answer {
    fn from(appended: AppendResult) -> Self {
        Self::Appended(appended)
    }
}

impl From<Vec<ClaimedJob>> for Answer {
    fn from(claimed: Vec<ClaimedJob>) -> Self {
        Self::Claimed(claimed)
    }
}

impl From<ReplaySummary> for Answer {
    fn from(replayed: ReplaySummary) -> Self {
        Self::Replayed(replayed)
    }
}

impl From<DiscardSummary> for Answer {
    fn from(discarded: DiscardSummary) -> Self {
        Self::Discarded(discarded)
    }
}

impl From<u64> for Answer {
    fn from(retried: u64) -> Self {
        Self::Retried(retried)
    }
}

impl From<PruneSummary> for Answer {
    fn from(pruned: PruneSummary) -> Self {
        Self::Pruned(pruned)
    }
}
