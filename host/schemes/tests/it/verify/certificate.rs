//! A recipe whose key is in a certificate that each message names, with PayPal's given case.

use std::collections::HashMap;

use hookyard_model::{Header, Timestamp};
use hookyard_schemes::recipe::{
    Algorithm, CertificateOrigin, Encoding, KeyOrigin, PublicKeyAlgorithm, Recipe, RsaHash,
    Settings, SourceValues,
};
use hookyard_schemes::value::{Place, Template};
use hookyard_schemes::{
    Certificate, Document, DocumentRef, Documents, Refusal, Request, Scheme, SettingText,
    Verification,
};
use serde::Deserialize;

use super::support::{setup_error, verifier};

const VECTORS: &str = include_str!("../../../../../tests/vectors/cases/paypal.json");

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    headers: Vec<(String, String)>,
    body: String,
    certs: HashMap<String, String>,
    trust_anchors: Vec<String>,
    now: i64,
}

impl Documents for Case {
    fn get(&self, wanted: &DocumentRef) -> Option<Document> {
        let pem = self.certs.get(wanted.url())?;
        wanted.parse(pem.as_bytes()).ok()
    }
}

fn case() -> Case {
    let file: File = serde_json::from_str(VECTORS).expect("cases");
    file.cases.into_iter().next().expect("a case")
}

fn header(name: &str) -> Place {
    Place::header(name).expect("a header")
}

fn origin(case: &Case) -> CertificateOrigin {
    CertificateOrigin {
        url: header("PayPal-Cert-Url"),
        prefixes: vec![SettingText::literal(
            "https://api.paypal.com/v1/notifications/certs/",
        )],
        name: SettingText::literal("messageverificationcerts.paypal.com"),
        stated: Some((header("PayPal-Auth-Algo"), "SHA256withRSA".to_owned())),
        roots: case
            .trust_anchors
            .iter()
            .map(|pem| Certificate::parse_pem(pem.as_bytes()).expect("a root"))
            .collect(),
    }
}

fn scheme(origin: CertificateOrigin) -> Scheme {
    let signed = "{header:PayPal-Transmission-Id}|{header:PayPal-Transmission-Time}|\
                  {setting:webhook_id}|{body-crc32}";
    let recipe = Recipe {
        algorithm: Algorithm::PublicKey {
            algorithm: PublicKeyAlgorithm::Rsa(RsaHash::Sha256),
            keys: KeyOrigin::Certificate(Box::new(origin)),
        },
        encoding: Encoding::Base64,
        signature: header("PayPal-Transmission-Sig"),
        timestamp: None,
        id: None,
        signed: vec![Template::parse(signed).expect("a template")],
        digest: None,
        covers: Some(Vec::new()),
    };
    let webhook = ("webhook_id".to_owned(), "9XL90610J3647323C".to_owned());
    Scheme::Recipe(Box::new(Settings {
        recipe,
        keys: Vec::new(),
        tolerance: None,
        source: SourceValues {
            settings: [webhook].into(),
            unsigned_body: true,
            ..SourceValues::default()
        },
    }))
}

fn outcome(
    case: &Case,
    origin: CertificateOrigin,
    documents: &dyn Documents,
) -> Result<Verification, Refusal> {
    outcome_of(case, scheme(origin), documents)
}

fn outcome_of(
    case: &Case,
    scheme: Scheme,
    documents: &dyn Documents,
) -> Result<Verification, Refusal> {
    let headers: Vec<_> = case
        .headers
        .iter()
        .map(|(name, value)| Header {
            name: name.to_ascii_lowercase(),
            value: value.clone().into(),
        })
        .collect();
    let request = Request {
        method: "POST",
        path: "/acme/paypal",
        tail: None,
        query: None,
        headers: &headers,
        body: case.body.as_bytes(),
    };
    let now = Timestamp::from_unix_secs(case.now);
    verifier(scheme).verify(&request, documents, now)
}

fn reason(result: &Result<Verification, Refusal>) -> &'static str {
    match result {
        Ok(Verification::Complete(_)) => "accepted",
        Ok(_) => "needs-document",
        Err(refusal) => refusal.reason(),
    }
}

#[test]
fn certificate_is_fetched_and_checked() {
    let case = case();
    assert_eq!(
        reason(&outcome(&case, origin(&case), &())),
        "needs-document"
    );
    assert_eq!(reason(&outcome(&case, origin(&case), &case)), "accepted");

    let by_url = CertificateOrigin {
        roots: Vec::new(),
        ..origin(&case)
    };
    assert_eq!(reason(&outcome(&case, by_url, &case)), "accepted");
    let other_name = CertificateOrigin {
        name: SettingText::literal("paypal.com"),
        ..origin(&case)
    };
    assert_eq!(
        reason(&outcome(&case, other_name, &case)),
        "certificate-refused"
    );
    let key = rcgen::KeyPair::generate().expect("a key");
    let other = rcgen::CertificateParams::new(Vec::new()).expect("no names");
    let pem = other.self_signed(&key).expect("a certificate").pem();
    let other_root = CertificateOrigin {
        roots: vec![Certificate::parse_pem(pem.as_bytes()).expect("a root")],
        ..origin(&case)
    };
    assert_eq!(
        reason(&outcome(&case, other_root, &case)),
        "certificate-refused"
    );

    let late = Case {
        now: 1_900_000_000,
        ..self::case()
    };
    assert_eq!(
        reason(&outcome(&late, origin(&late), &late)),
        "certificate-refused"
    );
}

#[test]
fn url_and_algorithm_are_pinned() {
    let changed = |name: &str, value: &str| {
        let mut case = case();
        for header in &mut case.headers {
            if header.0.eq_ignore_ascii_case(name) {
                header.1 = value.to_owned();
            }
        }
        reason(&outcome(&case, origin(&case), &()))
    };

    for url in [
        "https://api.paypal.com.evil.example/v1/notifications/certs/x",
        "https://api.paypal.com/v1/notifications/certs/../x",
        "http://api.paypal.com/v1/notifications/certs/x",
        "https://api.paypal.com/v1/notifications/certs/x?y",
    ] {
        assert_eq!(changed("PayPal-Cert-Url", url), "certificate-url", "{url}");
    }
    assert_eq!(
        changed("PayPal-Auth-Algo", "SHA1withRSA"),
        "wrong-algorithm"
    );
}

#[test]
fn certificate_of_the_other_environment_is_refused() {
    let case = case();
    let of = |domain: &str| {
        let text = |text: &str| SettingText::parse(text).expect("a text");
        let mut scheme = scheme(CertificateOrigin {
            prefixes: vec![text("https://api.{setting:domain}/v1/notifications/certs/")],
            name: text("messageverificationcerts.{setting:domain}"),
            ..origin(&case)
        });
        let Scheme::Recipe(settings) = &mut scheme else {
            panic!("a recipe");
        };
        let domain = ("domain".to_owned(), domain.to_owned());
        settings.source.settings.extend([domain]);
        reason(&outcome_of(&case, scheme, &case))
    };

    assert_eq!(of("paypal.com"), "accepted");
    assert_eq!(of("sandbox.paypal.com"), "certificate-url");
}

#[test]
fn prefix_names_a_host_and_a_folder() {
    let case = case();
    let bad = CertificateOrigin {
        prefixes: vec![SettingText::literal("https://api.paypal.com")],
        ..origin(&case)
    };
    let message = setup_error(scheme(bad)).to_string();
    assert!(message.contains("not a valid URL rule"), "{message}");
}
