//! What dispatch tells whoever puts revisions into service, and may take them back. It knows no releases.

use hookyard_model::{Attempt, PluginRef, Revision};
use hookyard_store::ClaimedJob;

/// Watches over revisions that are new in service.
pub trait Probation: Send + Sync + 'static {
    /// Takes note of an attempt that has ended and is not settled yet. Says whether its revision is watched still, or is to be
    /// taken back, or was: where that happens, what failed at it is attempted once more.
    fn note(&self, job: &ClaimedJob, attempt: &Attempt) -> bool;

    /// Whether a revision of the plugin was taken back while it may still have had attempts under way.
    fn is_taken_back(&self, plugin: &PluginRef, revision: Revision) -> bool;

    /// A revision fails too often altogether, for this reason. Says whether it's taken back, because the one before did
    /// better; it is to be quarantined otherwise.
    fn take_back(&self, plugin: &PluginRef, revision: Revision, reason: &str) -> bool;
}

/// Watches over none.
#[derive(Debug, Clone, Copy)]
pub struct NoProbation;

impl Probation for NoProbation {
    fn note(&self, _: &ClaimedJob, _: &Attempt) -> bool {
        false
    }

    fn is_taken_back(&self, _: &PluginRef, _: Revision) -> bool {
        false
    }

    fn take_back(&self, _: &PluginRef, _: Revision, _: &str) -> bool {
        false
    }
}
