//! The requests: the sender's rules are in the libraries, and what the host must make of the
//! requests is here.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hookyard_testkit::http::Webhook;
use hookyard_testkit::jws::Keys;
use hookyard_testkit::samples;
use hookyard_testkit::sign::{now, random, sha256};
use serde_json::json;

use super::case::{Case, Key, Shared, form, hex, sample};
use super::change::Change::{Body, Claims, First, Last, Query};

/// Returns all requests.
pub(super) fn cases() -> Result<Vec<Case>> {
    let groups = [
        standard_webhooks()?,
        secrets()?,
        slack()?,
        twilio()?,
        discord()?,
        tokens()?,
        messages()?,
    ];
    Ok(groups.into_iter().flatten().collect())
}

/// Standard Webhooks, and Svix.
fn standard_webhooks() -> Result<Vec<Case>> {
    Ok(vec![
        Case {
            name: "clerk",
            provider: "clerk",
            signer: "svix",
            shared: standard_secret(),
            webhook: sample("clerk", "user-created")?,
            kind: "user.created",
            key: Key::Id,
            changes: &[
                (Body, "bad-signature"),
                (Last("svix-id", ""), "bad-signature"),
                (Last("svix-timestamp", ""), "bad-signature"),
                (First("svix-signature", "v1,"), "bad-signature"),
            ],
            ..Case::default()
        },
        Case {
            name: "openai",
            provider: "openai",
            signer: "standardwebhooks",
            shared: standard_secret(),
            webhook: sample("openai", "batch-completed")?,
            kind: "batch.completed",
            key: Key::Id,
            changes: &[
                (Body, "bad-signature"),
                (Last("webhook-id", ""), "bad-signature"),
                (Last("webhook-timestamp", ""), "bad-signature"),
                (First("webhook-signature", "v1,"), "bad-signature"),
            ],
            ..Case::default()
        },
    ])
}

