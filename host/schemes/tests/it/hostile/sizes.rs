//! Input that is as large or as deep as the limits of the host allow, and larger: each is refused in
//! little time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as URL};
use hookyard_schemes::recipe::{PublicKeyAlgorithm, PublicUrl, Recipe, Settings, SourceValues};
use hookyard_schemes::{
    DocumentRef, JsonPointer, KeyRequest, KeyRequestValue, PublicKeys, Request, Scheme, Secret,
    Verification, Verifier, sns, token,
};

use crate::recipes::{github, place, signed};
use crate::verify::hostile::signatures;
use crate::verify::support::{NOW, headers, verifier};

/// Far more than any of this may take, also on a busy machine without optimization.
const LONG: Duration = Duration::from_secs(30);

/// The size of the largest bodies: ten times the host's default.
const BODY_BYTES: usize = 10 << 20;

fn check_refused(verifier: &Verifier, pairs: &[(&str, &str)], query: &str, body: &str) {
    let begin = Instant::now();
    let headers = headers(pairs);
    let request = Request {
        method: "POST",
        path: "/acme/x",
        tail: None,
        query: Some(query),
        headers: &headers,
        body: body.as_bytes(),
    };
    let result = verifier.verify(&request, &(), NOW);
    assert!(
        !matches!(result, Ok(Verification::Complete(_))),
        "{result:?}"
    );
    assert!(begin.elapsed() < LONG, "{body:.20}: {:?}", begin.elapsed());
}

/// Returns a verifier for a text that needs all of the body.
fn signing(text: &str) -> Verifier {
    verifier(Scheme::Recipe(Box::new(Settings {
        recipe: Recipe {
            signature: place("json", "/sig"),
            signed: signed(text),
            covers: text
                .contains("json-fields")
                .then(|| vec!["/a/a".parse().expect("a pointer")]),
            ..github()
        },
        keys: vec![Secret::from("a secret of a test")],
        tolerance: None,
        source: SourceValues {
            public_url: PublicUrl::parse("https://a.example/x").ok(),
            ..SourceValues::default()
        },
    })))
}

/// Returns bodies of JSON that are deep, long and wide.
fn json_bodies() -> [String; 5] {
    let sig = "0".repeat(64);
    let filler = "x".repeat(BODY_BYTES);
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let nested = "{\"a\":".repeat(100_000) + "1" + &"}".repeat(100_000);
    let names: String = (0..100_000).map(|n| format!("\"n{n}\":{n},")).collect();
    [
        format!("{{\"a\":{deep},\"sig\":\"{sig}\",\"b\":\"{filler}\"}}"),
        format!("{{\"a\":{nested},\"sig\":\"{sig}\"}}"),
        format!("{{{names}\"sig\":\"{sig}\"}}"),
        format!("{{\"a\":{},\"sig\":\"{sig}\"}}", "9".repeat(BODY_BYTES)),
        "{\"sig\":".repeat(100_000),
    ]
}

#[test]
fn large_json_is_refused_quickly() {
    let bodies = json_bodies();
    for text in ["{body}", "{json-stringify}", "{json-fields:/a:a,b/c}"] {
        let verifier = signing(text);
        for body in &bodies {
            check_refused(&verifier, &[], "", body);
        }
    }
}

#[test]
fn large_envelope_and_list_are_refused_quickly() {
    let topics = vec!["arn:aws:sns:eu-west-1:123456789012:orders".to_owned()];
    let sns = verifier(Scheme::AwsSns(sns::Settings::new(topics)));
    let token = verifier(Scheme::Token(token::Settings {
        from: place("json", "/value/*/clientState"),
        secrets: vec![Secret::from("a secret of a test")],
    }));
    let items = "{\"clientState\":\"a secret of a test\"},".repeat(100_000);
    let list = format!("{{\"value\":[{items}{{}}]}}");
    for body in json_bodies().iter().chain([&list]) {
        check_refused(
            &sns,
            &[("x-amz-sns-message-type", "Notification")],
            "",
            body,
        );
        check_refused(&token, &[], "", body);
    }
}

#[test]
fn large_form_and_query_are_refused_quickly() {
    let form = ("content-type", "application/x-www-form-urlencoded");
    let verifier = signing("{url}{form-sorted}");
    let pairs = "a=1&".repeat(100_000);
    let encoded = format!("a={}", "%41".repeat(BODY_BYTES / 3));
    for body in [&pairs, &encoded] {
        check_refused(&verifier, &[form], "", body);
    }
    let query = "x".repeat(100 * 1024);
    check_refused(&verifier, &[form], &query, "a=1");
    check_refused(&signing("{method}{query:a}{body}"), &[], &pairs, "{}");
}

