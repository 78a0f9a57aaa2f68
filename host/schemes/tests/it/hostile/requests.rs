//! Requests of strangers: parts of values, times, digests, covered fields, ordering keys, forms and
//! handshakes.

use hookyard_model::{Header, Payload};
use hookyard_schemes::handshake::{
    Condition, Handshake, HandshakeAnswer, HandshakeBody, HandshakeMethod, HandshakeSettings,
    SourceHandshakes, Test,
};
use hookyard_schemes::recipe::{
    BodyDigest, Encoding, Hash, PublicUrl, Recipe, Settings, SourceValues, TimeFormat,
};
use hookyard_schemes::value::{Fields, Part, Place, Template, form_as_json};
use hookyard_schemes::{
    JsonPointer, Request, Scheme, Secret, Verification, Verifier, ordering_key, payload_bytes,
};
use proptest::prelude::*;

use crate::recipes::{github, pair_part, place, signed, time};
use crate::verify::support::{NOW, headers, verifier};

/// The most bytes that an answer repeats.
const REPEATED_MAX: usize = 1024;

/// Returns verifiers that read a value of each kind, in each format of time.
fn verifiers() -> Vec<Verifier> {
    let formats = TimeFormat::ALL.map(|(_, format)| format);
    let recipes = formats.map(|format| [of_form(format), of_fields(format)]);
    recipes.into_iter().flatten().map(with_secret).collect()
}

fn of_form(format: TimeFormat) -> Recipe {
    Recipe {
        signature: place("query", "s"),
        timestamp: time(place("header", "x-time"), format),
        id: Some(place("form", "i")),
        signed: signed("{id}{timestamp}{url}{form-sorted}"),
        digest: Some(BodyDigest {
            place: place("query", "d"),
            hash: Hash::Sha512,
            encoding: Encoding::HexAnyCase,
        }),
        ..github()
    }
}

fn of_fields(format: TimeFormat) -> Recipe {
    let pointers = ["/a/b", "/a/c/d"].map(|text| text.parse().expect("a pointer"));
    Recipe {
        timestamp: time(place("json", "/a/b"), format),
        signed: signed("{timestamp}{method}{json-fields:/a:b,c/d}"),
        covers: Some(pointers.to_vec()),
        ..github()
    }
}

fn with_secret(recipe: Recipe) -> Verifier {
    verifier(Scheme::Recipe(Box::new(Settings {
        recipe,
        keys: vec![Secret::from("a secret of a test")],
        tolerance: None,
        source: SourceValues {
            public_url: PublicUrl::parse("https://a.example/x").ok(),
            ..SourceValues::default()
        },
    })))
}

/// Generates texts that look like times.
fn times() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,30}",
        "-?[0-9]{0,25}",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,12})?(Z|[+-][0-9]{2}:[0-9]{2})?",
    ]
}

fn bodies() -> impl Strategy<Value = String> {
    prop_oneof![
        "[\\[\\]{}\":,abcd0 ]{0,40}",
        r#"\{"a":\{"b":(1|"x"|\[\]|null),"(c|b)":\{"d":-?[0-9]{1,30}\}\}\}"#,
        "(i=[a-z%+]{0,5}&?){0,4}",
        "\\PC{0,40}",
    ]
}

/// Returns a handshake whose answer repeats a value of each kind.
fn handshake() -> SourceHandshakes {
    let test = Test {
        place: place("query", "q"),
        equals: None,
    };
    let text = Template::parse("{query:q}{header:x-time}{json:/a/b}{form:i}").expect("a template");
    let header = (
        "X-Repeated".to_owned(),
        Template::parse("{query:q}").expect("a template"),
    );
    let handshake = Handshake {
        when: Condition {
            method: HandshakeMethod::Post,
            tests: vec![test],
        },
        verified: false,
        require: None,
        answer: HandshakeAnswer::new(200, vec![header], HandshakeBody::Text(text))
            .expect("an answer"),
        learn: None,
    };
    SourceHandshakes::new(HandshakeSettings {
        handshakes: vec![handshake],
        scheme: &Scheme::Unverified,
        secret: None,
        learning: false,
    })
    .expect("it can work")
}

