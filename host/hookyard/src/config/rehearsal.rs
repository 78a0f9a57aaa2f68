//! `[rehearsal]`: how a new revision is tried out before it serves. For all plugins here, for one in the file beside it.

use std::time::Duration;

use super::settings::{Rehearsal, RehearsalPolicy};
use crate::document::{Entry, Section, unknown};

/// More of the last events are not run: each may be large, and takes its time.
pub(crate) const EVENTS_MAX: usize = 10_000;

/// Reads what is said of rehearsals; what isn't is as in `default`.
pub(crate) fn read(section: &Section<'_>, default: &Rehearsal) -> Rehearsal {
    Rehearsal {
        policy: section.entry("policy").and_then(|entry| policy(&entry)).unwrap_or(default.policy),
        events: section.entry("events").and_then(|entry| events(&entry)).unwrap_or(default.events),
        time_max: section.get::<Duration>("time_max").unwrap_or(default.time_max),
    }
}

fn events(entry: &Entry<'_>) -> Option<usize> {
    let events = entry.get::<usize>()?;
    if events > EVENTS_MAX {
        entry.fault(format_args!("must be no more than {EVENTS_MAX}, not {events}"));
    }
    Some(events)
}

fn policy(entry: &Entry<'_>) -> Option<RehearsalPolicy> {
    let name = entry.get::<String>()?;
    let found = RehearsalPolicy::ALL.into_iter().find(|policy| policy.name() == name);
    if found.is_none() {
        let known = RehearsalPolicy::ALL.map(RehearsalPolicy::name);
        entry.fault(format_args!("{} (there are {})", unknown("policy", &name, known), known.join(", ")));
    }
    found
}
