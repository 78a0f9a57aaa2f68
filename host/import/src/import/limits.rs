//! The limits of a host, before anything is written.

use hookyard_shape::{DEPTH_MAX, PARTS_MAX};

use super::ImportedEvent;
use crate::error::{Error, Fault};
use crate::package::{Event, Sizes, shallow};
use crate::types::Types;

/// The parts of events.
pub(super) struct Parts {
    pub(super) all: u64,
    pub(super) events: Vec<ImportedEvent>,
}

/// Returns the parts of events together.
pub(super) fn parts(types: &Types, events: &[Event]) -> u64 {
    let mut sizes = Sizes::default();
    let parts = events.iter().map(|event| sizes.of(types, event.ty).parts);
    parts.fold(0, u64::saturating_add)
}

/// Counts the parts of events, and refuses what no host would load.
pub(super) fn check_parts(types: &Types, events: &[Event]) -> Result<Parts, Error> {
    let mut sizes = Sizes::default();
    let event = |event: &Event| ImportedEvent {
        case: event.case.clone(),
        event_type: event.event_type.clone(),
        parts: sizes.of(types, event.ty).parts,
        webhooks: event.webhooks.len(),
    };
    let events: Vec<_> = events.iter().map(event).collect();
    // The variant itself, and `other` with its string.
    let all = events
        .iter()
        .fold(2, |sum: u64, event| sum.saturating_add(event.parts));
    if all > PARTS_MAX as u64 {
        return Err(Error::general(Fault::TooManyParts {
            parts: grouped(all),
            max: grouped(PARTS_MAX as u64),
            costliest: costliest(&events),
        }));
    }
    Ok(Parts { all, events })
}

fn costliest(events: &[ImportedEvent]) -> String {
    const SHOWN_MAX: usize = 10;
    let mut sorted: Vec<_> = events.iter().collect();
    sorted.sort_by(|one, another| {
        another
            .parts
            .cmp(&one.parts)
            .then(one.case.cmp(&another.case))
    });
    let shown = sorted.iter().take(SHOWN_MAX);
    let shown: Vec<_> = shown
        .map(|it| format!("{} {}", it.case, grouped(it.parts)))
        .collect();
    let more = sorted.len().saturating_sub(SHOWN_MAX);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    shown.join(", ") + &more
}

/// Writes a number with a comma before each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Keeps what is nested too deeply for a host as JSON text.
pub(super) fn limit_depth(types: &mut Types, events: &mut [Event]) {
    let mut sizes = Sizes::default();
    for event in events {
        event.ty = shallow(types, &mut sizes, event.ty, DEPTH_MAX - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        assert_eq!(
            [0, 999, 1_000, 55_477, 1_234_567].map(grouped),
            ["0", "999", "1,000", "55,477", "1,234,567"]
        );
    }
}
