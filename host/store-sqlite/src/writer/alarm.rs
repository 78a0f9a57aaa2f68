//! An alarm for missing files: reports at once that the files of the database are not where the
//! host opened them, repeats the report at intervals, and reports when the files are back.

use std::time::{Duration, Instant};

use crate::file_check::{FileCheck, FileFault};

/// The time between two reports of the same fault.
const REPEAT: Duration = Duration::from_secs(10);

/// A gauge that is 1 while the files are there and 0 while they are not.
const METRIC: &str = "hookyard_store_files_present";

/// Describes the metric of the files.
pub fn describe_metrics() {
    metrics::describe_gauge!(
        METRIC,
        "1 while the files of the store are those that the host opened; 0 while they are moved, removed, replaced or cut"
    );
}

/// The alarm for the files of a host's store.
pub(super) struct Alarm {
    file_check: FileCheck,
    /// The time of the last report, while the files are missing.
    reported_at: Option<Instant>,
}

impl Alarm {
    pub(super) fn new(file_check: FileCheck) -> Self {
        Self {
            file_check,
            reported_at: None,
        }
    }

    /// Returns whether a file was missing when the files were last checked.
    pub(super) fn is_raised(&self) -> bool {
        self.reported_at.is_some()
    }

    /// Fails while a file is not where the host opened it.
    pub(super) fn check(&mut self) -> Result<(), FileFault> {
        let result = self.file_check.check();
        metrics::gauge!(METRIC).set(if result.is_ok() { 1.0 } else { 0.0 });

        match &result {
            Ok(()) => self.report_back(),
            Err(fault) => self.report_missing(fault),
        }
        result
    }

    fn report_back(&mut self) {
        if self.reported_at.take().is_some() {
            tracing::warn!("the files of the store are back; events are accepted again");
        }
    }

    fn report_missing(&mut self, fault: &FileFault) {
        if self.reported_at.is_some_and(|at| at.elapsed() < REPEAT) {
            return;
        }

        self.reported_at = Some(Instant::now());
        tracing::error!(
            reason = %fault,
            "the files of the store are not where the host opened them; requests are answered 503 and nothing is handled; \
             move the files back, or copy them from /proc/{}/fd before the host ends (docs/operations.md)",
            std::process::id()
        );
    }
}
