//! A request that a library signs, and what the host makes of it.

use anyhow::Result;
use hookyard_testkit::http::Webhook;
use hookyard_testkit::jws::Keys;
use hookyard_testkit::published::{Judged, Signed};
use hookyard_testkit::samples;
use hookyard_testkit::sign::{now, random, sha256};
use serde_json::{Value, json};

use super::change::Change;

/// A request that a library signs.
pub(super) struct Case {
    /// The name of the source, which is different for each case.
    pub(super) name: &'static str,
    /// The provider of the source.
    pub(super) provider: &'static str,
    /// The name of the library in `sign.mjs` or `sign.py`.
    pub(super) signer: &'static str,
    /// What the sender and the host share.
    pub(super) shared: Shared,
    /// Whether the sender signs the URL.
    pub(super) signs_url: bool,
    /// Further lines of the source.
    pub(super) lines: &'static str,
    /// The request without a signature.
    pub(super) webhook: Webhook,
    /// Further values of the order that the script needs.
    pub(super) order: Value,
    /// The type of the stored event.
    pub(super) kind: &'static str,
    /// The key of the stored event.
    pub(super) key: Key,
    /// What is changed, and the reason of the refusal.
    pub(super) changes: &'static [(Change, &'static str)],
    /// The name of a library in `judge.mjs` that verifies these requests.
    pub(super) judge: Option<&'static str>,
}

/// What a sender and the host share.
pub(super) enum Shared {
    /// A secret text.
    Secret(String),
    /// The public key of the sender. The text is the key as the operator receives it.
    Keys(Keys, String),
}

/// The key of an event.
pub(super) enum Key {
    /// The id that the sender makes.
    Id,
    /// This text.
    Text(&'static str),
    /// The digest of the body.
    Digest,
    /// The host makes a key for each request.
    New,
}

/// A signed request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) webhook: Webhook,
    /// The query with its question mark, or an empty text.
    pub(super) query: String,
}

impl Default for Case {
    /// Creates a case with a secret text, and without the rest.
    fn default() -> Self {
        Self {
            name: "",
            provider: "",
            signer: "",
            shared: Shared::Secret(hex(&random::<32>())),
            signs_url: false,
            lines: "",
            webhook: Webhook::default(),
            order: Value::Null,
            kind: "",
            key: Key::Id,
            changes: &[],
            judge: None,
        }
    }
}

impl Case {
    /// Returns the path of the source.
    pub(super) fn path(&self) -> String {
        format!("/acme/{}", self.name)
    }

    /// Returns the URL that the sender knows.
    fn url(&self) -> String {
        format!("https://hooks.example.com{}", self.path())
    }

    /// Returns the id that the sender makes.
    fn id(&self) -> String {
        format!("msg_{}", self.name)
    }

    /// Returns the name and the content of the file with the secret or the public key.
    pub(super) fn file(&self) -> (String, &str) {
        let (Shared::Secret(content) | Shared::Keys(_, content)) = &self.shared;
        (format!("{}.shared", self.name), content)
    }

    /// Returns the lines of the source.
    pub(super) fn source(&self) -> String {
        let list = match self.shared {
            Shared::Secret(_) => "secrets",
            Shared::Keys(..) => "keys",
        };
        let (provider, lines) = (self.provider, self.lines);
        let (file, _) = self.file();
        let url = if self.signs_url {
            format!("public_url = \"{}\"\n", self.url())
        } else {
            String::new()
        };
        format!("provider = \"{provider}\"\n{url}{list} = [{{ file = \"{file}\" }}]\n{lines}")
    }

    /// Returns the order for the script.
    pub(super) fn order(&self) -> Value {
        let query = self.order["query"].as_str().unwrap_or_default();
        let mut order = json!({
            "name": self.name, "signer": self.signer, "url": self.url() + query,
            "type": self.webhook.header("content-type"),
            "body": String::from_utf8_lossy(&self.webhook.body),
            "id": self.id(), "time": now(),
        });
        match &self.shared {
            Shared::Secret(secret) => order["secret"] = secret.as_str().into(),
            Shared::Keys(keys, _) => {
                order["key"] = keys.private.as_str().into();
                order["kid"] = keys.public["kid"].clone();
            }
        }
        for (name, value) in self.order.as_object().into_iter().flatten() {
            order[name] = value.clone();
        }
        order
    }

    /// Returns the request with what the library added.
    pub(super) fn request(&self, signed: &Signed) -> Request {
        let webhook = self.webhook.clone();
        let webhook = signed
            .headers
            .iter()
            .fold(webhook, |webhook, (name, value)| webhook.and(name, value));
        Request {
            webhook,
            query: signed.query.clone(),
        }
    }

    /// Returns the key of the stored event; `None` if the host makes a key.
    pub(super) fn key(&self) -> Option<String> {
        match self.key {
            Key::Id => Some(self.id()),
            Key::Text(text) => Some(text.to_owned()),
            Key::Digest => Some(hex(&sha256(&self.webhook.body))),
            Key::New => None,
        }
    }

    /// Returns the request for the library that verifies it, if there is one.
    pub(super) fn judged(&self, request: &Request) -> Option<Judged> {
        let (_, shared) = self.file();
        self.judge
            .map(|judge| Judged::new(judge, &request.webhook, shared))
    }
}

/// Returns the body of a sample, which is JSON.
pub(super) fn sample(provider: &str, name: &str) -> Result<Webhook> {
    Ok(Webhook::json(samples::one(provider, name)?.body))
}

/// Returns a webhook with a form.
pub(super) fn form(body: impl Into<bytes::Bytes>) -> Webhook {
    Webhook::json(body).with("content-type", "application/x-www-form-urlencoded")
}

/// Returns bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
