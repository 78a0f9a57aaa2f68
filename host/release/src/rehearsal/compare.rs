//! Compares the results of the candidate and the active revision for one event. The comparison is
//! pure, and its results contain no values of an event.
//!
//! Only the visible results of an attempt count: the name of its outcome, the values that it writes,
//! the messages that it sends and its response. Log lines, reads and reasons do not count.

use std::collections::BTreeMap;

use bytes::Bytes;
use hookyard_model::{Effects, Key, Message, Outcome, Response, Write};
use hookyard_plugin::RehearsalResult;

use super::difference::{ContentDifference, compare_bytes};
use hookyard_model::{excerpt, visible};

/// The maximum number of differences of one event. A guest chooses how much it writes and under
/// which names, so the number must be limited.
const DIFFERENCES_MAX: usize = 100;

/// The kind of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DifferenceKind {
    /// The candidate fails, and the active revision does not.
    Fault,
    /// The outcomes differ.
    Outcome,
    /// The written values, the messages or the responses differ.
    Effects,
}

/// A difference between two results. Events with the same difference have the same text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResultDifference {
    pub kind: DifferenceKind,
    pub text: String,
}

/// Returns the faults of a candidate without an active revision to compare with.
pub(super) fn faults_of(candidate: &RehearsalResult) -> Vec<ResultDifference> {
    let outcome = &candidate.outcome;
    outcome
        .is_fault()
        .then(|| ResultDifference {
            kind: DifferenceKind::Fault,
            text: outcome_name(outcome),
        })
        .into_iter()
        .collect()
}

/// Returns the differences between the active revision and the candidate.
pub(super) fn compare_results(
    active: &RehearsalResult,
    candidate: &RehearsalResult,
) -> Vec<ResultDifference> {
    let (was, is) = (&active.outcome, &candidate.outcome);
    if was.name() != is.name() {
        let kind = if is.is_fault() && !was.is_fault() {
            DifferenceKind::Fault
        } else {
            DifferenceKind::Outcome
        };
        return vec![ResultDifference {
            kind,
            text: format!("{} instead of {}", outcome_name(is), outcome_name(was)),
        }];
    }

    let mut found = changed_values(&active.effects, &candidate.effects);
    found.extend(changed_messages(
        &active.effects.messages,
        &candidate.effects.messages,
    ));

    found.extend(changed_response(
        active.effects.response.as_ref(),
        candidate.effects.response.as_ref(),
    ));

    found.truncate(DIFFERENCES_MAX);
    found
        .into_iter()
        .map(|text| ResultDifference {
            kind: DifferenceKind::Effects,
            text: excerpt(&text),
        })
        .collect()
}

/// Returns the differences in `found` without those in `own`, the differences between two runs of
/// the active revision.
pub(super) fn without_own(
    found: Vec<ResultDifference>,
    own: &[ResultDifference],
) -> Vec<ResultDifference> {
    if own.iter().any(|own| own.kind != DifferenceKind::Effects) {
        // The outcome depends on chance, so a comparison with one run means nothing.
        return found
            .into_iter()
            .filter(|found| found.kind == DifferenceKind::Fault)
            .collect();
    }

    found
        .into_iter()
        .filter(|found| !own.contains(found))
        .collect()
}

/// Returns the name of an outcome, without text from the guest.
fn outcome_name(outcome: &Outcome) -> String {
    let name = outcome.name();
    match outcome {
        Outcome::TimedOut { limit, .. } => format!("{name} ({})", limit.name()),
        Outcome::OutOfMemory { .. } => format!("{name} (memory_max)"),
        Outcome::Exceeded { limit, .. } => format!("{name} ({})", limit.name()),
        Outcome::Undecodable { path, .. } => format!("{name} at {}", visible(path)),
        Outcome::Done
        | Outcome::Retry { .. }
        | Outcome::Rejected { .. }
        | Outcome::Trapped { .. }
        | Outcome::Lost { .. } => name.to_owned(),
    }
}

