//! JSON Web Tokens as the senders of the documentation send them, and those that must be refused.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL;
use hookyard_schemes::jwt::{ExpectedClaim, LEEWAY, QueryHash, Settings, bearer};
use hookyard_schemes::value::Place;
use hookyard_schemes::{
    Document, DocumentRef, Documents, JsonPointer, KeyLocation, KeyRequest, KeyRequestValue,
    Refusal, Request, Scheme, Secret, Verification,
};
use serde_json::{Value, json};

use super::signers::{Signer, ec, rsa};
use super::support::{NOW, headers, setup_error, verifier};

const BODY: &[u8] = b"{\n  \"webhook_code\": \"INITIAL_UPDATE\"\n}";
const BODY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const KEYS_URL: &str = "https://keys.example/certs";

/// Serves these documents.
struct Served(Vec<(DocumentRef, Document)>);

impl Documents for Served {
    fn get(&self, wanted: &DocumentRef) -> Option<Document> {
        let found = self.0.iter().find(|(name, _)| name == wanted);
        found.map(|(_, document)| document.clone())
    }
}

fn key_set() -> DocumentRef {
    DocumentRef::KeySet {
        url: KEYS_URL.to_owned(),
    }
}

fn served(keys: &[Value]) -> Served {
    let set = json!({ "keys": keys }).to_string();
    let document = key_set().parse(set.as_bytes()).expect("a set");
    Served(vec![(key_set(), document)])
}

/// Google Pub/Sub as a sender.
fn settings() -> Settings {
    Settings {
        from: bearer(),
        algorithms: vec!["RS256".to_owned()],
        keys: KeyLocation::Url(KEYS_URL.to_owned()),
        issuers: vec!["https://accounts.google.com".to_owned()],
        audiences: vec!["https://hooks.example/acme/topic".to_owned()],
        emails: vec!["push@project.iam.gserviceaccount.com".to_owned()],
        claims: Vec::new(),
        leeway: LEEWAY,
        max_age: None,
        body_sha256: None,
        query_hash: None,
    }
}

