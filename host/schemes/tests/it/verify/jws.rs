use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL;
use hookyard_schemes::{Scheme, Secret, jws};
use serde_json::{Value, json};

use super::signers::{Signer, ec, ed25519, rsa};
use super::support::{reason, setup_error, verifier, verify};

const BODY: &[u8] = br#"{"id":"1","exp":1}"#;

impl Signer {
    fn token(&self, protected: &str, body: &[u8]) -> String {
        let protected = URL.encode(protected);
        let signature = (self.sign)(format!("{protected}.{}", URL.encode(body)).as_bytes());
        format!("{protected}..{}", URL.encode(signature))
    }

    fn unencoded_token(&self, protected: &str, body: &[u8]) -> String {
        let protected = URL.encode(protected);
        let signature = (self.sign)(&[protected.as_bytes(), b".", body].concat());
        format!("{protected}..{}", URL.encode(signature))
    }
}

fn settings(keys: &[Value]) -> jws::Settings {
    let keys = keys
        .iter()
        .map(|key| Secret::from(key.to_string()))
        .collect();

    jws::Settings {
        header: "X-Signature".into(),
        keys,
        algorithm: None,
        unencoded_payload: false,
    }
}

fn outcome(settings: &jws::Settings, token: &str) -> &'static str {
    let verifier = verifier(Scheme::DetachedJws(settings.clone()));
    reason(verify(&verifier, &[("X-Signature", token)], BODY))
}

