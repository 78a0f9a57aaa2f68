//! Compares the results of the candidate and the active revision for one event. The comparison is
//! pure, and its results contain no values of an event.
//!
//! Only the visible results of an attempt count: the name of its outcome, the values that it writes
//! and the messages that it sends. Log lines, reads and reasons do not count.

use std::collections::BTreeMap;

use bytes::Bytes;
use hookyard_model::{Effects, Key, Message, Outcome, Write};
use hookyard_plugin::RehearsalResult;

use super::difference::{Difference, of_bytes};
use hookyard_model::{excerpt, visible};

/// The maximum number of differences of one event. A guest chooses how much it writes and under
/// which names, so the number must be limited.
const WAYS_MAX: usize = 100;

/// The kind of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The candidate fails, and the active revision does not.
    Fault,
    /// The outcomes differ.
    Outcome,
    /// The written values or the messages differ.
    Effects,
}

/// A difference between two results. Events with the same difference have the same text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Otherwise {
    pub kind: Kind,
    pub what: String,
}

/// Returns the faults of a candidate without an active revision to compare with.
pub(super) fn alone(candidate: &RehearsalResult) -> Vec<Otherwise> {
    let outcome = &candidate.outcome;
    outcome
        .is_fault()
        .then(|| Otherwise {
            kind: Kind::Fault,
            what: label(outcome),
        })
        .into_iter()
        .collect()
}

/// Returns the differences between the active revision and the candidate.
pub(super) fn compare(active: &RehearsalResult, candidate: &RehearsalResult) -> Vec<Otherwise> {
    let (was, is) = (&active.outcome, &candidate.outcome);
    if was.name() != is.name() {
        let kind = if is.is_fault() && !was.is_fault() {
            Kind::Fault
        } else {
            Kind::Outcome
        };
        return vec![Otherwise {
            kind,
            what: format!("{} instead of {}", label(is), label(was)),
        }];
    }
    let mut found = writes(&active.effects, &candidate.effects);
    found.extend(messages(
        &active.effects.messages,
        &candidate.effects.messages,
    ));
    found.truncate(WAYS_MAX);
    found
        .into_iter()
        .map(|what| Otherwise {
            kind: Kind::Effects,
            what: excerpt(&what),
        })
        .collect()
}

/// Returns the differences in `found` without those in `own`, the differences between two runs of
/// the active revision.
pub(super) fn steady(found: Vec<Otherwise>, own: &[Otherwise]) -> Vec<Otherwise> {
    if own.iter().any(|own| own.kind != Kind::Effects) {
        // The outcome depends on chance, so a comparison with one run means nothing.
        return found
            .into_iter()
            .filter(|found| found.kind == Kind::Fault)
            .collect();
    }
    found
        .into_iter()
        .filter(|found| !own.contains(found))
        .collect()
}

/// Returns the name of an outcome, without text from the guest.
fn label(outcome: &Outcome) -> String {
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

fn writes(before: &Effects, after: &Effects) -> Vec<String> {
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
        let key_name = key_name(key);
        match (before.get(key), value) {
            (None, Some(_)) => found.push(format!(
                "writes {key_name}, which the active revision does not change"
            )),
            (None, None) => found.push(format!(
                "deletes {key_name}, which the active revision does not change"
            )),
            (Some(Some(_)), None) => found.push(format!(
                "deletes {key_name}, which the active revision writes"
            )),
            (Some(None), Some(_)) => found.push(format!(
                "writes {key_name}, which the active revision deletes"
            )),
            (Some(Some(was)), Some(is)) => found.extend(differs(
                &format!("writes a different value to {key_name}"),
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
            key_name(key)
        )
    }));
    found
}

fn messages(before: &[Message], after: &[Message]) -> Vec<String> {
    if before.len() != after.len() {
        return vec![format!(
            "sends {} messages instead of {}",
            after.len(),
            before.len()
        )];
    }
    let pairs = before.iter().zip(after).enumerate();
    pairs
        .flat_map(|(n, (was, is))| message(n + 1, was, is))
        .collect()
}

