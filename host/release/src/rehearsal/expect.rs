//! Compares the result of an attempt with the expectations of a fixture. A fixture is the tenant's
//! own text, so the differences show expected and found values.

use std::collections::BTreeMap;

use bytes::Bytes;
use hookyard_model::{Key, LogLine, Message, Response, Write};
use hookyard_plugin::RehearsalResult;

use super::compare::display_key;
use super::difference::{ContentDifference, compare_json};
use super::fixture::{Content, Expectation, ExpectedMessage, ExpectedResponse};
use super::report::count;
use hookyard_model::visible;

/// The maximum length of a found text in a report.
const TEXT_MAX: usize = 120;
/// The maximum number of problems of one fixture in a report.
const PROBLEMS_MAX: usize = 20;

/// Returns the differences from the expectations, one line each.
pub(super) fn check(expect: &Expectation, found: &RehearsalResult) -> Vec<String> {
    let mut problems = find_problems(expect, found);
    let left_out = problems.len().saturating_sub(PROBLEMS_MAX);
    if left_out > 0 {
        problems.truncate(PROBLEMS_MAX);
        problems.push(format!("and {left_out} more"));
    }
    problems
}

/// Returns all differences from the expectations.
fn find_problems(expect: &Expectation, found: &RehearsalResult) -> Vec<String> {
    let mut problems = Vec::new();
    let outcome = shorten(&found.outcome.to_string());

    if found.outcome.name() != expect.outcome {
        problems.push(format!(
            "the outcome is `{outcome}`, but {} is expected",
            expect.outcome
        ));
    }

    if let Some(reason) = expect
        .reason
        .as_ref()
        .filter(|reason| !found.outcome.to_string().contains(*reason))
    {
        problems.push(format!(
            "the outcome is `{outcome}`, which does not contain `{}`",
            shorten(reason)
        ));
    }

    if let Some(values) = &expect.values {
        problems.extend(check_values(values, &found.effects.writes));
    }
    if let Some(messages) = &expect.messages {
        problems.extend(check_messages(messages, &found.effects.messages));
    }

    if let Some(response) = &expect.response {
        problems.extend(check_response(
            response.as_ref(),
            found.effects.response.as_ref(),
        ));
    }

    let is_missing = |text: &&String| {
        !found
            .log
            .iter()
            .any(|LogLine { text: line, .. }| line.contains(*text))
    };
    problems.extend(
        expect
            .log
            .iter()
            .filter(is_missing)
            .map(|text| format!("no log line contains `{}`", shorten(text))),
    );
    problems
}

/// Returns the differences between the written values and the expected values.
fn check_values(expected: &BTreeMap<Key, Option<Content>>, writes: &[Write]) -> Vec<String> {
    let written: BTreeMap<&Key, &Option<Bytes>> = writes
        .iter()
        .map(|write| (&write.key, &write.value))
        .collect();

    let mut problems = Vec::new();
    for (key, wanted) in expected {
        let name = display_key(key);
        match (wanted, written.get(key)) {
            (_, None) => problems.push(format!("{name} is not changed")),
            (Some(_), Some(None)) => problems.push(format!("{name} is deleted")),
            (None, Some(Some(_))) => problems.push(format!("{name} is not deleted")),
            (None, Some(None)) => {}
            (Some(wanted), Some(Some(value))) => {
                problems.extend(check_content(&name, wanted, value))
            }
        }
    }

    let more = written.keys().filter(|key| !expected.contains_key(**key));
    problems.extend(
        more.map(|key| format!("{} is changed, but no change is expected", display_key(key))),
    );
    problems
}

/// Returns the differences between the messages and the expected messages.
fn check_messages(expected: &[ExpectedMessage], messages: &[Message]) -> Vec<String> {
    if expected.len() != messages.len() {
        let to: Vec<_> = messages
            .iter()
            .map(|message| message.destination.as_str())
            .collect();
        let to = if to.is_empty() {
            String::new()
        } else {
            format!(" (to {})", to.join(", "))
        };
        return vec![format!(
            "sends {}{to} instead of {}",
            count(messages.len(), "message"),
            expected.len()
        )];
    }

    let pairs = expected.iter().zip(messages).enumerate();
    pairs
        .flat_map(|(n, (wanted, message))| check_message(n + 1, wanted, message))
        .collect()
}