fn claims() -> Value {
    let now = NOW.unix_secs();
    json!({
        "iss": "https://accounts.google.com",
        "aud": "https://hooks.example/acme/topic",
        "email": "push@project.iam.gserviceaccount.com",
        "email_verified": true,
        "iat": now,
        "exp": now + 3600,
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().expect("an object").remove(name);
    claims
}

fn google() -> Signer {
    let signer = rsa(&RSA_PKCS1_SHA256);
    Signer {
        jwk: signer.jwk_with("kid", "g1"),
        ..signer
    }
}

fn header() -> Value {
    json!({"alg": "RS256", "kid": "g1", "typ": "JWT"})
}

fn verify_in(
    settings: &Settings,
    name: &str,
    value: &str,
    documents: &dyn Documents,
) -> Result<Verification, Refusal> {
    let headers = headers(&[(name, value)]);
    let request = Request {
        method: "POST",
        path: "/acme/topic",
        tail: None,
        query: Some("a=1"),
        headers: &headers,
        body: BODY,
    };
    verifier(Scheme::Jwt(Box::new(settings.clone()))).verify(&request, documents, NOW)
}

fn verify(
    settings: &Settings,
    token: &str,
    documents: &dyn Documents,
) -> Result<Verification, Refusal> {
    verify_in(
        settings,
        "Authorization",
        &format!("Bearer {token}"),
        documents,
    )
}

fn reason(result: &Result<Verification, Refusal>) -> &'static str {
    match result {
        Ok(Verification::Complete(_)) => "accepted",
        Ok(Verification::NeedsDocument { .. }) => "needs-document",
        Ok(Verification::Running(_)) => "running",
        Err(refusal) => refusal.reason(),
    }
}

#[test]
fn claims_are_checked() {
    let signer = google();
    let served = served(std::slice::from_ref(&signer.jwk));
    let now = NOW.unix_secs();

    for (claims, expected) in [
        (claims(), "accepted"),
        (with("iss", json!("https://evil.example")), "wrong-claim"),
        (without("iss"), "missing-claim"),
        (with("aud", json!("https://other.example")), "wrong-claim"),
        (
            with("aud", json!(["x", "https://hooks.example/acme/topic"])),
            "accepted",
        ),
        (with("aud", json!(7)), "wrong-claim"),
        (without("aud"), "missing-claim"),
        (with("email", json!("other@project.iam")), "wrong-claim"),
        (with("email_verified", json!(false)), "wrong-claim"),
        (with("email_verified", json!("true")), "wrong-claim"),
        (without("email_verified"), "missing-claim"),
        (with("exp", json!(now - 60)), "accepted"),
        (with("exp", json!(now - 61)), "stale-timestamp"),
        (with("exp", json!(1e300)), "wrong-claim"),
        (with("exp", json!("soon")), "wrong-claim"),
        (without("exp"), "missing-claim"),
        (with("nbf", json!(now + 61)), "future-timestamp"),
        (with("iat", json!(now + 61)), "future-timestamp"),
        (with("iat", json!(now as f64 + 0.5)), "accepted"),
    ] {
        let result = verify(&settings(), &signer.jwt(&header(), &claims), &served);
        assert_eq!(reason(&result), expected, "{claims}");
    }
}

#[test]
fn algorithm_comes_from_configuration_and_key() {
    let signer = google();
    let documents = served(std::slice::from_ref(&signer.jwk));
    let outcome = |header: Value| {
        let token = signer.jwt(&header, &claims());
        reason(&verify(&settings(), &token, &documents))
    };

    assert_eq!(outcome(json!({"alg": "none"})), "wrong-algorithm");
    assert_eq!(outcome(json!({"alg": "HS256"})), "wrong-algorithm");
    assert_eq!(outcome(json!({"alg": "RS512"})), "wrong-algorithm");
    assert_eq!(outcome(json!({"alg": "RS256"})), "accepted");
    assert_eq!(
        outcome(json!({"alg": "RS256", "crit": ["b64"], "b64": false})),
        "unknown-extension"
    );

    // The key itself says that it is for another algorithm.
    let other = served(&[signer.jwk_with("alg", "PS256")]);
    let result = verify(&settings(), &signer.jwt(&header(), &claims()), &other);
    assert_eq!(reason(&result), "wrong-algorithm");
}

#[test]
fn keys_are_fetched_for_claims_that_fit() {
    let signer = google();
    let token = signer.jwt(&header(), &claims());
    assert_eq!(
        verify(&settings(), &token, &()),
        Ok(Verification::NeedsDocument {
            document: key_set(),
            otherwise: Refusal::KeysUnavailable,
        })
    );
    let forged = signer.jwt(&header(), &with("iss", json!("x")));
    assert_eq!(reason(&verify(&settings(), &forged, &())), "wrong-claim");

    // A set without the key may be out of date; a set with it decides.
    let old = served(&[google().jwk_with("kid", "g0")]);
    assert_eq!(
        verify(&settings(), &token, &old),
        Ok(Verification::NeedsDocument {
            document: key_set(),
            otherwise: Refusal::UnknownKey { id: "g1".into() },
        })
    );
    let other = served(&[google().jwk]);
    assert_eq!(
        reason(&verify(&settings(), &token, &other)),
        "bad-signature"
    );
}

#[test]
fn changed_token_is_refused() {
    let signer = google();
    let documents = served(std::slice::from_ref(&signer.jwk));
    let token = signer.jwt(&header(), &claims());
    let (signed, signature) = token.rsplit_once('.').expect("parts");
    let (protected, _) = signed.split_once('.').expect("parts");
    let more = URL.encode(with("x", json!(1)).to_string());

    for (token, expected) in [
        (format!("{protected}.{more}.{signature}"), "bad-signature"),
        (format!("{signed}.{signature}A"), "bad-signature"),
        (format!("{signed}."), "bad-signature"),
        (format!("{signed}.{signature}="), "bad-signature"),
        (format!("{protected}..{signature}"), "malformed-header"),
        (format!("{token}.x"), "malformed-header"),
        (signed.to_owned(), "malformed-header"),
        (String::new(), "malformed-header"),
        ("x".repeat(1 << 20), "malformed-header"),
    ] {
        let result = verify(&settings(), &token, &documents);
        assert_eq!(
            reason(&result),
            expected,
            "{}",
            &token[..token.len().min(40)]
        );
    }
    let missing = verify_in(&settings(), "X-Other", &token, &documents);
    assert_eq!(reason(&missing), "missing-header");
    let basic = verify_in(&settings(), "Authorization", &token, &documents);
    assert_eq!(reason(&basic), "malformed-header");
}

/// Plaid: a key by its id, the age of the token, and the hash of the body.
#[test]
fn token_binds_the_body() {
    let signer = ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256");
    let request = Arc::new(KeyRequest {
        url: "https://production.plaid.com/webhook_verification_key/get".to_owned(),
        members: vec![
            ("client_id".to_owned(), KeyRequestValue::Text("me".into())),
            ("key_id".to_owned(), KeyRequestValue::Id),
        ],
        key: JsonPointer::parse("/key").expect("a pointer"),
    });
    let settings = Settings {
        from: Place::header("Plaid-Verification").expect("a header"),
        algorithms: vec!["ES256".to_owned()],
        keys: KeyLocation::Request(Arc::clone(&request)),
        issuers: Vec::new(),
        audiences: Vec::new(),
        emails: Vec::new(),
        max_age: Some(Duration::from_secs(300)),
        body_sha256: Some("request_body_sha256".to_owned()),
        ..settings()
    };
    let key = DocumentRef::Key {
        request,
        id: "p1".to_owned(),
    };
    let answer = json!({"key": signer.jwk, "request_id": "r"}).to_string();
    let document = key.parse(answer.as_bytes()).expect("a key");
    let documents = Served(vec![(key.clone(), document)]);
    let header = json!({"alg": "ES256", "kid": "p1"});
    let outcome = |claims: Value| {
        let token = signer.jwt(&header, &claims);
        verify_in(&settings, "Plaid-Verification", &token, &documents)
    };

    let now = NOW.unix_secs();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, BODY);
    let hash: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    let good = json!({"iat": now, "request_body_sha256": hash});
    assert_eq!(reason(&outcome(good.clone())), "accepted");
    assert_eq!(
        reason(&outcome(
            json!({"iat": now - 301, "request_body_sha256": hash})
        )),
        "stale-timestamp"
    );
    assert_eq!(
        reason(&outcome(json!({"request_body_sha256": hash}))),
        "missing-claim"
    );
    assert_eq!(
        reason(&outcome(
            json!({"iat": now, "request_body_sha256": BODY_SHA256})
        )),
        "wrong-digest"
    );
    assert_eq!(reason(&outcome(json!({"iat": now}))), "missing-claim");

    let needed = verify_in(
        &settings,
        "Plaid-Verification",
        &signer.jwt(&header, &good),
        &(),
    );
    assert!(
        matches!(&needed, Ok(Verification::NeedsDocument { document, .. }) if *document == key),
        "{needed:?}"
    );
    for odd in [
        json!({"alg": "ES256"}),
        json!({"alg": "ES256", "kid": "a b"}),
    ] {
        let token = signer.jwt(&odd, &good);
        let result = verify_in(&settings, "Plaid-Verification", &token, &());
        assert_eq!(reason(&result), "unknown-key", "{odd}");
    }
}

