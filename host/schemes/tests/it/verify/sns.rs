use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookyard_model::{Header, Payload};
use hookyard_schemes::sns::{Settings, Trust, UrlRule};
use hookyard_schemes::{
    Certificate, Credential, Document, DocumentRef, Documents, Refusal, Request, Scheme,
    SchemeKind, Secret, Verdict, Verification, Verified,
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use serde_json::{Map, Value, json};

use super::support::{NOW, headers, request, setup_error, verifier};

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:orders";
const CERTIFICATE_URL: &str =
    "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem";
const SUBSCRIBE_URL: &str =
    "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=x&Token=t";
const SIGNED: [&str; 8] = [
    "Message",
    "MessageId",
    "Subject",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
];

/// A made-up Amazon: a key that signs, its certificate, and the authorities above it.
struct Amazon {
    key: KeyPair,
    /// The leaf, then the intermediate authority.
    chain: [String; 2],
    root: String,
}

struct Served(Arc<Certificate>);

impl Documents for Served {
    fn get(&self, wanted: &DocumentRef) -> Option<Document> {
        (wanted.url() == CERTIFICATE_URL).then(|| Document::Certificate(Arc::clone(&self.0)))
    }
}

fn params(name: &str, is_ca: bool) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("no names to be wrong");
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (date_time_ymd(2023, 1, 1), date_time_ymd(2024, 1, 1));
    if is_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params
}

impl Amazon {
    fn new(change: impl Fn(&mut CertificateParams, &mut CertificateParams)) -> Self {
        let key = || KeyPair::generate().expect("a key");
        let signing = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048)
            .expect("a key");
        let (mut leaf, mut middle) = (params("sns.amazonaws.com", false), params("Middle", true));

        change(&mut leaf, &mut middle);
        let (root_key, middle_key) = (key(), key());
        let root_params = params("Root", true);
        let root = root_params.self_signed(&root_key).expect("a root").pem();
        let root_issuer = Issuer::new(root_params, root_key);
        let middle_pem = middle
            .signed_by(&middle_key, &root_issuer)
            .expect("an authority")
            .pem();
        let leaf = leaf
            .signed_by(&signing, &Issuer::new(middle, middle_key))
            .expect("a leaf")
            .pem();
        Self {
            key: signing,
            chain: [leaf, middle_pem],
            root,
        }
    }

    fn certificate(&self, length: usize) -> Served {
        Served(Arc::new(
            Certificate::parse_pem(self.chain[..length].concat().as_bytes()).expect("certificates"),
        ))
    }

    fn trusted(&self) -> Settings {
        let root = Certificate::parse_pem(self.root.as_bytes()).expect("a certificate");
        Settings {
            trust: Trust::Roots(vec![root]),
            ..settings()
        }
    }

    fn body(&self, kind: &str, change: &[(&str, Value)]) -> Vec<u8> {
        let mut fields = fields(kind);

        fields.extend(
            change
                .iter()
                .map(|(name, value)| (name.to_string(), value.clone())),
        );
        let mut signed = String::new();
        for name in SIGNED {
            if let Some(value) = fields.get(name).and_then(Value::as_str) {
                signed += &format!("{name}\n{value}\n");
            }
        }
        let pair = RsaKeyPair::from_pkcs8(&self.key.serialize_der()).expect("its own key");
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            signed.as_bytes(),
            &mut signature,
        )
        .expect("signs");
        fields.insert("Signature".into(), BASE64_STANDARD.encode(signature).into());
        Value::Object(fields).to_string().into_bytes()
    }
}

fn fields(kind: &str) -> Map<String, Value> {
    let mut fields = json!({
        "Type": kind, "MessageId": "m-1", "TopicArn": TOPIC, "Message": "{\"a\":\n1}",
        "Timestamp": "2023-11-14T22:13:20.000Z", "SignatureVersion": "2", "SigningCertURL": CERTIFICATE_URL,
    });

    if kind != "Notification" {
        fields["SubscribeURL"] = SUBSCRIBE_URL.into();
        fields["Token"] = "t".into();
    }
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn settings() -> Settings {
    Settings::new(vec![TOPIC.to_owned()])
}

fn verify(
    settings: &Settings,
    served: &dyn Documents,
    kind: &str,
    body: &[u8],
) -> Result<Verification, Refusal> {
    let headers = headers(&[("x-amz-sns-message-type", kind)]);
    verifier(Scheme::AwsSns(settings.clone())).verify(&request(&headers, body), served, NOW)
}

fn reason(result: Result<Verification, Refusal>) -> &'static str {
    result.map_or_else(|refusal| refusal.reason(), |_| "accepted")
}

