//! Each usual mistake is recognized, and a request without a mistake has none.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use hookyard_model::{Header, Timestamp};
use hookyard_schemes::diagnose::{Diagnosis, Question, diagnose};
use hookyard_schemes::recipe::{
    Algorithm, Encoding, Hash, PublicUrl, Recipe, Settings, SourceValues, TimeFormat, TimePlace,
};
use hookyard_schemes::value::{Place, Template};
use hookyard_schemes::{
    Credential, Freshness, KeyLocation, Request, Scheme, Secret, Verification, jwt,
    standard_webhooks,
};

use crate::verify::support::{NOW, headers, request};

const SECRET: &str = "8f3a5c7e9b1d2f4a6c8e0b2d4f6a8c0e";
const BODY: &str = r#"{"id":"1","url":"https://a/b","name":"Zoë","livemode":false}"#;

fn settings(key: Encoding, signed: &str) -> Settings {
    Settings {
        recipe: Recipe {
            algorithm: Algorithm::Hmac {
                hash: Hash::Sha256,
                key,
            },
            encoding: Encoding::Hex,
            signature: Place::header("X-Signature").expect("a header"),
            timestamp: None,
            id: None,
            signed: vec![Template::parse(signed).expect("a template")],
            digest: None,
            covers: None,
        },
        keys: vec![Secret::from(SECRET)],
        tolerance: None,
        source: SourceValues::default(),
    }
}

fn scheme(settings: Settings) -> Scheme {
    Scheme::Recipe(Box::new(settings))
}

fn sign(key: &[u8], signed: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, signed).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn ask(scheme: &Scheme, headers: &Vec<Header>, body: &[u8]) -> Diagnosis {
    question(scheme, request(headers, body), &[])
}

fn question(scheme: &Scheme, request: Request<'_>, others: &[(String, &Scheme)]) -> Diagnosis {
    let question = Question {
        scheme,
        request,
        documents: &(),
        now: NOW,
        others,
    };
    diagnose(&question).expect("valid settings")
}

/// Returns the names and texts of the recognized mistakes of a request that is refused.
fn mistakes(diagnosis: &Diagnosis) -> Vec<(&'static str, &str)> {
    assert!(diagnosis.result.is_err(), "{diagnosis:?}");
    let mistakes = diagnosis.mistakes.iter();
    mistakes
        .map(|mistake| (mistake.name, mistake.text.as_str()))
        .collect()
}

#[track_caller]
fn check(diagnosis: &Diagnosis, name: &str, text: &str) {
    let found = mistakes(diagnosis);
    assert!(
        matches!(found[..], [(is, says)] if is == name && says.contains(text)),
        "{name}, {text}: {found:?}"
    );
    let all = format!("{diagnosis:?}");
    assert!(!all.contains(SECRET), "{all}");
}

#[test]
fn good_request_has_a_trace_and_no_mistake() {
    let signature = hex(&sign(SECRET.as_bytes(), BODY.as_bytes()));
    let headers = headers(&[("X-Signature", &signature)]);
    let found = ask(
        &scheme(settings(Encoding::Utf8, "{body}")),
        &headers,
        BODY.as_bytes(),
    );
    assert!(matches!(found.result, Ok(Verification::Complete(_))));
    assert_eq!(found.mistakes, []);
    let trace = &found.traces[0];
    assert_eq!(trace.signed, BODY.as_bytes());
    assert_eq!(trace.computed, std::slice::from_ref(&signature));
    assert_eq!(trace.came, [signature]);
}

#[test]
fn form_of_the_secret_is_recognized() {
    let scheme = scheme(settings(Encoding::Utf8, "{body}"));
    let raw: Vec<u8> = (0..SECRET.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&SECRET[at..at + 2], 16).expect("digits"))
        .collect();
    let written = |text: String| text.into_bytes();
    for (key, text) in [
        (
            written(format!("{SECRET}\n")),
            "with a line feed after the secret",
        ),
        (written(format!("{SECRET}\r\n")), "(CR LF) after the secret"),
        (
            written(format!("\"{SECRET}\"")),
            "with quotation marks around",
        ),
        (written(format!("whsec_{SECRET}")), "with `whsec_` before"),
        (
            written(format!("\u{feff}{SECRET}")),
            "with a byte order mark before",
        ),
        (raw, "if the secret is read as hexadecimal"),
        (
            BASE64_STANDARD.decode(SECRET).expect("base64"),
            "if the secret is read as base64",
        ),
    ] {
        let signature = hex(&sign(&key, BODY.as_bytes()));
        let headers = headers(&[("X-Signature", &signature)]);
        check(
            &ask(&scheme, &headers, BODY.as_bytes()),
            "secret-form",
            text,
        );
    }
}

