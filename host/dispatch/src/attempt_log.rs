//! The log lines and metrics of an attempt: the guest's lines, then one line for its end.
//!
//! The log lines contain neither headers nor bodies (invariant 10).

use std::time::Duration;

use hookyard_model::{Attempt, LogLine, Outcome, visible};
use hookyard_store::{ClaimedJob, Settlement};

use crate::Measures;
use crate::executor::Made;
use crate::metering::PluginMetrics;

/// The time that an attempt waited, and the resources that it used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AttemptCosts {
    /// The time from when the attempt was due to its start.
    pub(crate) queue: Duration,
    pub(crate) measures: Measures,
}

/// Logs and measures an attempt that has ended, and the next state of its job.
pub(crate) fn report(job: &ClaimedJob, metrics: &PluginMetrics, made: &Made) {
    let plugin = &job.lease.plugin;
    let Settlement { attempt, next, .. } = &made.settlement;
    let AttemptCosts { queue, measures } = made.costs;

    log_guest_lines(job, attempt);
    metrics.record(&attempt.outcome, queue, &measures);

    // `tracing` needs the level at compile time, so each level has a call of its own.
    macro_rules! log {
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
                // Text fields are escaped, and the detail may contain words of the guest.
                detail = detail(&attempt.outcome),
                state = next.name(),
                response = made.settlement.effects.response.as_ref().map(|response| response.status),
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
        Outcome::Done => log!(info),
        _ => log!(warn),
    }
}

fn log_guest_lines(job: &ClaimedJob, attempt: &Attempt) {
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
