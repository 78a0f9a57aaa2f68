//! `[release]`: how a new revision comes into service, and when it goes out of it again.

use std::num::NonZeroUsize;
use std::time::Duration;

use hookyard_model::ProbationPolicy;

use super::settings::Release;
use crate::document::{Section, Share};

/// Reads what is said of releases.
pub fn read(section: &Section<'_>) -> Release {
    let default = ProbationPolicy::default();
    let count = |key, default| section.get(key).map_or(default, NonZeroUsize::get);
    let probation = ProbationPolicy {
        probation: section
            .get::<Duration>("probation")
            .unwrap_or(default.probation),
        events_min: count("events_min", default.events_min),
        faults_min: count("faults_min", default.faults_min),
        worse: section
            .get("worse")
            .map_or(default.worse, |Share(share)| share),
    };
    let is_automatic = section.get("rollback").unwrap_or(true);
    Release {
        rollback: is_automatic.then_some(probation),
        revisions_kept: count("revisions_kept", 5),
    }
}
