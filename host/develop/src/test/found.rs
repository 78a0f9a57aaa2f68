//! Writes what was found in the form of a fixture's `expect`: the properties that the fixture
//! compares, or all of them if it has no `expect`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hookyard_model::{Header, Message, Outcome, Response, Write};
use hookyard_plugin::RehearsalResult;

use crate::json::Json;

/// Returns the found result, with the properties of `expect` in their order.
pub(crate) fn found(expect: Option<&Json>, result: &RehearsalResult) -> Json {
    let Some(expect) = expect else {
        return everything(result);
    };

    let mut members = Vec::new();
    let is_done = result.outcome == Outcome::Done;
    if expect.member("outcome").is_none() && !is_done {
        members.extend(outcome_and_reason(result));
    }
    for (name, expected) in expect.members() {
        let value = match name.as_str() {
            "outcome" => Some(Json::text(result.outcome.name())),
            "reason" => found_reason(expected, &result.outcome),
            "values" => Some(values(Some(expected), &result.effects.writes)),
            "messages" => Some(messages(expected.items(), &result.effects.messages)),
            "response" => Some(response(Some(expected), result.effects.response.as_ref())),
            "log" => Some(log(expected, result)),
            _ => Some(expected.clone()),
        };
        let is_new = members.iter().all(|(known, _)| known != name);
        members.extend(value.filter(|_| is_new).map(|value| (name.clone(), value)));
    }
    Json::Object(members)
}

/// Returns the outcome and all effects.
pub(crate) fn effects(result: &RehearsalResult) -> Json {
    Json::Object(effect_members(result))
}

fn everything(result: &RehearsalResult) -> Json {
    let mut members = effect_members(result);
    let lines = result.log.iter().map(|line| Json::text(&line.text));
    members.push(("log".into(), Json::Array(lines.collect())));
    Json::Object(members)
}

fn effect_members(result: &RehearsalResult) -> Vec<(String, Json)> {
    let mut members = outcome_and_reason(result);
    let effects = &result.effects;

    members.push(("values".into(), values(None, &effects.writes)));
    members.push(("messages".into(), messages(&[], &effects.messages)));
    if let Some(given) = &effects.response {
        members.push(("response".into(), response(None, Some(given))));
    }
    members
}

fn outcome_and_reason(result: &RehearsalResult) -> Vec<(String, Json)> {
    let outcome = Json::text(result.outcome.name());
    let reason = reason(&result.outcome).map(|reason| ("reason".to_owned(), Json::text(&reason)));
    [("outcome".to_owned(), outcome)]
        .into_iter()
        .chain(reason)
        .collect()
}

/// Returns the expected reason if it is a part of the found one, otherwise the found reason.
fn found_reason(expected: &Json, outcome: &Outcome) -> Option<Json> {
    let is_part = expected
        .as_text()
        .is_some_and(|text| outcome.to_string().contains(&text));
    if is_part {
        return Some(expected.clone());
    }
    reason(outcome).map(|reason| Json::text(&reason))
}

/// Returns the details of an outcome, if it has some.
pub(crate) fn reason(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Done => None,
        Outcome::Retry { reason, .. } | Outcome::Rejected { reason } => Some(reason.clone()),
        Outcome::Trapped { message } => Some(message.clone()),
        other => {
            let text = other.to_string();
            let details = text
                .strip_prefix(other.name())?
                .trim_start_matches([':', ' ']);
            (!details.is_empty()).then(|| details.to_owned())
        }
    }
}

/// Returns the written values by bucket and key, the expected ones first.
fn values(expected: Option<&Json>, writes: &[Write]) -> Json {
    let mut buckets: Vec<(String, Vec<(String, Json)>)> = Vec::new();
    let mut add = |write: &Write, expected: Option<&Json>| {
        let value = match &write.value {
            Some(bytes) => value_of(expected, bytes),
            None => Json::Scalar("null".into()),
        };
        let member = (write.key.key.clone(), value);
        match buckets
            .iter_mut()
            .find(|(name, _)| *name == write.key.bucket)
        {
            Some((_, members)) => members.push(member),
            None => buckets.push((write.key.bucket.clone(), vec![member])),
        }
    };

    let expected_keys: Vec<(&String, &String, &Json)> = expected
        .map(Json::members)
        .unwrap_or_default()
        .iter()
        .flat_map(|(bucket, keys)| {
            keys.members()
                .iter()
                .map(move |(key, it)| (bucket, key, it))
        })
        .collect();
    let is_at =
        |write: &Write, bucket: &str, key: &str| write.key.bucket == bucket && write.key.key == key;

    for (bucket, key, value) in &expected_keys {
        if let Some(write) = writes.iter().find(|write| is_at(write, bucket, key)) {
            add(write, Some(value));
        }
    }
    for write in writes {
        let mut known = expected_keys.iter();
        if !known.any(|(bucket, key, _)| is_at(write, bucket, key)) {
            add(write, None);
        }
    }

    let buckets = buckets.into_iter();
    Json::Object(
        buckets
            .map(|(name, keys)| (name, Json::Object(keys)))
            .collect(),
    )
}

