//! Says that the files of the database are not where they were: loudly at once, then again at intervals, and once more
//! when they are back.

use std::time::{Duration, Instant};

use crate::file_check::{FileCheck, FileFault};

/// Between two lines that say the same.
const REPEAT: Duration = Duration::from_secs(10);

/// 1 while the files are there, 0 while they are not.
const METRIC: &str = "hookyard_store_files_present";

/// Describes the metric.
pub fn describe_metrics() {
    metrics::describe_gauge!(
        METRIC,
        "1 while the files of the inbox are those that the host opened; 0 while they are moved, removed, replaced or cut"
    );
}

/// Watches over the files of a host's inbox.
pub(super) struct Alarm {
    file_check: FileCheck,
    /// When it was last said that they are gone.
    said_at: Option<Instant>,
}

impl Alarm {
    pub(super) fn new(file_check: FileCheck) -> Self {
        Self {
            file_check,
            said_at: None,
        }
    }

    /// Fails while a file is not what it was.
    pub(super) fn check(&mut self) -> Result<(), FileFault> {
        let found = self.file_check.check();
        metrics::gauge!(METRIC).set(if found.is_ok() { 1.0 } else { 0.0 });
        match &found {
            Ok(()) => self.say_back(),
            Err(absence) => self.warn_missing(absence),
        }
        found
    }

    fn say_back(&mut self) {
        if self.said_at.take().is_some() {
            tracing::warn!("the files of the inbox are back: events are accepted again");
        }
    }

    fn warn_missing(&mut self, absence: &FileFault) {
        if self
            .said_at
            .is_some_and(|said_at| said_at.elapsed() < REPEAT)
        {
            return;
        }
        self.said_at = Some(Instant::now());
        tracing::error!(
            reason = %absence,
            "the files of the inbox are not in their place: requests are answered 503 and nothing is handled; move the \
             files back, or copy them from /proc/{}/fd before the host ends (docs/operations.md)",
            std::process::id()
        );
    }
}
