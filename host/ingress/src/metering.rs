//! The metrics of ingress: answered requests and their times, the refusals of each source, and
//! requests that waited.
//!
//! The labels are the operator's names, statuses, and the names of outcomes, so the number of series
//! is bounded by the number of sources. No label has a value that a sender chose.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hookyard_model::SourceRef;
use http::StatusCode;
use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};

use crate::answer::{self, Accepted, Refused, reason, status};
use crate::wait::Waited;

const REQUESTS: &str = "hookyard_requests_total";
const TIME: &str = "hookyard_request_seconds";
const REFUSALS: &str = "hookyard_refusals_total";
const WAITS: &str = "hookyard_waits_total";

/// How long a series is used before it is looked up again. A recorder may remove a series that
/// has not changed for a long time, and begin anew under its name.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(60);

/// Registers the descriptions of the metrics with the installed recorder.
pub fn describe_metrics() {
    describe_counter!(
        REQUESTS,
        "Requests of senders that were answered, by status and reason."
    );
    describe_histogram!(
        TIME,
        Unit::Seconds,
        "Time from the head of a request to its answer, by reason."
    );
    describe_counter!(
        REFUSALS,
        "Requests to a source that were not accepted, by reason."
    );
    describe_counter!(
        WAITS,
        "Requests that waited for the jobs of their event, by how the wait ended."
    );
}

/// Counts a request that has waited.
pub(crate) fn count_wait(source: &SourceRef, waited: &Waited) {
    counter!(WAITS, &labels(source, "result", waited.name())).increment(1);
}

/// Counts a connection that was answered without reading its request.
pub(crate) fn count_turned_away() {
    let status = answer::OVERLOADED.as_u16().to_string();
    counter!(REQUESTS, "status" => status, "reason" => answer::CONNECTIONS_MAX).increment(1);
}

/// Counts a request that a source did not accept.
fn count_refusal(source: &SourceRef, reason: &'static str) {
    counter!(REFUSALS, &labels(source, "reason", reason)).increment(1);
}

fn labels(source: &SourceRef, name: &'static str, value: &str) -> [(&'static str, String); 3] {
    [
        ("tenant", source.tenant.to_string()),
        ("source", source.name.to_string()),
        (name, value.to_owned()),
    ]
}

/// Counts answered requests. Looking up a series costs more than recording in it, so the series of
/// the latest outcomes are kept.
#[derive(Default)]
pub(crate) struct Meter(Mutex<Vec<OutcomeSeries>>);

/// The series of one status and reason.
struct OutcomeSeries {
    status: StatusCode,
    reason: &'static str,
    counter: Counter,
    time: Histogram,
    looked_up: Instant,
}

impl Meter {
    /// Counts a request that is answered now, and that began at this time. `source` is the source
    /// at its path, if there is one.
    pub(crate) fn count(
        &self,
        outcome: &Result<Accepted, Refused>,
        source: Option<&SourceRef>,
        began: Instant,
    ) {
        let (status, reason) = (status(outcome), reason(outcome));
        if let (Err(_), Some(source)) = (outcome, source) {
            count_refusal(source, reason);
        }

        let now = Instant::now();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept
            .iter()
            .position(|series| series.status == status && series.reason == reason);
        let place = known.unwrap_or_else(|| {
            kept.push(OutcomeSeries::look_up(status, reason, now));
            kept.len() - 1
        });
        let series = &mut kept[place];
        if now.duration_since(series.looked_up) > LOOKUP_INTERVAL {
            *series = OutcomeSeries::look_up(status, reason, now);
        }
        series.counter.increment(1);
        series.time.record(now.duration_since(began));
    }
}

impl OutcomeSeries {
    fn look_up(status: StatusCode, reason: &'static str, now: Instant) -> Self {
        let label = status.as_u16().to_string();
        Self {
            status,
            reason,
            counter: counter!(REQUESTS, "status" => label, "reason" => reason),
            time: histogram!(TIME, "reason" => reason),
            looked_up: now,
        }
    }
}
