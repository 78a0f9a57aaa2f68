//! Metrics: recorded by the parts through the `metrics` facade, gathered here, read by Prometheus.

use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use metrics_util::MetricKindMask;

/// How often what was recorded is put into its buckets when nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);
/// How long a series is kept of which nothing more is heard, such as that of a plugin that is gone.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// From what is too short to care to what is too long to wait.
const SECONDS: [f64; 12] = [
    0.000_01, 0.000_1, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0,
];
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

/// What was recorded since the host began.
#[derive(Clone)]
pub(crate) struct Metrics(PrometheusHandle);

impl Metrics {
    /// Gathers what this process records from now on.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let recorder = recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).context("metrics are gathered already")?;
        hookyard_store_sqlite::describe_metrics();
        hookyard_ingress::describe_metrics();
        hookyard_dispatch::describe_metrics();
        hookyard_delivery::describe_metrics();
        super::unserved::describe_metrics();
        crate::telemetry::describe_metrics();
        Ok(Self(handle))
    }

    /// Gathers nothing.
    #[cfg(test)]
    pub(crate) fn detached() -> Self {
        Self(recorder().handle())
    }

    /// As Prometheus reads it (text format 0.0.4).
    pub(crate) fn render(&self) -> String {
        self.0.render()
    }

    /// Keeps what was recorded from piling up; never returns.
    pub(crate) async fn keep_up(&self) {
        loop {
            tokio::time::sleep(UPKEEP).await;
            self.0.run_upkeep();
        }
    }
}

fn recorder() -> PrometheusRecorder {
    let buckets = |builder: PrometheusBuilder, suffix: &str, buckets: &[f64]| {
        builder
            .set_buckets_for_metric(Matcher::Suffix(suffix.to_owned()), buckets)
            .expect("there are buckets")
    };
    let builder = PrometheusBuilder::new().idle_timeout(MetricKindMask::ALL, Some(KEPT));
    let builder = buckets(builder, "_seconds", &SECONDS);
    buckets(builder, "_bytes", &BYTES).build_recorder()
}
