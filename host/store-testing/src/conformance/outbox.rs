//! The contract of the outbox as tests.

mod claiming;
mod ending;
mod failing;
mod filling;
mod support;
mod listing;
mod ordering;
mod replaying;
mod retaining;
mod selecting;
mod waking;

use super::Case;

/// Every case, in reading order.
pub(super) const GROUPS: &[&[Case]] = &[
    claiming::CASES,
    ordering::CASES,
    ending::CASES,
    waking::CASES,
    listing::CASES,
    selecting::CASES,
    replaying::CASES,
    retaining::CASES,
    filling::CASES,
    failing::CASES,
];
