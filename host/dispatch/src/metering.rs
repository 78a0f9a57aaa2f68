//! The metrics of attempts, by tenant and plugin, and by outcome.
//!
//! This is the only place with their names and descriptions. The labels are the operator's names
//! and the outcomes, so the number of series is bounded by the number of plugins.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hookyard_model::{Outcome, PluginRef};
use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};

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
const RESPONSES: &str = "hookyard_responses_total";
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
        RESPONSES,
        "Responses of plugins to requests, by whether they counted or were dropped."
    );
    describe_counter!(
        HOST_FAULTS,
        "Attempts that the host could not make, because it had no memory or its store failed; they are made again."
    );
}

/// The time after which series are looked up again. The recorder forgets a series that does not
/// change for a day, and what is recorded in a forgotten series is lost.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(60);

/// The metrics of one plugin. To look up a series by its labels costs more than to record in it, so
/// the series are kept for a while.
pub(crate) struct PluginMetrics {
    labels: [(&'static str, String); 2],
    series: Mutex<Option<Series>>,
}

struct Series {
    looked_up: Instant,
    /// The counter of each outcome that occurred.
    attempts: Vec<(&'static str, Counter)>,
    queue: Histogram,
    decode: Histogram,
    instantiate: Histogram,
    run: Histogram,
    cpu: Histogram,
    memory: Histogram,
    host_calls: Counter,
    host_bytes: Counter,
}

impl PluginMetrics {
    pub(crate) fn new(plugin: &PluginRef) -> Self {
        Self {
            labels: labels(plugin),
            series: Mutex::default(),
        }
    }

    /// Records an attempt that has ended.
    pub(crate) fn record(&self, outcome: &Outcome, queue: Duration, measures: &Measures) {
        let now = Instant::now();
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = series
            .take()
            .filter(|series| now.duration_since(series.looked_up) < LOOKUP_INTERVAL);
        let series = series.insert(kept.unwrap_or_else(|| Series::look_up(&self.labels, now)));

        series.attempts(&self.labels, outcome.name()).increment(1);
        series.queue.record(queue);
        series.decode.record(measures.decode);
        series.instantiate.record(measures.instantiate);
        series.run.record(measures.run);
        series.cpu.record(measures.cpu);
        series.memory.record(measures.memory_bytes as f64);
        series.host_calls.increment(measures.host_calls);
        series.host_bytes.increment(measures.host_bytes);
    }
}

impl Series {
    fn look_up(labels: &[(&'static str, String); 2], now: Instant) -> Self {
        Self {
            looked_up: now,
            attempts: Vec::new(),
            queue: histogram!(QUEUE, labels),
            decode: histogram!(DECODE, labels),
            instantiate: histogram!(INSTANTIATE, labels),
            run: histogram!(RUN, labels),
            cpu: histogram!(CPU, labels),
            memory: histogram!(MEMORY, labels),
            host_calls: counter!(HOST_CALLS, labels),
            host_bytes: counter!(HOST_BYTES, labels),
        }
    }

    fn attempts(
        &mut self,
        labels: &[(&'static str, String); 2],
        outcome: &'static str,
    ) -> &Counter {
        let known = self.attempts.iter().position(|(name, _)| *name == outcome);
        let index = known.unwrap_or_else(|| {
            let [tenant, plugin] = labels.clone();
            let labels = [tenant, plugin, ("outcome", outcome.to_owned())];
            self.attempts.push((outcome, counter!(ATTEMPTS, &labels)));
            self.attempts.len() - 1
        });

        &self.attempts[index].1
    }
}

/// Records an attempt that the host could not make.
pub(crate) fn record_host_fault(plugin: &PluginRef) {
    counter!(HOST_FAULTS, &labels(plugin)).increment(1);
}

/// Records a response of a plugin, and what became of the response.
pub(crate) fn record_response(plugin: &PluginRef, result: &'static str) {
    let [tenant, name] = labels(plugin);
    let labels = [tenant, name, ("result", result.to_owned())];
    counter!(RESPONSES, &labels).increment(1);
}

fn labels(plugin: &PluginRef) -> [(&'static str, String); 2] {
    [
        ("tenant", plugin.tenant.to_string()),
        ("plugin", plugin.name.to_string()),
    ]
}
