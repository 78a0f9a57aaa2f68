//! What dispatch tells whoever puts revisions into service, and may take them back. It knows no releases.

use hookyard_inbox::Claimed;
use hookyard_model::{Attempt, PluginRef, Revision};

/// Watches over revisions that are new in service.
pub trait Probation: Send + Sync + 'static {
    /// Takes note of an attempt that has ended and is not settled yet. Says whether its revision is watched still, or has
    /// failed: a fault is then the revision's and uses no event up.
    fn note(&self, job: &Claimed, attempt: &Attempt) -> bool;

    /// A revision fails too often altogether, for this reason. Says whether it's taken back, because the one before did
    /// better; it is to be quarantined otherwise.
    fn take_back(&self, plugin: &PluginRef, revision: Revision, reason: &str) -> bool;
}

/// Watches over none.
#[derive(Debug, Clone, Copy)]
pub struct NoProbation;

impl Probation for NoProbation {
    fn note(&self, _: &Claimed, _: &Attempt) -> bool {
        false
    }

    fn take_back(&self, _: &PluginRef, _: Revision, _: &str) -> bool {
        false
    }
}
