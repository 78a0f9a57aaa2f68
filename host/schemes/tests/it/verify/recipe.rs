//! Recipes: what a signature covers, where its values are, and recipes that cannot work.

mod checks;
mod coverage;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self as aws, HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, HMAC_SHA384};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookyard_model::{Header, Payload};
use hookyard_schemes::recipe::{
    Encoding, Hash, PublicUrl, Recipe, Settings, SourceValues, TimeFormat,
};
use hookyard_schemes::{
    Refusal, Request, Scheme, Secret, Verdict, Verification, Verified, Verifier,
};

use super::support::{NOW, headers, verifier};
use crate::recipes::{github, hmac, pair, place, signed, time, whole, within};

const KEY: &[u8] = b"key";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

fn scheme(recipe: Recipe, source: SourceValues) -> Scheme {
    Scheme::Recipe(Box::new(Settings {
        recipe,
        keys: vec![Secret::new(KEY)],
        tolerance: None,
        source,
    }))
}

fn plain(recipe: Recipe) -> Verifier {
    verifier(scheme(recipe, SourceValues::default()))
}

/// Returns a source with a public URL and a setting.
fn source() -> SourceValues {
    SourceValues {
        public_url: Some(PublicUrl::parse("https://a.example/hook").expect("a URL")),
        settings: [("id".to_owned(), "wh_1".to_owned())].into(),
        unsigned_body: false,
    }
}

