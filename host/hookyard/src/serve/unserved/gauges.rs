//! Gauges with one series for each source or plugin.

use std::collections::BTreeSet;
use std::fmt::Display;

use hookyard_model::{PluginRef, SourceRef, TenantName};
use metrics::gauge;

/// The maximum number of series of a metric. One more series counts the rest.
const SERIES_MAX: usize = 1000;

/// A source or a plugin, as the labels of a metric name it.
pub(super) trait Labelled: Ord + Clone {
    /// The label that contains the name. The tenant has a label of its own.
    const LABEL: &'static str;

    fn parts(&self) -> (&TenantName, &dyn Display);
}

impl Labelled for SourceRef {
    const LABEL: &'static str = "source";

    fn parts(&self) -> (&TenantName, &dyn Display) {
        (&self.tenant, &self.name)
    }
}

impl Labelled for PluginRef {
    const LABEL: &'static str = "plugin";

    fn parts(&self) -> (&TenantName, &dyn Display) {
        (&self.tenant, &self.name)
    }
}

/// The gauges of one metric.
pub(super) struct Gauges<N> {
    metric: &'static str,
    /// The sources or plugins whose gauges were set last time.
    last: BTreeSet<N>,
}

impl<N: Labelled> Gauges<N> {
    pub(super) fn new(metric: &'static str) -> Self {
        Self {
            metric,
            last: BTreeSet::new(),
        }
    }

    /// Sets the gauge of each count. Gauges that were set last time and have no count now become
    /// zero, and so do the ones of `always`.
    pub(super) fn set(&mut self, counts: &[(N, u64)], always: &BTreeSet<N>) {
        let (own, rest) = counts.split_at(counts.len().min(SERIES_MAX));
        let counted: BTreeSet<N> = own.iter().map(|(subject, _)| subject.clone()).collect();
        for (subject, count) in own {
            self.set_one(subject, *count);
        }

        let without_count = self.last.union(always);
        let without_count = without_count.filter(|subject| !counted.contains(*subject));
        for subject in without_count.take(SERIES_MAX) {
            self.set_one(subject, 0);
        }

        if !rest.is_empty() {
            // The name of a tenant cannot contain parentheses.
            let others = "(others)".to_owned();
            let count = rest.iter().map(|(_, count)| count).sum();
            self.set_labels(others.clone(), others, count);
        }
        self.last = counted;
    }

    fn set_one(&self, subject: &N, count: u64) {
        let (tenant, name) = subject.parts();
        self.set_labels(tenant.to_string(), name.to_string(), count);
    }

    fn set_labels(&self, tenant: String, name: String, count: u64) {
        gauge!(self.metric, &[("tenant", tenant), (N::LABEL, name)]).set(count as f64);
    }
}