#[test]
fn each_message_kind_has_its_verdict() {
    let amazon = Amazon::new(|_, _| {});
    let served = amazon.certificate(1);
    let verdict = |kind: &str| verify(&settings(), &served, kind, &amazon.body(kind, &[]));
    let event = Verified {
        id: Some("m-1".into()),
        payload: Payload::TextAt("/Message".into()),
    };

    assert_eq!(
        verdict("Notification"),
        Ok(Verification::Complete(Verdict::Event(event)))
    );
    let confirm = Verdict::Confirm {
        url: SUBSCRIBE_URL.into(),
        topic: TOPIC.into(),
    };
    assert_eq!(
        verdict("SubscriptionConfirmation"),
        Ok(Verification::Complete(confirm))
    );
    let notice = verdict("UnsubscribeConfirmation");
    assert!(
        matches!(notice, Ok(Verification::Complete(Verdict::Notice { .. })))
            && !format!("{notice:?}").contains("http"),
        "{notice:?}"
    );
}

#[test]
fn certificate_is_requested_last() {
    let amazon = Amazon::new(|_, _| {});
    let kind = "Notification";
    let outcome =
        |change: &[(&str, Value)]| verify(&settings(), &(), kind, &amazon.body(kind, change));

    assert_eq!(
        outcome(&[]),
        Ok(Verification::NeedsDocument {
            document: DocumentRef::Certificate {
                url: CERTIFICATE_URL.into()
            },
            otherwise: Refusal::CertificateUnavailable,
        })
    );
    for (field, value, expected) in [
        (
            "TopicArn",
            json!("arn:aws:sns:eu-west-1:123456789012:other"),
            "topic-not-allowed",
        ),
        (
            "Timestamp",
            json!("2023-11-14T21:08:19Z"),
            "stale-timestamp",
        ),
        (
            "Timestamp",
            json!("2023-11-14T22:18:21Z"),
            "future-timestamp",
        ),
        ("Timestamp", json!("yesterday"), "malformed-field"),
        ("SignatureVersion", json!("3"), "wrong-algorithm"),
        (
            "SigningCertURL",
            json!("https://evil.example/SimpleNotificationService-0a.pem"),
            "certificate-url",
        ),
        ("MessageId", json!("a\nb"), "malformed-field"),
        ("Subject", json!("a\nb"), "malformed-field"),
        ("Type", json!("Other"), "unknown-message-type"),
        ("Message", json!({"a": 1}), "malformed-field"),
        ("Message", Value::Null, "missing-field"),
    ] {
        assert_eq!(
            reason(outcome(&[(field, value.clone())])),
            expected,
            "{field}: {value}"
        );
    }
}

