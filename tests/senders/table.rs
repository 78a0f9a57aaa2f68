//! The table of senders. The rules are those of the pages that `docs/senders` names.

mod business;
mod cloud;
mod code;
mod messages;
mod payments;

use hookyard_testkit::http::Webhook;

use crate::delivery::Delivery;
use crate::sender::Sender;
use crate::sign::{Secret, base64, hex, hmac_sha256, sha256_hex};

/// Returns all senders with a page.
pub(crate) fn senders() -> impl Iterator<Item = &'static Sender> {
    let all: [&[Sender]; 5] = [
        code::SENDERS,
        payments::SENDERS,
        messages::SENDERS,
        business::SENDERS,
        cloud::SENDERS,
    ];
    all.into_iter().flatten()
}

/// HMAC-SHA256 in hex, with the text of the secret as the key.
fn hmac_hex(secret: &Secret, text: &[u8]) -> String {
    hex(&hmac_sha256(secret.text().as_bytes(), text))
}

/// HMAC-SHA256 in base64, with the text of the secret as the key.
fn hmac_base64(secret: &Secret, text: &[u8]) -> String {
    base64(&hmac_sha256(secret.text().as_bytes(), text))
}

/// A text before a body.
fn before(text: &str, body: &[u8]) -> Vec<u8> {
    [text.as_bytes(), body].concat()
}

/// The id at a place of the body, or the digest of a body without an id.
fn id_or_digest(delivery: &Delivery<'_>, pointer: &str) -> String {
    match delivery.json(pointer) {
        id if !id.is_empty() => id,
        _ => sha256_hex(&delivery.body()),
    }
}

/// As Meta and WhatsApp sign.
fn meta(delivery: &Delivery<'_>, secret: &Secret) -> Webhook {
    let body = delivery.body();
    let signature = format!("sha256={}", hmac_hex(secret, &body));
    Webhook::json(body).and("X-Hub-Signature-256", &signature)
}

/// As Standard Webhooks sign, by the published library, with these names of headers.
fn standard(prefix: &str, delivery: &Delivery<'_>, secret: &Secret) -> Webhook {
    let body = delivery.body();
    let signer = standardwebhooks::Webhook::new(secret.text()).expect("the secret is base64");
    let signature = signer
        .sign(&delivery.id, delivery.time, &body)
        .expect("the sample is UTF-8");
    Webhook::json(body)
        .and(&format!("{prefix}-id"), &delivery.id)
        .and(&format!("{prefix}-timestamp"), &delivery.time.to_string())
        .and(&format!("{prefix}-signature"), &signature)
}

/// As Svix signs.
fn svix(delivery: &Delivery<'_>, secret: &Secret) -> Webhook {
    standard("svix", delivery, secret)
}
