//! `[retry]`, and a source's own: when a failed attempt is made again.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use hookyard_model::RetryPolicy;

use crate::document::Section;

/// Reads a policy; what isn't said is as in `default`.
///
/// A schedule and a back-off take each other's place, so who says one of them leaves the other one's default behind.
pub fn read(section: &Section<'_>, default: &RetryPolicy) -> RetryPolicy {
    let says = |key| section.entry(key).is_some();
    let (says_schedule, says_first) = (says("schedule"), says("delay_first"));
    if says_schedule && says_first {
        section.fault("has both schedule and delay_first; remove one of them, since a schedule says every delay");
    }
    let schedule = match says_first {
        true => None,
        false => schedule(section).or_else(|| default.schedule.clone()),
    };
    // One more than there are delays, so that each of them is kept.
    let scheduled = schedule
        .as_ref()
        .filter(|_| says_schedule)
        .and_then(|it| u32::try_from(it.len() + 1).ok());
    let policy = RetryPolicy {
        attempts_max: section
            .get("attempts_max")
            .map_or(scheduled.unwrap_or(default.attempts_max), NonZeroU32::get),
        delay_first: section.get("delay_first").unwrap_or(default.delay_first),
        delay_max: section.get("delay_max").unwrap_or(default.delay_max),
        schedule,
        deadline: section.get("deadline").or(default.deadline),
    };
    if (says_first || says("delay_max"))
        && policy.schedule.is_none()
        && policy.delay_first > policy.delay_max
    {
        section.fault("delay_first is longer than delay_max");
    }
    policy
}

fn schedule(section: &Section<'_>) -> Option<Arc<[Duration]>> {
    let entry = section.entry("schedule")?;
    let (count, delays) = (entry.items().len(), entry.list::<Duration>());
    if count == 0 {
        entry.fault("names no delay; name at least one, or remove it");
    }
    (count > 0).then(|| delays.into())
}
