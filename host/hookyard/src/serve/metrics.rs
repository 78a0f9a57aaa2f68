//! The metrics of the host. The parts record them through the `metrics` facade, and Prometheus
//! reads them at `GET /metrics`.

use std::time::Duration;

use anyhow::Context;
use metrics::{describe_gauge, gauge};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use metrics_util::MetricKindMask;

/// How often recorded values are moved into their buckets if nobody reads the metrics.
const UPKEEP: Duration = Duration::from_secs(5);
/// How long a series is kept after its last change, for example that of a removed plugin.
const SERIES_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// A gauge that is always 1, and names the version of the host.
const BUILD: &str = "hookyard_build_info";
/// The buckets of durations, in seconds.
const SECONDS: [f64; 12] = [
    0.000_01, 0.000_1, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0,
];
/// The buckets of sizes, in bytes.
const BYTES: [f64; 8] = [
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
    1_073_741_824.0,
];

/// The metrics that this process has recorded.
#[derive(Clone)]
pub(super) struct Metrics(PrometheusHandle);

impl Metrics {
    /// Collects the metrics that this process records from now on.
    ///
    /// # Errors
    ///
    /// Fails if the process collects metrics already.
    pub(super) fn start() -> anyhow::Result<Self> {
        let recorder = recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).context("metrics are collected already")?;

        describe_gauge!(BUILD, "Always 1; the label names the version of the host.");
        record_build();
        hookyard_store_sqlite::describe_metrics();
        hookyard_ingress::describe_metrics();
        hookyard_dispatch::describe_metrics();
        hookyard_delivery::describe_metrics();
        super::unserved::describe_metrics();
        super::overload::describe_metrics();
        super::traces::describe_metrics();
        crate::telemetry::describe_metrics();
        Ok(Self(handle))
    }

    /// Collects nothing.
    #[cfg(test)]
    pub(super) fn detached() -> Self {
        Self(recorder().handle())
    }

    /// Returns the metrics in the text format 0.0.4 of Prometheus.
    pub(super) fn render(&self) -> String {
        self.0.render()
    }

    /// Keeps recorded values from piling up, and a series that never changes from being removed.
    /// Never returns.
    pub(super) async fn keep_up(&self) {
        loop {
            tokio::time::sleep(UPKEEP).await;
            record_build();
            self.0.run_upkeep();
        }
    }
}

fn record_build() {
    gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

fn recorder() -> PrometheusRecorder {
    let suffix = |suffix: &str| Matcher::Suffix(suffix.to_owned());

    PrometheusBuilder::new()
        .idle_timeout(MetricKindMask::ALL, Some(SERIES_AGE_MAX))
        .set_buckets_for_metric(suffix("_seconds"), &SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(suffix("_bytes"), &BYTES))
        .expect("the lists of buckets are not empty")
        .build_recorder()
}
