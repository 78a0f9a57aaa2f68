//! No input makes a verifier panic, and no unsigned input is accepted.

use std::sync::Arc;

use hookyard_model::{Header, Timestamp};
use hookyard_schemes::recipe::{PublicUrl, Recipe, Settings, SourceValues, TimeFormat};
use hookyard_schemes::value::{Place, PlaceKind};
use hookyard_schemes::{
    Certificate, Credential, Document, DocumentRef, Documents, JsonPointer, KeyRule, Provider,
    Request, Scheme, SchemeRule, Secret, TypeRule, Verification, Verified, Verifier, jws, sns,
    standard_webhooks, token,
};
use proptest::prelude::*;

use super::support::{request, verifier};
use crate::recipes::{github, pair, place, signed, time};

const NAMES: [&str; 14] = [
    "authorization",
    "stripe-signature",
    "svix-id",
    "svix-signature",
    "svix-timestamp",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
    "x-amz-sns-message-id",
    "x-amz-sns-message-type",
    "x-amz-sns-rawdelivery",
    "x-amz-sns-topic-arn",
    "x-signature",
    "x-other",
];
const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:orders";
const JWK: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","alg":"ES256"}"#;

fn secrets() -> Vec<Secret> {
    vec![Secret::from("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
}

fn verifiers() -> Vec<Verifier> {
    let stripe = Recipe {
        signature: pair("Stripe-Signature", ',', "v1"),
        timestamp: time(pair("Stripe-Signature", ',', "t"), TimeFormat::UnixSeconds),
        signed: signed("{timestamp}.{body}"),
        ..github()
    };
    let everything = Recipe {
        signature: place("json", "/Signature"),
        signed: [
            "{url}{form-sorted}",
            "{url-port}{json-stringify}",
            "{header:x-other}{body-crc32}{body}",
        ]
        .into_iter()
        .flat_map(signed)
        .collect(),
        ..github()
    };
    let recipe = |recipe| {
        Scheme::Recipe(Box::new(Settings {
            recipe,
            keys: secrets(),
            tolerance: None,
            source: SourceValues {
                public_url: Some(PublicUrl::parse("https://a.example/x").expect("a URL")),
                ..SourceValues::default()
            },
        }))
    };
    let proof = Credential::Basic {
        user: "u".into(),
        passwords: secrets(),
    };

    [
        Scheme::StandardWebhooks(standard_webhooks::Settings {
            secrets: secrets(),
            public_keys: vec!["whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=".into()],
            tolerance: standard_webhooks::TOLERANCE,
        }),
        Scheme::DetachedJws(jws::Settings {
            header: "X-Signature".into(),
            keys: vec![Secret::from(JWK)],
            algorithm: None,
            unencoded_payload: true,
        }),
        Scheme::AwsSns(sns::Settings {
            raw_proof: Some(proof.clone()),
            ..sns::Settings::new(vec![TOPIC.into()])
        }),
        Scheme::Static(proof),
        Scheme::Static(Credential::Bearer { tokens: secrets() }),
        Scheme::Static(Credential::Header {
            name: "X-Signature".into(),
            tokens: secrets(),
        }),
        recipe(stripe),
        recipe(everything),
        Scheme::Token(token::Settings {
            from: place("json", "/value/*/Message"),
            secrets: secrets(),
        }),
    ]
    .into_iter()
    .map(verifier)
    .collect()
}

/// Serves the same certificate at every URL.
struct Always(Arc<Certificate>);

impl Documents for Always {
    fn get(&self, _wanted: &DocumentRef) -> Option<Document> {
        Some(Document::Certificate(Arc::clone(&self.0)))
    }
}

fn certificate() -> Always {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params =
        rcgen::CertificateParams::new(vec!["sns.amazonaws.com".to_owned()]).expect("a name");
    let pem = params.self_signed(&key).expect("a certificate").pem();
    Always(Arc::new(
        Certificate::parse_pem(pem.as_bytes()).expect("a certificate"),
    ))
}

/// Generates values that pass the first checks more often than random bytes.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..60),
        "[ -~]{0,60}".prop_map(String::into_bytes),
        "(v1|v1a|v2),[A-Za-z0-9+/]{42,44}={0,2}( v1,[A-Za-z0-9+/=]{0,90})?"
            .prop_map(String::into_bytes),
        "eyJhbGciOiJFUzI1NiJ9[.]{1,3}[A-Za-z0-9_-]{84,88}".prop_map(String::into_bytes),
        "t=[0-9]{0,20},v1=[0-9a-fA-F]{62,66}".prop_map(String::into_bytes),
        "(Basic|Bearer|basic) {0,2}[A-Za-z0-9+/=]{0,20}".prop_map(String::into_bytes),
        "[0-9]{0,22}".prop_map(String::into_bytes),
        Just(b"Notification".to_vec()),
        Just(b"true".to_vec()),
        Just(TOPIC.as_bytes().to_vec()),
    ]
}

