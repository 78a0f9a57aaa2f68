//! The figures of charts.

use hookyard_store::Figure;
use serde::Serialize;
use utoipa::ToSchema;

/// What happened in one step of one series.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FigureView {
    /// The tenant.
    pub tenant: String,
    /// `request`, `attempt`, `queue`, `delivery` or `release`.
    pub kind: &'static str,
    /// The name of the source, plugin or destination.
    pub name: String,
    /// The name of the result, for example an outcome.
    pub code: String,
    /// The beginning of the step.
    pub at: String,
    /// How many things happened.
    pub count: u64,
    /// The sum of their times, in milliseconds.
    pub sum_ms: f64,
    /// The longest of their times, in milliseconds.
    pub max_ms: f64,
    /// The time that half of them did not exceed, in milliseconds, as far as the host knows.
    pub p50_ms: Option<f64>,
    /// The time that 95 of 100 did not exceed, in milliseconds, as far as the host knows.
    pub p95_ms: Option<f64>,
}

impl From<Figure> for FigureView {
    fn from(figure: Figure) -> Self {
        let millis = |time: std::time::Duration| time.as_secs_f64() * 1000.0;
        let value = figure.value;
        Self {
            tenant: figure.series.tenant.to_string(),
            kind: figure.series.kind.name(),
            name: figure.series.name,
            code: figure.series.code,
            at: figure.at.to_string(),
            count: value.count,
            sum_ms: millis(value.sum),
            max_ms: millis(value.max),
            p50_ms: value.times.quantile(0.5).map(millis),
            p95_ms: value.times.quantile(0.95).map(millis),
        }
    }
}
