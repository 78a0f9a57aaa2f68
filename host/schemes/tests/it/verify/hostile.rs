//! Hostile tokens, message signatures, key sets and certificates: nothing panics, nothing unsigned is
//! accepted, and sizes have bounds.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL;
use hookyard_schemes::http_signatures::{self, MAX_AGE};
use hookyard_schemes::jwt::{self, LEEWAY, QueryHash, bearer};
use hookyard_schemes::recipe::{Encoding, PublicUrl};
use hookyard_schemes::{DocumentRef, KeyLocation, Request, Scheme, Secret, Verification, Verifier};
use proptest::prelude::*;

use super::support::{NOW, headers, verifier};

const JWK: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","alg":"ES256"}"#;

fn keys() -> KeyLocation {
    KeyLocation::Given(vec![Secret::from(JWK)])
}

fn tokens() -> Verifier {
    verifier(Scheme::Jwt(Box::new(jwt::Settings {
        from: bearer(),
        algorithms: vec!["ES256".to_owned()],
        keys: keys(),
        issuers: Vec::new(),
        audiences: Vec::new(),
        emails: Vec::new(),
        claims: Vec::new(),
        leeway: LEEWAY,
        max_age: None,
        body_sha256: None,
        query_hash: Some(QueryHash {
            claim: "qsh".to_owned(),
            base: String::new(),
        }),
    })))
}

pub(crate) fn signatures() -> Verifier {
    verifier(Scheme::HttpSignatures(Box::new(
        http_signatures::Settings {
            rules: http_signatures::Rules {
                components: Vec::new(),
                algorithms: vec!["ecdsa-p256-sha256".to_owned()],
                label: None,
                tag: None,
                max_age: Some(MAX_AGE),
                keys_url: None,
                key: Encoding::Utf8,
            },
            keys: keys(),
            public_url: PublicUrl::parse("https://hooks.example/x").ok(),
            unsigned_body: true,
        },
    )))
}

fn is_refused(verifier: &Verifier, pairs: &[(&str, &str)], query: &str) -> bool {
    let headers = headers(pairs);
    let request = Request {
        method: "POST",
        path: "/acme/x",
        tail: None,
        query: Some(query),
        headers: &headers,
        body: b"{}",
    };
    let result = verifier.verify(&request, &(), NOW);
    !matches!(result, Ok(Verification::Complete(_)))
}

/// Generates JSON objects that look like headers and claims.
fn object() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        r#"\{"alg":"(ES256|none|HS256|RS256)","(kid|crit|typ)":("a"|\["b64"\]|7|null)\}"#,
        r#"\{"(exp|nbf|iat|qsh|aud)":(1700000000|-1|1e400|"x"|\[\]|null),"exp":[0-9]{1,30}\}"#,
    ]
}

/// Generates dictionaries of structured fields that are nearly right.
fn dictionary() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,60}",
        r#"s=\(("@method"|"@path"|"@query-param";name="a"|"x";sf|"@authority"| ){0,6}\);created=1700000000(;[a-z]{1,8}=("[a-z]{0,4}"|:[A-Za-z0-9+/]{0,8}:|[0-9]{1,16}))?"#,
        "s=:[A-Za-z0-9+/]{84,88}={0,2}:",
    ]
}

proptest! {
    #[test]
    fn unsigned_token_is_refused(header in object(), claims in object(), rest in "[.A-Za-z0-9_-]{0,90}") {
        let token = format!("Bearer {}.{}.{rest}", URL.encode(header), URL.encode(claims));
        prop_assert!(is_refused(&tokens(), &[("authorization", &token)], "a=1&jwt=x"));
    }

    #[test]
    fn unsigned_message_is_refused(input in dictionary(), signature in dictionary(), digest in dictionary()) {
        let pairs = [
            ("signature-input", &*input),
            ("signature", &*signature),
            ("content-digest", &*digest),
        ];
        prop_assert!(is_refused(&signatures(), &pairs, "a=%"));
    }

    #[test]
    fn documents_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in object()) {
        for name in [
            DocumentRef::Certificate { url: "https://a.example/c.pem".to_owned() },
            DocumentRef::KeySet { url: "https://a.example/keys".to_owned() },
        ] {
            prop_assert!(name.parse(&bytes).is_err());
            prop_assert!(name.parse(text.as_bytes()).is_err());
            let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", URL.encode(&bytes));
            prop_assert!(name.parse(pem.as_bytes()).is_err());
        }
    }
}

#[test]
fn huge_values_are_refused_quickly() {
    let long = "a".repeat(10 << 20);
    let list = format!("s=({});created=1700000000", "\"x\" ".repeat(100_000));
    let deep = "(".repeat(100_000);
    let query = "a=1&".repeat(100_000);

    assert!(is_refused(
        &tokens(),
        &[("authorization", &format!("Bearer {long}.{long}.{long}"))],
        ""
    ));
    for input in [&long, &list, &deep] {
        let pairs = [("signature-input", &**input), ("signature", "s=:AAAA:")];
        assert!(is_refused(&signatures(), &pairs, ""));
    }
    let covered = "s=(\"@query-param\";name=\"a\");created=1700000000";
    let pairs = [("signature-input", covered), ("signature", "s=:AAAA:")];
    assert!(is_refused(&signatures(), &pairs, &query));

    let set = DocumentRef::KeySet {
        url: "https://a.example/keys".to_owned(),
    };
    for document in [
        format!("{{\"keys\":[{}{JWK}]}}", format!("{JWK},").repeat(1000)),
        "[".repeat(100_000),
        format!("{{\"keys\":{}", "[".repeat(100_000)),
    ] {
        assert!(set.parse(document.as_bytes()).is_err());
    }
}
