//! What is left of a refused request.

use hookyard_schemes::handshake::SourceHandshakes;
use hookyard_schemes::value::Place;
use hookyard_schemes::{Credential, Redacted, Scheme, Secret, jwt, redact, token};

use crate::recipes::place;
use crate::verify::support::{headers, request, verifier};

fn token_at(from: Place) -> Scheme {
    Scheme::Token(token::Settings {
        from,
        secrets: vec![Secret::from("t0ken")],
    })
}

/// Redacts a request with every kind of credential.
fn redacted(scheme: Scheme, query: &str, body: &str) -> Redacted {
    let list = headers(&[
        ("Authorization", "Bearer aaa.bbb.ccc"),
        ("Cookie", "a=1"),
        ("X-Token", "wrong"),
        ("X-Signature", "ab12"),
    ]);
    let mut request = request(&list, body.as_bytes());
    request.path = "/acme/orders/s3cret";
    request.tail = Some("s3cret");
    request.query = Some(query);
    redact(&request, &verifier(scheme), &SourceHandshakes::default())
}

fn header(redacted: &Redacted, name: &str) -> String {
    let found = redacted.headers.iter().find(|header| header.name == name);
    String::from_utf8_lossy(&found.expect("a header").value).into_owned()
}

#[test]
fn credentials_in_headers_are_replaced() {
    let own = redacted(token_at(place("header", "X-Token")), "", "{}");
    assert_eq!(header(&own, "authorization"), "redacted");
    assert_eq!(header(&own, "cookie"), "redacted");
    assert_eq!(header(&own, "x-token"), "redacted");
    assert_eq!(header(&own, "x-signature"), "ab12");
    assert_eq!(
        own.replaced,
        [
            "the header `authorization`",
            "the header `cookie`",
            "the header `x-token`"
        ]
    );
    assert_eq!(own.path, "/acme/orders/s3cret", "no secret of the scheme");
}

#[test]
fn secret_path_is_replaced() {
    let secrets = vec![Secret::from("s3cret-path")];
    let scheme = Scheme::Static(Credential::SecretPath { secrets });
    let own = redacted(scheme, "", "{}");
    assert_eq!(own.path, "/acme/orders/redacted");
    assert_eq!(own.replaced[0], "the end of the path");
}

#[test]
fn credentials_in_queries_and_forms_are_replaced() {
    let query = redacted(token_at(place("query", "a b")), "x=1&a+b=w&%61%20b=v&a", "");
    let expected = "x=1&a+b=redacted&%61%20b=redacted&a";
    assert_eq!(query.query.as_deref(), Some(expected));

    let form = redacted(token_at(place("form", "token")), "token=1", "a=1&token=w");
    assert_eq!(form.body, b"a=1&token=redacted");
    assert_eq!(form.query.as_deref(), Some("token=1"));
}

#[test]
fn credentials_in_json_are_replaced() {
    let body = |pointer: &str, body: &str| {
        let own = redacted(token_at(place("json", pointer)), "", body);
        let is_told = own.replaced.iter().any(|part| part.contains("of the body"));
        (String::from_utf8_lossy(&own.body).into_owned(), is_told)
    };
    let cases = [
        (
            "/a/t",
            "\u{feff}{\"a\": {\"t\" : \"w\\u0041\"}, \"b\": 1}",
            "\u{feff}{\"a\": {\"t\" : \"redacted\"}, \"b\": 1}",
            true,
        ),
        ("/t", r#"{"t":[1,2]}"#, r#"{"t":"redacted"}"#, true),
        ("/t", r#"{"a":1}"#, r#"{"a":1}"#, false),
        // Where the value cannot be found for certain, nothing is kept.
        ("/t", r#"{"t":"w","t":"w"}"#, "redacted", true),
        ("/t", "t=w", "redacted", true),
        ("/*/t", r#"[{"t":"w"}]"#, "redacted", true),
    ];
    for (pointer, given, expected, is_told) in cases {
        assert_eq!(
            body(pointer, given),
            (expected.to_owned(), is_told),
            "{given}"
        );
    }
}

#[test]
fn token_loses_only_its_signature() {
    let settings = jwt::Settings {
        from: jwt::bearer(),
        algorithms: vec!["HS256".to_owned()],
        keys: hookyard_schemes::KeyLocation::Shared(vec![Secret::from(
            "0123456789abcdef0123456789abcdef",
        )]),
        issuers: Vec::new(),
        audiences: Vec::new(),
        emails: Vec::new(),
        claims: Vec::new(),
        leeway: jwt::LEEWAY,
        max_age: None,
        body_sha256: None,
        query_hash: None,
    };
    let own = redacted(Scheme::Jwt(Box::new(settings)), "", "{}");
    assert_eq!(header(&own, "authorization"), "Bearer aaa.bbb.redacted");
}
