//! A case of a vector file: a request, the settings of the source, and the expected result.

use std::collections::HashMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookyard_model::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
pub(crate) struct File {
    #[serde(default)]
    pub(crate) scheme: String,
    pub(crate) cases: Vec<Value>,
}

/// The keys of cases. A case with another key fails: the key may say what must be refused.
const KEYS: [&str; 30] = [
    "name",
    "scheme",
    "variant",
    "expect",
    "reason",
    "method",
    "url",
    "headers",
    "body",
    "body_b64",
    "now",
    "secrets",
    "secrets_b64",
    "public_keys",
    "secret_jwk",
    "certs",
    "trust",
    "trust_anchors",
    "config",
    "config_error",
    "respond",
    "input",
    "output",
    "same_bytes",
    // For readers.
    "note",
    "policy",
    "source",
    "string_to_sign",
    "untrusted",
    "when",
];

/// The keys of `config`.
const CONFIG_KEYS: [&str; 23] = [
    "alg",
    "authorization",
    "b64_false",
    "basic",
    "cert_name_check",
    "cert_trust",
    "cert_url_pattern",
    "header",
    "kind",
    "max_age",
    "origins",
    "password",
    "public_url",
    "rate",
    "raw",
    "require_type_header",
    "subscribe_url_pattern",
    "token",
    "tolerance",
    "topics",
    "user",
    "verify_token",
    "webhook_id",
];

#[derive(Clone, Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) scheme: Option<String>,
    /// One of several ways in which the sender signs.
    variant: Option<String>,
    pub(crate) expect: String,
    /// The reason for which the request is refused.
    pub(crate) reason: Option<String>,
    /// The answer to the request.
    pub(crate) respond: Option<Respond>,
    pub(crate) input: Option<String>,
    pub(crate) output: Option<String>,
    pub(crate) same_bytes: Option<bool>,
    pub(crate) method: Option<String>,
    #[serde(default)]
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) headers: Vec<(String, String)>,
    body: Option<String>,
    body_b64: Option<String>,
    now: Option<f64>,
    #[serde(default)]
    secrets: Vec<String>,
    /// Secrets that are bytes and not text.
    #[serde(default)]
    secrets_b64: Vec<String>,
    #[serde(default)]
    public_keys: Vec<Value>,
    secret_jwk: Option<Value>,
    #[serde(default)]
    pub(crate) certs: HashMap<String, String>,
    #[serde(default)]
    pub(crate) trust_anchors: Vec<String>,
    #[serde(default)]
    pub(crate) config: Map<String, Value>,
    /// Whether the settings themselves must be refused.
    #[serde(default)]
    pub(crate) config_error: bool,
}

/// What an answer must be.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Respond {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) json: Option<Value>,
    #[serde(default)]
    pub(crate) headers: HashMap<String, String>,
}

/// Returns a key of a case that the runner does not know.
pub(crate) fn unknown_key(case: &Value) -> Option<String> {
    let unknown = |object: &Value, known: &[&str]| {
        let mut keys = object.as_object()?.keys();
        keys.find(|key| !known.contains(&key.as_str())).cloned()
    };
    let of_config = || unknown(case.get("config")?, &CONFIG_KEYS);
    unknown(case, &KEYS).or_else(of_config)
}

impl Case {
    /// Returns the scheme of the case: its own or that of the file, and its variant.
    pub(crate) fn scheme_name(&self, of_file: &str) -> String {
        let scheme = self.scheme.as_deref().unwrap_or(of_file);
        match &self.variant {
            Some(variant) => format!("{scheme}:{variant}"),
            None => scheme.to_owned(),
        }
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.config.get(key).and_then(Value::as_str)
    }

    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        self.config.get(key).and_then(Value::as_bool)
    }

    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        self.config.get(key).and_then(Value::as_u64)
    }

    /// Returns the secrets of the source, in the order of the case.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let keys = self.secrets.iter().chain(&self.secrets_b64);
        keys.map(String::as_str).chain(self.credential())
    }

    /// Returns whether the request is a GET, or an OPTIONS, which have no body.
    pub(crate) fn is_get(&self) -> bool {
        matches!(self.method.as_deref(), Some("GET" | "OPTIONS"))
    }

    /// Returns the user and the password of HTTP Basic in a source with raw delivery.
    pub(crate) fn basic(&self) -> Option<(&str, &str)> {
        self.text("basic")?.split_once(':')
    }

    fn credential(&self) -> Option<&str> {
        let password = self.basic().map(|(_, password)| password);
        let named = ["token", "password", "authorization"];
        password.or(named.iter().find_map(|key| self.text(key)))
    }

    /// Returns the documents with the keys of the source: each a text, a JSON Web Key, or a table
    /// with a PEM.
    pub(crate) fn keys(&self) -> Vec<String> {
        let keys = self.public_keys.iter().chain(&self.secret_jwk);
        let document = |key: &Value| {
            let text = key.as_str().or(key.get("pem").and_then(Value::as_str));
            text.map_or_else(|| key.to_string(), str::to_owned)
        };
        keys.map(document).collect()
    }

    /// Returns the algorithms of message signatures: that of the source, and those of the keys.
    pub(crate) fn algorithms(&self) -> Vec<String> {
        let of_keys = self.public_keys.iter().map(|key| key.get("alg"));
        let named = of_keys.chain([self.config.get("alg")]);
        named
            .flatten()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect()
    }

    /// Returns the body, byte for byte.
    pub(crate) fn body(&self) -> Result<Vec<u8>, String> {
        match (&self.body, &self.body_b64) {
            (_, Some(encoded)) => BASE64_STANDARD
                .decode(encoded)
                .map_err(|error| format!("`body_b64`: {error}")),
            (text, None) => Ok(text.clone().unwrap_or_default().into_bytes()),
        }
    }

    /// Returns the time at which the request arrives.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis((self.now.unwrap_or_default() * 1000.0) as i64)
    }

    /// Sets a header to one value.
    pub(crate) fn set_header(&mut self, name: &str, value: &str) {
        self.headers
            .retain(|(given, _)| !given.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// Replaces the query of the URL.
    pub(crate) fn set_query(&mut self, query: &str) {
        let before = self.url.find('?').unwrap_or(self.url.len());
        self.url.truncate(before);
        self.url = format!("{}?{query}", self.url);
    }

    /// Returns the path and the query of the URL.
    pub(crate) fn path_and_query(&self) -> (&str, Option<&str>) {
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let path = rest.find('/').map_or("/", |start| &rest[start..]);
        path.split_once('?')
            .map_or((path, None), |(path, query)| (path, Some(query)))
    }
}
