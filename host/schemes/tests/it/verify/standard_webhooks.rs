use std::time::Duration;

use aws_lc_rs::{hmac, signature::Ed25519KeyPair, signature::KeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookyard_schemes::standard_webhooks::{Settings, TOLERANCE};
use hookyard_schemes::{Scheme, Secret};

use super::support::{reason, setup_error, verifier, verify};

const KEY: &[u8] = b"0123456789abcdef01234567";

fn scheme(secrets: &[&str], public_keys: &[&str]) -> Scheme {
    Scheme::StandardWebhooks(Settings {
        secrets: secrets.iter().map(|secret| Secret::from(*secret)).collect(),
        public_keys: public_keys.iter().map(|key| key.to_string()).collect(),
        tolerance: TOLERANCE,
    })
}

fn signed(id: &str, timestamp: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, KEY);
    let tag = hmac::sign(
        &key,
        &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat(),
    );
    format!("v1,{}", BASE64_STANDARD.encode(tag))
}

fn secret() -> String {
    format!("whsec_{}", BASE64_STANDARD.encode(KEY))
}

/// Returns the result for a correctly signed message with this id and timestamp.
fn outcome(id: &str, timestamp: &str) -> &'static str {
    let signature = signed(id, timestamp, b"{}");
    let headers = [
        ("svix-id", id),
        ("svix-timestamp", timestamp),
        ("svix-signature", signature.as_str()),
    ];

    reason(verify(
        &verifier(scheme(&[&secret()], &[])),
        &headers,
        b"{}",
    ))
}

#[test]
fn timestamp_must_be_within_tolerance() {
    for (timestamp, expected) in [
        ("1700000000", "accepted"),
        ("1699999700", "accepted"),
        ("1699999699", "stale-timestamp"),
        ("1700000300", "accepted"),
        ("1700000301", "future-timestamp"),
        ("1700000000.0", "malformed-header"),
        (" 1700000000", "malformed-header"),
        ("", "malformed-header"),
        ("99999999999999999999", "malformed-header"),
        ("9223372036854775807", "future-timestamp"),
    ] {
        assert_eq!(outcome("msg_1", timestamp), expected, "{timestamp:?}");
    }
}

#[test]
fn message_id_must_be_plain_and_short() {
    for (id, expected) in [
        ("msg_2-Az", "accepted"),
        ("", "malformed-header"),
        ("a.b", "malformed-header"),
        ("a b", "malformed-header"),
        (&"x".repeat(256), "accepted"),
        (&"x".repeat(257), "malformed-header"),
    ] {
        assert_eq!(outcome(id, "1700000000"), expected, "{id:?}");
    }
}

#[test]
fn message_id_is_returned() {
    let signature = signed("msg_1", "1700000000", b"x");
    let headers = [
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", "1700000000"),
        ("webhook-signature", &signature),
    ];
    let verified =
        verify(&verifier(scheme(&[&secret()], &[])), &headers, b"x").expect("a right signature");
    assert_eq!(verified.id.as_deref(), Some("msg_1"));
}

#[test]
fn header_families_must_agree() {
    let signature = signed("msg_1", "1700000000", b"{}");
    let whole = [
        ("svix-id", "msg_1"),
        ("svix-timestamp", "1700000000"),
        ("svix-signature", signature.as_str()),
    ];
    let other = [
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", "1700000000"),
        ("webhook-signature", signature.as_str()),
    ];
    let verifier = verifier(scheme(&[&secret()], &[]));
    let outcome = |headers: &[(&str, &str)]| reason(verify(&verifier, headers, b"{}"));

    assert_eq!(outcome(&[whole, other].concat()), "accepted");
    for missing in 0..3 {
        let mut part = other.to_vec();
        part.remove(missing);
        assert_eq!(
            outcome(&[&whole[..], &part].concat()),
            "missing-header",
            "without {}",
            other[missing].0
        );
        let mixed = [&part[..], &whole[missing..=missing]].concat();
        assert_eq!(
            outcome(&mixed),
            "missing-header",
            "with {} of the other family",
            whole[missing].0
        );
        let mut changed = other;
        changed[missing].1 = "1";
        assert_eq!(
            outcome(&[whole, changed].concat()),
            "disagreement",
            "{}",
            other[missing].0
        );
        let repeated = [&whole[..], &whole[missing..=missing]].concat();
        assert_eq!(
            outcome(&repeated),
            "repeated-header",
            "{}",
            whole[missing].0
        );
    }
}

#[test]
fn signatures_must_be_canonical_and_few() {
    let signature = signed("msg_1", "1700000000", b"{}");
    let outcome = |signatures: &str| {
        let headers = [
            ("svix-id", "msg_1"),
            ("svix-timestamp", "1700000000"),
            ("svix-signature", signatures),
        ];
        reason(verify(
            &verifier(scheme(&[&secret()], &[])),
            &headers,
            b"{}",
        ))
    };

    assert_eq!(
        outcome(&format!("{}{signature}", "v1,AAAA ".repeat(31))),
        "accepted"
    );
    assert_eq!(
        outcome(&format!("{}{signature}", "v1,AAAA ".repeat(32))),
        "malformed-header"
    );
    assert_eq!(outcome(signature.trim_end_matches('=')), "bad-signature");
    assert_eq!(outcome(&signature.replace("v1,", "V1,")), "bad-signature");
    // The base64 of 32 bytes has two unused bits. With these bits set, it would decode to the same
    // bytes.
    let last = signature.as_bytes()[signature.len() - 2] + 1;
    assert_eq!(
        outcome(&format!(
            "{}{}=",
            &signature[..signature.len() - 2],
            char::from(last)
        )),
        "bad-signature"
    );
}

#[test]
fn secrets_and_public_keys_are_both_accepted() {
    let pair = Ed25519KeyPair::generate().expect("a key");
    let public_key = format!("whpk_{}", BASE64_STANDARD.encode(pair.public_key()));
    let by_key = format!(
        "v1a,{}",
        BASE64_STANDARD.encode(pair.sign(b"msg_1.1700000000.{}"))
    );
    let verifier = verifier(scheme(&[&secret()], &[&public_key]));

    for signature in [by_key, signed("msg_1", "1700000000", b"{}")] {
        let headers = [
            ("svix-id", "msg_1"),
            ("svix-timestamp", "1700000000"),
            ("svix-signature", signature.as_str()),
        ];
        assert_eq!(reason(verify(&verifier, &headers, b"{}")), "accepted");
    }
}

#[test]
fn unusable_keys_are_refused() {
    for (scheme, expected) in [
        (scheme(&[], &[]), "no secret or public key is given"),
        (scheme(&["whsec_"], &[]), "a secret is empty"),
        (scheme(&["whsec_!"], &[]), "it is not base64"),
        (scheme(&["whsk_AAAA"], &[]), "it is an Ed25519 key"),
        (scheme(&[], &["whpk_"]), "a public key is empty"),
        (
            scheme(&[], &["whpk_AAAA"]),
            "not an Ed25519 key of 32 bytes",
        ),
        (scheme(&[], &["whsec_AAAA"]), "it is a secret"),
    ] {
        let message = setup_error(scheme).to_string();
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(TOLERANCE, Duration::from_secs(300));
}
