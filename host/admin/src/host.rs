//! What the pages ask the running host, as plain data.

use async_trait::async_trait;
use hookyard_model::{DestinationRef, PluginRef, Revision, SourceRef, Timestamp};
use hookyard_store::RevisionRecord;

/// The running host, as far as the pages need it.
#[async_trait]
pub trait Host: Send + Sync + 'static {
    /// Returns the plugins that have a file or a record, in the order of their names.
    async fn plugins(&self) -> Result<Vec<PluginStanding>, HostError>;

    /// Returns one plugin, or `None` if it has neither a file nor a record.
    async fn plugin(&self, plugin: &PluginRef) -> Result<Option<PluginDetail>, HostError>;

    /// Carries out an order about a plugin. Returns what came of it in one line.
    async fn order(&self, plugin: PluginRef, wanted: Wanted) -> Result<String, HostError>;

    /// Returns the configured sources, in the order of their names.
    fn sources(&self) -> Vec<SourceFacts>;

    /// Returns the configured destinations, in the order of their names.
    fn destinations(&self) -> Vec<DestinationFacts>;
}

/// The reason why the host did not do what a page asked for: one line for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct HostError(pub String);

/// The state of a plugin.
#[derive(Debug, Clone)]
pub struct PluginStanding {
    /// The plugin.
    pub plugin: PluginRef,
    /// The state in one word, such as `active` or `refused`.
    pub state: &'static str,
    /// The active revision, and the time at which it became active.
    pub active: Option<(Revision, Timestamp)>,
    /// What the operator should know beside the state, each in one line.
    pub notes: Vec<String>,
}

/// The state of a plugin, its revisions and its settings.
#[derive(Debug, Clone)]
pub struct PluginDetail {
    /// The state.
    pub standing: PluginStanding,
    /// The records of the revisions, the latest step first.
    pub revisions: Vec<RevisionRecord>,
    /// Whether the plugin is pinned.
    pub is_pinned: bool,
    /// Whether the plugin has a quarantine or a block that an operator can end.
    pub can_clear: bool,
    /// The settings, or what is wrong with them.
    pub settings: Result<PluginSettings, String>,
}

/// The settings of a plugin in words.
#[derive(Debug, Clone, Default)]
pub struct PluginSettings {
    /// The sources that the settings name; `None` for all that the plugin has a handler for.
    pub sources: Option<Vec<String>>,
    /// The most important limits.
    pub limits: String,
    /// What the plugin may use.
    pub grants: Vec<String>,
}

/// An order of an operator about a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Return to this revision, or to the previous good one, and block the active one.
    Rollback(Option<String>),
    /// Keep this revision, or the active one.
    Pin(Option<String>),
    /// End the pin.
    Unpin,
    /// End the quarantine and all blocks.
    Clear,
}

/// A configured source.
#[derive(Debug, Clone)]
pub struct SourceFacts {
    /// The source.
    pub source: SourceRef,
    /// The name of the provider.
    pub provider: String,
    /// The name of the scheme, such as `bearer`.
    pub scheme: String,
    /// Whether requests are stored without a proof of their sender.
    pub is_unverified: bool,
    /// The maximum size of a body, in bytes.
    pub body_max: u64,
}

/// A configured destination.
#[derive(Debug, Clone)]
pub struct DestinationFacts {
    /// The destination.
    pub destination: DestinationRef,
    /// The scheme and the host of the URL, such as `https://partner.example`.
    pub origin: String,
}
