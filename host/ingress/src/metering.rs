//! The metric of ingress: answered requests, by status and reason.

use crate::answer::{Accepted, Refused, reason, status};

const REQUESTS: &str = "hookyard_requests_total";

/// Registers the description of the metric with the installed recorder.
pub fn describe_metrics() {
    metrics::describe_counter!(
        REQUESTS,
        "Requests of senders that were answered, by status and reason."
    );
}

/// Counts a request that has been answered.
pub(crate) fn count(outcome: &Result<Accepted, Refused>) {
    let status = status(outcome).as_u16().to_string();
    metrics::counter!(REQUESTS, "status" => status, "reason" => reason(outcome)).increment(1);
}
