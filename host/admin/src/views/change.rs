//! Replays and discards: what is asked for, and what came of it.

use hookyard_store::{DiscardSummary, ReplaySummary};
use serde::Serialize;
use utoipa::ToSchema;

/// What a replay does, or would do.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Replayed {
    /// The number of jobs or messages that run again.
    pub again: u64,
    /// The number that were left alone because they are being attempted or sent.
    pub leased: u64,
    /// The number of jobs that were created for events without one; part of `again`.
    pub created: u64,
    /// The number of events whose source is not routed to the plugin.
    pub not_routed: u64,
    /// Whether nothing was changed. Repeat `again` as `plan` to run the replay.
    pub dry_run: bool,
}

impl Replayed {
    /// Returns the result of a replay.
    pub fn of(summary: ReplaySummary, dry_run: bool) -> Self {
        Self {
            again: summary.replayed,
            leased: summary.leased,
            created: summary.created,
            not_routed: summary.not_routed,
            dry_run,
        }
    }
}

/// What a discard does, or would do.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct DiscardedCount {
    /// The number of jobs and unrouted events that are discarded.
    pub discarded: u64,
    /// The number of jobs that were left alone because they are being attempted.
    pub leased: u64,
    /// Whether nothing was changed. Repeat `discarded` as `plan` to discard.
    pub dry_run: bool,
}

impl DiscardedCount {
    /// Returns the result of a discard.
    pub fn of(summary: DiscardSummary, dry_run: bool) -> Self {
        Self {
            discarded: summary.jobs + summary.events,
            leased: summary.leased,
            dry_run,
        }
    }
}

/// What came of enabling a destination.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Enabled {
    /// Whether the destination was disabled before.
    pub was_disabled: bool,
}
