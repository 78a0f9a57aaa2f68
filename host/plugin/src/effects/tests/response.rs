use bytes::Bytes;
use hookyard_model::{Effects, Header, Limit, Outcome, Response};

use super::super::ResponseRefusal;
use super::*;

fn asked(limits: &Limits) -> Buffer {
    let mut effects = buffer_with(&Arc::default(), limits);
    effects.let_respond(true);
    effects
}

fn header(name: &str, value: &str) -> Header {
    Header {
        name: name.into(),
        value: Bytes::copy_from_slice(value.as_bytes()),
    }
}

fn response(status: u16, headers: Vec<Header>, body: &'static str) -> Response {
    Response {
        status,
        headers,
        body: Bytes::from_static(body.as_bytes()),
    }
}

#[track_caller]
fn check_invalid(response: Response, part: &str) {
    match asked(&Limits::default()).respond(response) {
        Err(ResponseRefusal::Invalid(reason)) => assert!(reason.contains(part), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn response_is_an_effect_of_its_own() {
    let mut effects = asked(&Limits::default());
    let given = response(201, vec![header("X-Pot", "round")], "made");
    effects.respond(given).expect("a response");

    let expected = response(201, vec![header("x-pot", "round")], "made");
    let taken = effects.take_effects();
    assert_eq!(taken.response, Some(expected));
    let rest = Effects {
        response: None,
        ..taken
    };
    assert_eq!(rest, Effects::default());
}

#[test]
fn nobody_asks_at_first() {
    let mut effects = buffer(&Arc::default());
    let refused = effects.respond(response(200, Vec::new(), ""));
    assert!(matches!(refused, Err(ResponseRefusal::NotAsked)));
}

#[test]
fn second_response_is_refused() {
    let mut effects = asked(&Limits::default());
    let mut respond = |status| effects.respond(response(status, Vec::new(), ""));

    assert!(matches!(respond(99), Err(ResponseRefusal::Invalid(_))));
    assert!(respond(200).is_ok(), "an invalid response does not count");
    assert!(matches!(respond(200), Err(ResponseRefusal::Already)));
}

#[test]
fn response_must_be_valid() {
    for status in [0, 100, 199, 600] {
        check_invalid(response(status, Vec::new(), ""), "not a status");
    }
    check_invalid(response(204, Vec::new(), "text"), "has no body");
    for name in ["", "two words", "naïve", "a:b"] {
        let headers = vec![header(name, "x")];
        check_invalid(response(200, headers, ""), "not the name of a header");
    }
    for name in [
        "Content-Length",
        "connection",
        "Transfer-Encoding",
        "upgrade",
    ] {
        let headers = vec![header(name, "x")];
        check_invalid(response(200, headers, ""), "set by the host");
    }
    let split = vec![header("x-a", "b\r\nset-cookie: c")];
    check_invalid(response(200, split, ""), "the value of the header x-a");
}

#[test]
fn response_is_bounded() {
    let limits = Limits {
        response_bytes_max: 3,
        ..Limits::default()
    };
    let many = vec![header("x-a", "b"); 33];
    let long = vec![header("x-a", &"b".repeat(9000))];
    for (response, expected) in [
        (
            response(200, Vec::new(), "four"),
            "the body of a response may have 3 bytes",
        ),
        (response(200, many, ""), "a response may have 32 headers"),
        (
            response(200, long, ""),
            "the headers of a response may have 8192 bytes",
        ),
    ] {
        match asked(&limits).respond(response) {
            Err(ResponseRefusal::TooMuch(reason)) => assert_eq!(reason, expected),
            other => panic!("{other:?}"),
        }
    }

    let mut effects = asked(&limits);
    assert!(effects.respond(response(200, Vec::new(), "four")).is_err());
    let denial = Outcome::Exceeded {
        limit: Limit::ResponseBytes,
        max: 3,
    };
    assert_eq!(effects.denial(), Some(denial));
}
