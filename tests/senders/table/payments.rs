//! Senders of shops and payments.

use hookyard_testkit::http::Webhook;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{before, hmac_base64, hmac_hex};
use crate::delivery::Delivery;
use crate::sender::{Forgery, Key, Sender};
use crate::sign::{Form, Secret, base64, crc32, hmac_sha256, sha256_hex, unhex};
use crate::stand_in;

/// The item of a standard webhook of Adyen.
const ITEM: &str = "/notificationItems/0/NotificationRequestItem";

pub(super) const SENDERS: &[Sender] = &[
    Sender::new(
        "stripe",
        |delivery, secret| {
            let (body, time) = (delivery.body(), delivery.time);
            let signature = hmac_hex(secret, &before(&format!("{time}."), &body));
            Webhook::json(body).and("Stripe-Signature", &format!("t={time},v1={signature}"))
        },
        Key::Json("/id"),
    ),
    Sender::new(
        "shopify",
        |delivery, secret| {
            let body = delivery.body();
            let signature = hmac_base64(secret, &body);
            Webhook::json(body)
                .and("X-Shopify-Webhook-Id", &delivery.id)
                .and("X-Shopify-Topic", &delivery.kind)
                .and("X-Shopify-Hmac-Sha256", &signature)
        },
        Key::Id,
    ),
    Sender::new(
        "square",
        |delivery, secret| {
            let body = delivery.body();
            let signature = hmac_base64(secret, &before(&delivery.url(), &body));
            Webhook::json(body).and("x-square-hmacsha256-signature", &signature)
        },
        Key::Json("/event_id"),
    ),
    Sender::new(
        "paddle",
        |delivery, secret| {
            let (body, time) = (delivery.body(), delivery.time);
            let signature = hmac_hex(secret, &before(&format!("{time}:"), &body));
            Webhook::json(body).and("Paddle-Signature", &format!("ts={time};h1={signature}"))
        },
        Key::Json("/event_id"),
    ),
    Sender {
        forgery: Some((
            Forgery::Field("/notificationItems/0/NotificationRequestItem/merchantReference"),
            "bad-signature",
        )),
        ..Sender::new(
            "adyen",
            adyen,
            Key::Text(|delivery| {
                let field = |name: &str| delivery.json(&format!("{ITEM}/{name}"));
                format!(
                    "{}:{}:{}",
                    field("pspReference"),
                    field("eventCode"),
                    field("success")
                )
            }),
        )
    },
    Sender::new(
        "adyen-platform",
        |delivery, secret| {
            let body = delivery.body();
            let signature = base64(&hmac_sha256(&unhex(secret.text()), &body));
            Webhook::json(body).and("HmacSignature", &signature)
        },
        Key::Digest,
    ),
    Sender {
        form: Form::RsaCertificate,
        more: "certificate_url = \"{stand-in}\"\ntrust = \"root.pem\"",
        ..Sender::new("paypal", paypal, Key::Json("/id"))
    },
    Sender {
        form: Form::P256Jwk,
        more: "keys = [{ env = \"PLAID_KEYS\" }]",
        forgery: Some((Forgery::Body, "wrong-digest")),
        ..Sender::new(
            "plaid",
            |delivery, secret| {
                let body = delivery.body();
                let claims =
                    json!({ "iat": delivery.time, "request_body_sha256": sha256_hex(&body) });
                Webhook::json(body).and("Plaid-Verification", &secret.jwt(&claims))
            },
            Key::None,
        )
    },
];

/// The checksum of the body is signed, with the id of the webhook from the page.
fn paypal(delivery: &Delivery<'_>, secret: &Secret) -> Webhook {
    let (body, id) = (delivery.body(), &delivery.id);
    let time = OffsetDateTime::from_unix_timestamp(delivery.time).expect("a time");
    let time = time.format(&Rfc3339).expect("a time");
    let text = format!("{id}|{time}|8PT597110X687430LKGECATA|{}", crc32(&body));
    Webhook::json(body)
        .and("PAYPAL-TRANSMISSION-ID", id)
        .and("PAYPAL-TRANSMISSION-TIME", &time)
        .and("PAYPAL-CERT-URL", &stand_in::certificate_url())
        .and("PAYPAL-AUTH-ALGO", "SHA256withRSA")
        .and(
            "PAYPAL-TRANSMISSION-SIG",
            &base64(&secret.sign(text.as_bytes())),
        )
}

/// The signature covers eight fields of the item, and is a ninth.
fn adyen(delivery: &Delivery<'_>, secret: &Secret) -> Webhook {
    let fields = [
        "pspReference",
        "originalReference",
        "merchantAccountCode",
        "merchantReference",
        "amount/value",
        "amount/currency",
        "eventCode",
        "success",
    ];
    let values = fields.map(|name| delivery.json(&format!("{ITEM}/{name}")));
    let tag = hmac_sha256(&unhex(secret.text()), values.join(":").as_bytes());
    let place = format!("{ITEM}/additionalData/hmacSignature");
    Webhook::json(delivery.body_with(&place, base64(&tag)))
}
