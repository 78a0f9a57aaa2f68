//! The metrics of ingress: answered requests, by status and reason, and requests that waited.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hookyard_model::SourceRef;
use http::StatusCode;
use metrics::Counter;

use crate::answer::{Accepted, Refused, reason, status};
use crate::wait::Waited;

const REQUESTS: &str = "hookyard_requests_total";

const WAITS: &str = "hookyard_waits_total";

/// How long a counter is used before it is looked up again. A recorder may remove a counter that
/// has not changed for a long time, and count anew under its name.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(60);

/// Registers the descriptions of the metrics with the installed recorder.
pub fn describe_metrics() {
    metrics::describe_counter!(
        REQUESTS,
        "Requests of senders that were answered, by status and reason."
    );
    metrics::describe_counter!(
        WAITS,
        "Requests that waited for the jobs of their event, by how the wait ended."
    );
}

/// Counts a request that has waited.
pub(crate) fn count_wait(source: &SourceRef, waited: &Waited) {
    let labels = [
        ("tenant", source.tenant.to_string()),
        ("source", source.name.to_string()),
        ("result", waited.name().to_owned()),
    ];
    metrics::counter!(WAITS, &labels).increment(1);
}

/// Counts answered requests. Looking up a counter costs more than counting, so the counters of the
/// latest outcomes are kept.
#[derive(Default)]
pub(crate) struct Meter(Mutex<Vec<OutcomeCounter>>);

/// The counter of one status and reason.
struct OutcomeCounter {
    status: StatusCode,
    reason: &'static str,
    counter: Counter,
    looked_up: Instant,
}

impl Meter {
    /// Counts a request that has been answered.
    pub(crate) fn count(&self, outcome: &Result<Accepted, Refused>) {
        let (status, reason) = (status(outcome), reason(outcome));
        let now = Instant::now();
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);

        let known = counters
            .iter()
            .position(|counter| counter.status == status && counter.reason == reason);
        let place = known.unwrap_or_else(|| {
            counters.push(OutcomeCounter::look_up(status, reason, now));
            counters.len() - 1
        });
        let known = &mut counters[place];
        if now.duration_since(known.looked_up) > LOOKUP_INTERVAL {
            *known = OutcomeCounter::look_up(status, reason, now);
        }
        known.counter.increment(1);
    }
}

impl OutcomeCounter {
    fn look_up(status: StatusCode, reason: &'static str, now: Instant) -> Self {
        let label = status.as_u16().to_string();
        Self {
            status,
            reason,
            counter: metrics::counter!(REQUESTS, "status" => label, "reason" => reason),
            looked_up: now,
        }
    }
}
