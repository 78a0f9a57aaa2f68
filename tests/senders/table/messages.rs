//! Senders of messages, mail and calls.

use std::collections::BTreeMap;

use hookyard_testkit::http::Webhook;

use super::{before, hmac_base64, hmac_hex, id_or_digest, meta, svix};
use crate::delivery::Delivery;
use crate::sender::{Forgery, Key, Sender};
use crate::sign::{Form, Secret, base64, hex, hmac_sha1};

pub(super) const SENDERS: &[Sender] = &[
    Sender {
        types: &[("command", "/shelf")],
        ..Sender::new("slack", slack, Key::Text(slack_key))
    },
    Sender::new("twilio", twilio, Key::Id),
    Sender::new(
        "zoom",
        |delivery, secret| {
            let (body, time) = (delivery.body(), delivery.time);
            let signature = hmac_hex(secret, &before(&format!("v0:{time}:"), &body));
            Webhook::json(body)
                .and("x-zm-request-timestamp", &time.to_string())
                .and("x-zm-signature", &format!("v0={signature}"))
        },
        Key::Text(|delivery| {
            format!(
                "{}:{}",
                delivery.kind,
                crate::sign::sha256_hex(&delivery.body())
            )
        }),
    ),
    Sender::new(
        "meta",
        meta,
        Key::Text(|delivery| {
            format!(
                "{}:{}",
                delivery.json("/object"),
                crate::sign::sha256_hex(&delivery.body())
            )
        }),
    ),
    Sender::new("whatsapp", meta, Key::Digest),
    Sender::new(
        "x",
        |delivery, secret| {
            let body = delivery.body();
            let signature = format!("sha256={}", hmac_base64(secret, &body));
            Webhook::json(body).and("x-twitter-webhooks-signature", &signature)
        },
        Key::Text(|delivery| id_or_digest(delivery, "/data/event_uuid")),
    ),
    Sender::unsigned(
        "telegram",
        |delivery, secret| {
            Webhook::json(delivery.body()).and("X-Telegram-Bot-Api-Secret-Token", secret.text())
        },
        Key::Json("/update_id"),
    ),
    Sender {
        form: Form::Ed25519,
        answer: 204,
        ..Sender::new(
            "discord",
            discord,
            Key::Text(|delivery| id_or_digest(delivery, "/id")),
        )
    },
    Sender {
        forgery: Some((Forgery::Field("/signature/token"), "bad-signature")),
        ..Sender::new("mailgun", mailgun, Key::Json("/signature/token"))
    },
    Sender {
        form: Form::P256,
        types: &[("failures", "events"), ("complaints", "events")],
        ..Sender::new(
            "sendgrid",
            |delivery, secret| {
                let (body, time) = (delivery.body(), delivery.time.to_string());
                let signature = base64(&secret.sign_der(&before(&time, &body)));
                Webhook::json(body)
                    .and("X-Twilio-Email-Event-Webhook-Timestamp", &time)
                    .and("X-Twilio-Email-Event-Webhook-Signature", &signature)
            },
            Key::Digest,
        )
    },
    Sender {
        form: Form::StandardWebhooks,
        ..Sender::new("resend", svix, Key::Id)
    },
];

fn slack(delivery: &Delivery<'_>, secret: &Secret) -> Webhook {
    let (body, time) = (delivery.body(), delivery.time);
    let signature = hmac_hex(secret, &before(&format!("v0:{time}:"), &body));
    Webhook::json(body)
        .with("content-type", delivery.content_type())
        .and("X-Slack-Request-Timestamp", &time.to_string())
        .and("X-Slack-Signature", &format!("v0={signature}"))
}

fn slack_key(delivery: &Delivery<'_>) -> String {
    match delivery.form().get("trigger_id") {
        Some(id) => id.clone(),
        None => delivery.json("/event_id"),
    }
}

/// The URL and the fields of the form, sorted by name, each name before its value.
fn twilio(delivery: &Delivery<'_>, secret: &Secret) -> Webhook {
    let fields: BTreeMap<String, String> = delivery.form();
    let pairs: String = fields
        .iter()
        .flat_map(|(name, value)| [name.as_str(), value])
        .collect();
    let text = format!("{}{pairs}", delivery.url());
    let signature = base64(&hmac_sha1(secret.text().as_bytes(), text.as_bytes()));
    Webhook::json(delivery.body())
        .with("content-type", delivery.content_type())
        .and("I-Twilio-Idempotency-Token", &delivery.id)
        .and("X-Twilio-Signature", &signature)
}

fn discord(delivery: &Delivery<'_>, secret: &Secret) -> Webhook {
    let (body, time) = (delivery.body(), delivery.time.to_string());
    let signature = hex(&secret.sign(&before(&time, &body)));
    Webhook::json(body)
        .and("X-Signature-Timestamp", &time)
        .and("X-Signature-Ed25519", &signature)
}

/// The time and the token are signed, and no byte of the event.
fn mailgun(delivery: &Delivery<'_>, secret: &Secret) -> Webhook {
    let (time, token) = (delivery.time.to_string(), delivery.json("/signature/token"));
    let signature = hmac_hex(secret, format!("{time}{token}").as_bytes());
    let mut event = delivery.sample.json();
    event["signature"]["timestamp"] = time.into();
    event["signature"]["signature"] = signature.into();
    Webhook::json(event.to_string())
}
