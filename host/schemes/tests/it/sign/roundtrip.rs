//! Signs and then verifies: with every scheme, any body and any time, and with single bits flipped.

use hookyard_model::{Header, Timestamp};
use hookyard_schemes::recipe::{Encoding, Hash, Recipe, Settings, SourceValues, TimeFormat};
use hookyard_schemes::{
    Credential, Scheme, SchemeKind, Secret, SigningScheme, Verifier, jws, standard_webhooks,
};
use hookyard_schemes::{Request, Signer};
use proptest::prelude::*;
use serde_json::Value;

use super::keys;
use super::support::{ID, always, message, signer, verify};
use crate::recipes::{after, github, hmac, pair, signed, time, whole};
use hookyard_schemes::UnsignedMessage;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A scheme in both directions: signing and verification.
struct Both {
    name: String,
    signer: Signer,
    verifier: Verifier,
}

fn both(name: &str, signing: SigningScheme, scheme: Scheme) -> Both {
    let verifier = Verifier::new(scheme).expect("settings that are right");
    Both {
        name: name.to_owned(),
        signer: signer(signing),
        verifier,
    }
}

fn standard(name: &str, secrets: &[&str], keys: &[&str], verifying: (&[&str], &[&str])) -> Both {
    let settings = standard_webhooks::Settings {
        secrets: verifying
            .0
            .iter()
            .map(|secret| Secret::from(*secret))
            .collect(),
        public_keys: verifying.1.iter().map(|key| key.to_string()).collect(),
        tolerance: standard_webhooks::TOLERANCE,
    };
    let signing = SigningScheme::StandardWebhooks {
        secrets: always(secrets),
        keys: always(keys),
    };

    both(name, signing, Scheme::StandardWebhooks(settings))
}

fn detached(algorithm: &str, private: &str, public: &Value) -> Both {
    let header = "X-Partner-Signature".to_owned();
    let algorithm = Some(algorithm.to_owned());
    let keys = vec![Secret::new(public.to_string())];
    let settings = jws::Settings {
        header: header.clone(),
        keys,
        algorithm: algorithm.clone(),
        unencoded_payload: false,
    };
    let name = format!(
        "{} {}",
        algorithm.as_deref().unwrap_or_default(),
        &private[..1]
    );
    let signing = SigningScheme::DetachedJws {
        header,
        keys: always(&[private]),
        algorithm,
    };

    both(&name, signing, Scheme::DetachedJws(settings))
}

fn declared(name: &str, recipe: Recipe, secret: &str) -> Both {
    let settings = Settings {
        recipe: recipe.clone(),
        keys: vec![secret.into()],
        tolerance: None,
        source: SourceValues::default(),
    };

    both(
        name,
        SigningScheme::Hmac {
            recipe: Box::new(recipe),
            secrets: always(&[secret]),
        },
        Scheme::Recipe(Box::new(settings)),
    )
}

fn credential(name: &str, signing: SigningScheme, credential: Credential) -> Both {
    both(name, signing, Scheme::Static(credential))
}

/// Returns the recipes of Stripe, Slack, Zendesk and others, and the remaining ways of writing.
fn recipes() -> Vec<Both> {
    let stripe = Recipe {
        signature: pair("Stripe-Signature", ',', "v1"),
        timestamp: time(pair("Stripe-Signature", ',', "t"), TimeFormat::UnixSeconds),
        signed: signed("{timestamp}.{body}"),
        ..github()
    };
    let slack = Recipe {
        signature: after("X-Slack-Signature", "v0="),
        timestamp: time(whole("X-Slack-Request-Timestamp"), TimeFormat::UnixMillis),
        signed: signed("v0:{timestamp}:{body}"),
        ..github()
    };
    let everything = Recipe {
        algorithm: hmac(Hash::Sha512, Encoding::Hex),
        encoding: Encoding::Base64Url,
        signature: pair("X-Proof", ';', "sig"),
        timestamp: time(pair("X-Proof", ';', "at"), TimeFormat::Rfc3339),
        id: Some(pair("x-proof", ';', "id")),
        signed: signed("{id}|{timestamp}|{body-sha256}|{method}"),
        ..github()
    };
    let shopify = Recipe {
        algorithm: hmac(Hash::Sha1, Encoding::Base64),
        encoding: Encoding::Base64,
        signature: whole("X-Shopify-Hmac-Sha256"),
        id: Some(whole("X-Shopify-Webhook-Id")),
        signed: signed("{id}{body}"),
        ..github()
    };

    vec![
        declared("github", github(), "key"),
        declared("stripe", stripe, "whsec_key"),
        declared("slack", slack, "key"),
        declared("everything", everything, "00ff10"),
        declared("shopify", shopify, "a2V5"),
    ]
}