/// Returns a value as a fixture writes it: in the form of the expected one, if it has that form.
fn value_of(expected: Option<&Json>, bytes: &[u8]) -> Json {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Json::Object(vec![("$base64".into(), Json::text(&BASE64.encode(bytes)))]);
    };

    let json = Json::parse(text).ok();
    match (expected, json) {
        (Some(expected), Some(json)) if expected.as_text().is_none() => project(expected, &json),
        (None, Some(json @ (Json::Object(_) | Json::Array(_)))) => json,
        _ => Json::text(text),
    }
}

fn messages(expected: &[Json], found: &[Message]) -> Json {
    let pairs = found.iter().enumerate();
    let message = |(at, message)| match expected.get(at).filter(|_| expected.len() == found.len()) {
        Some(expected) => compared_parts(expected, message),
        None => whole_message(message),
    };
    Json::Array(pairs.map(message).collect())
}

/// Returns the properties of a message that the fixture compares.
fn compared_parts(expected: &Json, message: &Message) -> Json {
    let part = |(name, expected): &(String, Json)| {
        let value = match name.as_str() {
            "destination" => Some(Json::text(message.destination.as_str())),
            "type" => message.event_type.as_deref().map(Json::text),
            _ => return body_in_form_of(name, expected, &message.body),
        };
        value.map(|value| (name.clone(), value))
    };
    Json::Object(expected.members().iter().filter_map(part).collect())
}

/// Returns a body under the key of the expected one, if it can be written that way.
fn body_in_form_of(key: &str, expected: &Json, body: &[u8]) -> Option<(String, Json)> {
    let text = std::str::from_utf8(body).ok();
    let json = text.and_then(|text| Json::parse(text).ok());
    match (key, json, text) {
        ("body", Some(json), _) => Some((key.to_owned(), project(expected, &json))),
        ("body_text", _, Some(text)) => Some((key.to_owned(), Json::text(text))),
        ("body_base64", ..) => Some((key.to_owned(), Json::text(&BASE64.encode(body)))),
        _ => Some(whole_body(body)),
    }
}

fn whole_message(message: &Message) -> Json {
    let mut members = vec![(
        "destination".to_owned(),
        Json::text(message.destination.as_str()),
    )];
    let event_type = message.event_type.as_deref().map(Json::text);
    members.extend(event_type.map(|it| ("type".to_owned(), it)));
    let (key, body) = whole_body(&message.body);
    members.push((key, without(body, &Json::text(&message.id.to_string()))));
    Json::Object(members)
}

/// Returns a response: the parts that the fixture compares, or all of the response.
fn response(expected: Option<&Json>, found: Option<&Response>) -> Json {
    let Some(found) = found else {
        return Json::Scalar("null".into());
    };
    let status = Json::Scalar(found.status.to_string());
    let Some(expected) = expected.filter(|expected| !expected.members().is_empty()) else {
        let headers = found.headers.iter().map(header).collect();
        return Json::Object(vec![
            ("status".to_owned(), status),
            ("headers".to_owned(), Json::Object(headers)),
            whole_body(&found.body),
        ]);
    };

    let part = |(name, expected): &(String, Json)| match name.as_str() {
        "status" => Some((name.clone(), status.clone())),
        "headers" => {
            let is_expected = |header: &&Header| expected.member(&header.name).is_some();
            let headers = found.headers.iter().filter(is_expected).map(header);
            Some((name.clone(), Json::Object(headers.collect())))
        }
        _ => body_in_form_of(name, expected, &found.body),
    };
    Json::Object(expected.members().iter().filter_map(part).collect())
}

fn header(header: &Header) -> (String, Json) {
    let value = String::from_utf8_lossy(&header.value);
    (header.name.clone(), Json::text(&value))
}

/// Returns a body without the members that have this value. The id of a message depends on the order
/// of the fixtures.
fn without(body: Json, value: &Json) -> Json {
    match body {
        Json::Object(members) => {
            let others = members.into_iter().filter(|(_, member)| member != value);
            let others = others.map(|(name, member)| (name, without(member, value)));
            Json::Object(others.collect())
        }
        Json::Array(items) => {
            Json::Array(items.into_iter().map(|item| without(item, value)).collect())
        }
        scalar => scalar,
    }
}

/// Returns a body with the key of its form: JSON, text or bytes.
pub(crate) fn whole_body(body: &[u8]) -> (String, Json) {
    let Ok(text) = std::str::from_utf8(body) else {
        return ("body_base64".into(), Json::text(&BASE64.encode(body)));
    };
    match Json::parse(text) {
        Ok(json) => ("body".into(), json),
        Err(_) => ("body_text".into(), Json::text(text)),
    }
}

