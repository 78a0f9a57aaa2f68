//! The `[quarantine]` table: when the jobs of a failing plugin are held.

use hookyard_model::QuarantinePolicy;

use crate::document::{Section, Share};
use crate::settings::Quarantine;

/// Reads the table.
pub fn read(section: &Section<'_>) -> Quarantine {
    let default = Quarantine::default();
    let policy = QuarantinePolicy {
        window: section.get_or("window", default.policy.window),
        rate: section.get_or("rate", Share(default.policy.rate)).0,
        events_min: section.positive_or("events_min", default.policy.events_min),
    };
    Quarantine {
        enabled: section.get_or("enabled", default.enabled),
        policy,
    }
}
