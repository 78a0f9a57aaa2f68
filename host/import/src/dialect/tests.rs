use super::*;
use crate::document::BYTES_MAX;

/// Returns the names of the events of a document in YAML, then the skipped ones.
fn names(text: &str, selection: &Selection) -> (Vec<String>, Vec<String>) {
    let document = Document::read("a.yaml", text.as_bytes(), BYTES_MAX).expect("YAML");
    let description = describe(&document, selection).expect("described");
    let names = description.webhooks.into_iter().map(|it| it.name).collect();
    (names, description.skipped)
}

fn check(text: &str, wanted: &[&str]) {
    assert_eq!(names(text, &Selection::default()).0, wanted, "{text}");
}

const JSON: &str = "content: { application/json: { schema: {} } }";

#[test]
fn webhooks_come_before_their_extension() {
    let hook = format!("{{ post: {{ requestBody: {{ {JSON} }} }} }}");
    check(
        &format!("openapi: 3.1.0\nwebhooks: {{ /a: {hook} }}\nx-webhooks: {{ b: {hook} }}"),
        &["a"],
    );
    check(
        &format!("openapi: 3.0.1\nx-webhooks: {{ b: {hook} }}"),
        &["b"],
    );
    check(&format!("openapi: 3.1\nwebhooks: {{ a: {hook} }}"), &["a"]);
}

#[test]
fn each_method_with_a_body_is_an_event() {
    check(
        &format!(
            "openapi: 3.1.0\nwebhooks: {{ a: {{ put: {{ requestBody: {{ {JSON} }} }}, post: {{ requestBody: {{ {JSON} }} }} }} }}"
        ),
        &["a", "a-put"],
    );
}

#[test]
fn bodies_that_are_not_json_are_listed() {
    let text = format!(
        "openapi: 3.1.0\nwebhooks:\n  a: {{ post: {{ requestBody: {{ {JSON} }} }} }}\n  b: {{ post: {{ requestBody: {{ content: {{ text/xml: {{}} }} }} }} }}\n  c: {{ post: {{}} }}\n  d: {{ post: {{ requestBody: {{ content: {{ application/json: {{}} }} }} }} }}"
    );

    let (found, skipped) = names(&text, &Selection::default());

    assert_eq!(found, ["a"]);
    assert_eq!(skipped, ["b (text/xml)", "c (no body)", "d (no schema)"]);
}

#[test]
fn media_types_of_json_are_known() {
    for (name, is_wanted) in [
        ("application/json", true),
        ("Application/JSON; charset=utf-8", true),
        ("application/cloudevents+json", true),
        ("application/x-www-form-urlencoded", false),
        ("application/jsonl", false),
    ] {
        assert_eq!(is_json(name), is_wanted, "{name}");
    }
}

#[test]
fn messages_of_version_3_are_those_of_the_wanted_operations() {
    let channels = "channels:\n  c: { messages: { m: { payload: {} }, n: { payload: {} } } }\n  d: { messages: { o: { payload: {} } } }\n";
    let with = |operations: &str| format!("asyncapi: 3.0.0\n{channels}{operations}");

    check(&with(""), &["m", "n", "o"]);
    check(
        &with("operations: { x: { action: send, channel: { $ref: '#/channels/c' } } }"),
        &["m", "n"],
    );
    check(
        &with("operations: { x: { action: receive, channel: { $ref: '#/channels/d' } } }"),
        &["o"],
    );
    check(
        &with(
            "operations: { x: { action: send, channel: { $ref: '#/channels/c' }, messages: [{ $ref: '#/channels/c/messages/n' }] } }",
        ),
        &["n"],
    );
}

#[test]
fn version_2_of_a_receiver_has_what_it_publishes() {
    check(
        "asyncapi: '2.6.0'\nchannels: { c: { publish: { message: { payload: {} } } } }",
        &["c"],
    );
}

#[test]
fn json_schema_is_one_event_or_its_branches() {
    check(
        "$schema: x\ntitle: Order paid\ntype: object",
        &["Order paid"],
    );
    check(
        "$schema: x\noneOf: [{ $ref: '#/$defs/A' }, { title: B }, { type: object }]\n$defs: { A: {} }",
        &["A", "B", "event3"],
    );
}

#[test]
fn equal_names_get_numbers() {
    check(
        "asyncapi: 3.0.0\nchannels: { c: { messages: { m: { name: x, payload: {} }, n: { name: x, payload: {} } } } }",
        &["x", "x2"],
    );
}