/// Each entry of a message signature costs the same, whatever the request brings.
#[test]
fn many_message_signatures_are_refused_quickly() {
    let verifier = signatures();
    let input =
        |label: usize| format!("s{label}=(\"@method\");created=1700000000;keyid=\"k{label}\"");
    let proof = format!("=:{}:", BASE64_STANDARD.encode([0; 64]));
    for count in [8, 100_000] {
        let inputs: Vec<_> = (0..count).map(input).collect();
        let proofs: Vec<_> = (0..count).map(|label| format!("s{label}{proof}")).collect();
        let (inputs, proofs) = (inputs.join(", "), proofs.join(", "));
        let digest = format!("sha-256=:{}:", "A".repeat(100_000));
        let pairs = [
            ("signature-input", &*inputs),
            ("signature", &*proofs),
            ("content-digest", &*digest),
        ];
        check_refused(&verifier, &pairs, "", "{}");
    }
}

/// Returns sets of keys that no verifier can use, and texts that only look like sets.
fn key_sets() -> Vec<String> {
    let long = URL.encode(vec![255; 1 << 20]);
    let rsa = format!("{{\"kty\":\"RSA\",\"n\":\"{long}\",\"e\":\"{long}\"}}");
    let point = format!("{{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"{long}\",\"y\":\"\"}}");
    let zero = URL.encode([0; 32]);
    let off_curve =
        format!("{{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"{zero}\",\"y\":\"{zero}\"}}");
    let even = format!(
        "{{\"kty\":\"RSA\",\"n\":\"{}\",\"e\":\"AA\"}}",
        URL.encode([0; 256])
    );
    let strange = "{\"kty\":\"oct\",\"k\":\"AAAA\"},{\"kty\":7},{},null,[],\"\"".to_owned();
    let deep = "[".repeat(100_000);
    [rsa, point, off_curve, even, strange, deep]
        .into_iter()
        .map(|keys| format!("{{\"keys\":[{keys}]}}"))
        .chain(["{\"keys\":{}}".to_owned(), "{}".to_owned(), "[]".to_owned()])
        .collect()
}

#[test]
fn hostile_key_set_has_no_key() {
    let request = Arc::new(KeyRequest {
        url: "https://keys.example/get".to_owned(),
        members: vec![("key_id".to_owned(), KeyRequestValue::Id)],
        key: JsonPointer::parse("/keys/0").expect("a pointer"),
    });
    let id = "k".to_owned();
    let url = "https://keys.example/set".to_owned();
    let documents = [
        DocumentRef::KeySet { url },
        DocumentRef::Key { request, id },
    ];
    for set in key_sets() {
        let begin = Instant::now();
        for document in &documents {
            assert!(document.parse(set.as_bytes()).is_err(), "{set:.80}");
        }
        for (name, algorithm) in PublicKeyAlgorithm::ALL {
            let keys = PublicKeys::for_algorithm(set.as_bytes(), algorithm);
            assert!(keys.is_err(), "{name}: {set:.80}");
        }
        assert!(begin.elapsed() < LONG, "{set:.80}: {:?}", begin.elapsed());
    }
}

#[test]
fn hostile_certificate_is_refused_quickly() {
    let begin = Instant::now();
    let pem = |der: &[u8]| {
        let encoded = BASE64_STANDARD.encode(der);
        format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n")
    };
    // SEQUENCEs within SEQUENCEs of indefinite, of zero and of impossible length.
    let deep = pem(&[0x30, 0x80].repeat(20_000));
    let empty = pem(&[0x30, 0x00].repeat(20_000));
    let long = pem(&[0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    let many = pem(b"0\0").repeat(1_000);
    let huge = pem(&vec![0x30; 10 << 20]);
    let endless = "-----BEGIN CERTIFICATE-----\n".repeat(100_000);
    let url = "https://certificates.example/c.pem".to_owned();
    let certificate = DocumentRef::Certificate { url };
    for document in [deep, empty, long, many, huge, endless] {
        assert!(
            certificate.parse(document.as_bytes()).is_err(),
            "{document:.80}"
        );
    }
    assert!(begin.elapsed() < LONG, "{:?}", begin.elapsed());
}