fn any_headers() -> impl Strategy<Value = Vec<Header>> {
    let header =
        (proptest::sample::select(NAMES.to_vec()), value()).prop_map(|(name, value)| Header {
            name: name.to_owned(),
            value: value.into(),
        });
    proptest::collection::vec(header, 0..12)
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![
        Just("Type".to_owned()),
        Just("Message".to_owned()),
        Just("MessageId".to_owned()),
        Just("SigningCertURL".to_owned()),
        Just("Signature".to_owned()),
        "[a-z]{1,3}",
    ];
    let object =
        proptest::collection::btree_map(field, "(\\PC{0,20}|Notification|[0-9a-f]{0,9})", 0..9);
    let sns = object.prop_map(|fields| {
        let mut envelope = serde_json::json!({
            "Type": "Notification", "MessageId": "m", "TopicArn": TOPIC, "Message": "{}", "SignatureVersion": "2",
            "Timestamp": "2023-11-14T22:13:20.000Z", "Signature": "AAAA",
            "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        });
        for (name, value) in fields {
            envelope[name] = value.into();
        }
        envelope.to_string().into_bytes()
    });

    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        "[\\[\\]{}\":,a0\\\\ ]{0,40}".prop_map(String::into_bytes),
        sns
    ]
}

proptest! {
    #[test]
    fn unsigned_input_is_refused_without_panic(
        headers in any_headers(),
        body in any_body(),
        now: i64,
    ) {
        let certificates = certificate();
        let request = Request {
            method: "POST",
            path: "/a/b",
            tail: None,
            query: None,
            headers: &headers,
            body: &body,
        };

        for verifier in verifiers() {
            for now in [
                Timestamp::from_unix_millis(now),
                Timestamp::from_unix_secs(1_700_000_000),
            ] {
                for documents in [&certificates as &dyn Documents, &()] {
                    let verdict = verifier.verify(&request, documents, now);
                    prop_assert!(
                        matches!(verdict, Err(_) | Ok(Verification::NeedsDocument { .. })),
                        "{verdict:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn describing_never_panics(
        headers in any_headers(),
        body in any_body(),
        pointer in "(/[a-z0-9~]{0,3}){0,3}",
        inner: bool,
    ) {
        let Ok(pointer) = JsonPointer::parse(&pointer) else { return Ok(()) };
        let payload = if inner {
            hookyard_model::Payload::TextAt("/Message".into())
        } else {
            hookyard_model::Payload::Body
        };
        let provider = Provider {
            name: "p".into(),
            package: "p:p".into(),
            versions: Vec::new(),
            key: KeyRule::FirstOf(vec![
                Place::header("svix-id").expect("a header").into(),
                Place::whole(PlaceKind::Json(pointer.clone())).into(),
            ]),
            event_type: TypeRule::at(Place::whole(PlaceKind::Json(pointer.clone()))),
            content: pointer,
            events: Default::default(),
            outgoing: Default::default(),
            handshakes: Vec::new(),
            answer: None,
            scheme: SchemeRule::default(),
            sending: SchemeRule::default(),
        };

        let request = request(&headers, &body);
        if let Ok(found) = provider.describe(&Verified { id: None, payload }, &request) {
            let key = found.key.expect("a sender with keys");
            prop_assert!(!key.is_empty() && !key.chars().any(char::is_control));
        }
    }

    #[test]
    fn certificate_parser_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Certificate::parse_pem(&bytes);
        let encoded = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &bytes);
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n"
        );
        let _ = Certificate::parse_pem(pem.as_bytes());
    }
}
