//! What the host signs for strangers, and that no such signature proves a message.

use aws_lc_rs::hmac as aws;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookyard_schemes::handshake::{Handshake, HandshakeMethod};
use hookyard_schemes::{Scheme, Secret, Verifier};
use proptest::prelude::*;

use super::{SECRET, answer, asks, body, get, hmac, joined, json, post, reply, unverified};
use crate::verify::support::{reason, verify};

/// The handshake of X: `crc_token` is signed with the secret that signs the bodies.
fn crc() -> Handshake {
    unverified(
        asks(HandshakeMethod::Get, &[("query:crc_token", None)]),
        json(
            "response_token",
            "sha256={hmac-sha256-base64:query:crc_token}",
        ),
    )
}

#[test]
fn token_is_signed_with_the_first_secret() {
    let signed = answer(crc(), &get("crc_token=uzwcfYtzr9")).expect("an answer");
    let expected = r#"{"response_token":"sha256=HXvxTdsfShG6k2zC9NVANwFquJBdOugRYHax2vNiiOo="}"#;
    assert_eq!(body(&signed), expected);

    let zoom = unverified(
        asks(HandshakeMethod::Post, &[("json:/plainToken", None)]),
        json("encryptedToken", "{hmac-sha256-hex:json:/plainToken}"),
    );
    let signed = answer(zoom, &post(r#"{"plainToken":"uzwcfYtzr9"}"#)).expect("an answer");
    let expected = "1d7bf14ddb1f4a11ba936cc2f4d54037016ab8905d3ae8116076b1daf36288ea";
    assert_eq!(
        body(&signed),
        format!(r#"{{"encryptedToken":"{expected}"}}"#)
    );
}

#[test]
fn hostile_text_is_not_signed() {
    for hostile in [
        "%7B%22tweet_create_events%22%3A%5B%5D%7D",
        "v0%3A1700000000%3A%7B%7D",
        "1234567",
        "",
        "12345678%0A",
        "1234%205678",
        "12345678%00",
        "%EF%BB%BF12345678",
        "%2212345678%22",
        "%5B12345678%5D",
        &"x".repeat(129),
    ] {
        let asked = format!("crc_token={hostile}");
        assert_eq!(
            answer(crc(), &get(&asked)),
            Err("handshake-value"),
            "{hostile}"
        );
    }
}

/// A body that is a token has a signature that anybody can get.
#[test]
fn signature_of_an_answer_proves_no_message() {
    let signed = answer(crc(), &get("crc_token=12345678")).expect("an answer");
    let signed: serde_json::Value = serde_json::from_slice(signed.body()).expect("JSON");
    let signature = signed["response_token"].as_str().expect("a text");

    let verifier = Verifier::new(hmac("{body}")).expect("valid settings");
    let pairs = [("x-signature", signature)];
    assert_eq!(
        reason(verify(&verifier, &pairs, b"12345678")),
        "accepted",
        "without the guard"
    );
    let guarded = verifier.refusing_tokens().expect("it can work");
    assert_eq!(
        reason(verify(&guarded, &pairs, b"12345678")),
        "handshake-text"
    );
}

/// Where every message of the sender is a token, the guard would refuse all of them.
#[test]
fn recipe_that_signs_only_tokens_has_no_signing_handshake() {
    for (signed, can_work) in [
        ("{body-sha256}", false),
        ("{header:x-time}.{body-sha256}", false),
        ("v0:{body-sha256}", true),
        ("{body}", true),
    ] {
        let verifier = Verifier::new(hmac(signed)).expect("valid settings");
        assert_eq!(verifier.refusing_tokens().is_ok(), can_work, "{signed}");
    }
}

fn signature(text: &[u8]) -> String {
    let key = aws::Key::new(aws::HMAC_SHA256, SECRET.as_bytes());
    format!("sha256={}", BASE64_STANDARD.encode(aws::sign(&key, text)))
}

proptest! {
    /// Whatever text the host signs for a stranger, the signature is refused as that of a message;
    /// and a message that the host would not sign passes the guard.
    #[test]
    fn signed_text_is_never_an_accepted_message(text in "[ -~]{0,140}|[0-9a-zA-Z_.~=-]{6,130}") {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let is_signed = answer(crc(), &get(&format!("crc_token={encoded}"))).is_ok();
        for template in ["{body}", "v0:{body}"] {
            let guarded = Verifier::new(hmac(template)).and_then(Verifier::refusing_tokens);
            let message = template.replace("{body}", &text);
            let given = signature(message.as_bytes());
            let pairs = [("x-signature", given.as_str())];
            let verified = verify(&guarded.expect("it can work"), &pairs, text.as_bytes());
            let is_refused = template == "{body}" && is_signed;
            prop_assert_eq!(verified.is_err(), is_refused);
        }
    }
}

#[test]
fn only_hmac_sources_sign() {
    let token = Scheme::Static(hookyard_schemes::Credential::Bearer {
        tokens: vec![Secret::from(SECRET)],
    });
    let error = joined(crc(), &token).expect_err("no key");
    assert!(
        error
            .to_string()
            .contains("the scheme bearer has no secret for one"),
        "{error}"
    );

    // The operator's explicit decision: such a source does without the handshake.
    let open = joined(crc(), &Scheme::Unverified).expect("it can work");
    assert!(reply(&open, &get("crc_token=uzwcfYtzr9")).is_none());
}
