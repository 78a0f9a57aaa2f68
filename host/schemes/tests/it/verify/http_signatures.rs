//! HTTP message signatures as a sender makes them, and those that must be refused.

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookyard_schemes::http_signatures::{COMPONENTS, MAX_AGE, Rules, Settings};
use hookyard_schemes::recipe::{Encoding, PublicUrl};
use hookyard_schemes::{
    Document, DocumentRef, Documents, KeyLocation, Refusal, Request, Scheme, Secret, Verification,
};

use super::signers::{Signer, ec, ed25519};
use super::support::{NOW, headers, setup_error, verifier};

const BODY: &[u8] = br#"{"id": "1"}"#;
const PARAMETERS: &str = r#"("@method" "@path" "content-digest");created=1700000000"#;

fn rules() -> Rules {
    Rules {
        components: COMPONENTS.map(str::to_owned).to_vec(),
        algorithms: vec!["ed25519".to_owned(), "ecdsa-p256-sha256".to_owned()],
        label: None,
        tag: None,
        max_age: Some(MAX_AGE),
        keys_url: None,
        key: Encoding::Utf8,
    }
}

fn settings(signer: &Signer) -> Settings {
    let key = signer.jwk_with("kid", "k1").to_string();
    Settings {
        rules: rules(),
        keys: KeyLocation::Given(vec![Secret::from(key)]),
        public_url: None,
        unsigned_body: false,
    }
}

fn content_digest(body: &[u8]) -> String {
    let digest = digest(&SHA256, body);
    format!("sha-256=:{}:", BASE64_STANDARD.encode(digest))
}

/// Signs these lines of a signature base, and returns the two headers.
fn signed(signer: &Signer, lines: &[(&str, &str)], parameters: &str) -> [(String, String); 2] {
    let mut base: String = lines
        .iter()
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect();
    base.push_str(&format!("\"@signature-params\": {parameters}"));
    let signature = BASE64_STANDARD.encode((signer.sign)(base.as_bytes()));
    [
        ("Signature-Input".to_owned(), format!("s={parameters}")),
        ("Signature".to_owned(), format!("s=:{signature}:")),
    ]
}

/// Signs the default components.
fn usual(signer: &Signer, parameters: &str) -> [(String, String); 2] {
    let digest = content_digest(BODY);
    let lines = [
        ("\"@method\"", "POST"),
        ("\"@path\"", "/acme/orders"),
        ("\"content-digest\"", digest.as_str()),
    ];
    signed(signer, &lines, parameters)
}

