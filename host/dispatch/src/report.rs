//! What is told of an attempt: one event, the guest's lines before it, and the metrics.
//!
//! Neither headers nor body are told (invariant 10).

use std::time::Duration;

use hookyard_model::{Attempt, LogLine, Outcome, WorkState, visible};
use hookyard_store::ClaimedJob;

use crate::{Measures, metering};

/// What an attempt took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Taken {
    /// From when it was due to its begin.
    pub(crate) queue: Duration,
    pub(crate) measures: Measures,
}

/// Tells what an attempt came to, and what became of its job.
pub(crate) fn report(job: &ClaimedJob, attempt: &Attempt, next: WorkState, taken: Taken) {
    let plugin = &job.lease.plugin;
    lines(job, attempt);
    let Taken { queue, measures } = taken;
    metering::record(plugin, &attempt.outcome, queue, &measures);
    // Two call sites, since a level is part of one.
    macro_rules! tell {
        ($level:ident) => {
            tracing::$level!(
                target: "hookyard::attempt",
                tenant = %plugin.tenant,
                source = %job.event.source.name,
                plugin = %plugin.name,
                revision = attempt.revision.short(),
                event = %job.lease.event,
                "type" = job.event.event_type.as_deref(),
                attempt = attempt.number,
                outcome = attempt.outcome.name(),
                // As a text, which is escaped: part of it may be the guest's words.
                detail = detail(&attempt.outcome),
                state = next.name(),
                duration = ?attempt.duration,
                queue = ?queue,
                decode = ?measures.decode,
                instantiate = ?measures.instantiate,
                run = ?measures.run,
                cpu = ?measures.cpu,
                memory_bytes = measures.memory_bytes,
                host_calls = measures.host_calls,
                host_bytes = measures.host_bytes,
                "attempt ended"
            )
        };
    }
    match attempt.outcome {
        Outcome::Done => tell!(info),
        _ => tell!(warn),
    }
}

/// What the guest wrote.
fn lines(job: &ClaimedJob, attempt: &Attempt) {
    let plugin = &job.lease.plugin;
    for LogLine { is_error, text } in &attempt.log {
        tracing::info!(
            target: "hookyard::guest",
            tenant = %plugin.tenant,
            plugin = %plugin.name,
            event = %job.lease.event,
            attempt = attempt.number,
            stream = if *is_error { "stderr" } else { "stdout" },
            "{}",
            visible(text)
        );
    }
}

fn detail(outcome: &Outcome) -> Option<String> {
    (*outcome != Outcome::Done).then(|| outcome.to_string())
}
