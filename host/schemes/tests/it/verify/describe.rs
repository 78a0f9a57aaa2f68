use std::collections::BTreeMap;

use hookyard_model::Payload;
use hookyard_schemes::value::{Place, PlaceKind, Template};
use hookyard_schemes::{
    Description, Direction, EventCase, JsonPointer, KeyPiece, KeyRule, Provider, Refusal, Request,
    SchemeKind, SchemeRule, Shape, TypeRule, Verified,
};

use super::support::{headers, request};

const EMPTY_SHA256: &str =
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn pointer(text: &str) -> JsonPointer {
    JsonPointer::parse(text).expect("a pointer")
}

fn json(text: &str) -> Place {
    Place::whole(PlaceKind::Json(pointer(text)))
}

fn first_of(alternatives: &[&str]) -> KeyRule {
    let alternatives = alternatives.iter();
    KeyRule::FirstOf(
        alternatives
            .map(|text| Template::<KeyPiece>::parse(text).expect("a template"))
            .collect(),
    )
}

fn provider(key: KeyRule, event_type: TypeRule) -> Provider {
    let case = |direction| EventCase {
        case: "some-case".into(),
        direction,
    };

    Provider {
        name: "test".into(),
        package: "test:webhooks".into(),
        versions: Vec::new(),
        key,
        event_type,
        content: JsonPointer::default(),
        events: BTreeMap::from([
            ("came.in".to_owned(), case(Direction::Incoming)),
            ("went.out".to_owned(), case(Direction::Outgoing)),
        ]),
        outgoing: Default::default(),
        handshakes: Vec::new(),
        answer: None,
        scheme: SchemeRule {
            default: Some(SchemeKind::StandardWebhooks),
            allowed: vec![SchemeKind::StandardWebhooks],
            header: None,
            ..SchemeRule::default()
        },
        sending: SchemeRule::default(),
    }
}

fn by_json() -> Provider {
    provider(KeyRule::at(json("/id")), TypeRule::at(json("/type")))
}

fn verified() -> Verified {
    Verified {
        id: Some("msg_1".into()),
        payload: Payload::Body,
    }
}

fn describe(provider: &Provider, body: &str) -> Result<(Option<String>, Option<String>), Refusal> {
    let headers = headers(&[("X-Id", "h1"), ("X-Event", "push"), ("X-Empty", "")]);
    let request = Request {
        query: Some("id=q1&twice=1&twice=2"),
        ..request(&headers, body.as_bytes())
    };
    let Description { key, event_type } = provider.describe(&verified(), &request)?;
    Ok((key, event_type))
}

