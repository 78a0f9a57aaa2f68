//! The metrics of attempts, by tenant and plugin, and by outcome.
//!
//! This is the only place with their names and descriptions. The labels are the operator's names
//! and the outcomes, so the number of series is bounded by the number of plugins.

use std::time::Duration;

use hookyard_model::{Outcome, PluginRef};
use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

use crate::Measures;

const ATTEMPTS: &str = "hookyard_attempts_total";
const QUEUE: &str = "hookyard_attempt_queue_seconds";
const DECODE: &str = "hookyard_attempt_decode_seconds";
const INSTANTIATE: &str = "hookyard_attempt_instantiate_seconds";
const RUN: &str = "hookyard_attempt_run_seconds";
const CPU: &str = "hookyard_attempt_cpu_seconds";
const MEMORY: &str = "hookyard_attempt_memory_bytes";
const HOST_CALLS: &str = "hookyard_attempt_host_calls_total";
const HOST_BYTES: &str = "hookyard_attempt_host_bytes_total";
const HOST_FAULTS: &str = "hookyard_host_faults_total";

/// Registers the descriptions of the metrics with the installed recorder.
pub fn describe_metrics() {
    let seconds = |name, text: &'static str| describe_histogram!(name, Unit::Seconds, text);

    describe_counter!(ATTEMPTS, "Ended attempts, by outcome.");
    seconds(QUEUE, "Time from when an attempt was due to its start.");
    seconds(DECODE, "Time to decode the event for the plugin.");
    seconds(INSTANTIATE, "Time to instantiate the plugin.");
    seconds(RUN, "Elapsed time of the handler's call.");
    seconds(CPU, "Processor time of instantiation and call.");
    describe_histogram!(
        MEMORY,
        Unit::Bytes,
        "Maximum linear memory of the instance."
    );
    describe_counter!(HOST_CALLS, "Calls of host functions by plugins.");
    describe_counter!(
        HOST_BYTES,
        Unit::Bytes,
        "Bytes that passed between plugins and the host in calls of host functions."
    );
    describe_counter!(
        HOST_FAULTS,
        "Attempts that the host could not make, because it had no memory or its store failed; they are made again."
    );
}

/// Records an attempt that has ended.
pub(crate) fn record(plugin: &PluginRef, outcome: &Outcome, queue: Duration, measures: &Measures) {
    let labels = labels(plugin);
    let seconds = |name, time: Duration| histogram!(name, &labels).record(time.as_secs_f64());

    let [tenant, name] = labels.clone();
    let outcome = ("outcome", outcome.name().to_owned());
    counter!(ATTEMPTS, &[tenant, name, outcome]).increment(1);

    seconds(QUEUE, queue);
    seconds(DECODE, measures.decode);
    seconds(INSTANTIATE, measures.instantiate);
    seconds(RUN, measures.run);
    seconds(CPU, measures.cpu);
    histogram!(MEMORY, &labels).record(measures.memory_bytes as f64);
    counter!(HOST_CALLS, &labels).increment(measures.host_calls);
    counter!(HOST_BYTES, &labels).increment(measures.host_bytes);
}

/// Records an attempt that the host could not make.
pub(crate) fn record_host_fault(plugin: &PluginRef) {
    counter!(HOST_FAULTS, &labels(plugin)).increment(1);
}

fn labels(plugin: &PluginRef) -> [(&'static str, String); 2] {
    [
        ("tenant", plugin.tenant.to_string()),
        ("plugin", plugin.name.to_string()),
    ]
}
