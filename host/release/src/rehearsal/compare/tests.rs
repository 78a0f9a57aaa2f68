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

fn texts(found: &[ResultDifference]) -> Vec<String> {
    found
        .iter()
        .map(|found| format!("{:?}: {}", found.kind, found.text))
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
fn outcomes_differ_by_name() {
    for was in &outcomes() {
        for is in &outcomes() {
            let found = compare_results(&ended(was.clone()), &ended(is.clone()));
            let expected = match (was.name() == is.name(), is.is_fault() && !was.is_fault()) {
                (true, _) => None,
                (false, true) => Some(DifferenceKind::Fault),
                (false, false) => Some(DifferenceKind::Outcome),
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
        assert_eq!(texts(&compare_results(&was, &is)), [expected]);
    };

    check(0, 3, "Fault: trapped instead of done");
    check(2, 7, "Fault: undecodable at $.a instead of rejected");
    check(3, 4, "Outcome: timed-out (cpu_max) instead of trapped");
    check(6, 0, "Outcome: done instead of exceeded (host_calls_max)");

    let two_reasons = [
        Outcome::Rejected { reason: "a".into() },
        Outcome::Rejected { reason: "b".into() },
    ];
    assert_eq!(
        compare_results(
            &ended(two_reasons[0].clone()),
            &ended(two_reasons[1].clone())
        ),
        []
    );
}

#[test]
fn without_active_revision_only_faults_count() {
    for outcome in outcomes() {
        let is_found = !faults_of(&ended(outcome.clone())).is_empty();
        assert_eq!(is_found, outcome.is_fault(), "{outcome}");
    }
}

#[test]
fn written_values_are_compared_by_key() {
    let check = |before: &[Write], after: &[Write], expected: &[&str]| {
        assert_eq!(
            texts(&compare_results(&wrote(before), &wrote(after))),
            expected
        );
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
fn messages_are_compared_in_order() {
    type Sent<'s> = (&'s str, Option<&'s str>, &'s str);
    let check = |before: &[Sent<'_>], after: &[Sent<'_>], expected: &[&str]| {
        assert_eq!(
            texts(&compare_results(&sent(before), &sent(after))),
            expected
        );
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
fn unsteady_differences_do_not_count() {
    let run = |random: &str, total: &str| {
        wrote(&[write("random", Some(random)), write("total", Some(total))])
    };
    let found = |active: &RehearsalResult, candidate: &RehearsalResult, again: &RehearsalResult| {
        texts(&without_own(
            compare_results(active, candidate),
            &compare_results(active, again),
        ))
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

#[test]
fn responses_are_compared_without_their_values() {
    let responded = |status: u16, pot: &str, body: &str| {
        let response = Response {
            status,
            headers: vec![hookyard_model::Header {
                name: "x-pot".into(),
                value: Bytes::copy_from_slice(pot.as_bytes()),
            }],
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        RehearsalResult {
            effects: Effects {
                response: Some(response),
                ..Effects::default()
            },
            ..ended(Outcome::Done)
        }
    };
    let was = responded(200, "round", r#"{"a": 1, "b": 2}"#);
    let is = responded(201, "square", r#"{"a": 1, "b": 3}"#);

    assert!(compare_results(&was, &was).is_empty());
    assert_eq!(
        texts(&compare_results(&was, &is)),
        [
            "Effects: responds with 201 instead of 200",
            "Effects: responds with different headers",
            "Effects: responds with a different body, at $.b",
        ]
    );
    let none = ended(Outcome::Done);
    assert_eq!(
        texts(&compare_results(&none, &is)),
        ["Effects: responds, which the active revision does not"]
    );
    assert_eq!(
        texts(&compare_results(&was, &none)),
        ["Effects: does not respond, as the active revision does"]
    );
}