fn message(number: usize, was: &Message, is: &Message) -> Vec<String> {
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
    found.extend(differs(
        &format!("message {number} to {to} has a different body"),
        &was.body,
        &is.body,
    ));
    found
}

fn differs(what: &str, was: &[u8], is: &[u8]) -> Option<String> {
    match of_bytes(was, is) {
        Difference::None => None,
        Difference::Whole => Some(what.to_owned()),
        Difference::At(paths) => Some(format!("{what}, at {}", visible(&paths.join(", ")))),
    }
}

/// Returns the name of a key for reports.
pub(super) fn key_name(key: &Key) -> String {
    visible(&format!("{}/{}", key.bucket, key.key))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hookyard_model::{Limit, MessageId, TimeLimit};
    use uuid::Uuid;

    use super::*;

    fn ended(outcome: Outcome) -> RehearsalResult {
        RehearsalResult {
            outcome,
            log: Vec::new(),
            effects: Effects::default(),
        }
    }

    fn write(key: &str, value: Option<&str>) -> Write {
        let value = value.map(|value| Bytes::copy_from_slice(value.as_bytes()));
        Write {
            key: Key {
                bucket: "b".into(),
                key: key.into(),
            },
            value,
        }
    }

    fn wrote(writes: &[Write]) -> RehearsalResult {
        RehearsalResult {
            effects: Effects {
                writes: writes.to_vec(),
                ..Effects::default()
            },
            ..ended(Outcome::Done)
        }
    }

    /// Returns messages with distinct ids.
    fn sent(messages: &[(&str, Option<&str>, &str)]) -> RehearsalResult {
        let message = |(destination, event_type, body): &(&str, Option<&str>, &str)| Message {
            id: MessageId::from_uuid(Uuid::now_v7()),
            destination: destination.parse().expect("a name"),
            event_type: event_type.map(str::to_owned),
            body: Bytes::copy_from_slice(body.as_bytes()),
            ordering_key: None,
        };
        let messages = messages.iter().map(message).collect();
        RehearsalResult {
            effects: Effects {
                messages,
                ..Effects::default()
            },
            ..ended(Outcome::Done)
        }
    }

    fn texts(found: &[Otherwise]) -> Vec<String> {
        found
            .iter()
            .map(|found| format!("{:?}: {}", found.kind, found.what))
            .collect()
    }

    fn outcomes() -> [Outcome; 8] {
        let limit = Duration::from_secs(1);
        [
            Outcome::Done,
            Outcome::Retry {
                reason: "secret".into(),
                after: None,
            },
            Outcome::Rejected {
                reason: "secret".into(),
            },
            Outcome::Trapped {
                message: "secret".into(),
            },
            Outcome::TimedOut {
                limit: TimeLimit::Cpu,
                max: limit,
            },
            Outcome::OutOfMemory { max: 1 },
            Outcome::Exceeded {
                limit: Limit::HostCalls,
                max: 1,
            },
            Outcome::Undecodable {
                path: "$.a".into(),
                message: "secret".into(),
            },
        ]
    }

    #[test]
    fn an_outcome_counts_by_its_name_and_a_new_fault_is_one() {
        for was in &outcomes() {
            for is in &outcomes() {
                let found = compare(&ended(was.clone()), &ended(is.clone()));
                let expected = match (was.name() == is.name(), is.is_fault() && !was.is_fault()) {
                    (true, _) => None,
                    (false, true) => Some(Kind::Fault),
                    (false, false) => Some(Kind::Outcome),
                };
                assert_eq!(
                    found.first().map(|found| found.kind),
                    expected,
                    "{was} and {is}"
                );
                assert!(!texts(&found).concat().contains("secret"), "{found:?}");
            }
        }
        let check = |was: usize, is: usize, expected: &str| {
            let [was, is] = [was, is].map(|n| ended(outcomes()[n].clone()));
            assert_eq!(texts(&compare(&was, &is)), [expected]);
        };
        check(0, 3, "Fault: trapped instead of done");
        check(2, 7, "Fault: undecodable at $.a instead of rejected");
        check(3, 4, "Outcome: timed-out (cpu_max) instead of trapped");
        check(6, 0, "Outcome: done rather than exceeded (host_calls_max)");
        let two_reasons = [
            Outcome::Rejected { reason: "a".into() },
            Outcome::Rejected { reason: "b".into() },
        ];
        assert_eq!(
            compare(
                &ended(two_reasons[0].clone()),
                &ended(two_reasons[1].clone())
            ),
            []
        );
    }

    #[test]
    fn alone_only_faults_count() {
        for outcome in outcomes() {
            let is_found = !alone(&ended(outcome.clone())).is_empty();
            assert_eq!(is_found, outcome.is_fault(), "{outcome}");
        }
    }

    #[test]
    fn written_values_are_compared_by_key() {
        let check = |before: &[Write], after: &[Write], expected: &[&str]| {
            assert_eq!(texts(&compare(&wrote(before), &wrote(after))), expected);
        };
        let (one, two) = (
            write("k", Some(r#"{"n":1,"at":"x"}"#)),
            write("k", Some(r#"{"at":"x","n":2}"#)),
        );
        check(std::slice::from_ref(&one), std::slice::from_ref(&one), &[]);
        check(
            std::slice::from_ref(&one),
            &[two],
            &["Effects: writes a different value to b/k, at $.n"],
        );
        check(
            std::slice::from_ref(&one),
            &[],
            &["Effects: does not change b/k, which the active revision changes"],
        );
        check(
            &[],
            std::slice::from_ref(&one),
            &["Effects: writes b/k, which the active revision does not change"],
        );
        check(
            std::slice::from_ref(&one),
            &[write("k", None)],
            &["Effects: deletes b/k, which the active revision writes"],
        );
        check(
            &[write("k", None)],
            &[one],
            &["Effects: writes b/k, which the active revision deletes"],
        );
        check(
            &[write("k", Some("a"))],
            &[write("k", Some("b"))],
            &["Effects: writes a different value to b/k"],
        );
        let [x, y] = [write("x", Some("1")), write("y", Some("1"))];
        check(&[x.clone(), y.clone()], &[y, x], &[]);
    }

    #[test]
    fn messages_are_compared_in_their_order_and_without_their_ids() {
        type Sent<'s> = (&'s str, Option<&'s str>, &'s str);
        let check = |before: &[Sent<'_>], after: &[Sent<'_>], expected: &[&str]| {
            assert_eq!(texts(&compare(&sent(before), &sent(after))), expected);
        };
        let one = ("a", None, r#"{"n":1}"#);
        check(&[one], &[one], &[]);
        check(&[one], &[], &["Effects: sends 0 messages instead of 1"]);
        check(
            &[one],
            &[("b", None, "")],
            &["Effects: message 1 goes to b instead of a"],
        );
        let other = ("a", Some("t"), r#"{"n":2}"#);
        let both = [
            "Effects: message 1 to a has type t instead of none",
            "Effects: message 1 to a has a different body, at $.n",
        ];
        check(&[one], &[other], &both);
    }

    #[test]
    fn what_the_active_revision_differs_from_itself_in_counts_for_nothing() {
        let run = |random: &str, total: &str| {
            wrote(&[write("random", Some(random)), write("total", Some(total))])
        };
        let found =
            |active: &RehearsalResult, candidate: &RehearsalResult, again: &RehearsalResult| {
                texts(&steady(compare(active, candidate), &compare(active, again)))
            };
        assert_eq!(
            found(&run("1", "5"), &run("2", "5"), &run("3", "5")),
            [""; 0]
        );
        assert_eq!(
            found(&run("1", "5"), &run("2", "6"), &run("3", "5")),
            ["Effects: writes a different value to b/total"]
        );
        assert_eq!(
            found(&run("1", "5"), &run("2", "5"), &run("1", "5")),
            ["Effects: writes a different value to b/random"]
        );
        let (fickle, trap) = (ended(outcomes()[1].clone()), ended(outcomes()[3].clone()));
        assert_eq!(
            found(&run("1", "5"), &ended(outcomes()[2].clone()), &fickle),
            [""; 0]
        );
        assert_eq!(
            found(&run("1", "5"), &trap, &fickle),
            ["Fault: trapped instead of done"]
        );
    }
}