fn verify(
    settings: &Settings,
    signature: &[(String, String)],
    more: &[(&str, &str)],
) -> Result<Verification, Refusal> {
    let digest = content_digest(BODY);
    let mut pairs = more.to_vec();
    if !more.iter().any(|(name, _)| *name == "Content-Digest") {
        pairs.push(("Content-Digest", &digest));
    }
    pairs.extend(signature.iter().map(|(name, value)| (&**name, &**value)));
    let headers = headers(&pairs);
    let request = Request {
        method: "POST",
        path: "/acme/orders",
        tail: None,
        query: Some("Pet=dog&q=a+b%21"),
        headers: &headers,
        body: BODY,
    };
    let scheme = Scheme::HttpSignatures(Box::new(settings.clone()));
    verifier(scheme).verify(&request, &(), NOW)
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
fn parameters_are_checked() {
    let signer = ed25519();
    let settings = settings(&signer);
    let list = r#"("@method" "@path" "content-digest")"#;

    for (parameters, expected) in [
        (";created=1700000000", "accepted"),
        (
            ";created=1700000000;keyid=\"k1\";alg=\"ed25519\"",
            "accepted",
        ),
        (";created=1700000000;nonce=\"n\";other=?0", "accepted"),
        (";created=1699999700", "accepted"),
        (";created=1699999699", "stale-timestamp"),
        (";created=1700000061", "future-timestamp"),
        (";created=1700000000;expires=1700000000", "accepted"),
        (";created=1700000000;expires=1699999999", "stale-timestamp"),
        (";created=1700000000;keyid=\"k2\"", "unknown-key"),
        (
            ";created=1700000000;alg=\"ecdsa-p256-sha256\"",
            "wrong-algorithm",
        ),
        (";created=1700000000;alg=\"hmac-sha256\"", "wrong-algorithm"),
        (";created=1700000000;alg=\"none\"", "wrong-algorithm"),
        (";created=\"1700000000\"", "malformed-header"),
        (";created=1700000000;keyid=7", "malformed-header"),
        ("", "malformed-header"),
    ] {
        let result = verify(
            &settings,
            &usual(&signer, &format!("{list}{parameters}")),
            &[],
        );
        assert_eq!(reason(&result), expected, "{parameters}");
    }
}

#[test]
fn required_components_are_covered() {
    let signer = ed25519();
    let settings = settings(&signer);
    let parameters = "(\"@method\" \"@path\");created=1700000000";
    let lines = [("\"@method\"", "POST"), ("\"@path\"", "/acme/orders")];
    let result = verify(&settings, &signed(&signer, &lines, parameters), &[]);
    assert_eq!(
        result,
        Err(Refusal::NotCovered {
            component: "content-digest".into()
        })
    );
}

#[test]
fn digest_is_the_digest_of_the_body() {
    let signer = ed25519();
    let settings = settings(&signer);
    let other = content_digest(b"other");
    let sha512 = format!(
        "sha-512=:{}:",
        BASE64_STANDARD.encode(digest(&SHA512, BODY))
    );
    let both = format!("{sha512}, {other}");

    for (digest, expected) in [
        (sha512.as_str(), "accepted"),
        (&other, "wrong-digest"),
        (&both, "wrong-digest"),
        ("md5=:AAAA:", "malformed-header"),
        ("sha-256=AAAA", "malformed-header"),
        ("sha-256=(:AAAA:)", "malformed-header"),
        ("", "malformed-header"),
    ] {
        let lines = [
            ("\"@method\"", "POST"),
            ("\"@path\"", "/acme/orders"),
            ("\"content-digest\"", digest),
        ];
        let signature = signed(&signer, &lines, PARAMETERS);
        let result = verify(&settings, &signature, &[("Content-Digest", digest)]);
        assert_eq!(reason(&result), expected, "{digest}");
    }
}

#[test]
fn derived_components_come_from_the_public_url() {
    let signer = ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256");
    let digest = content_digest(BODY);
    let parameters = "(\"@method\" \"@path\" \"content-digest\" \"@authority\" \"@scheme\" \
                      \"@target-uri\" \"@request-target\" \"@query\" \"@query-param\";name=\"q\" \
                      \"content-type\");created=1700000000";
    let lines = [
        ("\"@method\"", "POST"),
        ("\"@path\"", "/hooks"),
        ("\"content-digest\"", digest.as_str()),
        ("\"@authority\"", "hooks.example"),
        ("\"@scheme\"", "https"),
        (
            "\"@target-uri\"",
            "https://hooks.example/hooks?Pet=dog&q=a+b%21",
        ),
        ("\"@request-target\"", "/hooks?Pet=dog&q=a+b%21"),
        ("\"@query\"", "?Pet=dog&q=a+b%21"),
        ("\"@query-param\";name=\"q\"", "a%20b%21"),
        ("\"content-type\"", "application/json"),
    ];
    let signature = signed(&signer, &lines, parameters);
    let headers = [
        ("Content-Type", " application/json "),
        ("Host", "evil.example"),
    ];
    let url = PublicUrl::parse("https://Hooks.example:443/hooks").expect("a URL");
    let public = Settings {
        public_url: Some(url),
        ..settings(&signer)
    };

    assert_eq!(reason(&verify(&public, &signature, &headers)), "accepted");
    let result = verify(&settings(&signer), &signature, &headers);
    assert_eq!(
        result,
        Err(Refusal::NeedsPublicUrl {
            component: "@authority".into()
        })
    );
}

#[test]
fn unsupported_components_are_named() {
    let signer = ed25519();
    let settings = settings(&signer);

    for (component, expected) in [
        ("\"content-type\";sf", "unknown-extension"),
        ("\"content-type\";key=\"a\"", "unknown-extension"),
        ("\"content-type\";bs", "unknown-extension"),
        ("\"@method\";req", "malformed-header"),
        ("\"@status\"", "unknown-extension"),
        ("\"Content-Type\"", "unknown-extension"),
        ("\"x y\"", "unknown-extension"),
        ("\"@query-param\"", "malformed-header"),
        ("\"@query-param\";name=\"none\"", "malformed-header"),
        ("\"@path\"", "malformed-header"),
        ("7", "malformed-header"),
        ("\"x-missing\"", "missing-header"),
    ] {
        let list = format!("(\"@method\" \"@path\" \"content-digest\" {component})");
        let signature = usual(&signer, &format!("{list};created=1700000000"));
        let result = verify(&settings, &signature, &[]);
        let expected = if component.contains("req") {
            "unknown-extension"
        } else {
            expected
        };
        assert_eq!(reason(&result), expected, "{component}");
    }
}

#[test]
fn headers_are_parsed_strictly() {
    let signer = ed25519();
    let settings = settings(&signer);
    let [(input_name, input), (name, signature)] = usual(&signer, PARAMETERS);
    let outcome = |input: &str, signature: &str| {
        let pair = [
            (input_name.clone(), input.to_owned()),
            (name.clone(), signature.to_owned()),
        ];
        reason(&verify(&settings, &pair, &[]))
    };

    assert_eq!(outcome(&input, &signature), "accepted");
    for (input, signature) in [
        ("", signature.as_str()),
        ("s", &signature),
        ("s=\"x\"", &signature),
        ("s=(", &signature),
        (&input, ""),
        (&input, "s=x"),
        (&input, "other=:AAAA:"),
        (&input, "s=:A:"),
        (&input, "s=(:AAAA:)"),
    ] {
        assert_eq!(
            outcome(input, signature),
            "malformed-header",
            "{input} {signature}"
        );
    }
    assert_eq!(outcome(&input, "s=:AAAA:"), "bad-signature");
    let many: Vec<_> = (0..9).map(|n| format!("a{n}={PARAMETERS}")).collect();
    assert_eq!(outcome(&many.join(", "), &signature), "malformed-header");
    let two = format!("a={PARAMETERS}, {input}");
    assert_eq!(
        outcome(&two, &format!("a=:AAAA:, {signature}")),
        "accepted",
        "one good signature is enough"
    );
}

#[test]
fn label_and_tag_can_be_demanded() {
    let signer = ed25519();
    let demanding = Settings {
        rules: Rules {
            label: Some("s".to_owned()),
            tag: Some("app".to_owned()),
            ..rules()
        },
        ..settings(&signer)
    };
    let tagged = format!("{PARAMETERS};tag=\"app\"");

    assert_eq!(
        reason(&verify(&demanding, &usual(&signer, &tagged), &[])),
        "accepted"
    );
    let untagged = verify(&demanding, &usual(&signer, PARAMETERS), &[]);
    assert_eq!(reason(&untagged), "malformed-header");
    let other = Settings {
        rules: Rules {
            label: Some("other".to_owned()),
            ..rules()
        },
        ..settings(&signer)
    };
    let result = verify(&other, &usual(&signer, PARAMETERS), &[]);
    assert_eq!(reason(&result), "malformed-header");
}

#[test]
fn keys_may_be_secrets_or_at_a_url() {
    let secret = Settings {
        rules: Rules {
            algorithms: vec!["hmac-sha256".to_owned()],
            key: Encoding::Hex,
            ..rules()
        },
        keys: KeyLocation::Shared(vec![Secret::from("00ff")]),
        ..settings(&ed25519())
    };
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &[0, 255]);
    let signer = Signer {
        jwk: serde_json::Value::Null,
        sign: Box::new(move |text| aws_lc_rs::hmac::sign(&key, text).as_ref().to_vec()),
    };
    assert_eq!(
        reason(&verify(&secret, &usual(&signer, PARAMETERS), &[])),
        "accepted"
    );

    let url = "https://keys.example/jwks";
    let fetched = Settings {
        keys: KeyLocation::Url(url.to_owned()),
        ..settings(&ed25519())
    };
    let needed = verify(&fetched, &usual(&ed25519(), PARAMETERS), &[]);
    let key_set = DocumentRef::KeySet {
        url: url.to_owned(),
    };
    assert!(
        matches!(&needed, Ok(Verification::NeedsDocument { document, .. }) if *document == key_set),
        "{needed:?}"
    );
}

