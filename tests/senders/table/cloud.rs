//! Clouds.

use hookyard_testkit::http::Webhook;
use serde_json::json;

use crate::delivery::Delivery;
use crate::sender::{Key, Sender};
use crate::sign::{Form, Secret};

pub(super) const SENDERS: &[Sender] = &[
    Sender {
        answer: 202,
        ..Sender::unsigned("microsoft-graph", graph, Key::None)
    },
    Sender {
        form: Form::RsaJwks,
        more: "keys = [{ env = \"GOOGLE_KEYS\" }]",
        stranger: "bad-signature",
        ..Sender::unsigned(
            "google-pubsub",
            |delivery, secret| {
                let claims = json!({
                    "iss": "https://accounts.google.com",
                    "aud": delivery.url(),
                    "email": "push@example-books.iam.gserviceaccount.com",
                    "email_verified": true,
                    "iat": delivery.time,
                    "exp": delivery.time + 3600,
                });
                Webhook::json(delivery.body())
                    .and("Authorization", &format!("Bearer {}", secret.jwt(&claims)))
            },
            Key::Json("/message/messageId"),
        )
    },
    Sender {
        query: |_, secret| format!("?code={}", secret.text()),
        ..Sender::unsigned(
            "azure-event-grid",
            |delivery, _| Webhook::json(delivery.body()).and("aeg-event-type", "Notification"),
            Key::Json("/0/id"),
        )
    },
    Sender::unsigned(
        "eventbridge",
        |delivery, secret| Webhook::json(delivery.body()).and("X-Api-Key", secret.text()),
        Key::Json("/id"),
    ),
    Sender::unsigned(
        "cloudevents",
        |delivery, secret| {
            Webhook::json(delivery.body())
                .with("content-type", "application/cloudevents+json")
                .and("Authorization", &format!("Bearer {}", secret.text()))
        },
        Key::Text(|delivery| format!("{}#{}", delivery.json("/source"), delivery.json("/id"))),
    ),
];

/// The secret is in each notification of the list.
fn graph(delivery: &Delivery<'_>, secret: &Secret) -> Webhook {
    let mut body = delivery.sample.json();
    let notifications = body["value"].as_array_mut().expect("a list");
    for notification in notifications {
        notification["clientState"] = secret.text().into();
    }
    Webhook::json(body.to_string())
}