/// Returns the expected texts that the log contains. If one is missing, the lines that contain none
/// of them follow.
fn log(expected: &Json, result: &RehearsalResult) -> Json {
    let lines: Vec<&str> = result.log.iter().map(|line| line.text.as_str()).collect();
    let is_in = |text: &String| lines.iter().any(|line| line.contains(text.as_str()));
    let expected: Vec<String> = expected.items().iter().filter_map(Json::as_text).collect();
    let (kept, missing): (Vec<String>, Vec<String>) = expected.into_iter().partition(is_in);

    let others = lines.iter().filter(|line| {
        let is_known = kept.iter().any(|text| line.contains(text.as_str()));
        !missing.is_empty() && !is_known
    });
    let texts = kept.iter().map(String::as_str).chain(others.copied());
    Json::Array(texts.map(Json::text).collect())
}

/// Returns the parts of `found` that `expected` has.
fn project(expected: &Json, found: &Json) -> Json {
    match (expected, found) {
        (Json::Object(expected), Json::Object(_)) => {
            let member = |(name, expected): &(String, Json)| {
                Some((name.clone(), project(expected, found.member(name)?)))
            };
            Json::Object(expected.iter().filter_map(member).collect())
        }
        (Json::Array(expected), Json::Array(found)) if expected.len() == found.len() => {
            let pairs = expected.iter().zip(found);
            Json::Array(
                pairs
                    .map(|(expected, found)| project(expected, found))
                    .collect(),
            )
        }
        _ => found.clone(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hookyard_model::{Effects, EventId, Key, LogLine, MessageId};

    use super::*;

    fn result(outcome: Outcome) -> RehearsalResult {
        let id = EventId::from_uuid(Default::default()).as_uuid();
        let message = Message {
            id: MessageId::from_uuid(id),
            destination: "answers".parse().expect("a name"),
            event_type: Some("offer.accepted".into()),
            body: Bytes::from_static(br#"{"total": 5, "id": 1}"#),
            ordering_key: None,
        };
        let key = Key {
            bucket: "customers".into(),
            key: "c-1".into(),
        };
        let write = Write {
            key,
            value: Some(Bytes::from_static(b"2")),
        };
        RehearsalResult {
            outcome,
            log: vec![LogLine {
                is_error: false,
                text: "offer 7: number 2".into(),
            }],
            effects: Effects {
                writes: vec![write],
                messages: vec![message],
                ..Effects::default()
            },
        }
    }

    fn check(expect: &str, outcome: Outcome, expected: &str) {
        let expect = Json::parse(expect).expect("JSON");
        assert_eq!(found(Some(&expect), &result(outcome)).inline(), expected);
    }

    #[test]
    fn compared_properties_are_kept() {
        check(
            r#"{"log": ["number 1"], "messages": [{"body": {"total": 4}}]}"#,
            Outcome::Done,
            r#"{ "log": ["offer 7: number 2"], "messages": [{ "body": { "total": 5 } }] }"#,
        );
        check(
            r#"{"values": {"customers": {"c-1": 1, "c-2": 1}}, "log": ["offer 7"]}"#,
            Outcome::Done,
            r#"{ "values": { "customers": { "c-1": 2 } }, "log": ["offer 7"] }"#,
        );
        check(
            r#"{"messages": []}"#,
            Outcome::Rejected {
                reason: "wrong".into(),
            },
            r#"{ "outcome": "rejected", "reason": "wrong", "messages": [{ "destination": "answers", "type": "offer.accepted", "body": { "total": 5, "id": 1 } }] }"#,
        );
    }

    #[test]
    fn response_has_the_compared_parts() {
        let given = Response {
            status: 201,
            headers: vec![Header {
                name: "x-pot".into(),
                value: "round".into(),
            }],
            body: Bytes::from_static(br#"{"made": true, "id": 1}"#),
        };
        let mut result = result(Outcome::Done);
        for (expect, expected) in [
            (r#"{"response": null}"#, r#"{ "response": null }"#),
            (
                r#"{"response": {"status": 200}}"#,
                r#"{ "response": null }"#,
            ),
        ] {
            let expect = Json::parse(expect).expect("JSON");
            assert_eq!(found(Some(&expect), &result).inline(), expected);
        }

        result.effects.response = Some(given);
        for (expect, expected) in [
            (
                r#"{"response": {"status": 200, "body": {"made": false}}}"#,
                r#"{ "response": { "status": 201, "body": { "made": true } } }"#,
            ),
            (
                r#"{"response": null}"#,
                r#"{ "response": { "status": 201, "headers": { "x-pot": "round" }, "body": { "made": true, "id": 1 } } }"#,
            ),
        ] {
            let expect = Json::parse(expect).expect("JSON");
            assert_eq!(found(Some(&expect), &result).inline(), expected);
        }
    }

    #[test]
    fn everything_is_found_without_expectation() {
        let all = found(None, &result(Outcome::Done));
        let names: Vec<_> = all
            .members()
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();

        assert_eq!(names, ["outcome", "values", "messages", "log"]);
    }
}