#[test]
fn unknown_key_does_not_hide_another_signature() {
    struct Kept(Document);

    impl Documents for Kept {
        fn get(&self, _wanted: &DocumentRef) -> Option<Document> {
            Some(self.0.clone())
        }
    }

    let signer = ed25519();
    let key_set = DocumentRef::KeySet {
        url: "https://keys.example/jwks".to_owned(),
    };
    let settings = Settings {
        keys: KeyLocation::Url(key_set.url().to_owned()),
        ..settings(&signer)
    };
    let known = signer.jwk_with("kid", "k1").to_string();
    let kept = Kept(key_set.parse(known.as_bytes()).expect("a key"));

    let parameters = |kid| format!("{PARAMETERS};keyid=\"{kid}\"");
    let [(_, other), (_, signature)] = usual(&ed25519(), &parameters("k2"));
    let [(_, own), (_, own_signature)] = usual(&signer, &parameters("k1"));
    let rename = |value: &str| format!("t{}", value.strip_prefix('s').expect("a label"));
    let digest = content_digest(BODY);
    let (input, both) = (
        format!("{other}, {}", rename(&own)),
        format!("{signature}, {}", rename(&own_signature)),
    );

    for (input, signature, expected) in [
        (&*input, &*both, "accepted"),
        (&*other, &*signature, "needs-document"),
    ] {
        let headers = headers(&[
            ("Content-Digest", &*digest),
            ("Signature-Input", input),
            ("Signature", signature),
        ]);
        let request = Request {
            method: "POST",
            path: "/acme/orders",
            tail: None,
            query: None,
            headers: &headers,
            body: BODY,
        };
        let scheme = Scheme::HttpSignatures(Box::new(settings.clone()));
        let result = verifier(scheme).verify(&request, &kept, NOW);
        assert_eq!(reason(&result), expected);
    }
}

