use uuid::Uuid;

use super::text::LINE_MAX;
use super::*;

fn id(number: usize) -> EventId {
    EventId::from_uuid(Uuid::from_u128(number as u128))
}

fn revision(number: u8) -> Revision {
    Revision::from_sha256([number; 32])
}

/// Returns a report of `count` events with the given numbers of differences.
fn report(count: usize, differences: &[(DifferenceKind, &str, usize)]) -> Report {
    let difference = |(kind, text, count): &(DifferenceKind, &str, usize)| {
        let ids = (0..*count).map(id).collect();
        (
            ResultDifference {
                kind: *kind,
                text: (*text).to_owned(),
            },
            ids,
        )
    };

    let differences = differences.iter().map(difference).collect();
    let sources = vec!["acme/payments".to_owned()];
    let events = EventResults {
        sources,
        count,
        differences,
        ..EventResults::default()
    };

    let took = Duration::from_millis(12);
    Report {
        events,
        took,
        ..Report::new(revision(2), Some(revision(1)))
    }
}

#[test]
fn summary_of_report_is_a_line() {
    let check = |report: &Report, expected: &str| {
        assert_eq!(report.summary(), expected);
        let is_good = expected.contains("as expected") && !expected.contains("not as")
            || expected.contains("without");
        assert_eq!(report.has_findings(), !is_good, "{expected}");
    };

    check(
        &report(9, &[]),
        "9 stored events without a finding, compared with 010101010101",
    );

    let differences = [
        (DifferenceKind::Fault, "a", 2),
        (DifferenceKind::Fault, "b", 1),
        (DifferenceKind::Effects, "c", 7),
    ];
    let expected = "stored events, compared with 010101010101: 2 of 9 with a new fault, \
                    7 of 9 with different effects";
    check(&report(9, &differences), expected);
    let first = Report {
        active: None,
        ..report(1, &[(DifferenceKind::Fault, "a", 1)])
    };
    check(&first, "stored events: 1 of 1 with a fault");

    let good = ("good".to_owned(), Vec::new());
    let fixtures = |all: &[(String, Vec<String>)]| Report {
        fixtures: all.to_vec(),
        ..report(0, &[])
    };
    check(
        &fixtures(std::slice::from_ref(&good)),
        "1 fixture as expected",
    );
    let bad = ("bad".to_owned(), vec!["why".to_owned()]);
    check(&fixtures(&[good, bad]), "1 of 2 fixtures not as expected");
    check(
        &Report {
            faults: vec!["f".into()],
            ..report(0, &[])
        },
        "fixtures that cannot be read",
    );

    let mut some = report(9, &[]);
    some.events.unrehearsed = 7;
    check(
        &some,
        &format!(
            "2 stored events without a finding, compared with 010101010101; 7 stored events {UNREHEARSED}"
        ),
    );
    some.events.unrehearsed = 9;
    assert_eq!(
        (some.summary(), some.has_findings()),
        (format!("9 stored events {UNREHEARSED}"), false)
    );

    let events = EventResults {
        unreadable: Some("busy".into()),
        ..EventResults::default()
    };
    check(
        &Report {
            events,
            ..report(0, &[])
        },
        "the stored events cannot be read: busy",
    );
    assert!(report(0, &[]).is_empty() && !report(1, &[]).is_empty());
}

#[test]
fn report_names_differences_and_is_bounded() {
    let mut one = report(9, &[(DifferenceKind::Fault, "trapped instead of done", 7)]);
    one.fixtures = vec![
        ("bad".into(), vec!["why\u{1b}[1m".into()]),
        ("good".into(), Vec::new()),
    ];
    one.stopped = Some("stopped after 9 of 10 events: time_max (10s) has passed".into());
    let ids: Vec<_> = (0..5).map(|number| id(number).to_string()).collect();
    let expected = format!(
        "fixtures: 2\n  BAD   bad\n        why\\u{{1b}}[1m\n  ok    good\n\
         stored events: 9 of acme/payments, compared with 010101010101\n  BAD   7 events: trapped instead of done\n\
         \u{20}       {} and 2 more\nstopped after 9 of 10 events: time_max (10s) has passed\ntook 12 ms\n",
        ids.join(", ")
    );
    assert_eq!(one.text(), expected);
    let json: serde_json::Value = serde_json::from_str(&one.json()).expect("JSON");
    assert_eq!(
        (&json["differences"][0]["kind"], &json["is_good"]),
        (&"fault".into(), &false.into())
    );

    let names: Vec<String> = (0..1000).map(|number| format!("{number:0900}")).collect();
    let differences: Vec<_> = names
        .iter()
        .map(|name| (DifferenceKind::Effects, name.as_str(), 50))
        .collect();
    let mut many = report(50, &differences);
    many.fixtures = names
        .iter()
        .map(|name| (name.clone(), names.clone()))
        .collect();
    many.faults.clone_from(&names);
    let text = many.text();
    assert!(
        text.len() < 100_000 && text.lines().all(|line| line.len() <= LINE_MAX),
        "{}",
        text.len()
    );
    assert!(
        text.contains("and 980 other differences") && text.contains("and more"),
        "{text}"
    );
}
