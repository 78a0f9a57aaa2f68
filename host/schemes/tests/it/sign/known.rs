//! Signatures that others publish as examples.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hookyard_model::Timestamp;
use hookyard_schemes::SigningScheme;
use serde_json::{Value, json};

use super::keys;
use super::support::{always, message, signer, value};
use crate::recipes::github;
use hookyard_schemes::UnsignedMessage;

/// The example of the Standard Webhooks specification.
#[test]
fn standard_webhooks_matches_its_specification() {
    let secrets = always(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]);
    let signer = signer(SigningScheme::StandardWebhooks {
        secrets,
        keys: Vec::new(),
    });
    let now = Timestamp::from_unix_millis(1_614_265_330_999);
    let body = br#"{"test": 2432232314}"#;
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    let headers = signer
        .sign(&UnsignedMessage {
            id,
            body,
            now,
            event_type: None,
        })
        .expect("signed");

    assert_eq!(value(&headers, "webhook-id"), id);
    assert_eq!(value(&headers, "webhook-timestamp"), "1614265330");
    assert_eq!(
        value(&headers, "webhook-signature"),
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    );
}

/// The example of GitHub's page "Validating webhook deliveries".
#[test]
fn github_recipe_matches_its_documentation() {
    let secrets = always(&["It's a Secret to Everybody"]);
    let headers = signer(SigningScheme::Hmac {
        recipe: Box::new(github()),
        secrets,
    })
    .sign(&message(b"Hello, World!"));

    assert_eq!(
        value(&headers.expect("signed"), "x-hub-signature-256"),
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    );
}

/// RFC 7515, appendix F; RFC 7518, 3.4.
#[test]
fn jws_is_detached_and_names_its_key() {
    let key = keys::p256();
    let scheme = SigningScheme::DetachedJws {
        header: "X-Sig".into(),
        keys: always(&[&key.private.to_string()]),
        algorithm: None,
    };
    let headers = signer(scheme).sign(&message(b"{}")).expect("signed");
    let token = value(&headers, "x-sig");
    let (protected, signature) = token.split_once("..").expect("no payload");
    let header: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(protected).expect("base64"))
            .expect("JSON");

    assert_eq!(header, json!({ "alg": "ES256", "kid": "k1" }));
    assert_eq!(
        BASE64_URL_SAFE_NO_PAD
            .decode(signature)
            .expect("base64")
            .len(),
        64,
        "r and s, not DER"
    );
}