fn schemes() -> Vec<Both> {
    let (p256, p384, ed25519, rsa) = (keys::p256(), keys::p384(), keys::ed25519(), keys::rsa());
    let ((seed, public), long) = (keys::webhook_pair(), long_private_key());
    let symmetric = serde_json::json!({ "kty": "oct", "k": "c2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2g", "kid": "k1" });
    let mut all = recipes();

    all.extend([
        standard("v1", &[SECRET], &[], (&[SECRET], &[])),
        standard("v1a", &[], &[&seed], (&[], &[&public])),
        standard("v1a of 64 bytes", &[], &[&long.0], (&[], &[&long.1])),
        detached("HS256", &symmetric.to_string(), &symmetric),
        credential(
            "header",
            SigningScheme::Header {
                name: "X-Token".into(),
                tokens: always(&["t 1"]),
            },
            Credential::Header {
                name: "X-Token".into(),
                tokens: vec!["t 1".into()],
            },
        ),
        credential(
            "bearer",
            SigningScheme::Bearer {
                tokens: always(&["t1"]),
            },
            Credential::Bearer {
                tokens: vec!["t1".into()],
            },
        ),
        credential(
            "basic",
            SigningScheme::Basic {
                user: "acme".into(),
                passwords: always(&["p:ä"]),
            },
            Credential::Basic {
                user: "acme".into(),
                passwords: vec!["p:ä".into()],
            },
        ),
    ]);
    let pairs = [("ES256", &p256), ("ES384", &p384), ("EdDSA", &ed25519)];
    let of_rsa = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"].map(|name| (name, &rsa));

    for (algorithm, pair) in pairs.into_iter().chain(of_rsa) {
        all.push(detached(algorithm, &pair.private.to_string(), &pair.public));
        all.push(detached(algorithm, &pair.pem, &pair.public));
    }
    all
}

/// Returns a private key of seed and public key, as libraries keep it, and the public key.
fn long_private_key() -> (String, String) {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    let (private, public) = keys::webhook_pair();
    let bytes = |text: &str| BASE64_STANDARD.decode(&text[5..]).expect("base64");
    let whole = [bytes(&private), bytes(&public)].concat();
    (format!("whsk_{}", BASE64_STANDARD.encode(whole)), public)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn signature_verifies_unless_a_bit_differs(
        body in prop::collection::vec(any::<u8>(), 1..200),
        millis in 0..4_000_000_000_000_i64,
        choice in any::<prop::sample::Index>(),
    ) {
        static SCHEMES: std::sync::LazyLock<Vec<Both>> = std::sync::LazyLock::new(schemes);

        let now = Timestamp::from_unix_millis(millis);
        for both in SCHEMES.iter() {
            let message = UnsignedMessage { id: ID, body: &body, now, event_type: None };
            let headers = both.signer.sign(&message).expect("signed");
            let take = |headers: &[Header], body: &[u8]| {
                let request = Request {
                    method: "POST",
                    path: "/",
                    tail: None,
                    query: None,
                    headers: &headers,
                    body,
                };
                both.verifier.verify(&request, &(), now)
            };
            prop_assert!(take(&headers, &body).is_ok(), "{}: {headers:?}", both.name);
            if let Some(flipped) = flip_body(both, &body, choice) {
                let result = take(&headers, &flipped);
                prop_assert!(result.is_err(), "{}: the body may differ", both.name);
            }
            let flipped = flip_header(both, headers, choice);
            prop_assert!(take(&flipped, &body).is_err(), "{}: {flipped:?}", both.name);
        }
    }
}

