//! The `[rehearsal]` table: how a new revision is rehearsed before it becomes active.
//!
//! The table is in `hookyard.toml` for all plugins, and in the settings file of one plugin.

use crate::document::{Entry, Section, Size, unknown};
use crate::settings::{Rehearsal, RehearsalPolicy};

/// The maximum number of stored events of a rehearsal. Each event may be large and takes time.
pub const EVENTS_MAX: usize = 10_000;

/// The maximum size of the recorded responses of one attempt, in bytes. They are written together
/// with the outcome of the attempt, and other writes wait for that.
const RECORD_BYTES_MAX: usize = 1 << 20;

/// Reads the table. Absent keys have the values of `default`.
pub fn read(section: &Section<'_>, default: &Rehearsal) -> Rehearsal {
    let policy = section.entry("policy").and_then(|entry| policy(&entry));
    let events = section.entry("events").and_then(|entry| events(&entry));
    let record_bytes_max = section
        .entry("record_bytes_max")
        .and_then(|entry| record_bytes(&entry));

    Rehearsal {
        policy: policy.unwrap_or(default.policy),
        events: events.unwrap_or(default.events),
        time_max: section.get_or("time_max", default.time_max),
        record: section.get_or("record", default.record),
        record_bytes_max: record_bytes_max.unwrap_or(default.record_bytes_max),
    }
}

fn record_bytes(entry: &Entry<'_>) -> Option<usize> {
    let bytes = entry.get::<Size>()?.in_memory();
    if bytes > RECORD_BYTES_MAX {
        entry.fault("must be at most \"1MiB\"");
        return None;
    }
    Some(bytes)
}

fn events(entry: &Entry<'_>) -> Option<usize> {
    let events = entry.get::<usize>()?;
    if events > EVENTS_MAX {
        entry.fault(format_args!("must be at most {EVENTS_MAX}, not {events}"));
    }
    Some(events)
}

fn policy(entry: &Entry<'_>) -> Option<RehearsalPolicy> {
    let name = entry.get::<String>()?;
    let policy = RehearsalPolicy::ALL
        .into_iter()
        .find(|policy| policy.name() == name);

    if policy.is_none() {
        let known = RehearsalPolicy::ALL.map(RehearsalPolicy::name);
        let message = unknown("policy", &name, known);
        entry.fault(format_args!(
            "{message} (must be one of {})",
            known.join(", ")
        ));
    }
    policy
}
