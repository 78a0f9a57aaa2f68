//! Senders for people who write and run software.

use hookyard_testkit::http::Webhook;

use super::{hmac_hex, standard};
use crate::sender::{Key, Sender};
use crate::sign::Form;

/// The source also accepts the handshake that brings a secret.
const LEARNING: &str = "learning = true";

pub(super) const SENDERS: &[Sender] = &[
    Sender::new(
        "github",
        |delivery, secret| {
            let body = delivery.body();
            let signature = format!("sha256={}", hmac_hex(secret, &body));
            Webhook::json(body)
                .and("X-GitHub-Delivery", &delivery.id)
                .and("X-GitHub-Event", &delivery.kind)
                .and("X-Hub-Signature-256", &signature)
        },
        Key::Id,
    ),
    Sender {
        form: Form::StandardWebhooks,
        ..Sender::new(
            "gitlab",
            |delivery, secret| {
                standard("webhook", delivery, secret).and("Idempotency-Key", &delivery.id)
            },
            Key::Id,
        )
    },
    Sender::new(
        "bitbucket",
        |delivery, secret| {
            let body = delivery.body();
            let signature = format!("sha256={}", hmac_hex(secret, &body));
            Webhook::json(body)
                .and("X-Request-UUID", &delivery.id)
                .and("X-Event-Key", &delivery.kind)
                .and("X-Hub-Signature", &signature)
        },
        Key::Id,
    ),
    Sender::new(
        "jira",
        |delivery, secret| {
            let body = delivery.body();
            let signature = format!("sha256={}", hmac_hex(secret, &body));
            Webhook::json(body)
                .and("X-Atlassian-Webhook-Identifier", &delivery.id)
                .and("X-Hub-Signature", &signature)
        },
        Key::Id,
    ),
    Sender::new(
        "linear",
        |delivery, secret| {
            let body = delivery.body_with("/webhookTimestamp", delivery.time * 1000);
            let signature = hmac_hex(secret, &body);
            Webhook::json(body)
                .and("Linear-Delivery", &delivery.id)
                .and("Linear-Signature", &signature)
        },
        Key::Id,
    ),
    Sender {
        more: LEARNING,
        ..Sender::new(
            "notion",
            |delivery, secret| {
                let body = delivery.body();
                let signature = format!("sha256={}", hmac_hex(secret, &body));
                Webhook::json(body).and("X-Notion-Signature", &signature)
            },
            Key::Json("/id"),
        )
    },
    Sender {
        more: LEARNING,
        ..Sender::new(
            "asana",
            |delivery, secret| {
                let body = delivery.body();
                let signature = hmac_hex(secret, &body);
                Webhook::json(body).and("X-Hook-Signature", &signature)
            },
            Key::Digest,
        )
    },
    Sender::new(
        "sentry",
        |delivery, secret| {
            let body = delivery.body();
            let signature = hmac_hex(secret, &body);
            let resource = delivery.kind.split('.').next().unwrap_or_default();
            Webhook::json(body)
                .and("Request-ID", &delivery.id)
                .and("Sentry-Hook-Resource", resource)
                .and("Sentry-Hook-Signature", &signature)
        },
        Key::Id,
    ),
    Sender::new(
        "pagerduty",
        |delivery, secret| {
            let body = delivery.body();
            // Two secrets are active, as during a rotation.
            let signature = format!("v1={:064},v1={}", 0, hmac_hex(secret, &body));
            Webhook::json(body).and("X-PagerDuty-Signature", &signature)
        },
        Key::Json("/event/id"),
    ),
    Sender {
        form: Form::StandardWebhooks,
        ..Sender::new(
            "openai",
            |delivery, secret| standard("webhook", delivery, secret),
            Key::Id,
        )
    },
];
