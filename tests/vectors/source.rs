//! The source of a case: its table in `hookyard.toml`, and the files that the table names.

use serde_json::Value as Json;
use toml::{Table, Value};

use crate::case::Case;
use crate::provider::Provider;
use crate::short;
use crate::verdict::SECRET;

/// The topic of cases that name none, because they test something else.
const SOME_TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:none";

/// The size of the largest body, which hostile requests have.
const BODY_MAX: &str = "10MiB";

/// The tolerance of cases in which a message never gets too old.
const ANY_AGE: &str = "36500d";

/// A source with its files.
pub(crate) struct Source {
    pub(crate) table: Table,
    /// The names and contents of the files with secrets and keys.
    pub(crate) files: Vec<(String, String)>,
    /// The beginning of the files' names.
    name: String,
}

impl Source {
    /// Returns the source with this name for a case.
    pub(crate) fn of(case: &Case, provider: &Provider, name: &str) -> Result<Self, String> {
        let mut source = Self {
            table: Table::new(),
            files: Vec::new(),
            name: name.to_owned(),
        };
        source.set("provider", provider.name.as_str());
        source.set("body_max", BODY_MAX);
        source.credentials(case, provider);
        source.rules(case);
        source.values(case, provider);
        if case.trust_anchors.len() > 1 {
            return Err("a source trusts one root, and the case has several".to_owned());
        }
        if provider.scheme() == "aws-sns" {
            source.sns(case)?;
        }
        Ok(source)
    }

    fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.table.insert(key.to_owned(), value.into());
    }

    /// Writes a file, and returns its name.
    fn file(&mut self, kind: &str, content: String) -> String {
        let name = format!("{}-{kind}-{}", self.name, self.files.len());
        self.files.push((name.clone(), content));
        name
    }

    /// Writes a file, and returns a reference to it.
    fn reference(&mut self, kind: &str, content: String) -> Value {
        let file = self.file(kind, content);
        Table::from_iter([("file".to_owned(), file.into())]).into()
    }

    fn list(&mut self, key: &str, contents: Vec<String>) {
        if contents.is_empty() {
            return;
        }
        let reference = |content| self.reference(key, content);
        let references: Vec<_> = contents.into_iter().map(reference).collect();
        self.set(key, references);
    }

    fn credentials(&mut self, case: &Case, provider: &Provider) {
        if let Some(scheme) = provider.chosen() {
            self.set("scheme", scheme);
        }
        let user = case.basic().map(|(user, _)| user).or(case.text("user"));
        if let Some(user) = user {
            self.set("username", user);
        }
        if provider.scheme() != "unverified" {
            self.list("secrets", secrets(case, provider));
        }
        self.list("keys", case.keys());
        if provider.asks_for_secret() {
            let secret = case.text("verify_token").unwrap_or(SECRET);
            let reference = self.reference("handshake", secret.to_owned());
            self.set("handshake_secret", reference);
        }
    }

    /// Sets what `config` names, under the same names or those of the configuration file. A key that
    /// does not apply to the scheme is a fault of the configuration.
    fn rules(&mut self, case: &Case) {
        let age = case.number("max_age").or(case.number("tolerance"));
        match age {
            Some(0) => self.set("tolerance", ANY_AGE),
            Some(seconds) => self.set("tolerance", format!("{seconds}s")),
            None => {}
        }
        if let Some(header) = case.text("header") {
            self.set("header", header);
        }
        if let Some(is_unencoded) = case.flag("b64_false") {
            self.set("unencoded_payload", is_unencoded);
        }
        if let Some(checks) = case.flag("cert_name_check") {
            self.set("check_certificate_name", checks);
        }
        if let Some(requires) = case.flag("require_type_header") {
            self.set("require_type_header", requires);
        }
    }

    /// Sets what only an operator knows, and what the operator must accept.
    fn values(&mut self, case: &Case, provider: &Provider) {
        let url = case.text("public_url");
        let url = url.or(provider.needs_url().then_some(case.url.as_str()));
        if let Some(url) = url {
            self.set("public_url", url);
        }
        if provider.leaves_body_unsigned() {
            self.set("unsigned_body", true);
        }
        // The providers for message signatures have the algorithm of the case.
        if let Some(algorithm) = case.text("alg").filter(|_| !provider.needs_url()) {
            self.set("algorithm", algorithm);
        }
        if let Some(webhook) = case.text("webhook_id") {
            // All cases with the id of a webhook are of the sender's live environment.
            let settings = [("webhook_id", webhook), ("domain", "paypal.com")];
            let settings = settings.map(|(name, value)| (name.to_owned(), value.into()));
            self.set("settings", Table::from_iter(settings));
        }
        let root = case.trust_anchors.first();
        if let Some(root) = root.filter(|_| case.text("cert_trust") != Some("any")) {
            let file = self.file("trust", root.clone());
            self.set("trust", file);
        }
    }

    fn sns(&mut self, case: &Case) -> Result<(), String> {
        let topics = match case.config.get("topics") {
            Some(Json::Array(topics)) => topics.iter().filter_map(Json::as_str).collect(),
            Some(other) => return Err(format!("`topics` is not a list: {other}")),
            None => vec![SOME_TOPIC],
        };
        self.set("topics", topics);
        if case.flag("raw") == Some(true) {
            self.set("delivery", "raw");
        }
        for (pattern, key) in [
            ("cert_url_pattern", "certificate_url"),
            ("subscribe_url_pattern", "confirm_url"),
        ] {
            if let Some(pattern) = case.text(pattern) {
                self.set(key, url_beginning(pattern));
            }
        }
        Ok(())
    }
}

/// Returns the secrets of a source, which are long enough for the host.
fn secrets(case: &Case, provider: &Provider) -> Vec<String> {
    let usable = |secret: &str| {
        if provider.scheme() == "hmac" {
            short::lengthened_key(secret)
        } else if provider.sends_secret() || case.basic().is_some() {
            short::lengthened(secret)
        } else {
            secret.to_owned()
        }
    };
    let mut secrets: Vec<_> = case.secrets().map(usable).collect();
    // The cases of handshakes and of JSON name no secret.
    let needs_secret = provider.scheme() == "hmac" || provider.sends_secret();
    if secrets.is_empty() && needs_secret {
        secrets.push(SECRET.to_owned());
    }
    secrets
}

/// Returns the text with which every URL that matches a regular expression begins, without its query:
/// a source names the beginning of a URL.
fn url_beginning(pattern: &str) -> String {
    let mut beginning = String::new();
    let mut characters = pattern.trim_start_matches('^').chars();
    while let Some(next) = characters.next() {
        match next {
            '\\' => beginning.extend(characters.next()),
            '[' | '(' | '.' | '*' | '+' | '?' | '$' => break,
            other => beginning.push(other),
        }
    }
    let query = beginning.find('?').unwrap_or(beginning.len());
    beginning.truncate(query);
    beginning
}