/// Returns the differences between a message and the expected message.
fn check_message(number: usize, wanted: &ExpectedMessage, message: &Message) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(to) = wanted
        .destination
        .as_ref()
        .filter(|to| *to != message.destination.as_str())
    {
        problems.push(format!(
            "message {number} goes to {}, but {} is expected",
            message.destination,
            shorten(to)
        ));
    }

    let event_type = message.event_type.as_deref().unwrap_or("none");
    if let Some(wanted) = wanted
        .event_type
        .as_ref()
        .filter(|wanted| *wanted != event_type)
    {
        let (is, wanted) = (shorten(event_type), shorten(wanted));
        problems.push(format!(
            "message {number} has type {is}, but {wanted} is expected"
        ));
    }

    if let Some(wanted) = &wanted.body {
        problems.extend(check_content(
            &format!("message {number}"),
            wanted,
            &message.body,
        ));
    }
    problems
}

/// Returns the differences between the response and the expected response.
fn check_response(wanted: Option<&ExpectedResponse>, found: Option<&Response>) -> Vec<String> {
    let (wanted, found) = match (wanted, found) {
        (None, None) => return Vec::new(),
        (None, Some(found)) => {
            let status = found.status;
            return vec![format!(
                "responds with {status}, but no response is expected"
            )];
        }
        (Some(_), None) => return vec!["there is no response".to_owned()],
        (Some(wanted), Some(found)) => (wanted, found),
    };

    let mut problems = Vec::new();
    if let Some(status) = wanted.status.filter(|status| *status != found.status) {
        problems.push(format!(
            "the response has the status {}, but {status} is expected",
            found.status
        ));
    }
    for (name, value) in &wanted.headers {
        let mut of_name = found.headers.iter().filter(|header| header.name == *name);
        if !of_name.any(|header| header.value == *value) {
            let (name, value) = (shorten(name), shorten(value));
            problems.push(format!("the response has no header `{name}: {value}`"));
        }
    }
    if let Some(body) = &wanted.body {
        problems.extend(check_content("the response", body, &found.body));
    }
    problems
}

/// Returns the difference between some content and the expected content.
fn check_content(what: &str, wanted: &Content, found: &[u8]) -> Option<String> {
    let is = shorten(&String::from_utf8_lossy(found));

    match wanted {
        Content::Exactly(wanted) if wanted == found => None,
        Content::Exactly(wanted) => {
            let wanted = shorten(&String::from_utf8_lossy(wanted));
            Some(format!("{what} is `{is}`, but `{wanted}` is expected"))
        }
        Content::Json(wanted) => match serde_json::from_slice(found) {
            Err(_) => Some(format!("{what} is `{is}`, but JSON is expected")),
            Ok(found) => match compare_json(wanted, &found, true) {
                ContentDifference::None => None,
                ContentDifference::Whole => Some(format!(
                    "{what} is `{is}`, but `{}` is expected",
                    shorten(&wanted.to_string())
                )),
                ContentDifference::At(paths) => {
                    let paths = shorten(&paths.join(", "));
                    Some(format!("{what} is not as expected at {paths}: `{is}`"))
                }
            },
        },
    }
}

/// Returns the start of a text, without control characters.
fn shorten(text: &str) -> String {
    let cut: String = text.chars().take(TEXT_MAX).collect();
    let ellipsis = if cut.len() < text.len() { "…" } else { "" };
    visible(&cut) + ellipsis
}

#[cfg(test)]
mod tests {
    use hookyard_model::{Effects, Header, MessageId, Outcome};
    use uuid::Uuid;

    use super::super::fixture;
    use super::*;

