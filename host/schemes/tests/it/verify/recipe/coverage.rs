//! The part of a body that a signature covers, and what reaches a plugin.

use aws_lc_rs::digest::{SHA256, digest};
use hookyard_model::Payload;
use hookyard_schemes::JsonPointer;
use hookyard_schemes::recipe::{BodyDigest, Encoding, Hash, Recipe, SourceValues};

use super::{FORM, hex, in_header, outcome, plain, reason, scheme, sign, source};
use crate::recipes::{place, signed};
use crate::verify::support::verifier;

#[test]
fn form_is_sorted_and_other_bodies_need_a_digest() {
    let recipe = Recipe {
        signed: ["{url}{form-sorted}", "{url-port}{form-sorted}"]
            .into_iter()
            .flat_map(signed)
            .collect(),
        digest: Some(BodyDigest {
            place: place("query", "sha"),
            hash: Hash::Sha256,
            encoding: Encoding::Hex,
        }),
        ..in_header("{body}")
    };
    let verifier = verifier(scheme(recipe, source()));
    let check = |text: &str, more: &[(&str, &str)], query: Option<&str>, body: &str, expected| {
        let result = outcome(&verifier, text, more, query, body);
        assert_eq!(reason(result), expected, "{text} {query:?} {body}");
    };

    check(
        "https://a.example/hookToX+a1b2",
        &[FORM],
        None,
        "b=2&a=1&To=X%2B&a=1",
        "accepted",
    );
    check(
        "https://a.example:443/hooka1",
        &[FORM],
        None,
        "a=1",
        "accepted",
    );
    check(
        "https://a.example/hooka1",
        &[FORM],
        None,
        "a=2",
        "bad-signature",
    );
    // The signature of a request without a body does not stand for a body of another type.
    check("https://a.example/hook", &[], None, "", "accepted");
    check("https://a.example/hook", &[], None, "{}", "uncovered-body");
    check(
        "https://a.example/hook",
        &[("Content-Type", "text/plain")],
        None,
        "a=1",
        "uncovered-body",
    );

    let sha = hex(digest(&SHA256, b"{}").as_ref());
    let query = format!("sha={sha}");
    let url = format!("https://a.example/hook?{query}");
    check(&url, &[], Some(&query), "{}", "accepted");
    check(&url, &[], Some(&query), "{ }", "wrong-digest");
}

#[test]
fn only_covered_fields_reach_a_plugin() {
    let pointers = |texts: &[&str]| -> Vec<JsonPointer> {
        texts
            .iter()
            .map(|text| text.parse().expect("a pointer"))
            .collect()
    };
    let recipe = Recipe {
        signature: place("json", "/items/0/sig"),
        covers: Some(pointers(&["/items/0/a", "/items/0/b/c"])),
        ..in_header("{json-fields:/items/0:a,b/c}")
    };
    let verify = |recipe: &Recipe, source: SourceValues, body: &str| {
        let verifier = verifier(scheme(recipe.clone(), source));
        outcome(&verifier, "", &[], None, body)
    };
    let body = format!(
        r#"{{"evil":1,"items":[{{"a":"x","b":{{"c":1.0,"d":2}},"sig":"{}","e":3}}]}}"#,
        sign("x:1.0")
    );

    let verified = verify(&recipe, SourceValues::default(), &body).expect("signed");
    assert_eq!(
        verified.payload,
        Payload::Covered(vec!["/items/0/a".into(), "/items/0/b/c".into()])
    );
    let seen = hookyard_schemes::payload_bytes(&verified.payload, body.as_bytes()).expect("JSON");
    assert_eq!(seen, br#"{"items":[{"a":"x","b":{"c":1.0}}]}"#.as_slice());

    let trusting = SourceValues {
        unsigned_body: true,
        ..SourceValues::default()
    };
    let verified = verify(&recipe, trusting, &body).expect("signed");
    assert_eq!(verified.payload, Payload::Body);

    // An absent field counts as empty, and only an absent one.
    for (fields, signed_text, expected) in [
        (r#""a":"x""#, "x:", "accepted"),
        (r#""a":"x","b":{"c":null}"#, "x:", "accepted"),
        (r#""a":"x","b":{"c":{"evil":1}}"#, "x:", "malformed-field"),
        (r#""a":"x","a":"y""#, "y:", "repeated-field"),
    ] {
        let body = format!(
            r#"{{"items":[{{{fields},"sig":"{}"}}]}}"#,
            sign(signed_text)
        );
        let result = verify(&recipe, SourceValues::default(), &body);
        assert_eq!(reason(result), expected, "{fields}");
    }
    let result = verify(&recipe, SourceValues::default(), "no JSON");
    assert_eq!(reason(result), "unreadable-body");
}

#[test]
fn stringified_json_is_verified_without_repeated_names() {
    let verifier = plain(in_header("{json-stringify}"));
    let check = |signed_text: &str, body: &str, expected| {
        let result = outcome(&verifier, signed_text, &[], None, body);
        assert_eq!(reason(result), expected, "{body}");
    };
    check(r#"{"a":1,"b":[]}"#, r#"{ "a": 1.0, "b": [ ] }"#, "accepted");
    check(r#"{"a":2}"#, r#"{"a":1,"a":2}"#, "repeated-field");
    check("", "no JSON", "unreadable-body");
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    check("", &deep, "unreadable-body");
}