#[test]
fn key_and_type_are_read_from_payload() {
    let long = "x".repeat(513);
    for (body, key, event_type) in [
        (r#"{"id":"a","type":"came.in"}"#, "a", Some("came.in")),
        (
            r#"{"id":"a","type":"never.heard.of"}"#,
            "a",
            Some("never.heard.of"),
        ),
        (
            r#"{"id":12345678901234567890,"type":5}"#,
            "12345678901234567890",
            Some("5"),
        ),
        (r#"{"id":"a"}"#, "a", None),
        (r#"{"id":"a","type":"two\nlines"}"#, "a", None),
        ("\u{feff}{\"id\":\"a\"}", "a", None),
    ] {
        let expected = (Some(key.to_owned()), event_type.map(str::to_owned));
        assert_eq!(describe(&by_json(), body), Ok(expected), "{body}");
    }

    for (body, reason) in [
        (r#"{"id":"","type":"came.in"}"#, "missing-key"),
        (r#"{"id":{"a":1}}"#, "missing-key"),
        (r#"{"id":null}"#, "missing-key"),
        (r#"{"id":"a","type":"went.out"}"#, "not-incoming"),
    ] {
        let refusal = describe(&by_json(), body).expect_err("a refusal");
        assert_eq!(refusal.reason(), reason, "{body}");
    }

    for odd in [&long, "a\\u0000b"] {
        let key = describe(&by_json(), &format!(r#"{{"id":"{odd}"}}"#))
            .expect("a key")
            .0;
        assert!(key.is_some_and(|key| key.starts_with("sha256:")), "{odd}");
    }
}

#[test]
fn key_is_the_first_complete_alternative() {
    let key = |alternatives: &[&str]| {
        let provider = provider(first_of(alternatives), TypeRule::None);
        let body = r#"{"data":{"id":"7f3d"},"event":"sent","empty":"","list":[1]}"#;
        describe(&provider, body).map(|(key, _)| key)
    };

    for (alternatives, expected) in [
        (&["{scheme-id}"][..], "msg_1"),
        (&["{header:x-id}"], "h1"),
        (&["{query:id}"], "q1"),
        (&["{json:/data/id}:{json:/event}"], "7f3d:sent"),
        (&["{header:x-other}", "{scheme-id}"], "msg_1"),
        (&["{header:x-empty}:{json:/event}", "{json:/event}"], "sent"),
        (
            &["{body-sha256}"],
            "2956ba39c222d068d1207c00ca6c78ed48ed99099ed8f0c63eb74f107fac72af",
        ),
        (&["{json:/empty}", "{json:/list}", "{json:/list/0}"], "1"),
    ] {
        assert_eq!(
            key(alternatives),
            Ok(Some(expected.into())),
            "{alternatives:?}"
        );
    }
}

#[test]
fn missing_key_says_what_was_looked_for() {
    let provider = provider(
        first_of(&["{header:x-other}", "{json:/data/id}:{json:/event}"]),
        TypeRule::None,
    );
    let refusal = describe(&provider, r#"{"data":{"id":"7f3d"}}"#).expect_err("no key");
    assert_eq!(refusal.reason(), "missing-key");
    assert_eq!(
        refusal.to_string(),
        "the event has no idempotency key: the header `x-other` is missing; the field `/event` of \
         the body is missing"
    );
}

#[test]
fn sender_without_keys_has_none() {
    let provider = provider(KeyRule::None, TypeRule::None);
    for body in ["{}", "", "not json"] {
        assert_eq!(describe(&provider, body), Ok((None, None)), "{body}");
    }
}

/// What verifies is stored, whatever the body is.
#[test]
fn unreadable_body_has_a_digest_and_no_type() {
    let of_body = |text: &str| describe(&by_json(), text).expect("it is described");
    for body in [
        "hello",
        r#"{"id":"a","id":"b","type":"came.in"}"#,
        "payload=%7B%22id%22%3A1%7D",
        "\u{0}",
        &"[".repeat(100_000),
    ] {
        let (key, event_type) = of_body(body);
        let key = key.expect("a key");
        assert!(key.starts_with("msg_1:sha256:"), "{key}");
        assert_eq!(key.len(), "msg_1:sha256:".len() + 64);
        assert_eq!(event_type, None, "{body}");
        assert_eq!(of_body(body).0, Some(key), "a repeat has the same key");
    }
    assert_ne!(of_body("hello").0, of_body("hello ").0);

    let empty = describe(&by_json(), "").expect("it is described").0;
    assert_eq!(empty, Some(format!("msg_1:{EMPTY_SHA256}")));
}

#[test]
fn repeated_values_have_a_digest_and_no_type() {
    let rule = TypeRule::FirstOf(vec![Template::parse("{query:twice}").expect("a template")]);
    let provider = provider(first_of(&["{query:twice}"]), rule);
    let (key, event_type) = describe(&provider, "").expect("it is described");
    assert_eq!(key, Some(format!("msg_1:{EMPTY_SHA256}")));
    assert_eq!(event_type, None);
}

#[test]
fn type_is_the_first_complete_alternative() {
    let event_type = |alternatives: &[&str], body: &str| {
        let alternatives = alternatives.iter();
        let alternatives = alternatives.map(|text| Template::parse(text).expect("a template"));
        let provider = provider(KeyRule::None, TypeRule::FirstOf(alternatives.collect()));
        describe(&provider, body).expect("it is described").1
    };
    let github = ["{header:X-Event}.{json:/action}", "{header:X-Event}"];

    for (body, expected) in [
        (r#"{"action":"opened"}"#, "push.opened"),
        ("{}", "push"),
        ("hello", "push"),
    ] {
        assert_eq!(
            event_type(&github, body).as_deref(),
            Some(expected),
            "{body}"
        );
    }
    assert_eq!(event_type(&["{json:/a}"], "{}"), None);
}

#[test]
fn type_follows_the_shape() {
    let shape = |any: [&str; 2], none: [&str; 2], is| Shape {
        any: any.map(pointer).to_vec(),
        none: none.map(pointer).to_vec(),
        is: Template::parse(is).expect("a template"),
    };
    let (offer, order) = (
        ["/lines", "/checkout_redirect_url"],
        ["/offer_id", "/assets"],
    );
    let shapes = vec![
        shape(offer, order, "offer.{json:/status}"),
        shape(order, offer, "order.{json:/status}"),
    ];
    let provider = provider(KeyRule::scheme_id(), TypeRule::Shapes(shapes));

    for (body, expected) in [
        (
            r#"{"lines":[],"status":"accepted"}"#,
            Some("offer.accepted"),
        ),
        (
            r#"{"checkout_redirect_url":"u","order_id":null,"status":"expired"}"#,
            Some("offer.expired"),
        ),
        (
            r#"{"assets":[],"lines":null,"status":"created"}"#,
            Some("order.created"),
        ),
        (r#"{"assets":[],"lines":[],"status":"created"}"#, None),
        (r#"{"lines":1,"lines":2,"status":"created"}"#, None),
        (r#"{"status":"created"}"#, None),
        (r#"{"assets":[]}"#, None),
        ("[]", None),
        ("{", None),
    ] {
        let expected = Ok((Some("msg_1".to_owned()), expected.map(str::to_owned)));
        assert_eq!(describe(&provider, body), expected, "{body}");
    }
}

#[test]
fn two_matching_shapes_give_no_type() {
    let shape = |any, is| Shape {
        any: vec![pointer(any)],
        none: vec![],
        is: Template::parse(is).expect("a template"),
    };
    let shapes = TypeRule::Shapes(vec![shape("/a", "one"), shape("/b", "two")]);
    let provider = provider(KeyRule::scheme_id(), shapes);
    let event_type = |body| describe(&provider, body).map(|(_, event_type)| event_type);

    assert_eq!(event_type(r#"{"a":1}"#), Ok(Some("one".into())));
    assert_eq!(event_type(r#"{"b":1}"#), Ok(Some("two".into())));
    assert_eq!(event_type(r#"{"a":1,"b":1}"#), Ok(None));
}

#[test]
fn empty_scheme_id_is_no_key() {
    let provider = provider(KeyRule::scheme_id(), TypeRule::None);
    let verified = Verified {
        id: Some(String::new()),
        payload: Payload::Body,
    };
    let refusal = provider
        .describe(&verified, &request(&(), b"{}"))
        .expect_err("no key");
    assert_eq!(refusal.reason(), "missing-key");
}

#[test]
fn envelope_is_opened_first() {
    let verified = Verified {
        id: None,
        payload: Payload::TextAt("/Message".into()),
    };
    let key = |body: &str| {
        let described = by_json().describe(&verified, &request(&(), body.as_bytes()));
        described.expect("it is described").key.expect("a key")
    };

    assert_eq!(
        key(r#"{"id":"outer","Message":"{\"id\":\"inner\"}"}"#),
        "inner"
    );
    for body in [r#"{"Message":"hello"}"#, "{}"] {
        assert!(key(body).starts_with("sha256:"), "{body}");
    }
}