    fn result() -> RehearsalResult {
        let write = |key: &str, value: Option<&str>| Write {
            key: Key {
                bucket: "b".into(),
                key: key.into(),
            },
            value: value.map(|value| Bytes::copy_from_slice(value.as_bytes())),
        };

        let message = Message {
            id: MessageId::from_uuid(Uuid::nil()),
            destination: "audit".parse().expect("a name"),
            event_type: Some("paid".into()),
            body: Bytes::from_static(br#"{"total": 5, "id": 1}"#),
            ordering_key: None,
        };
        let response = Response {
            status: 201,
            headers: vec![Header {
                name: "x-pot".into(),
                value: "round".into(),
            }],
            body: Bytes::from_static(br#"{"made": true}"#),
        };
        let writes = vec![
            write("count", Some("5")),
            write("gone", None),
            write("text", Some("hello")),
        ];

        RehearsalResult {
            outcome: Outcome::Done,
            log: vec![LogLine {
                is_error: false,
                text: "booked 5 EUR".into(),
            }],
            effects: Effects {
                writes,
                messages: vec![message],
                response: Some(response),
                ..Effects::default()
            },
        }
    }

    /// Returns the message for a found value and an expectation.
    fn check_all(expect: &str, expected: &[&str]) {
        let text =
            format!(r#"{{"event": {{"provider": "p", "body_text": ""}}, "expect": {expect}}}"#);
        let fixture = fixture::read("f.json", "$", "f", &text).expect("it is a good one");
        assert_eq!(check(&fixture.expect, &result()), expected, "{expect}");
    }

    #[test]
    fn absent_expectations_are_not_compared() {
        check_all("{}", &[]);
        check_all(r#"{"outcome": "done", "log": ["booked 5"]}"#, &[]);
        check_all(
            r#"{"values": {"b": {"count": 5, "gone": null, "text": "hello"}}}"#,
            &[],
        );
        check_all(
            r#"{"messages": [{"destination": "audit", "type": "paid", "body": {"total": 5}}]}"#,
            &[],
        );
        check_all(r#"{"messages": [{}]}"#, &[]);
        check_all(
            r#"{"response": {"status": 201, "headers": {"X-Pot": "round"}, "body": {"made": true}}}"#,
            &[],
        );
    }

    #[test]
    fn difference_of_response_is_reported() {
        check_all(
            r#"{"response": null}"#,
            &["responds with 201, but no response is expected"],
        );
        check_all(
            r#"{"response": {"status": 200, "headers": {"x-pot": "square"}, "body": {"made": false}}}"#,
            &[
                "the response has the status 201, but 200 is expected",
                "the response has no header `x-pot: square`",
                r#"the response is not as expected at $.made: `{"made": true}`"#,
            ],
        );
    }

    #[test]
    fn difference_from_expectation_is_reported() {
        check_all(
            r#"{"outcome": "rejected"}"#,
            &["the outcome is `done`, but rejected is expected"],
        );
        check_all(
            r#"{"reason": "because"}"#,
            &["the outcome is `done`, which does not contain `because`"],
        );
        check_all(
            r#"{"log": ["refunded"]}"#,
            &["no log line contains `refunded`"],
        );

        check_all(
            r#"{"values": {"b": {"count": 6, "gone": "x", "text": null, "new": 1}}}"#,
            &[
                "b/count is `5`, but `6` is expected",
                "b/gone is deleted",
                "b/new is not changed",
                "b/text is not deleted",
            ],
        );
        check_all(
            r#"{"values": {"b": {"text": "bye", "gone": null}}}"#,
            &[
                "b/text is `hello`, but `bye` is expected",
                "b/count is changed, but no change is expected",
            ],
        );

        check_all(
            r#"{"messages": []}"#,
            &["sends 1 message (to audit) instead of 0"],
        );
        check_all(
            r#"{"messages": [{"destination": "other", "type": "due", "body": {"total": 6}}]}"#,
            &[
                "message 1 goes to audit, but other is expected",
                "message 1 has type paid, but due is expected",
                r#"message 1 is not as expected at $.total: `{"total": 5, "id": 1}`"#,
            ],
        );
    }
}
