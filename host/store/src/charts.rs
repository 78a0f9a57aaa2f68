//! The figures of the charts: how many things happened in each minute, and how long they took.
//!
//! The figures are gathered in memory and added every few seconds, so a crash loses the last few
//! seconds of a chart and nothing else.

use std::time::Duration;

use async_trait::async_trait;
use hookyard_model::{TenantName, Timestamp};

use crate::{Error, Tenants};

/// The number of series that a tenant has, including the series of the others.
pub const SERIES_OF_TENANT_MAX: usize = 500;
/// The name of the series that takes the figures of a tenant that has [`SERIES_OF_TENANT_MAX`]
/// series. There is one of each kind.
pub const OTHER_SERIES: &str = "others";

/// The figures of the charts.
#[async_trait]
pub trait Charts: Send + Sync + 'static {
    /// Adds figures to the stored ones, for each resolution. The time of a figure may be any time of
    /// its step.
    ///
    /// A crash of the machine may undo the call. The figures of a series beyond
    /// [`SERIES_OF_TENANT_MAX`] go to the series [`OTHER_SERIES`]. Figures that are older than their
    /// resolution [keeps](Resolution::kept) are removed.
    async fn add_figures(&self, figures: Vec<Figure>) -> Result<(), Error>;

    /// Returns the figures that a chart shows, in the order of the series, the oldest first. Steps
    /// in which nothing happened are left out.
    async fn figures(&self, chart: Chart, tenants: &Tenants) -> Result<Vec<Figure>, Error>;
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SeriesKind {
    /// Requests to a source, by the result for the sender; the time until the answer.
    Request,
    /// Attempts of a plugin, by outcome; the time of the attempt.
    Attempt,
    /// First attempts of a plugin; the time for which the job waited.
    Queue,
    /// Deliveries to a destination, by result; the time of the delivery.
    Delivery,
    /// Steps of the releases of a plugin; no time.
    Release,
}

impl SeriesKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Request,
        Self::Attempt,
        Self::Queue,
        Self::Delivery,
        Self::Release,
    ];

    /// Returns the name of the kind in the store and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Attempt => "attempt",
            Self::Queue => "queue",
            Self::Delivery => "delivery",
            Self::Release => "release",
        }
    }

    /// Returns the kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A series of figures.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// The tenant.
    pub tenant: TenantName,
    /// What the figures count.
    pub kind: SeriesKind,
    /// The name of the source, plugin or destination.
    pub name: String,
    /// The name of the result, for example an outcome; empty if the kind has no results.
    pub code: String,
}

/// The length of the steps of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resolution {
    /// Steps of a minute.
    Minute,
    /// Steps of a quarter of an hour.
    Quarter,
}

impl Resolution {
    /// Both resolutions.
    pub const ALL: [Self; 2] = [Self::Minute, Self::Quarter];

    /// Returns the length of a step.
    pub const fn step(self) -> Duration {
        match self {
            Self::Minute => Duration::from_secs(60),
            Self::Quarter => Duration::from_secs(15 * 60),
        }
    }

    /// Returns how long figures of this resolution are kept: minutes for two days, and quarters of
    /// an hour for 35 days.
    pub const fn kept(self) -> Duration {
        match self {
            Self::Minute => Duration::from_secs(48 * 3600),
            Self::Quarter => Duration::from_secs(35 * 24 * 3600),
        }
    }

    /// Returns the beginning of the step that a time is in.
    pub fn begin(self, at: Timestamp) -> Timestamp {
        let step = self.step().as_millis() as i64;
        let millis = at.unix_millis();

        Timestamp::from_unix_millis(millis - millis.rem_euclid(step))
    }
}

/// The figures of one step of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// The series.
    pub series: Series,
    /// The beginning of the step.
    pub at: Timestamp,
    /// What happened in the step.
    pub value: FigureValue,
}

/// How many things happened, and how long they took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FigureValue {
    /// The number of things.
    pub count: u64,
    /// The sum of their times.
    pub sum: Duration,
    /// The longest of their times.
    pub max: Duration,
    /// Their times in buckets.
    pub times: Times,
}

impl FigureValue {
    /// Adds one thing that took no time.
    pub fn add(&mut self) {
        self.count += 1;
    }

    /// Adds one thing that took this time.
    pub fn observe(&mut self, time: Duration) {
        self.count += 1;
        self.sum = self.sum.saturating_add(time);
        self.max = self.max.max(time);
        self.times.observe(time);
    }

