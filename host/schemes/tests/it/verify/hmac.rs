use std::time::Duration;

use aws_lc_rs::hmac::{self as aws, HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA512};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookyard_schemes::hmac::{
    Encoding, Field, Hash, Part, Recipe, Settings, TimeField, TimeFormat,
};
use hookyard_schemes::{Freshness, Scheme, Secret};

use super::support::{reason, setup_error, verifier, verify};

fn recipe() -> Recipe {
    let whole = |header: &str| Field {
        header: header.into(),
        part: Part::Whole,
    };
    let minute = Duration::from_secs(60);
    let freshness = Freshness {
        past: minute,
        future: minute,
    };

    Recipe {
        hash: Hash::Sha512,
        encoding: Encoding::Base64,
        key: Encoding::Hex,
        signature: whole("X-Signature"),
        timestamp: Some(TimeField {
            field: whole("X-Time"),
            format: TimeFormat::UnixMillis,
            freshness,
        }),
        id: Some(whole("X-Id")),
        signed: "{id}:{timestamp}:{body}".into(),
    }
}

fn scheme(recipe: Recipe, secret: &str, tolerance: Option<Duration>) -> Scheme {
    Scheme::Hmac(Settings {
        recipe,
        secrets: vec![Secret::from(secret)],
        tolerance,
    })
}

fn signed(text: &str) -> String {
    BASE64_STANDARD.encode(aws::sign(
        &aws::Key::new(HMAC_SHA512, b"key"),
        text.as_bytes(),
    ))
}

#[test]
fn signed_id_and_time_are_verified() {
    let verifier = verifier(scheme(recipe(), "6b6579", None));
    let signature = signed("evt_1:1700000000000:{}");
    let headers = [
        ("X-Signature", signature.as_str()),
        ("X-Time", "1700000000000"),
        ("X-Id", "evt_1"),
    ];
    let verified = verify(&verifier, &headers, b"{}").expect("a right signature");

    assert_eq!(verified.id.as_deref(), Some("evt_1"));
    assert_eq!(
        reason(verify(&verifier, &headers[..2], b"{}")),
        "missing-header"
    );
    assert_eq!(
        reason(verify(
            &verifier,
            &[headers[0], headers[1], ("X-Id", "evt_2")],
            b"{}"
        )),
        "bad-signature"
    );
    assert_eq!(
        reason(verify(&verifier, &[headers, headers].concat(), b"{}")),
        "repeated-header"
    );
}

#[test]
fn source_may_widen_the_tolerance() {
    let signature = signed("evt_1:1699999900000:{}");
    let headers = [
        ("X-Signature", signature.as_str()),
        ("X-Time", "1699999900000"),
        ("X-Id", "evt_1"),
    ];
    let outcome = |tolerance| {
        reason(verify(
            &verifier(scheme(recipe(), "6b6579", tolerance)),
            &headers,
            b"{}",
        ))
    };

    assert_eq!(outcome(None), "stale-timestamp");
    assert_eq!(outcome(Some(Duration::from_secs(100))), "accepted");
}

#[test]
fn unsigned_id_is_optional() {
    let recipe = Recipe {
        timestamp: None,
        signed: "{body}".into(),
        ..recipe()
    };
    let verifier = verifier(scheme(recipe, "6b6579", None));
    let signature = signed("{}");
    let id = |headers: &[(&str, &str)]| {
        verify(&verifier, headers, b"{}")
            .expect("a right signature")
            .id
    };

    assert_eq!(id(&[("X-Signature", &signature)]), None);
    assert_eq!(
        id(&[("X-Signature", &signature), ("X-Id", "a")]),
        Some("a".into())
    );
    assert_eq!(
        reason(verify(
            &verifier,
            &[("X-Signature", &signature), ("X-Id", "")],
            b"{}"
        )),
        "malformed-header"
    );
}

#[test]
fn hexadecimal_must_be_lower_case() {
    let plain = Recipe {
        hash: Hash::Sha1,
        encoding: Encoding::Hex,
        key: Encoding::Utf8,
        timestamp: None,
        id: None,
        ..recipe()
    };
    let verifier = verifier(scheme(
        Recipe {
            signed: "{body}".into(),
            ..plain
        },
        "key",
        None,
    ));
    let tag = aws::sign(&aws::Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"key"), b"{}");
    let hex: String = tag
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();

    for (signature, expected) in [
        (hex.clone(), "accepted"),
        (hex.to_uppercase(), "bad-signature"),
        (format!("{hex}0"), "bad-signature"),
        (hex[..38].to_owned(), "bad-signature"),
        (String::new(), "bad-signature"),
    ] {
        assert_eq!(
            reason(verify(&verifier, &[("X-Signature", &signature)], b"{}")),
            expected,
            "{signature}"
        );
    }
}

#[test]
fn recipe_that_proves_nothing_is_refused() {
    let signed = |signed: &str| Recipe {
        signed: signed.into(),
        ..recipe()
    };
    let headerless = Field {
        header: "no header".into(),
        part: Part::Whole,
    };

    for (recipe, secret, expected) in [
        (signed("{timestamp}"), "00", "does not contain `{body}`"),
        (signed("{id}{body}"), "00", "unless `{timestamp}` is signed"),
        (
            signed("{timestamp}{body}{url}"),
            "00",
            "it can contain `{body}`",
        ),
        (signed("{timestamp}{body"), "00", "a `{` has no `}`"),
        (
            Recipe {
                id: None,
                ..recipe()
            },
            "00",
            "does not say where to find",
        ),
        (
            Recipe {
                encoding: Encoding::Utf8,
                ..recipe()
            },
            "00",
            "a signature consists of bytes",
        ),
        (
            Recipe {
                signature: headerless,
                ..recipe()
            },
            "00",
            "is not a header name",
        ),
        (recipe(), "", "a secret is empty"),
        (recipe(), "xyz", "it is not hexadecimal"),
    ] {
        let message = setup_error(scheme(recipe, secret, None)).to_string();
        assert!(message.contains(expected), "{message}");
    }
}
