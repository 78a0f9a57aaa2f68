//! Handshakes: which requests ask for one, what the answer repeats, and what it never signs.

mod signing;

use hookyard_model::Header;
use hookyard_schemes::handshake::{
    Condition, Handshake, HandshakeAnswer, HandshakeBody, HandshakeMethod, HandshakeReply,
    HandshakeSettings, JsonTemplate, SourceHandshakes, Test,
};
use hookyard_schemes::recipe::{Algorithm, Encoding, Hash, Recipe, Settings, SourceValues};
use hookyard_schemes::value::{Fields, Part, Place, PlaceKind, Template};
use hookyard_schemes::{AnswerParts, Refusal, Request, Scheme, Secret, SetupError};

use crate::verify::support::headers;

const SECRET: &str = "Convoy";

fn place(text: &str) -> Place {
    let (word, name) = text.split_once(':').expect("a kind and a name");
    Place::whole(PlaceKind::parse(word, name).expect("a place"))
}

fn asks(method: HandshakeMethod, places: &[(&str, Option<&str>)]) -> Condition {
    let test = |(text, equals): &(&str, Option<&str>)| Test {
        place: place(text),
        equals: equals.map(str::to_owned),
    };
    Condition {
        method,
        tests: places.iter().map(test).collect(),
    }
}

fn text(template: &str) -> HandshakeBody {
    HandshakeBody::Text(Template::parse(template).expect("a template"))
}

fn json(name: &str, template: &str) -> HandshakeBody {
    let text = JsonTemplate::Text(Template::parse(template).expect("a template"));
    HandshakeBody::Json(JsonTemplate::Object(vec![(name.to_owned(), text)]))
}

fn unverified(when: Condition, body: HandshakeBody) -> Handshake {
    Handshake {
        when,
        verified: false,
        require: None,
        answer: HandshakeAnswer::new(200, Vec::new(), body).expect("an answer"),
        learn: None,
    }
}

/// Signs `signed` with HMAC-SHA256, as X does it.
fn hmac(signed: &str) -> Scheme {
    Scheme::Recipe(Box::new(Settings {
        recipe: Recipe {
            algorithm: Algorithm::Hmac {
                hash: Hash::Sha256,
                key: Encoding::Utf8,
            },
            encoding: Encoding::Base64,
            signature: Place {
                part: Part::After("sha256=".into()),
                ..place("header:x-signature")
            },
            timestamp: None,
            id: None,
            signed: vec![Template::parse(signed).expect("a template")],
            digest: None,
            covers: None,
        },
        keys: vec![Secret::from(SECRET)],
        tolerance: None,
        source: SourceValues::default(),
    }))
}

fn joined(handshake: Handshake, scheme: &Scheme) -> Result<SourceHandshakes, SetupError> {
    SourceHandshakes::new(HandshakeSettings {
        handshakes: vec![handshake],
        scheme,
        secret: Some(Secret::from("meatyhamhock")),
        learning: true,
    })
}

/// A request for a handshake.
struct Asked<'a> {
    method: &'a str,
    query: &'a str,
    headers: Vec<Header>,
    body: &'a str,
}

fn get(query: &str) -> Asked<'_> {
    Asked {
        method: "GET",
        query,
        headers: Vec::new(),
        body: "",
    }
}

fn post(body: &str) -> Asked<'_> {
    Asked {
        method: "POST",
        query: "",
        headers: Vec::new(),
        body,
    }
}

/// Returns the reply to a request; `None` if it asks for no handshake.
fn reply(
    handshakes: &SourceHandshakes,
    asked: &Asked<'_>,
) -> Option<Result<HandshakeReply, Refusal>> {
    let fields = Fields::new(Request {
        method: asked.method,
        path: "/acme/x",
        tail: None,
        query: Some(asked.query),
        headers: &asked.headers,
        body: asked.body.as_bytes(),
    });
    let found = handshakes.find(&fields, false)?;
    Some(handshakes.reply(found, &fields))
}