    /// Adds everything that another value counts.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
        self.times.merge(&other.times);
    }
}

/// Numbers of times in buckets. Each bucket holds the times up to its bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times(pub [u64; Times::BUCKETS]);

impl Times {
    /// The number of buckets. The last one holds the times beyond all bounds.
    pub const BUCKETS: usize = 20;

    /// The bounds of all buckets but the last, in microseconds.
    const BOUNDS_US: [u64; Self::BUCKETS - 1] = [
        100,
        200,
        500,
        1_000,
        2_000,
        5_000,
        10_000,
        20_000,
        50_000,
        100_000,
        200_000,
        500_000,
        1_000_000,
        2_000_000,
        5_000_000,
        10_000_000,
        30_000_000,
        60_000_000,
        300_000_000,
    ];

    /// Returns the bound of a bucket, or `None` for the last one.
    pub fn bound(bucket: usize) -> Option<Duration> {
        Self::BOUNDS_US
            .get(bucket)
            .map(|bound| Duration::from_micros(*bound))
    }

    /// Counts a time.
    pub fn observe(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = Self::BOUNDS_US.partition_point(|bound| *bound < micros);
        self.0[bucket] += 1;
    }

    /// Adds the numbers of another set of buckets.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, added) in self.0.iter_mut().zip(other.0) {
            *bucket = bucket.saturating_add(added);
        }
    }

    /// Returns a time that this share of all times (from 0 to 1) does not exceed, as far as the
    /// buckets tell, or `None` without any times. A time in the last bucket counts as the last
    /// bound.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let total: u64 = self.0.iter().sum();
        if total == 0 {
            return None;
        }

        let rank = (share.clamp(0.0, 1.0) * total as f64).max(1.0);
        let mut below = 0;
        for (bucket, count) in self.0.iter().enumerate() {
            if (below + count) as f64 >= rank {
                let last = Duration::from_micros(Self::BOUNDS_US[Self::BUCKETS - 2]);
                let Some(bound) = Self::bound(bucket) else {
                    return Some(last);
                };
                let before = bucket.checked_sub(1).and_then(Self::bound);
                let before = before.unwrap_or_default();
                let part = (rank - below as f64) / *count as f64;
                return Some(before + (bound - before).mul_f64(part));
            }
            below += count;
        }

        None
    }
}

/// The part of the figures that a chart shows. A filter that is `None` excludes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// The tenant of the series.
    pub tenant: Option<TenantName>,
    /// What the series count.
    pub kind: Option<SeriesKind>,
    /// The name of the source, plugin or destination.
    pub name: Option<String>,
    /// The beginning of the chart. The first step is the one that contains this time.
    pub from: Timestamp,
    /// The time before which the shown steps begin.
    pub until: Timestamp,
    /// The length of the steps.
    pub resolution: Resolution,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn quantiles_come_from_buckets() {
        let mut times = Times::default();
        assert_eq!(times.quantile(0.5), None);

        for _ in 0..100 {
            times.observe(ms(15));
        }
        assert_eq!(times.quantile(0.5), Some(ms(15)));
        assert_eq!(times.quantile(1.0), Some(ms(20)));

        times.observe(Duration::from_secs(4000));
        assert_eq!(times.quantile(1.0), Some(Duration::from_secs(300)));
    }

    #[test]
    fn time_on_bound_is_within() {
        let mut times = Times::default();
        times.observe(ms(1));
        times.observe(Duration::from_micros(1_001));

        assert_eq!((times.0[3], times.0[4]), (1, 1));
        assert_eq!(Times::bound(3), Some(ms(1)));
        assert_eq!(Times::bound(Times::BUCKETS - 1), None);
    }

    #[test]
    fn bounds_ascend() {
        assert!(Times::BOUNDS_US.is_sorted_by(|one, other| one < other));
    }

    #[test]
    fn steps_begin_at_whole_quarters() {
        let at = Timestamp::from_unix_millis(1_700_000_223_456);
        let begin = |resolution: Resolution| resolution.begin(at).unix_millis();

        assert_eq!(begin(Resolution::Minute), 1_700_000_220_000);
        assert_eq!(begin(Resolution::Quarter), 1_700_000_100_000);
        let before = Timestamp::from_unix_millis(-1);
        assert_eq!(Resolution::Minute.begin(before).unix_millis(), -60_000);
    }

    #[test]
    fn kinds_have_their_names() {
        for kind in SeriesKind::ALL {
            assert_eq!(SeriesKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(SeriesKind::from_name("tea"), None);
    }
}
