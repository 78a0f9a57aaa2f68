//! Verifiers: components that decide whether a request comes from its sender.

use std::sync::Arc;

use bytes::Bytes;
use hookyard_model::{Header, Timestamp};
use hookyard_plugin::Fault;
use hookyard_schemes::component::{Accepted, Input, KeyHandle, RequestVerifier};
use hookyard_schemes::recipe::Hash;
use hookyard_schemes::{PublicKey, Refusal, Secret};
use hookyard_testkit::guests;
use sha2::{Digest, Sha256};

use crate::support::engine;

const DATE: &str = "1780000000000";

/// Returns the verifier of `tests/guests` with this name.
fn verifier(name: &str) -> Arc<dyn RequestVerifier> {
    let guest = guests::test(name).expect("the guest builds");
    let loaded = engine().load_verifier(guest.bytes()).expect("it loads");
    Arc::new(loaded).of_tenant(&"acme".parse().expect("a name"))
}

fn input(headers: &[(&str, &str)], body: &'static [u8]) -> Input {
    let headers = headers.iter().map(|(name, value)| Header {
        name: (*name).to_owned(),
        value: Bytes::copy_from_slice(value.as_bytes()),
    });
    Input {
        method: "POST".into(),
        url: Some("https://hooks.example.com/acme/odd?a=1".into()),
        query: Some("a=1".into()),
        headers: headers.collect(),
        body: Bytes::from_static(body),
        keys: [Secret::from("old"), Secret::from("secret")]
            .map(KeyHandle::secret)
            .into(),
        settings: Arc::new([("region".to_owned(), "eu-1".to_owned())].into()),
        received_at: Timestamp::from_unix_millis(1_780_000_000_123),
    }
}

/// Signs a body as the sender of the guest's scheme does.
fn signature(body: &[u8]) -> String {
    let key = hmac(b"ODDsecret", DATE.as_bytes());
    let key = hmac(&key, b"eu-1");
    let url = b"https://hooks.example.com/acme/odd?a=1";
    let body = Sha256::digest(body);
    let signed = [&b"POST"[..], url, body.as_ref()].join(&b'\n');
    hmac(&key, &signed)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Returns the HMAC-SHA256 of `data` (RFC 2104).
fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let pad = |with: u8| {
        let mut block = vec![with; 64];
        block
            .iter_mut()
            .zip(key)
            .for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::digest([&pad(0x36), data].concat());
    Sha256::digest([&pad(0x5c)[..], &inner].concat()).to_vec()
}

#[tokio::test]
async fn verifier_accepts_its_sender_and_nobody_else() {
    let verifier = verifier("verifier");
    let signature = signature(b"an event");
    let headers = [
        ("x-date", DATE),
        ("x-signature", &signature),
        ("x-id", "message-7"),
    ];
    let verify = |input| Arc::clone(&verifier).verify(input);

    assert_eq!(
        verify(input(&headers, b"an event")).await,
        Ok(Accepted {
            id: Some("message-7".into()),
            signed_at: Some(Timestamp::from_unix_millis(1_780_000_000_000)),
        })
    );
    assert_eq!(
        verify(input(&headers, b"an Event")).await,
        Err(Refusal::BadSignature)
    );
    assert_eq!(
        verify(input(&headers[..1], b"an event")).await,
        Err(Refusal::ByVerifier {
            why: "the header `x-signature` is missing".into(),
        })
    );
    let other_key = Input {
        keys: [KeyHandle::secret(Secret::from("another"))].into(),
        ..input(&headers, b"an event")
    };
    assert_eq!(verify(other_key).await, Err(Refusal::BadSignature));
}

#[tokio::test]
async fn failing_verifier_costs_its_own_request() {
    let verifier = verifier("verifier");
    for (behaviour, expected) in [
        ("panic", "the sender is never right"),
        ("loop", "100ms of processor time"),
        ("call", "10000 times"),
        ("grow", "memory allocation of 1073741824 bytes failed"),
        ("keys", "no free keys"),
    ] {
        let refusal = Arc::clone(&verifier)
            .verify(input(&[("x-behaviour", behaviour)], b""))
            .await
            .expect_err(behaviour);
        let Refusal::VerifierFailed { why } = &refusal else {
            panic!("{behaviour}: {refusal}");
        };
        assert!(why.contains(expected), "{behaviour}: {why}");
    }

    let signature = signature(b"");
    let headers = [("x-date", DATE), ("x-signature", &*signature)];
    verifier
        .verify(input(&headers, b""))
        .await
        .expect("the next request is verified");
}

#[tokio::test]
async fn documented_verifier_verifies() {
    let page = include_str!("../../../../docs/verifiers.md");
    let source = include_str!("../../../../tests/guests/examples/documented-verifier.rs");
    let (_, code) = source.split_once("\n\n").expect("a header");
    let code = code.replace("../../wit/verifier", "wit");
    assert!(page.contains(&format!("```rust\n{code}```")), "{code}");

    let verifier = verifier("documented-verifier");
    let tag = hmac(&hmac(b"secret", DATE.as_bytes()), b"an event");
    let signature: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    let headers = [("x-date", DATE), ("x-signature", &*signature)];
    let verify = |body| Arc::clone(&verifier).verify(input(&headers, body));
    assert!(verify(b"an event").await.is_ok());
    assert_eq!(verify(b"an Event").await, Err(Refusal::BadSignature));
}

#[test]
fn plugin_is_not_a_verifier() {
    let fault = engine()
        .load_verifier(&hookyard_hostile::good())
        .expect_err("a plugin");
    assert!(matches!(fault, Fault::NotAVerifier { .. }), "{fault}");
    assert!(
        fault
            .to_string()
            .contains("hookyard:verifier/verification@0.1.0"),
        "{fault}"
    );
}

#[test]
fn secret_becomes_another_secret_only() {
    let key = KeyHandle::secret(Secret::from("secret"));
    assert!(key.equals(b"secret") && !key.equals(b"Secret"));
    assert!(!format!("{key:?}").contains("secret"));

    let public = KeyHandle::public(PublicKey {
        id: None,
        algorithm: None,
        bytes: vec![0; 32],
    });
    assert!(public.derive(Hash::Sha256, b"").is_none());
    assert!(public.with_prefix(b"").is_none());
    assert!(!public.equals(&[0; 32]));
}