#[test]
fn unreadable_signature_does_not_hide_another_one() {
    let signer = ed25519();
    let settings = settings(&signer);
    let [(_, input), (_, signature)] = usual(&signer, PARAMETERS);
    for other in [
        "a=7",
        "a=(7);created=1",
        "a=(\"@method\");created=?1",
        "a=(\"@odd\")",
    ] {
        let pair = [
            ("Signature-Input".to_owned(), format!("{other}, {input}")),
            ("Signature".to_owned(), format!("a=:AAAA:, {signature}")),
        ];
        assert_eq!(
            reason(&verify(&settings, &pair, &[])),
            "accepted",
            "{other}"
        );
        let alone = [
            ("Signature-Input".to_owned(), other.to_owned()),
            ("Signature".to_owned(), "a=:AAAA:".to_owned()),
        ];
        assert!(verify(&settings, &alone, &[]).is_err(), "{other}");
    }
}

#[test]
fn checks_with_keys_have_a_maximum() {
    let signer = ed25519();
    let keys = |count: usize| {
        let others = (1..count).map(|_| Secret::from(ed25519().jwk.to_string()));
        let own = Secret::from(signer.jwk.to_string());
        KeyLocation::Given(others.chain([own]).collect())
    };
    let [(_, input), (_, signature)] = usual(&signer, PARAMETERS);
    let relabeled = |text: &str, label: usize| text.replacen("s=", &format!("s{label}="), 1);
    let forged = format!("s=:{}:", BASE64_STANDARD.encode([0; 64]));
    let headers = |forged_count: usize| {
        let labels = 0..forged_count;
        let inputs = labels.clone().map(|label| relabeled(&input, label));
        let signatures = labels.map(|label| relabeled(&forged, label));
        let all = |list: Vec<String>, own: &str| [list, vec![own.to_owned()]].concat().join(", ");
        [
            ("Signature-Input".to_owned(), all(inputs.collect(), &input)),
            (
                "Signature".to_owned(),
                all(signatures.collect(), &signature),
            ),
        ]
    };

    for (key_count, forged_count, expected) in [
        (12, 7, "accepted"),
        (20, 4, "accepted"),
        (20, 7, "too-many-checks"),
    ] {
        let settings = Settings {
            keys: keys(key_count),
            ..settings(&signer)
        };
        let result = verify(&settings, &headers(forged_count), &[]);
        assert_eq!(reason(&result), expected, "{key_count} {forged_count}");
    }
}

#[test]
fn useless_rules_are_refused() {
    let p384 = ec(&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384");
    let refused = |rules: Rules| {
        let settings = Settings {
            rules,
            ..settings(&p384)
        };
        setup_error(Scheme::HttpSignatures(Box::new(settings))).to_string()
    };

    assert!(refused(rules()).contains("no key can be used"));
    for (rules, expected) in [
        (
            Rules {
                components: vec!["@method".to_owned()],
                ..rules()
            },
            "content-digest",
        ),
        (
            Rules {
                components: vec!["@status".to_owned(), "content-digest".to_owned()],
                ..rules()
            },
            "not a component",
        ),
        (
            Rules {
                algorithms: vec!["ES256".to_owned()],
                ..rules()
            },
            "ecdsa-p256-sha256",
        ),
    ] {
        let message = refused(rules);
        assert!(message.contains(expected), "{message}");
    }
}
