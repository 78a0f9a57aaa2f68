//! The keys of a source whose requests carry a JSON Web Token.

use std::net::IpAddr;

use hookyard_schemes::jwt::{KeyRule, Need, Rules, Settings, SourceRules};
use hookyard_schemes::{Provider, Secret, SecretUse, SettingValues};

use super::scheme::Reader;
use super::source_values;
use crate::providers::texts;

impl Reader<'_, '_> {
    /// Reads the settings of a source with the scheme `jwt`.
    pub(super) fn jwt(&self, provider: &Provider) -> Option<Settings> {
        let faults_before = self.section.fault_count();
        let Some(rules) = &provider.scheme.jwt else {
            self.section.fault(format_args!(
                "provider {} does not define its tokens; add [scheme.jwt] to its provider.toml",
                provider.name
            ));
            return None;
        };

        // All keys are asked for before any of them is missed, so that none of them is unknown.
        let audiences = self.named(Need::Audience, rules);
        let emails = self.named(Need::Email, rules);
        let issuers = self.named(Need::Issuer, rules);
        let keys_url = self.keys_url();
        self.check_key_request(rules);
        let keys = self.token_keys();
        let secrets = if keys.is_empty() {
            self.token_secrets(rules, keys_url.is_some())
        } else {
            self.unused_secrets(rules)
        };
        let settings = source_values::settings(self.section);
        if self.section.fault_count() > faults_before {
            return None;
        }
        let secrets = secrets?;

        self.note_weak_proof(rules);
        let source = SourceRules {
            issuers: issuers?,
            audiences: audiences?,
            emails: emails?,
            keys_url,
            keys,
            values: SettingValues {
                settings: &settings,
                secret: secrets.first(),
            },
            secrets: secrets.clone(),
        };
        rules
            .settings(source)
            .map_err(|error| self.section.fault(error))
            .ok()
    }

    /// Reads one text or a list of texts. Returns `None` if the provider demands what is missing.
    fn named(&self, need: Need, rules: &Rules) -> Option<Vec<String>> {
        let what_for = match need {
            Need::Audience => "whom the sender's tokens are for: the value of their claim `aud`",
            Need::Email => "who sends: the value of the claim `email` in the sender's tokens",
            Need::Issuer => "who issues the sender's tokens: the value of their claim `iss`",
        };
        match self.section.entry(need.name()) {
            Some(entry) if entry.is_list() && entry.items().is_empty() => {
                entry.fault("is empty, so that no token is accepted; write at least one value");
                None
            }
            Some(entry) => Some(texts(&entry)),
            None if rules.needs.contains(&need) => {
                self.section.missing(need.name(), what_for);
                None
            }
            None => Some(Vec::new()),
        }
    }

    /// Reads the URL of the sender's keys, in place of the provider's.
    pub(super) fn keys_url(&self) -> Option<String> {
        let entry = self.section.entry("keys_url")?;
        let url = entry.get::<String>()?;
        if !(url.starts_with("https://") || url.starts_with("http://")) {
            entry.fault("must be a URL, such as \"https://keys.example/jwks.json\"");
            return None;
        }
        Some(url)
    }

    /// Refuses a URL of keys that would carry the operator's credential in clear text.
    fn check_key_request(&self, rules: &Rules) {
        let Some(entry) = self.section.entry("keys_url") else {
            return;
        };
        let is_request = matches!(rules.keys, Some(KeyRule::Request(_)));
        if is_request && entry.as_text().is_some_and(is_readable_on_the_way) {
            entry.fault(
                "would carry your credential in clear text, because each request for a key contains \
                 it; write an `https:` URL",
            );
        }
    }

    fn token_keys(&self) -> Vec<Secret> {
        if self.section.entry("keys").is_none() {
            return Vec::new();
        }
        self.public_keys().unwrap_or_default()
    }

    /// Reads the secrets: the keys of the tokens, or the credential of the request for a key.
    fn token_secrets(&self, rules: &Rules, has_keys: bool) -> Option<Vec<Secret>> {
        let what_for = match &rules.keys {
            _ if rules.has_credential() => "the secret with which the host requests the keys",
            Some(KeyRule::Url(_) | KeyRule::Request(_)) => return Some(Vec::new()),
            None if has_keys => return Some(Vec::new()),
            None => "the secret that both sides sign with",
        };
        self.secrets(what_for, SecretUse::Header)
    }

    /// Reads the credential of a request that is never sent, because the source has keys of its own.
    fn unused_secrets(&self, rules: &Rules) -> Option<Vec<Secret>> {
        if rules.has_credential() && self.section.entry("secrets").is_some() {
            self.token_secrets(rules, true)
        } else {
            Some(Vec::new())
        }
    }

    /// Notes that a token says nothing about the body.
    fn note_weak_proof(&self, rules: &Rules) {
        if rules.body_sha256.is_none()
            && let Some(entry) = self.section.entry("provider")
        {
            entry.note(
                "the sender's tokens prove who sends, and say nothing about the body: a stranger who \
                 gets hold of a token can send any event until the token expires",
            );
        }
    }
}

/// Returns whether others can read a request to this URL: it is not encrypted, and leaves the machine.
fn is_readable_on_the_way(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_local = host
        .parse()
        .is_ok_and(|address: IpAddr| address.is_loopback());
    uri.scheme_str() == Some("http") && !is_local
}