/// Senders that sign JSON with a secret text.
fn secrets() -> Result<Vec<Case>> {
    Ok(vec![
        Case {
            name: "stripe",
            provider: "stripe",
            signer: "stripe",
            webhook: sample("stripe", "customer-created")?,
            kind: "customer.created",
            key: Key::Text("evt_1RExampleHooky05"),
            changes: &[
                (Body, "bad-signature"),
                (Last("stripe-signature", "t="), "bad-signature"),
                (First("stripe-signature", "v1="), "bad-signature"),
                (Last("stripe-signature", "v1="), "bad-signature"),
            ],
            ..Case::default()
        },
        Case {
            name: "github",
            provider: "github",
            signer: "octokit",
            webhook: sample("github", "push")?
                .and("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
                .and("X-GitHub-Event", "push"),
            kind: "push",
            key: Key::Text("72d3162e-cc78-11e3-81ab-4c9367dc0958"),
            changes: &[
                (Body, "bad-signature"),
                (First("x-hub-signature-256", "sha256="), "bad-signature"),
                (Last("x-hub-signature-256", "sha256="), "bad-signature"),
            ],
            ..Case::default()
        },
    ])
}

/// Events and commands of Slack.
fn slack() -> Result<Vec<Case>> {
    let case = || Case {
        provider: "slack",
        signer: "slack_sdk",
        judge: Some("slack"),
        changes: &[
            (Body, "bad-signature"),
            (Last("x-slack-request-timestamp", ""), "bad-signature"),
            (First("x-slack-signature", "v0="), "bad-signature"),
            (Last("x-slack-signature", "v0="), "bad-signature"),
        ],
        ..Case::default()
    };
    Ok(vec![
        Case {
            name: "slack",
            webhook: sample("slack", "app-mention")?,
            kind: "app_mention",
            key: Key::Text("Ev9UQ52Y01"),
            ..case()
        },
        Case {
            name: "slack-command",
            webhook: form(samples::one("slack", "command")?.body),
            kind: "/shelf",
            key: Key::Text("13345224609.738474920.8088930838d88f008e0"),
            ..case()
        },
    ])
}

/// Forms of Twilio, and a body in JSON, whose digest is in the URL.
fn twilio() -> Result<Vec<Case>> {
    let case = || Case {
        provider: "twilio",
        signer: "twilio",
        signs_url: true,
        key: Key::Digest,
        changes: &[
            (Body, "bad-signature"),
            (Query, "bad-signature"),
            (First("x-twilio-signature", ""), "bad-signature"),
        ],
        ..Case::default()
    };
    Ok(vec![
        Case {
            name: "twilio",
            webhook: form(samples::one("twilio", "message-received")?.body),
            order: json!({ "query": "?shop=7" }),
            kind: "message.received",
            ..case()
        },
        // The library sorts names and values, and repeats a name before each value.
        Case {
            name: "twilio-odd-fields",
            webhook: form(
                "MessageStatus=sent&b=2&a=&B=%C3%A9+%F0%9F%93%9A&b=1&b=2&Body=1%2B1%3D2%26&MessageSid=SM1",
            ),
            order: json!({ "query": "?shop=7%20a&b=%C3%A9" }),
            kind: "message.sent",
            ..case()
        },
        Case {
            name: "twilio-json",
            webhook: Webhook::json(r#"[{"type":"com.twilio.messaging.message.sent","id":"EZ1"}]"#),
            kind: "com.twilio.messaging.message.sent",
            changes: &[
                (Body, "wrong-digest"),
                (Query, "wrong-digest"),
                (First("x-twilio-signature", ""), "bad-signature"),
            ],
            ..case()
        },
    ])
}

/// Webhook events and interactions of Discord.
fn discord() -> Result<Vec<Case>> {
    let case = || -> Result<Case> {
        let keys = Keys::ed25519()?;
        let public = keys.public["x"].as_str().context("a public key")?;
        let public = hex(&URL_SAFE_NO_PAD.decode(public)?);
        Ok(Case {
            provider: "discord",
            signer: "tweetnacl",
            judge: Some("discord"),
            shared: Shared::Keys(keys, public),
            changes: &[
                (Body, "bad-signature"),
                (Last("x-signature-timestamp", ""), "bad-signature"),
                (First("x-signature-ed25519", ""), "bad-signature"),
                (Last("x-signature-ed25519", ""), "bad-signature"),
            ],
            ..Case::default()
        })
    };
    Ok(vec![
        Case {
            name: "discord",
            webhook: sample("discord", "entitlement-create")?,
            kind: "ENTITLEMENT_CREATE",
            key: Key::Digest,
            ..case()?
        },
        Case {
            name: "discord-interaction",
            webhook: sample("discord", "application-command")?,
            kind: "interaction.2",
            key: Key::Text("786700860000000001"),
            ..case()?
        },
    ])
}

/// Senders with JSON Web Signatures and JSON Web Tokens.
fn tokens() -> Result<Vec<Case>> {
    let topper = Case {
        name: "topper",
        provider: "topper",
        signer: "jose-detached",
        shared: jwk(Keys::es256()?),
        webhook: sample("topper", "user-created")?,
        order: json!({ "header": "x-topper-jws-signature", "alg": "ES256" }),
        kind: "user:created",
        key: Key::Text("7c9e6679-7425-40de-944b-e07fc1f90021"),
        changes: &[
            (Body, "bad-signature"),
            (First("x-topper-jws-signature", "."), "bad-signature"),
        ],
        ..Case::default()
    };
    Ok(vec![topper, pubsub()?, plaid()?])
}

/// Google signs a token, and not the body.
fn pubsub() -> Result<Case> {
    let claims = json!({
        "iss": "https://accounts.google.com",
        "aud": "https://hooks.example.com/acme/google-pubsub",
        "email": "push@example-books.iam.gserviceaccount.com", "email_verified": true,
        "iat": now(), "exp": now() + 3600,
    });
    Ok(Case {
        name: "google-pubsub",
        provider: "google-pubsub",
        signer: "jose-jwt",
        shared: jwk(Keys::rsa("RS256")?),
        lines: "audience = \"https://hooks.example.com/acme/google-pubsub\"\n\
                email = \"push@example-books.iam.gserviceaccount.com\"",
        webhook: sample("google-pubsub", "object-finalize")?,
        order: json!({ "header": "authorization", "prefix": "Bearer ", "alg": "RS256", "claims": claims }),
        kind: "OBJECT_FINALIZE",
        key: Key::Text("2070744328051001"),
        changes: &[
            (Claims("authorization", "Bearer "), "bad-signature"),
            (First("authorization", "."), "bad-signature"),
        ],
        ..Case::default()
    })
}

/// Plaid's token contains the digest of the body.
fn plaid() -> Result<Case> {
    let webhook = sample("plaid", "item-error")?;
    let claims = json!({ "iat": now(), "request_body_sha256": hex(&sha256(&webhook.body)) });
    Ok(Case {
        name: "plaid",
        provider: "plaid",
        signer: "jose-jwt",
        shared: jwk(Keys::es256()?),
        lines: "settings = { client_id = \"61c0e1f0a1b2c3d4e5f60718\" }",
        webhook,
        order: json!({ "header": "plaid-verification", "alg": "ES256", "claims": claims }),
        kind: "ITEM.ERROR",
        key: Key::New,
        changes: &[
            (Body, "wrong-digest"),
            (Claims("plaid-verification", ""), "wrong-digest"),
            (First("plaid-verification", "."), "bad-signature"),
        ],
        ..Case::default()
    })
}

/// HTTP message signatures of each algorithm, and of each component that requests have.
fn messages() -> Result<Vec<Case>> {
    let secret = Shared::Secret(STANDARD.encode(random::<32>()));
    let (p256, p384) = (jwk(Keys::es256()?), jwk(Keys::es384()?));
    let (pss, rsa) = (jwk(Keys::rsa("PS512")?), jwk(Keys::rsa("RS256")?));
    let components = [
        "@method",
        "@target-uri",
        "@authority",
        "@scheme",
        "@request-target",
        "@path",
        "@query",
        "@query-param;name=\"shop\"",
        "content-type",
        "content-digest",
    ];
    let mut all = message("message-all", "ed25519", jwk(Keys::ed25519()?));
    all.order["components"] = json!(components);
    Ok(vec![
        message("message-ed25519", "ed25519", jwk(Keys::ed25519()?)),
        message("message-p256", "ecdsa-p256-sha256", p256),
        message("message-p384", "ecdsa-p384-sha384", p384),
        message("message-pss", "rsa-pss-sha512", pss),
        message("message-rsa", "rsa-v1_5-sha256", rsa),
        Case {
            provider: "sealed-messages",
            ..message("message-hmac", "hmac-sha256", secret)
        },
        Case {
            changes: &[
                (Body, "wrong-digest"),
                (Query, "bad-signature"),
                (Last("content-type", "application/"), "bad-signature"),
                (First("signature", "sig=:"), "bad-signature"),
            ],
            ..all
        },
    ])
}

/// A message whose signature covers what a provider demands by default.
fn message(name: &'static str, algorithm: &str, shared: Shared) -> Case {
    Case {
        name,
        provider: "signed-messages",
        signer: "http-message-signatures",
        shared,
        signs_url: true,
        webhook: Webhook::json(r#"{"id":"message-1","type":"order.paid"}"#),
        order: json!({
            "alg": algorithm, "query": "?shop=7%20a", "components": ["@method", "@path", "content-digest"],
        }),
        kind: "order.paid",
        key: Key::Text("message-1"),
        changes: &[
            (Body, "wrong-digest"),
            (First("content-digest", "sha-256=:"), "wrong-digest"),
            (Last("signature-input", "created="), "bad-signature"),
            (First("signature", "sig=:"), "bad-signature"),
        ],
        ..Case::default()
    }
}

/// A key pair whose public key is configured as a JWK.
fn jwk(keys: Keys) -> Shared {
    let public = keys.public.to_string();
    Shared::Keys(keys, public)
}

/// A secret of Svix and Standard Webhooks.
fn standard_secret() -> Shared {
    Shared::Secret(format!("whsec_{}", STANDARD.encode(random::<24>())))
}