/// Returns a recipe with the signature of the text in a header.
fn in_header(text: &str) -> Recipe {
    Recipe {
        signature: whole("X-Signature"),
        signed: signed(text),
        ..github()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sign(text: &str) -> String {
    hex(aws::sign(&aws::Key::new(HMAC_SHA256, KEY), text.as_bytes()).as_ref())
}

/// Verifies a request whose `X-Signature` signs `signed_text`.
fn outcome(
    verifier: &Verifier,
    signed_text: &str,
    more: &[(&str, &str)],
    query: Option<&str>,
    body: &str,
) -> Result<Verified, Refusal> {
    let signature = sign(signed_text);
    let list: Vec<Header> = headers(&[&[("X-Signature", signature.as_str())], more].concat());
    let request = Request {
        method: "POST",
        path: "/acme/other",
        tail: None,
        query,
        headers: &list,
        body: body.as_bytes(),
    };
    match verifier.verify(&request, &(), NOW)? {
        Verification::Complete(Verdict::Event(verified)) => Ok(verified),
        other => panic!("not an event: {other:?}"),
    }
}

fn reason(result: Result<Verified, Refusal>) -> &'static str {
    result.map_or_else(|refusal| refusal.reason(), |_| "accepted")
}

#[test]
fn every_piece_of_the_signed_text_is_filled() {
    let text = "{method}|{url}|{url-port}|{setting:id}|{header:x-a}|{query:q}|{json:/n}|{body-crc32}|{{}}|{body-sha256}";
    let verifier = verifier(scheme(in_header(text), source()));
    let body = r#"{"n":1.50}"#;
    let digest = hex(digest(&SHA256, body.as_bytes()).as_ref());
    let right = format!(
        "POST|https://a.example/hook?q=%31|https://a.example:443/hook?q=%31|wh_1|A|1|1.50|1987598329|{{}}|{digest}"
    );

    let result = outcome(&verifier, &right, &[("X-A", "A")], Some("q=%31"), body);
    assert_eq!(reason(result), "accepted");
    let result = outcome(&verifier, &right, &[("X-A", "B")], Some("q=%31"), body);
    assert_eq!(reason(result), "bad-signature");
    let result = outcome(&verifier, &right, &[], Some("q=%31"), body);
    assert_eq!(reason(result), "missing-header");
    let result = outcome(&verifier, &right, &[("X-A", "A")], Some("q=1&q=2"), body);
    assert_eq!(reason(result), "repeated-parameter");
}

#[test]
fn host_header_never_becomes_the_url() {
    let verifier = verifier(scheme(in_header("{url}{body}"), source()));
    let evil = [
        ("Host", "evil.example"),
        ("X-Forwarded-Host", "evil.example"),
    ];
    let result = outcome(&verifier, "https://evil.example/hook{}", &evil, None, "{}");
    assert_eq!(reason(result), "bad-signature");
    let result = outcome(&verifier, "https://a.example/hook{}", &evil, None, "{}");
    assert_eq!(reason(result), "accepted");
}

#[test]
fn time_in_the_body_is_checked() {
    let recipe = Recipe {
        timestamp: time(place("json", "/at"), TimeFormat::UnixMillis),
        ..in_header("{body}")
    };
    let verifier = plain(recipe);
    let check = |body: &str, expected| {
        let result = outcome(&verifier, body, &[], None, body);
        assert_eq!(reason(result), expected, "{body}");
    };
    check(r#"{"at":1700000000000}"#, "accepted");
    check(r#"{"at":1600000000000}"#, "stale-timestamp");
    check(r#"{"at":"soon"}"#, "malformed-field");
    check("{}", "missing-field");
}

#[test]
fn values_of_the_body_are_signed() {
    let recipe = Recipe {
        signature: place("json", "/signature/signature"),
        timestamp: time(
            place("json", "/signature/timestamp"),
            TimeFormat::UnixSeconds,
        ),
        id: Some(place("json", "/signature/token")),
        covers: Some(Vec::new()),
        ..in_header("{timestamp}{id}")
    };
    let unsigned_body = SourceValues {
        unsigned_body: true,
        ..SourceValues::default()
    };
    let verifier = verifier(scheme(recipe, unsigned_body));
    let body = format!(
        r#"{{"signature":{{"timestamp":"1700000000","token":"t1","signature":"{}"}},"x":1}}"#,
        sign("1700000000t1")
    );
    let verified = outcome(&verifier, "", &[], None, &body).expect("signed");
    assert_eq!(
        (verified.id.as_deref(), verified.payload),
        (Some("t1"), Payload::Body)
    );
}

#[test]
fn signature_is_in_one_encoding() {
    let tag = aws::sign(&aws::Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, KEY), b"{}");
    let lower = hex(tag.as_ref());
    let upper = lower.to_uppercase();
    let base64 = BASE64_STANDARD.encode(tag.as_ref());
    let url = base64
        .trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_");

    for (encoding, good, bad) in [
        (Encoding::Hex, vec![&lower], vec![&upper, &base64]),
        (Encoding::HexAnyCase, vec![&lower, &upper], vec![&base64]),
        (Encoding::Base64, vec![&base64], vec![&url]),
        (Encoding::Base64Url, vec![&url], vec![&base64]),
    ] {
        let verifier = plain(Recipe {
            algorithm: hmac(Hash::Sha1, Encoding::Utf8),
            encoding,
            ..in_header("{body}")
        });
        let result = |signature: &str| {
            reason(super::support::verify(
                &verifier,
                &[("X-Signature", signature)],
                b"{}",
            ))
        };
        for signature in good {
            assert_eq!(result(signature), "accepted", "{encoding:?} {signature}");
        }
        for signature in bad {
            assert_eq!(
                result(signature),
                "malformed-header",
                "{encoding:?} {signature}"
            );
        }
        assert_eq!(result(""), "bad-signature", "{encoding:?}");
    }
}

#[test]
fn every_hash_verifies() {
    let tag = aws::sign(&aws::Key::new(HMAC_SHA384, KEY), b"{}");
    let verifier = plain(Recipe {
        algorithm: hmac(Hash::Sha384, Encoding::Utf8),
        ..in_header("{body}")
    });
    let result = super::support::verify(&verifier, &[("X-Signature", &hex(tag.as_ref()))], b"{}");
    assert_eq!(reason(result), "accepted");
}

#[test]
fn signed_id_and_time_are_verified() {
    let recipe = Recipe {
        timestamp: time(whole("X-Time"), TimeFormat::UnixMillis),
        id: Some(whole("X-Id")),
        ..in_header("{id}:{timestamp}:{body}")
    };
    let verifier = plain(recipe);
    let text = "evt_1:1700000000000:{}";
    let time = ("X-Time", "1700000000000");
    let check = |more: &[(&str, &str)], expected| {
        assert_eq!(reason(outcome(&verifier, text, more, None, "{}")), expected);
    };

    let verified = outcome(&verifier, text, &[time, ("X-Id", "evt_1")], None, "{}");
    assert_eq!(verified.expect("signed").id.as_deref(), Some("evt_1"));
    check(&[time], "missing-header");
    check(&[time, ("X-Id", "evt_2")], "bad-signature");
    check(&[time, time, ("X-Id", "evt_1")], "repeated-header");
    check(&[("X-Time", "now"), ("X-Id", "evt_1")], "malformed-header");
}

#[test]
fn unsigned_id_is_optional() {
    let verifier = plain(Recipe {
        id: Some(whole("X-Id")),
        ..in_header("{body}")
    });
    let id = |more: &[(&str, &str)]| outcome(&verifier, "{}", more, None, "{}").map(|it| it.id);

    assert_eq!(id(&[]), Ok(None));
    assert_eq!(id(&[("X-Id", "a")]), Ok(Some("a".into())));
    let empty = id(&[("X-Id", "")]).expect_err("an empty id");
    assert_eq!(empty.reason(), "malformed-header");
}

#[test]
fn source_may_widen_the_tolerance() {
    let mut recipe = Recipe {
        timestamp: time(whole("X-Time"), TimeFormat::UnixSeconds),
        ..in_header("{timestamp}{body}")
    };
    recipe.timestamp.as_mut().expect("a time").freshness = within(60);
    for (tolerance, expected) in [(None, "stale-timestamp"), (Some(100), "accepted")] {
        let verifier = verifier(Scheme::Recipe(Box::new(Settings {
            recipe: recipe.clone(),
            keys: vec![Secret::new(KEY)],
            tolerance: tolerance.map(std::time::Duration::from_secs),
            source: SourceValues::default(),
        })));
        let more = [("X-Time", "1699999900")];
        let result = outcome(&verifier, "1699999900{}", &more, None, "{}");
        assert_eq!(reason(result), expected);
    }
}

#[test]
fn blanks_around_pairs_are_trimmed() {
    let recipe = Recipe {
        signature: pair("X-Sig", ',', "v1"),
        timestamp: time(pair("X-Sig", ',', "t"), TimeFormat::UnixSeconds),
        ..in_header("{timestamp}.{body}")
    };
    let verifier = plain(recipe);
    let value = format!("t=1700000000, v1=00, v1={}", sign("1700000000.{}"));
    let result = outcome(&verifier, "", &[("X-Sig", &value)], None, "{}");
    assert_eq!(reason(result), "accepted");
}

#[test]
fn refusal_says_what_was_looked_for() {
    let verifier = plain(github());
    for (name, value, expected) in [
        ("X-Other", "", "the header `x-hub-signature-256` is missing"),
        (
            "X-Hub-Signature-256",
            "sha1=ab",
            "the header `x-hub-signature-256` does not begin with `sha256=`",
        ),
        (
            "X-Hub-Signature-256",
            "sha256=AB",
            "the header `x-hub-signature-256` has no signature in hexadecimal in lower case",
        ),
        ("X-Hub-Signature-256", "sha256=ab", "no signature is valid"),
    ] {
        let refusal = super::support::verify(&verifier, &[(name, value)], b"{}");
        assert_eq!(refusal.expect_err(expected).to_string(), expected);
    }
}
