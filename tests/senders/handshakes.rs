//! The handshakes: what a sender asks before it delivers, and the answer that it expects.

use hookyard_testkit::http::Webhook;
use http::Method;
use serde_json::{Value, json};

use crate::sign::{Secret, base64, hex, hmac_sha256};
use crate::yard::Source;

/// A question of a sender.
pub(crate) struct Handshake {
    /// The sender.
    pub(crate) sender: &'static str,
    /// What is asked, as the name of the test.
    pub(crate) name: &'static str,
    /// Makes the question.
    pub(crate) ask: fn(&Source) -> Question,
    /// The answer that the sender expects.
    pub(crate) expect: fn(&Source) -> Expected,
}

/// A request.
pub(crate) struct Question {
    pub(crate) method: Method,
    /// The query, with its question mark.
    pub(crate) query: String,
    pub(crate) webhook: Webhook,
}

/// An answer.
pub(crate) struct Expected {
    pub(crate) status: u16,
    /// The body; `None` if it does not matter.
    pub(crate) body: Option<Body>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// A body of an answer.
pub(crate) enum Body {
    /// This text, which a browser does not interpret.
    Text(String),
    /// This JSON.
    Json(Value),
}

/// Returns all handshakes.
pub(crate) fn all() -> &'static [Handshake] {
    HANDSHAKES
}

