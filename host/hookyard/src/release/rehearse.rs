//! The place of the rehearsal: between compiled and active.
//!
//! Runs off the keeper's task, for as long as it takes, while the active revision serves.

use std::sync::Arc;

use hookyard_plugin::Loaded;

use super::load::Ready;

/// What a rehearsal came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// There is none to be had: the policy is `off`, or there's nothing to rehearse with.
    Unrehearsed,
    /// It may become active.
    Passed(Findings),
    /// It may not.
    Failed(Findings),
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Findings {
    /// One line: what was run, and how it went.
    pub(super) summary: String,
    /// All of it, for `hookyard plugins show`.
    pub(super) report: String,
}

/// Rehearses a revision that is about to follow `active`.
pub(super) async fn rehearse(_next: &Ready, _active: Option<Arc<Loaded>>) -> Verdict {
    Verdict::Unrehearsed
}