fn request<'r>(headers: &'r Vec<Header>, query: &'r str, body: &'r str) -> Request<'r> {
    Request {
        method: "POST",
        path: "/acme/x",
        tail: None,
        query: Some(query),
        headers,
        body: body.as_bytes(),
    }
}

proptest! {
    #[test]
    fn any_part_is_read_or_refused(
        value in "[ -~]{0,30}",
        prefix in "[a-z=]{0,3}",
        name in "[a-z]{0,2}",
        separator in proptest::char::any(),
        trim: bool,
    ) {
        let pairs = [("x", &*value)];
        let headers = headers(&pairs);
        let request = request(&headers, "", "");
        let fields = Fields::new(request);
        let pair = match pair_part(separator, &name) {
            Part::Pair { name, separator, .. } => Part::Pair { name, separator, trim },
            other => other,
        };
        for part in [Part::After(prefix), pair, Part::Whole] {
            let place = Place { part, ..place("header", "x") };
            if let Ok(found) = fields.get(&place) {
                prop_assert!(value.contains(&*found));
            }
            let _ = fields.all(&place);
        }
    }

    #[test]
    fn unsigned_request_is_refused(
        time in times(),
        query in "(s=[0-9a-f]{64}&)?(d=[0-9A-Fa-f]{126,130})?",
        body in bodies(),
        is_form: bool,
    ) {
        let content_type = if is_form { "application/x-www-form-urlencoded" } else { "application/json" };
        let signature = format!("sha256={}", "0".repeat(64));
        let pairs = [
            ("x-time", &*time),
            ("content-type", content_type),
            ("x-hub-signature-256", &*signature),
        ];
        let headers = headers(&pairs);
        for verifier in verifiers() {
            let result = verifier.verify(&request(&headers, &query, &body), &(), NOW);
            prop_assert!(!matches!(result, Ok(Verification::Complete(_))), "{result:?}");
        }
    }

    #[test]
    fn any_body_has_covered_fields_and_an_order_or_neither(body in bodies(), pointer in "(/[a-d0~]{0,2}){0,3}") {
        let payload = Payload::Covered(vec!["/a/b".into(), "/a/c".into()]);
        if let Ok(covered) = payload_bytes(&payload, body.as_bytes()) {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&covered).is_ok());
        }
        let Ok(pointer) = JsonPointer::parse(&pointer) else { return Ok(()) };
        for payload in [payload, Payload::Body, Payload::TextAt("/a".into())] {
            if let Ok(Some(key)) = ordering_key(&pointer, &payload, body.as_bytes()) {
                prop_assert!(!key.is_empty() && !key.chars().any(char::is_control));
            }
        }
    }

    #[test]
    fn any_form_becomes_json_or_nothing(form: Vec<u8>, text in "([a-c%=&+\\[\\]0-9]{0,6}&?){0,5}") {
        for form in [form.as_slice(), text.as_bytes()] {
            if let Some(json) = form_as_json(form) {
                let read: serde_json::Value = serde_json::from_str(&json)?;
                prop_assert!(read.is_object());
            }
        }
    }

    #[test]
    fn answer_to_a_stranger_is_bounded(
        query in "q=[ -~]{0,2000}|q=%[0-9a-f]{2}[ -~]{0,9}|[ -~]{0,20}",
        time in "[ -~]{0,40}",
        body in bodies(),
    ) {
        let headers = headers(&[("x-time", &time)]);
        let fields = Fields::new(request(&headers, &query, &body));
        let handshakes = handshake();
        let Some(found) = handshakes.find(&fields, false) else { return Ok(()) };
        if let Ok(reply) = handshakes.reply(found, &fields) {
            prop_assert!(reply.answer.body().len() <= 4 * REPEATED_MAX);
            let is_line = |value: &str| !value.contains(['\r', '\n']);
            prop_assert!(reply.answer.headers().iter().all(|(_, value)| is_line(value)));
        }
    }
}