/// Returns the differences between the written values.
fn changed_values(before: &Effects, after: &Effects) -> Vec<String> {
    let by_key = |effects: &Effects| -> BTreeMap<Key, Option<Bytes>> {
        effects
            .writes
            .iter()
            .map(|Write { key, value }| (key.clone(), value.clone()))
            .collect()
    };

    let (before, after) = (by_key(before), by_key(after));
    let mut found = Vec::new();
    for (key, value) in &after {
        let name = display_key(key);
        match (before.get(key), value) {
            (None, Some(_)) => found.push(format!(
                "writes {name}, which the active revision does not change"
            )),
            (None, None) => found.push(format!(
                "deletes {name}, which the active revision does not change"
            )),
            (Some(Some(_)), None) => {
                found.push(format!("deletes {name}, which the active revision writes"))
            }
            (Some(None), Some(_)) => {
                found.push(format!("writes {name}, which the active revision deletes"))
            }
            (Some(Some(was)), Some(is)) => found.extend(changed_bytes(
                &format!("writes a different value to {name}"),
                was,
                is,
            )),
            (Some(None), None) => {}
        }
    }

    let gone = before.keys().filter(|key| !after.contains_key(*key));
    found.extend(gone.map(|key| {
        format!(
            "does not change {}, which the active revision changes",
            display_key(key)
        )
    }));
    found
}

/// Returns the differences between the messages.
fn changed_messages(before: &[Message], after: &[Message]) -> Vec<String> {
    if before.len() != after.len() {
        return vec![format!(
            "sends {} messages instead of {}",
            after.len(),
            before.len()
        )];
    }

    let pairs = before.iter().zip(after).enumerate();
    pairs
        .flat_map(|(n, (was, is))| changed_message(n + 1, was, is))
        .collect()
}

/// Returns the differences between two messages at the same position.
fn changed_message(number: usize, was: &Message, is: &Message) -> Vec<String> {
    let to = &is.destination;
    if *to != was.destination {
        return vec![format!(
            "message {number} goes to {to} instead of {}",
            was.destination
        )];
    }

    let mut found = Vec::new();
    if is.event_type != was.event_type {
        let name = |message: &Message| visible(message.event_type.as_deref().unwrap_or("none"));
        found.push(format!(
            "message {number} to {to} has type {} instead of {}",
            name(is),
            name(was)
        ));
    }

    if is.ordering_key != was.ordering_key {
        found.push(format!(
            "message {number} to {to} has a different ordering key"
        ));
    }

    found.extend(changed_bytes(
        &format!("message {number} to {to} has a different body"),
        &was.body,
        &is.body,
    ));
    found
}

/// Returns the differences between the responses, without values of headers.
fn changed_response(was: Option<&Response>, is: Option<&Response>) -> Vec<String> {
    let (was, is) = match (was, is) {
        (None, None) => return Vec::new(),
        (None, Some(_)) => {
            return vec!["responds, which the active revision does not".to_owned()];
        }
        (Some(_), None) => return vec!["does not respond, as the active revision does".to_owned()],
        (Some(was), Some(is)) => (was, is),
    };

    let mut found = Vec::new();
    if was.status != is.status {
        let (was, is) = (was.status, is.status);
        found.push(format!("responds with {is} instead of {was}"));
    }
    if was.headers != is.headers {
        found.push("responds with different headers".to_owned());
    }
    found.extend(changed_bytes(
        "responds with a different body",
        &was.body,
        &is.body,
    ));
    found
}

/// Returns `what`, and the paths that differ, if the contents differ.
fn changed_bytes(what: &str, was: &[u8], is: &[u8]) -> Option<String> {
    match compare_bytes(was, is) {
        ContentDifference::None => None,
        ContentDifference::Whole => Some(what.to_owned()),
        ContentDifference::At(paths) => Some(format!("{what}, at {}", visible(&paths.join(", ")))),
    }
}

/// Returns the name of a key for reports.
pub(super) fn display_key(key: &Key) -> String {
    visible(&format!("{}/{}", key.bucket, key.key))
}

#[cfg(test)]
mod tests;