#[test]
fn prefix_of_a_standard_webhooks_secret_is_recognized() {
    let secret = format!("whsec_{SECRET}");
    let scheme = Scheme::StandardWebhooks(standard_webhooks::Settings {
        secrets: vec![Secret::from(secret.as_str())],
        public_keys: Vec::new(),
        tolerance: standard_webhooks::TOLERANCE,
    });
    let time = NOW.unix_secs().to_string();
    let signed = format!("msg_1.{time}.{BODY}");
    for (key, text) in [
        (secret.as_str(), "if the secret is read as plain text"),
        (
            SECRET,
            "without `whsec_` before the secret, and if the secret is read as plain text",
        ),
    ] {
        let signature = BASE64_STANDARD.encode(sign(key.as_bytes(), signed.as_bytes()));
        let headers = headers(&[
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", &time),
            ("webhook-signature", &format!("v1,{signature}")),
        ]);
        let found = ask(&scheme, &headers, BODY.as_bytes());
        check(&found, "secret-form", text);
        assert_eq!(found.traces[0].signed, signed.as_bytes());
    }
}

#[test]
fn changed_body_is_recognized() {
    let scheme = scheme(settings(Encoding::Utf8, "{body}"));
    let escaped = BODY.replace('/', "\\/").replace('\u{eb}', "\\u00eb");
    let pretty = "{\n  \"id\": \"1\",\n  \"n\": 1.50\n}";
    for (signed, arrived, text) in [
        (BODY, format!("{BODY}\n"), "without the line end at its end"),
        (
            &format!("{BODY}\n"),
            BODY.to_owned(),
            "with a line feed at its end",
        ),
        (
            pretty,
            r#"{"id":"1","n":1.50}"#.to_owned(),
            "with an indent of two blanks",
        ),
        (
            r#"{"id":"1","n":1.50}"#,
            pretty.to_owned(),
            "without white space",
        ),
        (pretty, pretty.replace('\n', "\r\n"), "with LF as line ends"),
        (
            &pretty.replace('\n', "\r\n"),
            pretty.to_owned(),
            "with CR LF as line ends",
        ),
        (
            r#"{"a": [1, 2]}"#,
            r#"{"a":[1,2]}"#.to_owned(),
            "a blank after each comma",
        ),
        (BODY, BODY.replace('/', "\\/"), "with plain slashes"),
        (BODY, escaped.replace("\\/", "/"), "without `\\u` escapes"),
        (
            &BODY.replace('\u{eb}', "\\u00eb"),
            BODY.to_owned(),
            "with `\\u` escapes",
        ),
        (
            BODY,
            format!("\u{feff}{BODY}"),
            "without the byte order mark",
        ),
    ] {
        let signature = hex(&sign(SECRET.as_bytes(), signed.as_bytes()));
        let headers = headers(&[("X-Signature", &signature)]);
        check(
            &ask(&scheme, &headers, arrived.as_bytes()),
            "body-changed",
            text,
        );
    }
}

#[test]
fn clock_that_is_off_is_measured() {
    let mut settings = settings(Encoding::Utf8, "{timestamp}.{body}");
    settings.recipe.timestamp = Some(TimePlace {
        place: Place::header("X-Time").expect("a header"),
        format: TimeFormat::UnixSeconds,
        freshness: Freshness {
            past: std::time::Duration::from_secs(300),
            future: std::time::Duration::from_secs(300),
        },
    });
    let scheme = scheme(settings);
    for (off, text) in [
        (-3600, "signed 3600 s before it arrived"),
        (7200, "signed 7200 s after it arrived"),
    ] {
        let time = (NOW.unix_secs() + off).to_string();
        let signed = format!("{time}.{BODY}");
        let signature = hex(&sign(SECRET.as_bytes(), signed.as_bytes()));
        let headers = headers(&[("X-Time", &time), ("X-Signature", &signature)]);
        let found = ask(&scheme, &headers, BODY.as_bytes());
        check(&found, "clock", text);
        assert_eq!(
            found.traces[0].signed_at,
            Some(Timestamp::from_unix_secs(NOW.unix_secs() + off))
        );
    }
}

#[test]
fn key_of_another_source_is_named() {
    let own = scheme(settings(Encoding::Utf8, "{body}"));
    let mut other = settings(Encoding::Utf8, "{method}{body}");
    other.keys = vec![Secret::from("the secret of another tenant")];
    let other = scheme(other);
    let others = [("umbrella/orders".to_owned(), &other)];

    let key = b"the secret of another tenant";
    for signed in [BODY.to_owned(), format!("POST{BODY}")] {
        let signature = hex(&sign(key, signed.as_bytes()));
        let headers = headers(&[("X-Signature", &signature)]);
        let found = question(&own, request(&headers, BODY.as_bytes()), &others);
        check(
            &found,
            "other-source",
            "the key of the source /umbrella/orders",
        );
        assert!(!format!("{found:?}").contains("the secret of another"));
    }
}