#[test]
fn key_verifies_only_its_algorithm() {
    let table = [
        ("ES256", ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256")),
        ("ES384", ec(&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384")),
        ("EdDSA", ed25519()),
        ("RS256", rsa(&RSA_PKCS1_SHA256)),
        ("PS256", rsa(&RSA_PSS_SHA256)),
    ];

    for (alg, signer) in &table {
        let settings = settings(&[signer.jwk_with("alg", alg)]);
        for (claimed, _) in &table {
            let token = signer.token(&json!({ "alg": claimed }).to_string(), BODY);
            let expected = if claimed == alg {
                "accepted"
            } else {
                "wrong-algorithm"
            };
            assert_eq!(
                outcome(&settings, &token),
                expected,
                "{claimed} with a key for {alg}"
            );
        }
        let token = signer.token(&json!({ "alg": alg }).to_string(), b"other");
        assert_eq!(outcome(&settings, &token), "bad-signature", "{alg}");
    }
}

#[test]
fn pss_key_refuses_pkcs1_signature() {
    let signer = rsa(&RSA_PKCS1_SHA256);
    let token = signer.token(r#"{"alg":"PS256"}"#, BODY);
    assert_eq!(
        outcome(&settings(&[signer.jwk_with("alg", "PS256")]), &token),
        "bad-signature"
    );
}

#[test]
fn curve_determines_the_algorithm() {
    let (curve, edwards) = (ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"), ed25519());
    let settings = settings(&[curve.jwk.clone(), edwards.jwk.clone()]);

    assert_eq!(
        outcome(&settings, &curve.token(r#"{"alg":"ES256"}"#, BODY)),
        "accepted"
    );
    assert_eq!(
        outcome(&settings, &edwards.token(r#"{"alg":"EdDSA"}"#, BODY)),
        "accepted"
    );
    assert_eq!(
        outcome(&settings, &edwards.token(r#"{"alg":"Ed25519"}"#, BODY)),
        "accepted"
    );
}

#[test]
fn kid_selects_among_live_keys() {
    let (old, new) = (
        ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
        ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
    );
    let set = json!({ "keys": [old.jwk_with("kid", "old"), new.jwk_with("kid", "new")] });
    let settings = settings(&[set]);

    for (signer, protected, expected) in [
        (&old, r#"{"alg":"ES256"}"#, "accepted"),
        (&new, r#"{"alg":"ES256","kid":"new"}"#, "accepted"),
        (&new, r#"{"alg":"ES256","kid":"old"}"#, "bad-signature"),
        (&new, r#"{"alg":"ES256","kid":"none"}"#, "unknown-key"),
        (&new, r#"{"alg":"ES256","kid":7}"#, "malformed-header"),
    ] {
        assert_eq!(
            outcome(&settings, &signer.token(protected, BODY)),
            expected,
            "{protected}"
        );
    }
}

#[test]
fn protected_header_is_parsed_strictly() {
    let signer = ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256");
    let closed = settings(std::slice::from_ref(&signer.jwk));
    let open = jws::Settings {
        unencoded_payload: true,
        ..closed.clone()
    };

    for (protected, when_closed, when_open) in [
        (r#"{"alg":"ES256"}"#, "accepted", "accepted"),
        (
            r#"{"alg":"ES256","alg":"ES256"}"#,
            "malformed-header",
            "malformed-header",
        ),
        (
            r#"{"alg":"ES256","x":{"deep":[1]}}"#,
            "accepted",
            "accepted",
        ),
        (
            r#"{"alg":"ES256","crit":[]}"#,
            "malformed-header",
            "malformed-header",
        ),
        (
            r#"{"alg":"ES256","crit":"b64"}"#,
            "malformed-header",
            "malformed-header",
        ),
        (
            r#"{"alg":"ES256","crit":["exp"],"exp":1}"#,
            "unknown-extension",
            "unknown-extension",
        ),
        (
            r#"{"alg":"ES256","crit":["b64"]}"#,
            "unknown-extension",
            "malformed-header",
        ),
        (
            r#"{"alg":"ES256","crit":["b64","b64"],"b64":true}"#,
            "unknown-extension",
            "malformed-header",
        ),
        (
            r#"{"alg":"ES256","crit":["b64"],"b64":true}"#,
            "unknown-extension",
            "accepted",
        ),
        (
            r#"{"alg":"ES256","b64":false}"#,
            "malformed-header",
            "malformed-header",
        ),
        (
            r#"{"alg":"ES256","b64":true}"#,
            "malformed-header",
            "malformed-header",
        ),
        (
            r#"{"alg":"ES256","crit":["b64"],"b64":"false"}"#,
            "unknown-extension",
            "malformed-header",
        ),
        (r#"["ES256"]"#, "malformed-header", "malformed-header"),
        ("", "malformed-header", "malformed-header"),
    ] {
        let token = signer.token(protected, BODY);
        assert_eq!(outcome(&closed, &token), when_closed, "{protected}");
        assert_eq!(outcome(&open, &token), when_open, "{protected}");
    }
    let unencoded = signer.unencoded_token(r#"{"alg":"ES256","b64":false,"crit":["b64"]}"#, BODY);

    assert_eq!(outcome(&closed, &unencoded), "unknown-extension");
    assert_eq!(outcome(&open, &unencoded), "accepted");
}

#[test]
fn jws_token_must_be_canonical() {
    let signer = ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256");
    let settings = settings(std::slice::from_ref(&signer.jwk));
    let token = signer.token(r#"{"alg":"ES256"}"#, BODY);

    assert_eq!(outcome(&settings, &token), "accepted");
    assert_eq!(outcome(&settings, &format!("{token}=")), "bad-signature");
    assert_eq!(outcome(&settings, &format!("{token} ")), "bad-signature");
    assert_eq!(outcome(&settings, &format!(" {token}")), "malformed-header");
    assert_eq!(
        outcome(&settings, &token.replace("..", ".e30.")),
        "malformed-header"
    );
    assert_eq!(
        outcome(&settings, &token.replace("..", ".")),
        "malformed-header"
    );
}

#[test]
fn unusable_keys_are_refused() {
    let good = ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256");
    let off_curve = good.jwk_with("x", &URL.encode([1; 32]));
    let small = json!({"kty": "RSA", "n": URL.encode([0xff; 128]), "e": "AQAB", "alg": "RS256"});
    let large = json!({"kty": "RSA", "n": URL.encode([0xff; 256]), "e": "AQAB"});

    for (keys, expected) in [
        (vec![], "no JSON Web Key is given"),
        (vec![json!({ "keys": [] })], "it is a set without keys"),
        (
            vec![good.jwk_with("alg", "RS256")],
            "cannot be used with RS256",
        ),
        (
            vec![good.jwk_with("alg", "none")],
            "its `alg`, none, is not supported",
        ),
        (vec![good.jwk_with("d", "AAAA")], "it is a private key"),
        (vec![good.jwk_with("use", "enc")], "its `use` is not `sig`"),
        (
            vec![good.jwk_with("crv", "P-384")],
            "not a point on its curve",
        ),
        (vec![off_curve], "not a point on its curve"),
        (vec![small], "2048 to 8192 bits"),
        (vec![large], "it has no `alg`"),
        (
            vec![json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"})],
            "not an Ed25519 key",
        ),
        (
            vec![json!({"kty": "oct", "k": "", "alg": "HS256"})],
            "is empty",
        ),
        (vec![json!({"kty": "strange"})], "is not supported"),
        (vec![json!("text")], "it has no `kty`"),
    ] {
        let message = setup_error(Scheme::DetachedJws(settings(&keys))).to_string();
        assert!(message.contains(expected), "{message}");
    }
    let disagreeing = jws::Settings {
        algorithm: Some("RS256".into()),
        ..settings(&[good.jwk_with("alg", "ES256")])
    };
    assert!(
        setup_error(Scheme::DetachedJws(disagreeing))
            .to_string()
            .contains("make them agree")
    );
    let unknown = jws::Settings {
        algorithm: Some("none".into()),
        ..settings(std::slice::from_ref(&good.jwk))
    };

    assert!(
        setup_error(Scheme::DetachedJws(unknown))
            .to_string()
            .contains("there is no algorithm `none`")
    );
}

#[test]
fn unusable_keys_of_set_are_skipped() {
    let good = ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256");
    let curve = |kty: &str, crv: &str| json!({"kty": kty, "crv": crv, "x": URL.encode([1; 32]), "kid": crv});
    let mut others = vec![
        (
            json!({"kty": "RSA", "alg": "RSA-OAEP", "kid": "enc", "n": "AQAB", "e": "AQAB"}),
            "`alg`, RSA-OAEP, is not",
        ),
        (
            curve("OKP", "X25519"),
            "its curve, X25519, is not supported",
        ),
        (curve("EC", "P-521"), "its curve, P-521, is not supported"),
        (
            curve("EC", "secp256k1"),
            "its curve, secp256k1, is not supported",
        ),
        (
            json!({"kty": "AKP", "pub": "AAAA"}),
            "its `kty`, AKP, is not supported",
        ),
        (good.jwk_with("use", "enc"), "its `use` is not `sig`"),
        (good.jwk_with("x", "!"), "base64url"),
        (json!("text"), "it has no `kty`"),
    ];
    let mut encrypting = good.jwk.clone();
    encrypting["key_ops"] = json!(["encrypt"]);
    others.push((encrypting, "its `key_ops` do not include `verify`"));

    let mut members: Vec<_> = others.iter().map(|(key, _)| key.clone()).collect();
    let only_unusable = json!({ "keys": members }).to_string();
    members.push(good.jwk.clone());
    let mixed = json!({ "keys": members });

    let skipped = jws::skipped_keys(mixed.to_string().as_bytes(), None).expect("one key is good");
    assert_eq!(skipped.len(), others.len(), "{skipped:?}");
    for (skipped, (_, expected)) in skipped.iter().zip(&others) {
        assert!(
            skipped.why.contains(expected),
            "{skipped}, and not {expected}"
        );
    }
    assert_eq!(
        (skipped[0].name.as_str(), skipped[4].name.as_str()),
        ("\"enc\"", "5"),
        "the `kid`, or else the place"
    );

    let token = good.token(r#"{"alg":"ES256"}"#, BODY);
    assert_eq!(outcome(&settings(&[mixed]), &token), "accepted");

    let refused = jws::skipped_keys(only_unusable.as_bytes(), None)
        .expect_err("no key is good")
        .to_string();
    for (_, expected) in &others {
        assert!(
            refused.contains(expected),
            "nothing of {expected}: {refused}"
        );
    }
}
