use std::collections::BTreeMap;

use hookyard_model::Payload;
use hookyard_schemes::{
    Description, Direction, EventCase, JsonPointer, KeyFallback, KeyRule, KeySource, Provider,
    Refusal, SchemeKind, SchemeRule, Shape, Template, TypeRule, Verified,
};

use super::support::headers;

fn pointer(text: &str) -> JsonPointer {
    JsonPointer::parse(text).expect("a pointer")
}

fn provider(
    from: Vec<KeySource>,
    otherwise: Option<KeyFallback>,
    event_type: TypeRule,
) -> Provider {
    let case = |direction| EventCase {
        case: "some-case".into(),
        direction,
    };

    Provider {
        name: "test".into(),
        package: "test:webhooks".into(),
        versions: Vec::new(),
        key: KeyRule { from, otherwise },
        event_type,
        content: JsonPointer::default(),
        events: BTreeMap::from([
            ("came.in".to_owned(), case(Direction::Incoming)),
            ("went.out".to_owned(), case(Direction::Outgoing)),
        ]),
        outgoing: Default::default(),
        answer: None,
        scheme: SchemeRule {
            default: Some(SchemeKind::StandardWebhooks),
            allowed: vec![SchemeKind::StandardWebhooks],
            ..SchemeRule::default()
        },
        sending: SchemeRule::default(),
    }
}

fn by_json() -> Provider {
    provider(
        vec![KeySource::Json(pointer("/id"))],
        None,
        TypeRule::Json(pointer("/type")),
    )
}

fn describe(provider: &Provider, body: &str) -> Result<(String, Option<String>), Refusal> {
    let verified = Verified {
        id: Some("msg_1".into()),
        payload: Payload::Body,
    };
    let Description { key, event_type } =
        provider.describe(&verified, &headers(&[("X-Id", "h1")]), body.as_bytes())?;
    Ok((key, event_type))
}

#[test]
fn key_and_type_are_read_from_payload() {
    let text = |text: &str| Some(text.to_owned());

    for (body, expected) in [
        (
            r#"{"id":"a","type":"came.in"}"#,
            Ok(("a".to_owned(), text("came.in"))),
        ),
        (
            r#"{"id":"a","type":"never.heard.of"}"#,
            Ok(("a".to_owned(), text("never.heard.of"))),
        ),
        (
            r#"{"id":12345678901234567890,"type":5}"#,
            Ok(("12345678901234567890".to_owned(), None)),
        ),
        (r#"{"id":"a"}"#, Ok(("a".to_owned(), None))),
        (
            r#"{"id":"a","type":"two\nlines"}"#,
            Ok(("a".to_owned(), None)),
        ),
        (r#"{"id":"","type":"came.in"}"#, Err("missing-key")),
        (r#"{"id":"a\u0000b"}"#, Err("missing-key")),
        (r#"{"id":{"a":1}}"#, Err("missing-key")),
        (r#"{"id":null}"#, Err("missing-key")),
        (r#"{"id":"a","id":"b"}"#, Err("repeated-field")),
        (r#"{"id":"a","type":"went.out"}"#, Err("not-incoming")),
        ("not json", Err("unreadable-body")),
    ] {
        let found = describe(&by_json(), body).map_err(|refusal| refusal.reason());
        assert_eq!(found, expected, "{body}");
    }
    assert!(describe(&by_json(), &format!(r#"{{"id":"{}"}}"#, "x".repeat(512))).is_ok());
    assert!(describe(&by_json(), &format!(r#"{{"id":"{}"}}"#, "x".repeat(513))).is_err());
}

#[test]
fn key_is_read_from_other_locations() {
    let none = || TypeRule::Header("x-type".into());
    let key =
        |from, otherwise| describe(&provider(from, otherwise, none()), "{}").map(|(key, _)| key);
    let header = |name: &str| KeySource::Header(name.into());

    assert_eq!(key(vec![KeySource::SchemeId], None), Ok("msg_1".into()));
    assert_eq!(key(vec![header("x-id")], None), Ok("h1".into()));
    assert_eq!(
        key(vec![header("x-other"), KeySource::SchemeId], None),
        Ok("msg_1".into())
    );
    assert_eq!(key(vec![header("x-other")], None), Err(Refusal::MissingKey));
    let hash = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert_eq!(
        key(vec![header("x-other")], Some(KeyFallback::BodySha256)),
        Ok(hash.into())
    );
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
        shape(offer, order, "offer.{/status}"),
        shape(order, offer, "order.{/status}"),
    ];
    let provider = provider(vec![KeySource::SchemeId], None, TypeRule::Shapes(shapes));

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
        (r#"{"status":"created"}"#, None),
        (r#"{"assets":[]}"#, None),
        ("[]", None),
    ] {
        let expected = Ok(("msg_1".to_owned(), expected.map(str::to_owned)));
        assert_eq!(describe(&provider, body), expected, "{body}");
    }
    assert!(describe(&provider, "{").is_err());
}

#[test]
fn two_matching_shapes_give_no_type() {
    let shape = |any, is| Shape {
        any: vec![pointer(any)],
        none: vec![],
        is: Template::parse(is).expect("a template"),
    };
    let shapes = TypeRule::Shapes(vec![shape("/a", "one"), shape("/b", "two")]);
    let provider = provider(vec![KeySource::SchemeId], None, shapes);
    let event_type = |body| describe(&provider, body).map(|(_, event_type)| event_type);

    assert_eq!(event_type(r#"{"a":1}"#), Ok(Some("one".into())));
    assert_eq!(event_type(r#"{"b":1}"#), Ok(Some("two".into())));
    assert_eq!(event_type(r#"{"a":1,"b":1}"#), Ok(None));
}

#[test]
fn envelope_is_opened_first() {
    let verified = Verified {
        id: None,
        payload: Payload::TextAt("/Message".into()),
    };
    let describe = |body: &str| by_json().describe(&verified, &(), body.as_bytes());
    let found = describe(r#"{"id":"outer","Message":"{\"id\":\"inner\"}"}"#).expect("an envelope");

    assert_eq!(found.key, "inner");
    assert!(matches!(
        describe(r#"{"Message":"no json"}"#),
        Err(Refusal::UnreadableBody { .. })
    ));
    assert!(matches!(
        describe("{}"),
        Err(Refusal::UnreadableBody { .. })
    ));
}