#[test]
fn old_token_does_not_prove_another_source() {
    let token = ["{\"alg\":\"HS256\"}", "{\"exp\":1}", "forged"];
    let token = token
        .map(|part| BASE64_URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let authorization = format!("Bearer {token}");
    let headers = headers(&[
        ("X-Signature", &hex(&[0; 32])),
        ("Authorization", &authorization),
    ]);
    let other = Scheme::Jwt(Box::new(jwt::Settings {
        from: jwt::bearer(),
        algorithms: vec!["HS256".to_owned()],
        keys: KeyLocation::Shared(vec![Secret::from("another secret")]),
        issuers: Vec::new(),
        audiences: Vec::new(),
        emails: Vec::new(),
        claims: Vec::new(),
        leeway: jwt::LEEWAY,
        max_age: None,
        body_sha256: None,
        query_hash: None,
    }));
    let found = question(
        &scheme(settings(Encoding::Utf8, "{body}")),
        request(&headers, BODY.as_bytes()),
        &[("acme/other".to_owned(), &other)],
    );
    check(&found, "other-mode", "`/livemode`: false");
}

#[test]
fn other_url_is_found() {
    let mut settings = settings(Encoding::Utf8, "{url}{body}");
    let configured = PublicUrl::parse("https://hooks.example/acme/orders");
    settings.source.public_url = Some(configured.expect("a URL"));
    let scheme = scheme(settings);
    for url in [
        "http://hooks.example/acme/orders",
        "https://hooks.example:443/acme/orders",
        "https://hooks.example/acme/orders/",
        "https://www.hooks.example/acme/orders",
    ] {
        let signature = hex(&sign(SECRET.as_bytes(), format!("{url}{BODY}").as_bytes()));
        let headers = headers(&[("X-Signature", &signature), ("Host", "www.hooks.example")]);
        let found = ask(&scheme, &headers, BODY.as_bytes());
        check(&found, "public-url", &format!("signs the URL `{url}`"));
    }
}

#[test]
fn other_recipe_is_found() {
    let scheme = scheme(settings(Encoding::Utf8, "{body}"));
    let signature = BASE64_STANDARD.encode(sign(SECRET.as_bytes(), BODY.as_bytes()));
    let headers = headers(&[("X-Signature", &signature)]);
    let found = ask(&scheme, &headers, BODY.as_bytes());
    check(&found, "other-recipe", "encoding = \"base64\"");
}

#[test]
fn credential_with_a_line_end_is_recognized() {
    let scheme = Scheme::Static(Credential::Header {
        name: "X-Token".into(),
        tokens: vec![Secret::from(format!("\"{SECRET}\""))],
    });
    let headers = headers(&[("X-Token", SECRET)]);
    let found = ask(&scheme, &headers, BODY.as_bytes());
    check(
        &found,
        "secret-form",
        "without the quotation marks around the secret",
    );
}

#[test]
fn unexplained_signature_has_a_hint_at_most() {
    let scheme = scheme(settings(Encoding::Utf8, "{body}"));
    let headers = headers(&[("X-Signature", &"ab".repeat(32))]);
    let found = ask(&scheme, &headers, BODY.as_bytes());
    check(&found, "other-mode", "`/livemode`: false");
    assert_eq!(mistakes(&ask(&scheme, &headers, b"{}")), []);
    assert_eq!(mistakes(&ask(&scheme, &headers, b"\xff\x00")), []);
}

#[test]
fn request_without_a_signature_has_no_trace() {
    let scheme = scheme(settings(Encoding::Utf8, "{body}"));
    let found = ask(&scheme, &Vec::new(), BODY.as_bytes());
    assert_eq!(mistakes(&found), []);
    assert_eq!(found.traces, []);
    let refusal = found.result.expect_err("a refusal");
    assert_eq!(refusal.to_string(), "the header `x-signature` is missing");
}

#[test]
fn two_mistakes_at_once_are_both_named() {
    let scheme = scheme(settings(Encoding::Utf8, "{body}"));
    let key = format!("{SECRET}\n");
    let signature = hex(&sign(key.as_bytes(), BODY.as_bytes()));
    let headers = headers(&[("X-Signature", &signature)]);
    let body = format!("{BODY}\n");

    let diagnosis = ask(&scheme, &headers, body.as_bytes());
    let names: Vec<_> = mistakes(&diagnosis).iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["secret-form", "body-changed"], "{diagnosis:?}");
}

#[test]
fn old_request_with_a_wrong_secret_has_two_mistakes() {
    let mut settings = settings(Encoding::Utf8, "{timestamp}.{body}");
    settings.recipe.timestamp = Some(TimePlace {
        place: Place::header("X-Time").expect("a header"),
        format: TimeFormat::UnixSeconds,
        freshness: Freshness {
            past: std::time::Duration::from_secs(300),
            future: std::time::Duration::from_secs(300),
        },
    });
    let key = format!("{SECRET}\n");
    let time = |ago: i64| (NOW.unix_millis() / 1000 - ago).to_string();
    for (ago, expected) in [(3600, &["secret-form", "clock"][..]), (1, &["secret-form"])] {
        let signed = format!("{}.{BODY}", time(ago));
        let signature = hex(&sign(key.as_bytes(), signed.as_bytes()));
        let headers = headers(&[("X-Signature", &signature), ("X-Time", &time(ago))]);
        let diagnosis = ask(&scheme(settings.clone()), &headers, BODY.as_bytes());
        let names: Vec<_> = mistakes(&diagnosis).iter().map(|(name, _)| *name).collect();
        assert_eq!(names, expected, "{diagnosis:?}");
    }
}
