//! The release guard: dispatch's view of the part that rolls revisions back. Dispatch knows nothing
//! else about releases.

use hookyard_model::{Attempt, PluginRef, Revision};
use hookyard_store::ClaimedJob;

/// Watches revisions during their probation and rolls them back if they fail.
pub trait ReleaseGuard: Send + Sync + 'static {
    /// Records an attempt that has ended and is not settled yet. Returns whether its revision is on
    /// probation, is about to be rolled back, or was rolled back. If such a revision is rolled
    /// back, the jobs that failed on it are attempted once more.
    fn record(&self, job: &ClaimedJob, attempt: &Attempt) -> bool;

    /// Returns whether this revision of the plugin was rolled back while attempts of it may have
    /// been running.
    fn is_rolled_back(&self, plugin: &PluginRef, revision: Revision) -> bool;

    /// Asks for a rollback of a revision that fails too often, for this reason. Returns whether the
    /// revision is rolled back, because the revision before did better. If not, the caller
    /// quarantines the plugin.
    fn roll_back(&self, plugin: &PluginRef, revision: Revision, reason: &str) -> bool;
}

/// A release guard that never rolls back.
#[derive(Debug, Clone, Copy)]
pub struct NoReleaseGuard;

impl ReleaseGuard for NoReleaseGuard {
    fn record(&self, _: &ClaimedJob, _: &Attempt) -> bool {
        false
    }

    fn is_rolled_back(&self, _: &PluginRef, _: Revision) -> bool {
        false
    }

    fn roll_back(&self, _: &PluginRef, _: Revision, _: &str) -> bool {
        false
    }
}
