//! The spans of an attempt: the wait before it, the attempt with its steps and the guest's calls of
//! host functions, and the settlement.

use std::time::{Duration, SystemTime};

use hookyard_model::{Attempt, Outcome, Timestamp, visible};
use hookyard_store::{ClaimedJob, JobLease};
use hookyard_trace::{Context, EventTrace, Kind, Span, SpanId, Value};

use crate::executor::Made;
use crate::{HostCall, Measures};

/// The trace of an attempt that is recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttemptTrace {
    event: EventTrace,
    attempt: SpanId,
    /// The time at which the settlement began.
    settle: SystemTime,
}

impl AttemptTrace {
    /// Returns the trace of an attempt that is about to be settled, or `None` if the trace is not
    /// recorded.
    pub(crate) fn of(job: &ClaimedJob) -> Option<Self> {
        let event = EventTrace::of(&job.event)?;
        let JobLease {
            plugin,
            replays,
            attempt,
            ..
        } = &job.lease;
        Some(Self {
            event,
            attempt: event.attempt(plugin, *replays, *attempt),
            settle: SystemTime::now(),
        })
    }

    /// Returns the context of the messages that the attempt sends.
    pub(crate) fn context(&self) -> Context {
        self.event.context(self.attempt)
    }

    /// Records the spans of an attempt that has been settled.
    pub(crate) fn record(&self, job: &ClaimedJob, made: &Made, is_settled: bool) {
        let attempt = &made.settlement.attempt;
        let start = time(attempt.started_at);
        let request = Some(self.event.request());

        self.step(request, "queue", [start - made.costs.queue, start]);
        self.steps_within(start, attempt, &made.costs.measures);
        self.host_calls(&made.host_calls);
        hookyard_trace::record(Span {
            id: self.attempt,
            parent: request,
            kind: Kind::Consumer,
            attributes: attributes(job, attempt, &made.costs.measures),
            error: failure(&attempt.outcome),
            ..self.span("attempt", [start, start + attempt.duration])
        });

        let settle = self.span("settle", [self.settle, SystemTime::now()]);
        hookyard_trace::record(Span {
            error: (!is_settled).then(|| "the store did not settle the attempt".to_owned()),
            ..settle
        });
    }

    /// Records the measured steps. Each step begins when the previous step ends.
    fn steps_within(&self, start: SystemTime, attempt: &Attempt, measures: &Measures) {
        let steps = [
            ("decode", measures.decode),
            ("instantiate", measures.instantiate),
            ("run", measures.run),
        ];
        let known: Duration = steps.iter().map(|(_, time)| *time).sum();
        // The steps are the end of the attempt: before them, it may have waited for its revision.
        let mut from = start + attempt.duration.saturating_sub(known);
        for (name, time) in steps {
            if !time.is_zero() {
                self.step(Some(self.attempt), name, [from, from + time]);
            }
            from += time;
        }
    }

    fn host_calls(&self, calls: &[HostCall]) {
        let run = self.event.within(self.attempt, "run", 0);
        for (place, call) in (1..).zip(calls) {
            hookyard_trace::record(Span {
                id: self.event.within(run, call.name, place),
                parent: Some(run),
                ..self.span(call.name, [call.start, call.end])
            });
        }
    }

    fn step(&self, parent: Option<SpanId>, name: &'static str, times: [SystemTime; 2]) {
        hookyard_trace::record(Span {
            parent,
            ..self.span(name, times)
        });
    }

    /// Returns a step within the attempt.
    fn span(&self, name: &'static str, [start, end]: [SystemTime; 2]) -> Span {
        Span {
            trace: self.event.id(),
            id: self.event.within(self.attempt, name, 0),
            parent: Some(self.attempt),
            is_parent_remote: false,
            kind: Kind::Internal,
            name: name.into(),
            start,
            end,
            attributes: Vec::new(),
            error: None,
        }
    }
}

fn attributes(
    job: &ClaimedJob,
    attempt: &Attempt,
    measures: &Measures,
) -> Vec<(&'static str, Value)> {
    let JobLease {
        event,
        plugin,
        replays,
        ..
    } = &job.lease;
    vec![
        ("hookyard.event", event.to_string().into()),
        ("hookyard.tenant", plugin.tenant.to_string().into()),
        ("hookyard.plugin", plugin.name.to_string().into()),
        (
            "hookyard.revision",
            attempt.revision.short().to_string().into(),
        ),
        ("hookyard.replays", (*replays).into()),
        ("hookyard.attempt", attempt.number.into()),
        ("hookyard.outcome", attempt.outcome.name().into()),
        ("hookyard.cpu_seconds", measures.cpu.into()),
        ("hookyard.memory_bytes", measures.memory_bytes.into()),
        ("hookyard.host_calls", measures.host_calls.into()),
    ]
}

fn failure(outcome: &Outcome) -> Option<String> {
    (*outcome != Outcome::Done).then(|| visible(&outcome.to_string()))
}

fn time(at: Timestamp) -> SystemTime {
    let millis = u64::try_from(at.unix_millis()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}
