//! A row of the table: how a sender signs, and what its events are.

use std::collections::BTreeMap;

use anyhow::Result;
use hookyard_testkit::http::Webhook;
use hookyard_testkit::samples::Sample;
use hookyard_testkit::workspace;

use crate::delivery::Delivery;
use crate::sign::{Form, Secret, sha256_hex};

/// A sender.
#[derive(Clone, Copy)]
pub(crate) struct Sender {
    /// The name of its folder and its page.
    pub(crate) name: &'static str,
    /// What it shares with the host.
    pub(crate) form: Form,
    /// Lines that the source needs in addition to its page, because the test cannot use the
    /// sender's own servers.
    pub(crate) more: &'static str,
    /// Signs a delivery.
    pub(crate) sign: fn(&Delivery<'_>, &Secret) -> Webhook,
    /// Where the test sends to, after the path of the source.
    pub(crate) query: fn(&Delivery<'_>, &Secret) -> String,
    /// The key of a delivery.
    pub(crate) key: Key,
    /// The types of samples that are not named like a case of `[events]`.
    pub(crate) types: &'static [(&'static str, &'static str)],
    /// What a forger changes, and the reason of the refusal.
    pub(crate) forgery: Option<(Forgery, &'static str)>,
    /// The reason for refusing a delivery of a stranger, who has another secret.
    pub(crate) stranger: &'static str,
    /// The status with which the host answers a stored event.
    pub(crate) answer: u16,
}

/// The key of an event.
#[derive(Clone, Copy)]
pub(crate) enum Key {
    /// The id that the sender makes.
    Id,
    /// A text or number in the body.
    Json(&'static str),
    /// The digest of the body that was sent.
    Digest,
    /// A text of the delivery.
    Text(fn(&Delivery<'_>) -> String),
    /// Each delivery is an event of its own.
    None,
}

/// What a forger changes.
#[derive(Clone, Copy)]
pub(crate) enum Forgery {
    /// The last letter or digit of the body.
    Body,
    /// A text in the body, at this JSON pointer.
    Field(&'static str),
}

impl Sender {
    /// Returns a sender that signs with a secret text, and whose events have an id.
    pub(crate) const fn new(
        name: &'static str,
        sign: fn(&Delivery<'_>, &Secret) -> Webhook,
        key: Key,
    ) -> Self {
        Self {
            name,
            form: Form::Hex,
            more: "",
            sign,
            query: |_, _| String::new(),
            key,
            types: &[],
            forgery: Some((Forgery::Body, "bad-signature")),
            stranger: "bad-signature",
            answer: 200,
        }
    }

    /// Returns a sender that proves only that it knows a secret.
    pub(crate) const fn unsigned(
        name: &'static str,
        sign: fn(&Delivery<'_>, &Secret) -> Webhook,
        key: Key,
    ) -> Self {
        Self {
            forgery: None,
            stranger: "wrong-credential",
            ..Self::new(name, sign, key)
        }
    }

    /// Returns the type that the sender gives a sample.
    pub(crate) fn kind_of(&self, sample: &Sample) -> Result<Option<String>> {
        let own = self.types.iter().find(|(name, _)| *name == sample.name);
        if let Some((_, kind)) = own {
            return Ok(Some((*kind).to_owned()));
        }
        let cases = cases_of(self.name)?;
        Ok(cases.get(&sample.name).cloned())
    }
}

impl Key {
    /// Returns the key of a delivery; `None` if the host makes one for each.
    pub(crate) fn of(self, delivery: &Delivery<'_>, webhook: &Webhook) -> Option<String> {
        match self {
            Self::Id => Some(delivery.id.clone()),
            Self::Json(pointer) => Some(delivery.json(pointer)),
            Self::Digest => Some(sha256_hex(&webhook.body)),
            Self::Text(text) => Some(text(delivery)),
            Self::None => None,
        }
    }
}

/// Returns the types of a provider by the names of their cases.
fn cases_of(provider: &str) -> Result<BTreeMap<String, String>> {
    let path = workspace::root().join(format!("wit/providers/{provider}/provider.toml"));
    let definition: toml::Table = toml::from_str(&std::fs::read_to_string(path)?)?;
    let events = definition.get("events").and_then(toml::Value::as_table);
    let cases = events.into_iter().flatten();
    Ok(cases
        .filter_map(|(kind, case)| Some((case.as_str()?.to_owned(), kind.clone())))
        .collect())
}
