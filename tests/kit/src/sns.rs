//! A stand-in for Amazon SNS on loopback: its own certificate authority, signed messages, and the
//! two endpoints that a subscriber calls (the certificate and `ConfirmSubscription`).
//!
//! The rules are from "Verifying the signatures of Amazon SNS messages" in the SNS developer guide.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::http::Webhook;
use crate::sign;

mod rsa;

/// The topic of the stand-in, which is the topic of the sample.
pub const TOPIC: &str =
    "arn:aws:sns:eu-west-1:770937179823:webhooks-change-broker-elle-de-topic-dev";

/// The path of a certificate that never arrives.
const SILENT_PATH: &str = "/SimpleNotificationService-ffffffffffffffffffffffffffffffff.pem";

/// The algorithm of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureVersion {
    /// SHA1withRSA.
    V1,
    /// SHA256withRSA.
    V2,
}

impl SignatureVersion {
    const fn text(self) -> &'static str {
        match self {
            Self::V1 => "1",
            Self::V2 => "2",
        }
    }
}

/// The stand-in, which serves until it is dropped.
pub struct StandIn {
    address: SocketAddr,
    authority: rsa::Authority,
    certificate_path: String,
    seen: Arc<Mutex<Vec<String>>>,
    fails_next: Arc<AtomicBool>,
    server: JoinHandle<()>,
}

