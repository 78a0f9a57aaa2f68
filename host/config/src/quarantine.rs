//! `[quarantine]`: when a revision has failed so often that its jobs are held.

use std::num::NonZeroUsize;

use hookyard_model::QuarantinePolicy;

use crate::document::{Section, Share};

/// Reads the policy; none where it's switched off.
pub fn read(section: &Section<'_>) -> Option<QuarantinePolicy> {
    let default = QuarantinePolicy::default();
    let policy = QuarantinePolicy {
        window: section.get("window").unwrap_or(default.window),
        rate: section.get("rate").map_or(default.rate, |Share(rate)| rate),
        events_min: section
            .get("events_min")
            .map_or(default.events_min, NonZeroUsize::get),
    };
    section.get("enabled").unwrap_or(true).then_some(policy)
}
