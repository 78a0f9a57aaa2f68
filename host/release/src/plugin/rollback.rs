//! The target of a rollback, for hosts and commands.
//!
//! [`Probation`](hookyard_model::Probation) decides whether a revision has failed.

use hookyard_model::Revision;

use super::Plugin;

impl Plugin {
    /// Returns the revision that a rollback brings back: the one that served last before the active
    /// one, is not blocked, and is available, which means that its component can be had.
    ///
    /// This is the only place that decides where a rollback goes, for the host and for `hookyard
    /// plugins rollback`.
    pub fn rollback_target(&self, is_available: impl Fn(Revision) -> bool) -> Option<Revision> {
        self.served.iter().copied().find(|revision| {
            Some(*revision) != self.active
                && self.block_of(*revision).is_none()
                && is_available(*revision)
        })
    }
}
