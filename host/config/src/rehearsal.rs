//! `[rehearsal]`: how a new revision is tried out before it serves. For all plugins here, for one in the file beside it.

use std::time::Duration;

use super::settings::{Rehearsal, RehearsalPolicy};
use crate::document::{Entry, Section, Size, unknown};

/// More of the last events are not run: each may be large, and takes its time.
pub const EVENTS_MAX: usize = 10_000;

/// More of an attempt's answers is not recorded: it is written with the attempt's end, for which others wait.
const RECORD_BYTES_MAX: usize = 1 << 20;

/// Reads what is said of rehearsals; what isn't is as in `default`.
pub fn read(section: &Section<'_>, default: &Rehearsal) -> Rehearsal {
    Rehearsal {
        policy: section
            .entry("policy")
            .and_then(|entry| policy(&entry))
            .unwrap_or(default.policy),
        events: section
            .entry("events")
            .and_then(|entry| events(&entry))
            .unwrap_or(default.events),
        time_max: section
            .get::<Duration>("time_max")
            .unwrap_or(default.time_max),
        record: section.get::<bool>("record").unwrap_or(default.record),
        record_bytes_max: section
            .entry("record_bytes_max")
            .and_then(|entry| record_bytes(&entry))
            .unwrap_or(default.record_bytes_max),
    }
}

fn record_bytes(entry: &Entry<'_>) -> Option<usize> {
    let Size(bytes) = entry.get::<Size>()?;
    let bytes = usize::try_from(bytes)
        .ok()
        .filter(|bytes| *bytes <= RECORD_BYTES_MAX);
    if bytes.is_none() {
        entry.fault("must be no more than \"1MiB\"");
    }
    bytes
}

fn events(entry: &Entry<'_>) -> Option<usize> {
    let events = entry.get::<usize>()?;
    if events > EVENTS_MAX {
        entry.fault(format_args!(
            "must be no more than {EVENTS_MAX}, not {events}"
        ));
    }
    Some(events)
}

fn policy(entry: &Entry<'_>) -> Option<RehearsalPolicy> {
    let name = entry.get::<String>()?;
    let found = RehearsalPolicy::ALL
        .into_iter()
        .find(|policy| policy.name() == name);
    if found.is_none() {
        let known = RehearsalPolicy::ALL.map(RehearsalPolicy::name);
        entry.fault(format_args!(
            "{} (there are {})",
            unknown("policy", &name, known),
            known.join(", ")
        ));
    }
    found
}