/// Returns the body with one bit flipped, if the scheme covers the body.
fn flip_body(both: &Both, body: &[u8], choice: prop::sample::Index) -> Option<Vec<u8>> {
    let is_static = matches!(
        both.signer.kind(),
        SchemeKind::Header | SchemeKind::Bearer | SchemeKind::Basic
    );
    (!is_static).then(|| flip(body, choice))
}

/// Returns the headers with one bit flipped in a value that is proven.
///
/// Two things are not proven: the id in a scheme that does not send one itself, and the letter case
/// of the name of an HTTP authentication scheme.
fn flip_header(both: &Both, mut headers: Vec<Header>, choice: prop::sample::Index) -> Vec<Header> {
    let is_proven = |header: &&mut Header| {
        header.name != "webhook-id" || both.signer.kind() == SchemeKind::StandardWebhooks
    };
    let mut proven: Vec<_> = headers.iter_mut().filter(is_proven).collect();
    let index = choice.index(proven.len());
    let header = &mut proven[index];
    let from = if header.name == "authorization" {
        header
            .value
            .iter()
            .position(|b| *b == b' ')
            .map_or(0, |at| at + 1)
    } else {
        0
    };
    let (fixed, rest) = header.value.split_at(from);

    header.value = [fixed, &flip(rest, choice)].concat().into();
    headers
}

fn flip(bytes: &[u8], choice: prop::sample::Index) -> Vec<u8> {
    let bit = choice.index(bytes.len() * 8);
    let mut flipped = bytes.to_vec();
    flipped[bit / 8] ^= 1 << (bit % 8);
    flipped
}

#[test]
fn every_signing_scheme_is_tested() {
    let mut kinds: Vec<_> = schemes().iter().map(|both| both.signer.kind()).collect();
    kinds.sort();
    kinds.dedup();
    let one_way = [
        SchemeKind::AwsSns,
        SchemeKind::PublicKey,
        SchemeKind::SecretPath,
        SchemeKind::Token,
        SchemeKind::Jwt,
        SchemeKind::HttpSignatures,
        SchemeKind::Unverified,
        SchemeKind::Verifier,
    ];
    assert_eq!(kinds.len(), SchemeKind::ALL.len() - one_way.len());
}

#[test]
fn either_live_key_verifies() {
    let other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let (private, public) = keys::webhook_pair();
    let (two, three) = ([SECRET, other], ([SECRET, other], [&*private]));

    for (secrets, public_keys) in [
        ([SECRET].as_slice(), [].as_slice()),
        (&[other], &[]),
        (&[], &[&*public]),
    ] {
        let both = standard("both", &three.0, &three.1, (secrets, public_keys));
        let headers = both.signer.sign(&message(b"{}")).expect("signed");
        assert_eq!(
            super::support::value(&headers, "webhook-signature")
                .split(' ')
                .count(),
            3
        );
        assert_eq!(
            verify(&both.verifier, &headers, b"{}")
                .expect("either")
                .id
                .as_deref(),
            Some(ID)
        );
    }
    let neither = standard("neither", &two, &[], (&["whsec_aGVsbG8="], &[]));
    let headers = neither.signer.sign(&message(b"{}")).expect("signed");

    assert!(verify(&neither.verifier, &headers, b"{}").is_err());
}

#[test]
fn message_id_has_its_own_header() {
    for both in schemes() {
        let headers = both.signer.sign(&message(b"{}")).expect("signed");
        let said = headers
            .iter()
            .filter(|header| String::from_utf8_lossy(&header.value).contains(ID))
            .count();
        assert_eq!(said, 1, "{}: {headers:?}", both.name);
        let verified = verify(&both.verifier, &headers, b"{}").expect("verified");
        assert!(verified.id.is_none_or(|id| id == ID), "{}", both.name);
    }
}
