//! The `[release]` table: how a new revision becomes active, and when it is rolled back.

use hookyard_model::ProbationPolicy;

use crate::document::{Section, Share};
use crate::settings::Release;

/// Reads the table.
pub fn read(section: &Section<'_>) -> Release {
    let default = Release::default();
    let policy = ProbationPolicy {
        probation: section.get_or("probation", default.policy.probation),
        events_min: section.positive_or("events_min", default.policy.events_min),
        faults_min: section.positive_or("faults_min", default.policy.faults_min),
        worse: section.get_or("worse", Share(default.policy.worse)).0,
    };
    Release {
        rollback: section.get_or("rollback", default.rollback),
        policy,
        revisions_kept: section.positive_or("revisions_kept", default.revisions_kept),
    }
}