impl StandIn {
    /// Creates the keys and starts to serve on a free port.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no loopback port is free")?;
        let address = listener.local_addr()?;
        let authority = tokio::task::spawn_blocking(rsa::Authority::new).await??;
        let certificate_path = format!(
            "/SimpleNotificationService-{}.pem",
            hex(&sign::random::<16>())
        );
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let fails_next = Arc::<AtomicBool>::default();
        let endpoint = Endpoint {
            certificate_path: certificate_path.clone(),
            certificate: authority.leaf_pem().to_owned().into(),
            seen: Arc::clone(&seen),
            fails_next: Arc::clone(&fails_next),
        };
        let server = tokio::spawn(serve(listener, endpoint));
        Ok(Self {
            address,
            authority,
            certificate_path,
            seen,
            fails_next,
            server,
        })
    }

    /// Returns the beginning of its URLs.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the root of its signing certificate.
    pub fn root_pem(&self) -> &str {
        self.authority.root_pem()
    }

    /// Returns its signing certificate.
    pub fn certificate_pem(&self) -> &str {
        self.authority.leaf_pem()
    }

    /// Returns the targets of all requested confirmations.
    pub fn confirmations(&self) -> Vec<String> {
        self.seen_with("Action=ConfirmSubscription")
    }

    /// Answers the next confirmation with 500.
    pub fn fail_next_confirmation(&self) {
        self.fails_next.store(true, Ordering::SeqCst);
    }

    /// Returns the URL of its signing certificate.
    pub fn certificate_url(&self) -> String {
        format!("{}{}", self.url(), self.certificate_path)
    }

    /// Returns a well-formed certificate URL without a certificate.
    pub fn missing_certificate_url(&self, number: usize) -> String {
        format!("{}/SimpleNotificationService-{number:032x}.pem", self.url())
    }

    /// Returns a well-formed certificate URL that accepts a request and never answers.
    pub fn silent_certificate_url(&self) -> String {
        format!("{}{SILENT_PATH}", self.url())
    }

    /// Returns how often the certificate was fetched.
    pub fn certificate_fetches(&self) -> usize {
        self.seen_with(&self.certificate_path).len()
    }

    /// Returns how often the certificate that never arrives was requested.
    pub fn silent_fetches(&self) -> usize {
        self.seen_with(SILENT_PATH).len()
    }

    fn seen_with(&self, part: &str) -> Vec<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter()
            .filter(|target| target.contains(part))
            .cloned()
            .collect()
    }

    /// Returns the first message to a new subscriber, with its token.
    pub fn subscription_confirmation(&self) -> (Message, String) {
        self.handshake(
            "SubscriptionConfirmation",
            "You have chosen to subscribe to the topic",
        )
    }

    /// Returns the message that ends a subscription.
    pub fn unsubscribe_confirmation(&self) -> (Message, String) {
        self.handshake(
            "UnsubscribeConfirmation",
            "You have chosen to deactivate subscription",
        )
    }

    fn handshake(&self, kind: &'static str, words: &str) -> (Message, String) {
        let token = hex(&sign::random::<32>());
        let mut message = self.message(kind, &format!("{words} {TOPIC}."));
        let confirm = format!(
            "{}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token={token}",
            self.url()
        );
        message.set("Token", &token);
        message.set("SubscribeURL", &confirm);
        (message, token)
    }

    /// Returns a notification with this text.
    pub fn notification(&self, text: &str) -> Message {
        let mut message = self.message("Notification", text);
        message.set(
            "UnsubscribeURL",
            &format!(
                "{}/?Action=Unsubscribe&SubscriptionArn={TOPIC}:1",
                self.url()
            ),
        );
        message
    }

    /// Returns the notification without an envelope, as with "raw message delivery": nothing is
    /// signed.
    pub fn raw(&self, text: &str) -> Webhook {
        let id = Uuid::new_v4().to_string();
        headers("Notification", &id, TOPIC)
            .and("x-amz-sns-rawdelivery", "true")
            .with_body(text.to_owned())
    }

    /// Signs the message and returns the request.
    pub fn sign(&self, mut message: Message, version: SignatureVersion) -> Webhook {
        message.set("SigningCertURL", &self.certificate_url());
        self.sign_as_it_is(message, version)
    }

    /// Returns the request with a foreign certificate URL, as a stranger would send it.
    pub fn forge(&self, mut message: Message, certificate_url: &str) -> Webhook {
        message.set("SigningCertURL", certificate_url);
        self.sign_as_it_is(message, SignatureVersion::V2)
    }

    fn sign_as_it_is(&self, mut message: Message, version: SignatureVersion) -> Webhook {
        message.set("SignatureVersion", version.text());
        let signature = self.authority.sign(&message.text_to_sign(), version);
        message.set("Signature", &STANDARD.encode(signature));
        message.webhook()
    }

    fn message(&self, kind: &'static str, text: &str) -> Message {
        let now = OffsetDateTime::now_utc().truncate_to_millisecond();
        let fields = json!({
            "Type": kind,
            "MessageId": Uuid::new_v4().to_string(),
            "TopicArn": TOPIC,
            "Message": text,
            "Timestamp": now.format(&Rfc3339).expect("the present is a date"),
        });
        let Value::Object(fields) = fields else {
            unreachable!("it is an object")
        };
        Message { kind, fields }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A message before it is signed.
#[derive(Debug, Clone)]
pub struct Message {
    kind: &'static str,
    fields: Map<String, Value>,
}

impl Message {
    /// Sets a field.
    pub fn set(&mut self, name: &str, value: &str) {
        self.fields.insert(name.into(), value.into());
    }

    fn text(&self, name: &str) -> &str {
        self.fields
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn text_to_sign(&self) -> String {
        let names: &[&str] = match self.kind {
            "Notification" => &[
                "Message",
                "MessageId",
                "Subject",
                "Timestamp",
                "TopicArn",
                "Type",
            ],
            _ => &[
                "Message",
                "MessageId",
                "SubscribeURL",
                "Timestamp",
                "Token",
                "TopicArn",
                "Type",
            ],
        };
        let given = names.iter().filter(|name| self.fields.contains_key(**name));
        given
            .map(|name| format!("{name}\n{}\n", self.text(name)))
            .collect()
    }

    fn webhook(&self) -> Webhook {
        let body = serde_json::to_string_pretty(&self.fields).expect("texts only");
        headers(self.kind, self.text("MessageId"), self.text("TopicArn")).with_body(body)
    }
}

fn headers(kind: &str, id: &str, topic: &str) -> Webhook {
    let webhook = Webhook::default()
        .and("content-type", "text/plain; charset=UTF-8")
        .and("user-agent", "Amazon Simple Notification Service Agent")
        .and("x-amz-sns-message-type", kind)
        .and("x-amz-sns-message-id", id)
        .and("x-amz-sns-topic-arn", topic);
    if kind == "SubscriptionConfirmation" {
        return webhook;
    }
    webhook.and("x-amz-sns-subscription-arn", &format!("{topic}:1"))
}

#[derive(Clone)]
struct Endpoint {
    certificate_path: String,
    certificate: Bytes,
    seen: Arc<Mutex<Vec<String>>>,
    fails_next: Arc<AtomicBool>,
}

impl Endpoint {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let target = request.uri().to_string();
        let (status, body) = if request.uri().path() == self.certificate_path {
            (StatusCode::OK, self.certificate.clone())
        } else if target.contains("Action=ConfirmSubscription")
            && self.fails_next.swap(false, Ordering::SeqCst)
        {
            (StatusCode::INTERNAL_SERVER_ERROR, Bytes::new())
        } else if target.contains("Action=ConfirmSubscription") {
            (
                StatusCode::OK,
                Bytes::from_static(b"<ConfirmSubscriptionResponse/>"),
            )
        } else {
            (StatusCode::NOT_FOUND, Bytes::new())
        };
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(target);
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        response
    }
}

async fn serve(listener: TcpListener, endpoint: Endpoint) {
    while let Ok((stream, _)) = listener.accept().await {
        let endpoint = endpoint.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let answer = endpoint.answer(&request);
                let is_silent = request.uri().path() == SILENT_PATH;
                async move {
                    if is_silent {
                        std::future::pending::<()>().await;
                    }
                    Ok::<_, Infallible>(answer)
                }
            });
            // A subscriber may close the connection at any time.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sns_string_to_sign_is_ordered() {
        let fields = json!({ "Type": "Notification", "MessageId": "1", "TopicArn": "t", "Message": "m", "Timestamp": "0" });
        let mut message = Message {
            kind: "Notification",
            fields: fields.as_object().cloned().expect("an object"),
        };
        assert_eq!(
            message.text_to_sign(),
            "Message\nm\nMessageId\n1\nTimestamp\n0\nTopicArn\nt\nType\nNotification\n"
        );
        message.set("Subject", "s");
        assert!(
            message
                .text_to_sign()
                .contains("MessageId\n1\nSubject\ns\nTimestamp")
        );
    }
}