const HANDSHAKES: &[Handshake] = &[
    Handshake {
        sender: "slack",
        name: "url_verification_is_echoed",
        ask: |source| {
            source.signed(&json!({ "token": "t", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P", "type": "url_verification" }))
        },
        expect: |_| text("3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"),
    },
    Handshake {
        sender: "slack",
        name: "unsigned_url_verification_is_refused",
        ask: |_| post(&json!({ "challenge": "3eZbrw1aBm2rZgRN", "type": "url_verification" })),
        expect: |_| status(401),
    },
    Handshake {
        sender: "zoom",
        name: "plain_token_is_hashed",
        ask: |source| {
            source.signed(&json!({ "event": "endpoint.url_validation", "event_ts": 1, "payload": { "plainToken": "qgg8vlvZRS6UYooatFL8Aw" } }))
        },
        expect: |source| {
            json_of(json!({
                "plainToken": "qgg8vlvZRS6UYooatFL8Aw",
                "encryptedToken": hex(&tag(&source.secret, "qgg8vlvZRS6UYooatFL8Aw")),
            }))
        },
    },
    Handshake {
        sender: "zoom",
        name: "text_of_an_event_is_not_signed",
        ask: |source| {
            source.signed(&json!({ "event": "endpoint.url_validation", "payload": { "plainToken": "v0:1700000000:{\"event\":\"x\"}" } }))
        },
        expect: |_| status(400),
    },
    Handshake {
        sender: "meta",
        name: "challenge_is_echoed",
        ask: |source| {
            get(format!(
                "?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={}",
                source.word
            ))
        },
        expect: |_| text("1158201444"),
    },
    Handshake {
        sender: "meta",
        name: "wrong_word_is_refused",
        ask: |_| {
            get("?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=nope".to_owned())
        },
        expect: |_| status(403),
    },
    Handshake {
        sender: "whatsapp",
        name: "challenge_is_echoed",
        ask: |source| {
            get(format!(
                "?hub.mode=subscribe&hub.challenge=%3Cb%3E&hub.verify_token={}",
                source.word
            ))
        },
        expect: |_| text("<b>"),
    },
    Handshake {
        sender: "x",
        name: "crc_token_is_hashed",
        ask: |_| get("?crc_token=9b4507b3-9040-4669-9ca3-6b94edb50553".to_owned()),
        expect: |source| {
            json_of(json!({
                "response_token": format!("sha256={}", base64(&tag(&source.secret, "9b4507b3-9040-4669-9ca3-6b94edb50553"))),
            }))
        },
    },
    Handshake {
        sender: "x",
        name: "text_of_an_event_is_not_signed",
        ask: |_| get("?crc_token=%7B%22tweet_create_events%22%3A%5B%5D%7D".to_owned()),
        expect: |_| status(400),
    },
    Handshake {
        sender: "dropbox",
        name: "challenge_is_echoed",
        ask: |_| get("?challenge=abc-123".to_owned()),
        expect: |_| text("abc-123"),
    },
    Handshake {
        sender: "okta",
        name: "challenge_is_returned_as_json",
        ask: |source| Question {
            webhook: Webhook::default()
                .and(
                    "X-Okta-Verification-Challenge",
                    "Me_rShK8JHsTnbyYrWXCEoMGbM",
                )
                .and("Authorization", source.secret.text()),
            ..get(String::new())
        },
        expect: |_| json_of(json!({ "verification": "Me_rShK8JHsTnbyYrWXCEoMGbM" })),
    },
    Handshake {
        sender: "okta",
        name: "challenge_without_secret_is_refused",
        ask: |_| Question {
            webhook: Webhook::default().and("X-Okta-Verification-Challenge", "Me_rShK8JHsT"),
            ..get(String::new())
        },
        expect: |_| status(401),
    },
    Handshake {
        sender: "discord",
        name: "ping_of_events_is_answered_empty",
        ask: |source| source.signed(&json!({ "version": 1, "application_id": "1", "type": 0 })),
        expect: |_| status(204),
    },
    Handshake {
        sender: "discord",
        name: "ping_of_interactions_is_answered",
        ask: |source| {
            source.signed(
                &json!({ "id": "787053080478613555", "token": "t", "type": 1, "version": 1 }),
            )
        },
        expect: |_| json_of(json!({ "type": 1 })),
    },
    Handshake {
        sender: "microsoft-graph",
        name: "validation_token_is_echoed",
        ask: |_| Question {
            query: "?validationToken=Validation%3A+Testing+client%2B1".to_owned(),
            webhook: Webhook::default().and("content-type", "text/plain; charset=utf-8"),
            method: Method::POST,
        },
        expect: |_| text("Validation: Testing client+1"),
    },
    Handshake {
        sender: "azure-event-grid",
        name: "validation_code_is_returned",
        ask: |source| {
            Question {
            query: format!("?code={}", source.secret.text()),
            webhook: Webhook::json(
                json!([{ "id": "1", "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": { "validationCode": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6" } }]).to_string(),
            )
            .and("aeg-event-type", "SubscriptionValidation"),
            method: Method::POST,
        }
        },
        expect: |_| {
            json_of(json!({ "validationResponse": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6" }))
        },
    },
    Handshake {
        sender: "azure-event-grid",
        name: "origin_is_allowed",
        ask: |_| options("eventgrid.azure.net"),
        expect: |_| allowed("eventgrid.azure.net"),
    },
    Handshake {
        sender: "cloudevents",
        name: "origin_is_allowed",
        ask: |_| options("eventemitter.example.com"),
        expect: |_| allowed("eventemitter.example.com"),
    },
    Handshake {
        sender: "asana",
        name: "secret_is_returned",
        ask: |_| Question {
            webhook: Webhook::json("{}").and(
                "X-Hook-Secret",
                "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81",
            ),
            ..post(&Value::Null)
        },
        expect: |_| Expected {
            headers: vec![(
                "x-hook-secret",
                "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81".to_owned(),
            )],
            ..status(200)
        },
    },
    Handshake {
        sender: "notion",
        name: "verification_token_is_acknowledged",
        ask: |_| {
            post(
                &json!({ "verification_token": "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl" }),
            )
        },
        expect: |_| status(200),
    },
    Handshake {
        sender: "intercom",
        name: "head_is_answered",
        ask: |_| Question {
            method: Method::HEAD,
            ..get(String::new())
        },
        expect: |_| status(200),
    },
];

fn tag(secret: &Secret, text: &str) -> Vec<u8> {
    hmac_sha256(secret.text().as_bytes(), text.as_bytes())
}

fn get(query: String) -> Question {
    Question {
        method: Method::GET,
        query,
        webhook: Webhook::default(),
    }
}

fn post(body: &Value) -> Question {
    Question {
        method: Method::POST,
        query: String::new(),
        webhook: Webhook::json(body.to_string()),
    }
}

fn options(origin: &str) -> Question {
    Question {
        method: Method::OPTIONS,
        query: String::new(),
        webhook: Webhook::default()
            .and("WebHook-Request-Origin", origin)
            .and("WebHook-Request-Rate", "120"),
    }
}

fn status(status: u16) -> Expected {
    Expected {
        status,
        body: None,
        headers: Vec::new(),
    }
}

fn text(text: &str) -> Expected {
    Expected {
        body: Some(Body::Text(text.to_owned())),
        ..status(200)
    }
}

fn json_of(value: Value) -> Expected {
    Expected {
        body: Some(Body::Json(value)),
        ..status(200)
    }
}

fn allowed(origin: &str) -> Expected {
    Expected {
        headers: vec![("webhook-allowed-origin", origin.to_owned())],
        ..status(200)
    }
}