/// Atlassian Connect: a shared secret and the hash of the query.
#[test]
fn token_binds_the_query() {
    let secret = "a-secret-of-the-installation-0123456789";
    let settings = Settings {
        algorithms: vec!["HS256".to_owned()],
        keys: KeyLocation::Shared(vec![Secret::from(secret)]),
        issuers: vec!["client-key".to_owned()],
        audiences: Vec::new(),
        emails: Vec::new(),
        query_hash: Some(QueryHash {
            claim: "qsh".to_owned(),
            base: "/acme".to_owned(),
        }),
        ..settings()
    };
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let signer = Signer {
        jwk: Value::Null,
        sign: Box::new(move |text| aws_lc_rs::hmac::sign(&key, text).as_ref().to_vec()),
    };
    let hash = |canonical: &str| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes());
        digest
            .as_ref()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<String>()
    };
    let outcome = |canonical: &str| {
        let claims = json!({
            "iss": "client-key", "qsh": hash(canonical), "exp": NOW.unix_secs() + 180,
        });
        reason(&verify(
            &settings,
            &signer.jwt(&json!({"alg": "HS256"}), &claims),
            &(),
        ))
    };

    assert_eq!(outcome("POST&/topic&a=1"), "accepted");
    assert_eq!(outcome("POST&/topic&a=2"), "wrong-claim");
    assert_eq!(outcome("GET&/topic&a=1"), "wrong-claim");
}

/// Microsoft Entra ID: keys without `alg`, and the app that calls in one of two claims.
#[test]
fn claim_may_have_one_of_several_names() {
    let signer = google();
    let documents = served(std::slice::from_ref(&signer.jwk));
    let settings = Settings {
        claims: vec![ExpectedClaim {
            names: vec!["azp".to_owned(), "appid".to_owned()],
            value: "event-grid".to_owned(),
        }],
        ..settings()
    };
    let outcome = |claims: Value| {
        reason(&verify(
            &settings,
            &signer.jwt(&header(), &claims),
            &documents,
        ))
    };

    assert_eq!(outcome(with("appid", json!("event-grid"))), "accepted");
    assert_eq!(outcome(with("azp", json!("event-grid"))), "accepted");
    assert_eq!(outcome(with("azp", json!("other"))), "wrong-claim");
    assert_eq!(outcome(claims()), "missing-claim");
}

#[test]
fn useless_settings_are_refused() {
    let refused = |settings: Settings| setup_error(Scheme::Jwt(Box::new(settings))).to_string();
    let shared = KeyLocation::Shared(vec![Secret::from("secret")]);

    assert!(
        refused(Settings {
            algorithms: Vec::new(),
            ..settings()
        })
        .contains("algorithm")
    );
    assert!(
        refused(Settings {
            algorithms: vec!["HS256".into()],
            ..settings()
        })
        .contains("fetch")
    );
    assert!(
        refused(Settings {
            keys: shared,
            ..settings()
        })
        .contains("secret")
    );
    assert!(
        refused(Settings {
            keys: KeyLocation::Given(vec![Secret::from("{}")]),
            ..settings()
        })
        .contains("kty")
    );
}

#[test]
fn token_that_is_a_credential_is_not_stored() {
    let token = |settings: Settings| {
        let verifier = verifier(Scheme::Jwt(Box::new(settings)));
        verifier
            .credential_headers()
            .contains(&"x-token".to_owned())
    };
    let from = || Place::header("X-Token").expect("a header");

    assert!(token(Settings {
        from: from(),
        ..settings()
    }));
    assert!(!token(Settings {
        from: from(),
        body_sha256: Some("hash".into()),
        ..settings()
    }));
}
