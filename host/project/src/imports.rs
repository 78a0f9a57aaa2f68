//! The capabilities of the host that a plugin may import.

use std::collections::BTreeSet;

use crate::similar;

/// A capability of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// `wasi:keyvalue`: the plugin's key-value store.
    Keyvalue,
    /// `wasi:config`: the settings in the plugin's `[config]`.
    Config,
    /// `wasi:logging`: log lines with levels.
    Logging,
    /// `hookyard:plugin/outbox`: untyped messages.
    Outbox,
    /// `hookyard:plugin/responder`: the response to the request that brought the event.
    Responder,
    /// `wasi:http`: outgoing requests.
    Http,
}

impl Capability {
    /// All capabilities, in the order of manifests and worlds.
    pub const ALL: [Self; 6] = [
        Self::Keyvalue,
        Self::Config,
        Self::Logging,
        Self::Outbox,
        Self::Responder,
        Self::Http,
    ];

    /// Returns the name in manifests and of the option on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keyvalue => "keyvalue",
            Self::Config => "config",
            Self::Logging => "logging",
            Self::Outbox => "outbox",
            Self::Responder => "responder",
            Self::Http => "http",
        }
    }

    /// Returns the capability of a name.
    ///
    /// # Errors
    ///
    /// Returns [`UnknownImport`] with the most similar name.
    pub fn parse(text: &str) -> Result<Self, UnknownImport> {
        let found = Self::ALL
            .into_iter()
            .find(|capability| capability.name() == text);
        found.ok_or_else(|| UnknownImport {
            given: text.to_owned(),
            similar: similar::closest(text, Self::ALL.iter().map(|it| it.name())),
        })
    }
}

/// The error for an unknown import.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown import `{given}`{}; the imports are keyvalue, config, logging, outbox, responder and http",
    similar::hint(.similar.as_deref())
)]
pub struct UnknownImport {
    given: String,
    similar: Option<String>,
}

/// The capabilities that a plugin imports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imports(BTreeSet<Capability>);

impl Imports {
    /// Returns whether the plugin imports the capability.
    pub fn has(&self, capability: Capability) -> bool {
        self.0.contains(&capability)
    }

    /// Returns the capabilities in order.
    pub fn iter(&self) -> impl Iterator<Item = Capability> {
        self.0.iter().copied()
    }

    /// Returns whether the plugin imports nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Capability> for Imports {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        Self(capabilities.into_iter().collect())
    }
}