#[test]
fn line_break_cannot_move_a_field() {
    let amazon = Amazon::new(|_, _| {});
    let body = amazon.body("Notification", &[("Subject", json!("s"))]);
    let moved = String::from_utf8(body)
        .expect("JSON")
        .replace(r#""Subject":"s","#, "");
    let moved = moved.replace(r#""MessageId":"m-1""#, r#""MessageId":"m-1\nSubject\ns""#);

    assert_eq!(
        reason(verify(
            &settings(),
            &amazon.certificate(1),
            "Notification",
            moved.as_bytes()
        )),
        "malformed-field"
    );
}

#[test]
fn confirmation_field_with_line_break_is_refused() {
    let (amazon, kind) = (Amazon::new(|_, _| {}), "SubscriptionConfirmation");
    for field in ["Token", "SubscribeURL", "TopicArn", "MessageId"] {
        let body = amazon.body(kind, &[(field, json!("a\nb"))]);
        assert_eq!(
            reason(verify(&settings(), &(), kind, &body)),
            "malformed-field",
            "{field}"
        );
    }
}

#[test]
fn broken_envelope_is_refused() {
    for (body, expected) in [
        ("", "unreadable-body"),
        ("[]", "unreadable-body"),
        ("null", "unreadable-body"),
        (r#"{"Type":"Notification"} {}"#, "unreadable-body"),
        ("{}", "missing-field"),
        (
            r#"{"Type":"Notification","x":{"y":1,"y":2}}"#,
            "missing-field",
        ),
        (r#"{"Type":"Notification","x":1,"x":2}"#, "repeated-field"),
        (
            r#"{"Type":"Notification","T\u0079pe":"Notification"}"#,
            "repeated-field",
        ),
    ] {
        assert_eq!(
            reason(verify(&settings(), &(), "Notification", body.as_bytes())),
            expected,
            "{body}"
        );
    }
}

#[test]
fn only_confirmation_urls_are_returned() {
    let amazon = Amazon::new(|_, _| {});
    let (served, kind) = (amazon.certificate(1), "SubscriptionConfirmation");
    let local = "http://127.0.0.1:4566/?Action=ConfirmSubscription&Token=t";
    let body = amazon.body(kind, &[("SubscribeURL", json!(local))]);

    assert_eq!(
        reason(verify(&settings(), &served, kind, &body)),
        "confirmation-url"
    );
    let overridden = Settings {
        confirmation_urls: UrlRule::Prefixes(vec!["http://127.0.0.1:4566/".into()]),
        ..settings()
    };
    assert_eq!(
        reason(verify(&overridden, &served, kind, &body)),
        "accepted"
    );
    let other = amazon.body(
        kind,
        &[(
            "SubscribeURL",
            json!("http://127.0.0.1:4566/?Action=Unsubscribe"),
        )],
    );

    assert_eq!(
        reason(verify(&overridden, &served, kind, &other)),
        "confirmation-url"
    );
}

#[test]
fn certificate_chain_must_reach_a_root() {
    type Change = fn(&mut CertificateParams, &mut CertificateParams);

    let table: [(&str, Change, usize, &str); 7] = [
        ("whole", |_, _| {}, 2, "accepted"),
        ("without the middle", |_, _| {}, 1, "certificate-refused"),
        (
            "the intermediate certificate is not an authority",
            |_, middle| middle.is_ca = IsCa::ExplicitNoCa,
            2,
            "certificate-refused",
        ),
        (
            "the middle may not sign",
            |_, middle| middle.key_usages = vec![KeyUsagePurpose::CrlSign],
            2,
            "certificate-refused",
        ),
        (
            "the middle has expired",
            |_, middle| middle.not_after = date_time_ymd(2023, 6, 1),
            2,
            "certificate-refused",
        ),
        (
            "the leaf has expired",
            |leaf, _| leaf.not_after = date_time_ymd(2023, 6, 1),
            2,
            "certificate-refused",
        ),
        (
            "the leaf may not sign",
            |leaf, _| leaf.key_usages = vec![KeyUsagePurpose::KeyAgreement],
            2,
            "certificate-refused",
        ),
    ];
    for (what, change, length, expected) in table {
        let amazon = Amazon::new(change);
        let body = amazon.body("Notification", &[]);
        let served = amazon.certificate(length);
        assert_eq!(
            reason(verify(&amazon.trusted(), &served, "Notification", &body)),
            expected,
            "{what}"
        );
        let stranger = Amazon::new(|_, _| {}).trusted();
        assert_eq!(
            reason(verify(&stranger, &served, "Notification", &body)),
            "certificate-refused",
            "{what}"
        );
    }
}

#[test]
fn certificate_name_must_be_amazons() {
    let named = |name: &'static str| {
        Amazon::new(move |leaf, _| leaf.distinguished_name.push(DnType::CommonName, name))
    };
    let amazon = named("sns.evil.example");
    let (served, body) = (amazon.certificate(2), amazon.body("Notification", &[]));

    assert_eq!(
        reason(verify(&amazon.trusted(), &served, "Notification", &body)),
        "certificate-refused"
    );
    let anybody = Settings {
        check_certificate_name: false,
        ..amazon.trusted()
    };
    assert_eq!(
        reason(verify(&anybody, &served, "Notification", &body)),
        "accepted"
    );
}

fn raw_headers(authorization: Option<&str>) -> Vec<Header> {
    let mut pairs = vec![
        ("x-amz-sns-message-type", "Notification"),
        ("x-amz-sns-rawdelivery", "true"),
        ("x-amz-sns-message-id", "m-2"),
        ("x-amz-sns-topic-arn", TOPIC),
    ];
    pairs.extend(authorization.map(|value| ("Authorization", value)));
    headers(&pairs)
}

#[test]
fn raw_delivery_needs_another_proof() {
    let passwords = vec![Secret::from("p")];
    let proof = Credential::Basic {
        user: "u".into(),
        passwords,
    };
    let proven = verifier(Scheme::AwsSns(Settings {
        raw_proof: Some(proof),
        ..settings()
    }));
    let raw = |authorization| proven.verify(&request(&raw_headers(authorization), b"{}"), &(), NOW);
    let event = Verified {
        id: Some("m-2".into()),
        payload: Payload::Body,
    };

    assert_eq!(
        raw(Some("Basic dTpw")),
        Ok(Verification::Complete(Verdict::Event(event)))
    );
    assert_eq!(reason(raw(Some("Basic dTpx"))), "wrong-credential");
    assert_eq!(
        raw(None),
        Err(Refusal::MissingCredential {
            kind: SchemeKind::Basic
        })
    );
    assert!(
        proven
            .credential_headers()
            .contains(&"authorization".to_owned())
    );
    let plain = verifier(Scheme::AwsSns(settings()));
    let headers = raw_headers(Some("Basic dTpw"));

    assert_eq!(
        reason(plain.verify(&request(&headers, b"{}"), &(), NOW)),
        "raw-delivery"
    );
    for (changed, expected) in [
        (3, "topic-not-allowed"),
        (0, "disagreement"),
        (1, "malformed-header"),
        (2, "malformed-header"),
    ] {
        let mut headers = raw_headers(Some("Basic dTpw"));
        headers[changed].value = "other thing".into();
        assert_eq!(
            reason(proven.verify(&request(&headers, b"{}"), &(), NOW)),
            expected
        );
    }
}

#[test]
fn sns_secret_path_is_required() {
    let amazon = Amazon::new(|_, _| {});
    let proof = Credential::SecretPath {
        secrets: vec![Secret::from("s3cr3t")],
    };
    let verifier = verifier(Scheme::AwsSns(Settings {
        raw_proof: Some(proof),
        ..settings()
    }));
    let body = amazon.body("Notification", &[]);
    let signed = headers(&[("x-amz-sns-message-type", "Notification")]);
    let raw = raw_headers(None);

    for (tail, expected) in [
        (Some("s3cr3t"), "accepted"),
        (Some("other"), "wrong-credential"),
        (None, "missing-credential"),
    ] {
        let to = |headers, body| Request {
            tail,
            ..request(headers, body)
        };
        let served = amazon.certificate(1);
        assert_eq!(
            reason(verifier.verify(&to(&signed, &body), &served, NOW)),
            expected,
            "signed, {tail:?}"
        );
        assert_eq!(
            reason(verifier.verify(&to(&raw, b"{}"), &(), NOW)),
            expected,
            "raw, {tail:?}"
        );
    }
    assert!(verifier.takes_tail());
}

#[test]
fn unusable_settings_are_refused() {
    for (settings, expected) in [
        (Settings::new(vec![]), "no topic is configured"),
        (Settings::new(vec!["orders".into()]), "not a whole ARN"),
        (
            Settings {
                trust: Trust::Roots(vec![]),
                ..settings()
            },
            "no trusted certificate is given",
        ),
        (
            Settings {
                certificate_urls: UrlRule::Prefixes(vec!["http://a".into()]),
                ..settings()
            },
            "at least a `/`",
        ),
        (
            Settings {
                confirmation_urls: UrlRule::Pattern("[".into()),
                ..settings()
            },
            "is not a valid URL rule",
        ),
    ] {
        let message = setup_error(Scheme::AwsSns(settings)).to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn invalid_certificate_is_refused() {
    let amazon = Amazon::new(|_, _| {});
    let leaf = &amazon.chain[0];

    for bad in [
        "",
        "<html>",
        &leaf[..leaf.len() / 2],
        &leaf.replace("CERTIFICATE", "PUBLIC KEY"),
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        &leaf.repeat(9),
        &" ".repeat(65 * 1024),
    ] {
        assert!(Certificate::parse_pem(bad.as_bytes()).is_err(), "{bad:.60}");
    }
    assert!(Certificate::parse_pem(leaf.as_bytes()).is_ok());
}
