//! A call of the store that may change something, and its answer.

use std::time::Duration;

use hookyard_model::{Event, PluginRef, Revision};
use hookyard_store::{
    AppendResult, ClaimedJob, Discard, DiscardSummary, Error, JobLease, JobRequest, PruneSummary,
    Replay, ReplaySummary, Routes, Settlement,
};

/// A call of the store that may change something.
#[derive(Clone, Copy)]
pub(crate) enum Call<'s> {
    Append(&'s Event),
    Route(&'s Routes),
    Claim {
        wanted: &'s [JobRequest],
        lease: Duration,
    },
    Extend(&'s [JobLease]),
    GiveBack(&'s [JobLease]),
    Settle(&'s Settlement),
    Replay(&'s Replay),
    Discard(&'s Discard),
    Prune,
    Quarantine(&'s PluginRef),
    Lift(&'s PluginRef),
    /// Retries what failed while this revision was on probation.
    RetryFailed(&'s PluginRef, Revision),
}

/// The answer to a call that succeeded.
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

/// Describes a call in one line.
pub(crate) fn describe(call: &Call<'_>) -> String {
    // The order of the leases means nothing, and differs when a life is repeated.
    let jobs = |leases: &[JobLease]| {
        let mut jobs: Vec<_> = leases.iter().map(job).collect();
        jobs.sort();
        jobs.join(", ")
    };
    match call {
        Call::Append(event) => format!("append {} ({}, key {})", event.id, event.source, event.key),
        Call::Route(Routes(routes)) => format!("route {routes:?}"),
        Call::Claim { wanted, .. } => {
            let wants = wanted
                .iter()
                .map(|want| format!("{} of {}", want.limit, want.plugin));
            format!("claim {}", wants.collect::<Vec<_>>().join(", "))
        }
        Call::Extend(leases) => format!("extend {}", jobs(leases)),
        Call::GiveBack(leases) => format!("give back {}", jobs(leases)),
        Call::Settle(Settlement {
            lease,
            attempt,
            next,
            ..
        }) => {
            format!("settle {}: {} -> {next:?}", job(lease), attempt.outcome)
        }
        Call::Replay(replay) => format!("replay {:?}", replay.selection),
        Call::Discard(discard) => format!("discard {:?}", discard.selection),
        Call::Prune => "prune".to_owned(),
        Call::Quarantine(plugin) => format!("quarantine {plugin}"),
        Call::Lift(plugin) => format!("lift {plugin}"),
        Call::RetryFailed(plugin, revision) => format!("retry {plugin} after {}", revision.short()),
    }
}

fn job(
    JobLease {
        event,
        plugin,
        replays,
        attempt,
        ..
    }: &JobLease,
) -> String {
    format!("{event} for {plugin} ({replays}/{attempt})")
}

/// Describes an answer in one line.
pub(crate) fn describe_answer(answer: &Result<Answer, &Error>) -> String {
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
