//! What attempts took, as metrics: per plugin and tenant, and how many came to what.
//!
//! Names and meanings stand here and nowhere else. Labels are names that the operator chose and the outcomes, so there are
//! no more series than plugins allow for.

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

/// Says what each metric is, to whoever records them.
pub fn describe() {
    let seconds = |name, what: &'static str| describe_histogram!(name, Unit::Seconds, what);
    describe_counter!(ATTEMPTS, "Attempts that ended, by what they came to.");
    seconds(QUEUE, "Time from when an attempt was due to its begin.");
    seconds(DECODE, "Time to make a plugin's values of the event.");
    seconds(INSTANTIATE, "Time to make an instance of the plugin.");
    seconds(RUN, "Time of the handler's call, whatever it was spent on.");
    seconds(CPU, "Processor time of instantiation and call.");
    describe_histogram!(
        MEMORY,
        Unit::Bytes,
        "Linear memory that the instance came to have."
    );
    describe_counter!(HOST_CALLS, "Calls of the host's functions by plugins.");
    describe_counter!(
        HOST_BYTES,
        Unit::Bytes,
        "Bytes that passed between plugins and the host by these calls."
    );
    describe_counter!(
        HOST_FAULTS,
        "Attempts that the host could not make, for want of memory or of its store; made again."
    );
}

/// Records an attempt that ended.
pub(crate) fn record(plugin: &PluginRef, outcome: &Outcome, queue: Duration, measures: &Measures) {
    let labels = [
        ("tenant", plugin.tenant.to_string()),
        ("plugin", plugin.name.to_string()),
    ];
    let seconds = |name, time: Duration| histogram!(name, &labels).record(time.as_secs_f64());
    let [tenant, of_plugin] = labels.clone();
    counter!(
        ATTEMPTS,
        &[tenant, of_plugin, ("outcome", outcome.name().to_owned())]
    )
    .increment(1);
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
    let labels = [
        ("tenant", plugin.tenant.to_string()),
        ("plugin", plugin.name.to_string()),
    ];
    counter!(HOST_FAULTS, &labels).increment(1);
}
