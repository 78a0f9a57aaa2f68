//! The `[retry]` table, and the `retry` tables of sources and destinations.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use hookyard_model::RetryPolicy;

use crate::document::Section;

/// Reads a retry policy. Absent keys have the values of `default`.
///
/// A schedule and an exponential back-off exclude each other. A table that sets one of them does
/// not inherit the other one from `default`.
pub fn read(section: &Section<'_>, default: &RetryPolicy) -> RetryPolicy {
    let has = |key| section.entry(key).is_some();
    let (has_schedule, has_first) = (has("schedule"), has("delay_first"));
    if has_schedule && has_first {
        section.fault(
            "has both schedule and delay_first; remove one of them, because a schedule lists every \
             delay",
        );
    }

    let schedule = if has_first {
        None
    } else {
        schedule(section).or_else(|| default.schedule.clone())
    };
    // One attempt more than there are delays, so that every delay is used.
    let scheduled_attempts = schedule
        .as_ref()
        .filter(|_| has_schedule)
        .and_then(|delays| u32::try_from(delays.len() + 1).ok());

    let policy = RetryPolicy {
        attempts_max: section.get("attempts_max").map_or(
            scheduled_attempts.unwrap_or(default.attempts_max),
            NonZeroU32::get,
        ),
        delay_first: section.get_or("delay_first", default.delay_first),
        delay_max: section.get_or("delay_max", default.delay_max),
        schedule,
        deadline: section.get("deadline").or(default.deadline),
    };

    let sets_backoff = has_first || has("delay_max");
    if sets_backoff && policy.schedule.is_none() && policy.delay_first > policy.delay_max {
        section.fault("delay_first is longer than delay_max");
    }
    policy
}

fn schedule(section: &Section<'_>) -> Option<Arc<[Duration]>> {
    let entry = section.entry("schedule")?;
    let delays = entry.list::<Duration>();
    let is_empty = entry.items().is_empty();
    if is_empty {
        entry.fault("contains no delay; add at least one, or remove the key");
    }
    (!is_empty).then(|| delays.into())
}
