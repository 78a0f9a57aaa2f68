//! The guest's calls of host functions, for the trace of an event.
//!
//! Recorded are the calls that read or write stored values, send messages, respond or make HTTP
//! requests. Nothing is recorded, and no clock is read, unless the trace of the event is recorded.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hookyard_dispatch::HostCall;
use hookyard_store::ClaimedJob;
use hookyard_trace::{Context, EventTrace};

/// The maximum number of calls that are recorded for one attempt, the first ones.
const CALLS_MAX: usize = 128;

/// Records the calls of one attempt, or nothing. Clones share one record.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls(Option<Arc<Record>>);

#[derive(Debug)]
struct Record {
    /// The context of the requests that the attempt makes.
    context: Context,
    calls: Mutex<Vec<HostCall>>,
}

/// A call in progress. Dropping it records the call.
pub(crate) struct RunningCall {
    record: Arc<Record>,
    name: &'static str,
    start: SystemTime,
}

impl Calls {
    /// Returns a record for a job if the trace of its event is recorded.
    pub(crate) fn of(job: &ClaimedJob) -> Self {
        let record = EventTrace::of(&job.event).map(|trace| {
            let lease = &job.lease;
            let attempt = trace.attempt(&lease.plugin, lease.replays, lease.attempt);
            Arc::new(Record {
                context: trace.context(attempt),
                calls: Mutex::default(),
            })
        });
        Self(record)
    }

    /// Notes the start of a call. The call ends when the result is dropped.
    pub(crate) fn begin(&self, name: &'static str) -> Option<RunningCall> {
        let record = Arc::clone(self.0.as_ref()?);
        Some(RunningCall {
            record,
            name,
            start: SystemTime::now(),
        })
    }

    /// Returns the context of an HTTP request of the attempt.
    pub(crate) fn context(&self) -> Option<Context> {
        self.0.as_ref().map(|record| record.context)
    }

    /// Takes the recorded calls.
    pub(crate) fn take(&self) -> Vec<HostCall> {
        let Some(record) = &self.0 else {
            return Vec::new();
        };
        let mut calls = record.calls.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *calls)
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        let mut calls = self
            .record
            .calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if calls.len() < CALLS_MAX {
            calls.push(HostCall {
                name: self.name,
                start: self.start,
                end: SystemTime::now(),
            });
        }
    }
}
