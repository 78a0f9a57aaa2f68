//! Senders for customers, documents, calendars and accounts.

use hookyard_testkit::http::Webhook;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{before, hmac_base64, hmac_hex, id_or_digest, svix};
use crate::delivery::Delivery;
use crate::sender::{Key, Sender};
use crate::sign::{Form, Secret, hex, hmac_sha1};

pub(super) const SENDERS: &[Sender] = &[
    Sender::new("zendesk", zendesk, Key::Id),
    Sender::new(
        "intercom",
        |delivery, secret| {
            let body = delivery.body();
            let tag = hmac_sha1(secret.text().as_bytes(), &body);
            Webhook::json(body).and("X-Hub-Signature", &format!("sha1={}", hex(&tag)))
        },
        Key::Text(|delivery| id_or_digest(delivery, "/id")),
    ),
    Sender {
        types: &[
            ("deals", "events"),
            ("associations", "events"),
            ("merge", "events"),
        ],
        ..Sender::new("hubspot", hubspot, Key::Digest)
    },
    Sender::new(
        "docusign",
        |delivery, secret| {
            let body = delivery.body();
            let signature = hmac_base64(secret, &body);
            Webhook::json(body)
                .and("X-DocuSign-Signature-1", &signature)
                .and("X-DocuSign-Signature-2", "AAAA")
        },
        Key::Text(docusign_key),
    ),
    Sender::new(
        "calendly",
        |delivery, secret| {
            let (body, time) = (delivery.body(), delivery.time);
            let signature = hmac_hex(secret, &before(&format!("{time}."), &body));
            let header = format!("t={time},v1={signature}");
            Webhook::json(body).and("Calendly-Webhook-Signature", &header)
        },
        Key::Text(|delivery| {
            format!(
                "{}:{}:{}",
                delivery.json("/payload/uri"),
                delivery.json("/event"),
                delivery.json("/created_at")
            )
        }),
    ),
    Sender::new(
        "dropbox",
        |delivery, secret| {
            let body = delivery.body();
            let signature = hmac_hex(secret, &body);
            Webhook::json(body).and("X-Dropbox-Signature", &signature)
        },
        Key::None,
    ),
    Sender {
        form: Form::StandardWebhooks,
        ..Sender::new("clerk", svix, Key::Id)
    },
    Sender::unsigned(
        "okta",
        |delivery, secret| Webhook::json(delivery.body()).and("Authorization", secret.text()),
        Key::Json("/eventId"),
    ),
];

fn zendesk(delivery: &Delivery<'_>, secret: &Secret) -> Webhook {
    let time = OffsetDateTime::from_unix_timestamp(delivery.time).expect("a time");
    let time = time.format(&Rfc3339).expect("a time");
    let body = delivery.body();
    let signature = hmac_base64(secret, &before(&time, &body));
    Webhook::json(body)
        .and("X-Zendesk-Webhook-Invocation-Id", &delivery.id)
        .and("X-Zendesk-Webhook-Signature-Timestamp", &time)
        .and("X-Zendesk-Webhook-Signature", &signature)
}

/// The method, the URL, the body and the time in milliseconds.
fn hubspot(delivery: &Delivery<'_>, secret: &Secret) -> Webhook {
    let (body, time) = (delivery.body(), (delivery.time * 1000).to_string());
    let text = [b"POST", delivery.url().as_bytes(), &body, time.as_bytes()].concat();
    let signature = hmac_base64(secret, &text);
    Webhook::json(body)
        .and("X-HubSpot-Request-Timestamp", &time)
        .and("X-HubSpot-Signature-v3", &signature)
}

fn docusign_key(delivery: &Delivery<'_>) -> String {
    let recipient = delivery.json("/data/recipientId");
    let parts = [
        delivery.json("/data/envelopeId"),
        delivery.json("/event"),
        recipient,
        delivery.json("/generatedDateTime"),
    ];
    let present = parts.into_iter().filter(|part| !part.is_empty());
    present.collect::<Vec<_>>().join(":")
}