fn answer(handshake: Handshake, asked: &Asked<'_>) -> Result<AnswerParts, &'static str> {
    let handshakes = joined(handshake, &hmac("{body}")).expect("it can work");
    match reply(&handshakes, asked) {
        None => Err("not asked"),
        Some(Ok(reply)) => Ok(reply.answer),
        Some(Err(refusal)) => Err(refusal.reason()),
    }
}

fn body(answer: &AnswerParts) -> &str {
    std::str::from_utf8(answer.body()).expect("text")
}

#[test]
fn text_answer_repeats_the_value_as_plain_text() {
    let echo = || {
        unverified(
            asks(HandshakeMethod::Get, &[("query:challenge", None)]),
            text("{query:challenge}"),
        )
    };
    let markup = get("challenge=%3Cscript%3Ealert(1)%3C/script%3E");
    let markup = answer(echo(), &markup).expect("an answer");
    assert_eq!(body(&markup), "<script>alert(1)</script>");
    assert!(
        markup
            .content_type()
            .is_some_and(|it| it.starts_with("text/plain"))
    );

    let longest = format!("challenge={}", "x".repeat(1024));
    assert_eq!(
        answer(echo(), &get(&longest))
            .expect("an answer")
            .body()
            .len(),
        1024
    );
    let longer = format!("challenge={}", "x".repeat(1025));
    assert_eq!(answer(echo(), &get(&longer)), Err("handshake-value"));
}

#[test]
fn condition_names_method_and_values() {
    let both = || {
        let places = [("query:mode", Some("subscribe")), ("header:x-a", None)];
        unverified(asks(HandshakeMethod::Get, &places), HandshakeBody::Empty)
    };
    let asked = |method, query, pairs: &[(&str, &str)]| {
        let asked = Asked {
            method,
            query,
            headers: headers(pairs),
            body: "",
        };
        answer(both(), &asked).map(|answer| answer.status())
    };
    let header = ("x-a", "1");
    assert_eq!(asked("GET", "mode=subscribe", &[header]), Ok(200));
    for (method, query, pairs) in [
        ("POST", "mode=subscribe", &[header][..]),
        ("HEAD", "mode=subscribe", &[header]),
        ("GET", "mode=other", &[header]),
        ("GET", "", &[header]),
        ("GET", "mode=subscribe", &[]),
        ("GET", "mode=subscribe&mode=subscribe", &[header]),
        ("GET", "mode=subscribe", &[header, header]),
    ] {
        assert_eq!(
            asked(method, query, pairs),
            Err("not asked"),
            "{method} {query}"
        );
    }
}

#[test]
fn unreadable_body_asks_for_nothing() {
    let echo = || {
        unverified(
            asks(HandshakeMethod::Post, &[("json:/c", None)]),
            text("{json:/c}"),
        )
    };
    assert_eq!(
        answer(echo(), &post(r#"{"c":"x"}"#)).as_ref().map(body),
        Ok("x")
    );
    let deep = "[".repeat(100_000);
    for bad in [
        "",
        "{",
        "[]",
        r#"{"c":null}"#,
        r#"{"c":"x","c":"y"}"#,
        r#"{"c":{}}"#,
        &deep,
    ] {
        assert_eq!(answer(echo(), &post(bad)), Err("not asked"), "{:.20}", bad);
    }
}

#[test]
fn json_answer_escapes_the_value() {
    let echo = unverified(
        asks(HandshakeMethod::Post, &[("json:/challenge", None)]),
        json("challenge", "{json:/challenge}"),
    );
    let hostile = serde_json::json!({ "challenge": "\",\"admin\":true}\u{0}\u{2028}\n" });
    let answer = answer(echo, &post(&hostile.to_string())).expect("an answer");
    assert_eq!(answer.content_type(), Some("application/json"));
    let parsed: serde_json::Value = serde_json::from_slice(answer.body()).expect("JSON");
    assert_eq!(parsed, hostile);
}

#[test]
fn header_answer_cannot_break_out() {
    let mut echo = unverified(
        asks(HandshakeMethod::Post, &[("json:/secret", None)]),
        HandshakeBody::Empty,
    );
    let template = Template::parse("{json:/secret}").expect("a template");
    let headers = vec![("X-Hook-Secret".to_owned(), template)];
    echo.answer = HandshakeAnswer::new(200, headers, HandshakeBody::Empty).expect("an answer");

    let good = answer(echo.clone(), &post(r#"{"secret":"b5372"}"#)).expect("an answer");
    assert_eq!(
        good.headers(),
        [("x-hook-secret".to_owned(), "b5372".to_owned())]
    );
    for bad in [r"a\r\nset-cookie: b", r"a\nb", r"\u0000", "é", "", " a"] {
        let asked = format!(r#"{{"secret":"{bad}"}}"#);
        assert_eq!(
            answer(echo.clone(), &post(&asked)),
            Err("handshake-value"),
            "{bad}"
        );
    }
}

#[test]
fn required_secret_must_be_equal() {
    let mut meta = unverified(
        asks(
            HandshakeMethod::Get,
            &[("query:hub.mode", Some("subscribe"))],
        ),
        text("{query:hub.challenge}"),
    );
    meta.require = Some(place("query:hub.verify_token"));
    let asked = |token: &str| {
        let query = format!("hub.mode=subscribe&hub.challenge=1158201444{token}");
        answer(meta.clone(), &get(&query)).map(|answer| body(&answer).to_owned())
    };

    assert_eq!(
        asked("&hub.verify_token=meatyhamhock"),
        Ok("1158201444".to_owned())
    );
    for wrong in [
        "",
        "&hub.verify_token=",
        "&hub.verify_token=nope",
        "&hub.verify_token=meatyhamhockk",
        "&hub.verify_token=meatyhamhock&hub.verify_token=meatyhamhock",
    ] {
        assert_eq!(asked(wrong), Err("handshake-secret"), "{wrong}");
    }

    let without = SourceHandshakes::new(HandshakeSettings {
        handshakes: vec![meta],
        scheme: &hmac("{body}"),
        secret: None,
        learning: false,
    });
    assert!(without.is_err_and(|error| error.to_string().contains("handshake_secret = ")));
}

#[test]
fn secret_is_learnt_only_by_a_source_that_learns() {
    let mut asana = unverified(
        asks(HandshakeMethod::Post, &[("header:x-hook-secret", None)]),
        HandshakeBody::Empty,
    );
    asana.learn = Some(place("header:x-hook-secret"));
    let asked = |secret: &str| Asked {
        headers: headers(&[("x-hook-secret", secret)]),
        ..post("")
    };
    let learning = joined(asana.clone(), &Scheme::Unverified).expect("it can work");
    let learnt = reply(&learning, &asked("b537207f20cbfa02"))
        .expect("asked")
        .expect("answered");
    assert_eq!(learnt.learnt, Some(Secret::from("b537207f20cbfa02")));
    for unusable in ["short", "eight le", &"x".repeat(1025)] {
        let refused = reply(&learning, &asked(unusable)).expect("asked");
        assert_eq!(
            refused.map_err(|it| it.reason()),
            Err("handshake-value"),
            "{unusable}"
        );
    }
    let escape = asked("\u{1b}[2Jhidden");
    assert!(reply(&learning, &escape).is_none(), "no header can have it");

    let other = SourceHandshakes::new(HandshakeSettings {
        handshakes: vec![asana],
        scheme: &Scheme::Unverified,
        secret: None,
        learning: false,
    });
    assert!(reply(&other.expect("it can work"), &asked("b537207f20cbfa02")).is_none());
}

#[test]
fn impossible_handshake_is_refused() {
    let says = |handshake: Handshake, words: &str| {
        let error = handshake.check().expect_err("it cannot work").to_string();
        assert!(error.contains(words), "{error}");
    };
    let body_of_get = unverified(
        asks(HandshakeMethod::Get, &[("query:c", None)]),
        text("{hmac-sha256-hex:json:/c}"),
    );
    says(
        body_of_get,
        "it reads the field `/c` of the body, and a GET has no body",
    );

    let mut verified = unverified(
        asks(HandshakeMethod::Post, &[("header:x-hook-secret", None)]),
        HandshakeBody::Empty,
    );
    verified.learn = Some(place("header:x-hook-secret"));
    verified.verified = true;
    says(verified, "add `verified = false`");
}
