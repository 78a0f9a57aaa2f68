//! Tokens at any place of a request.

use hookyard_schemes::value::Place;
use hookyard_schemes::{Scheme, Verdict, Verification, Verifier, token};

use super::support::{NOW, headers, request, setup_error, verifier};
use crate::recipes::{after, place};

fn scheme(from: Place, secrets: &[&str]) -> Scheme {
    Scheme::Token(token::Settings {
        from,
        secrets: secrets.iter().map(|secret| (*secret).into()).collect(),
    })
}

fn outcome(verifier: &Verifier, more: &[(&str, &str)], query: &str, body: &str) -> &'static str {
    let list = headers(more);
    let mut request = request(&list, body.as_bytes());
    request.query = Some(query);
    match verifier.verify(&request, &(), NOW) {
        Ok(Verification::Complete(Verdict::Event(_))) => "accepted",
        Ok(other) => panic!("not an event: {other:?}"),
        Err(refusal) => refusal.reason(),
    }
}

#[test]
fn token_is_read_at_its_place() {
    let query = verifier(scheme(place("query", "code"), &["old", "new"]));
    assert_eq!(outcome(&query, &[], "code=new", ""), "accepted");
    assert_eq!(outcome(&query, &[], "code=other", ""), "wrong-credential");
    assert_eq!(outcome(&query, &[], "", ""), "missing-credential");
    assert_eq!(
        outcome(&query, &[], "code=new&code=new", ""),
        "repeated-parameter"
    );

    let header = verifier(scheme(after("Authorization", "Key "), &["t0ken"]));
    assert_eq!(
        outcome(&header, &[("Authorization", "Key t0ken")], "", ""),
        "accepted"
    );
    assert_eq!(
        outcome(&header, &[("Authorization", "t0ken")], "", ""),
        "missing-credential"
    );

    let own = verifier(scheme(place("header", "X-Token"), &["t0ken"]));
    assert!(own.credential_headers().contains(&"x-token".to_owned()));
}

#[test]
fn every_item_must_have_the_token() {
    let graph = verifier(scheme(place("json", "/value/*/clientState"), &["s"]));
    let nested = verifier(scheme(place("json", "/*/a/*/t"), &["s"]));
    for (verifier, body, expected) in [
        (
            &graph,
            r#"{"value":[{"clientState":"s"},{"clientState":"s"}]}"#,
            "accepted",
        ),
        (
            &graph,
            r#"{"value":[{"clientState":"s"},{"clientState":"x"}]}"#,
            "wrong-credential",
        ),
        (
            &graph,
            r#"{"value":[{"clientState":"s"},{}]}"#,
            "missing-credential",
        ),
        (
            &graph,
            r#"{"value":[{"clientState":"s"},1]}"#,
            "missing-credential",
        ),
        (&graph, r#"{"value":[]}"#, "missing-credential"),
        (
            &graph,
            r#"{"value":{"clientState":"s"}}"#,
            "missing-credential",
        ),
        (
            &graph,
            r#"{"value":[{"clientState":"s","clientState":"s"}]}"#,
            "repeated-field",
        ),
        (&graph, "no JSON", "unreadable-body"),
        (
            &nested,
            r#"[{"a":[{"t":"s"}]},{"a":[{"t":"s"},{"t":"s"}]}]"#,
            "accepted",
        ),
        (
            &nested,
            r#"[{"a":[{"t":"s"}]},{"a":[]}]"#,
            "missing-credential",
        ),
    ] {
        assert_eq!(outcome(verifier, &[], "", body), expected, "{body}");
    }
}

#[test]
fn batch_of_too_many_items_is_refused() {
    let graph = verifier(scheme(place("json", "/value/*/t"), &["s"]));
    let items = vec![r#"{"t":"s"}"#; 10_001].join(",");
    let body = format!(r#"{{"value":[{items}]}}"#);
    assert_eq!(outcome(&graph, &[], "", &body), "missing-credential");
}

#[test]
fn token_without_text_is_refused() {
    let error = setup_error(scheme(place("query", "code"), &[""])).to_string();
    assert!(error.contains("a token is empty"), "{error}");
}
