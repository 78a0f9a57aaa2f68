//! What holds after each call to a record of releases, and what a crash before or after it means.
//!
//! The host takes down here how each revision of each plugin fares. Operators say here what they want: a revision that
//! is to serve, content that is not to. They may do so beside a running host, which notices, or without one, which
//! takes it up when it starts.

use async_trait::async_trait;
use hookyard_model::{PluginRef, Revision, Step, Timestamp};

use crate::Error;

/// Steps that are remembered of one plugin: the latest.
pub const STEPS_MAX: usize = 200;
/// Revisions that are remembered of one plugin: those of the latest steps, and whichever is active.
pub const REVISIONS_MAX: usize = 40;
/// Contents of one plugin that are refused: those named last.
pub const BLOCKS_MAX: usize = 40;

/// A record of releases. "Durable" means what it means to an `Inbox`.
#[async_trait]
pub trait Releases: Send + Sync + 'static {
    /// Takes down steps of one plugin's revisions, in their order. Once this returns they are durable; a crash before it
    /// leaves all of them or none.
    ///
    /// Of each revision the last one is where it stands. No step is refused: which may follow which is the caller's to
    /// know. The oldest beyond `STEPS_MAX` and `REVISIONS_MAX` go.
    async fn record(&self, plugin: &PluginRef, steps: &[Stepped]) -> Result<(), Error>;

    /// Where each revision of a plugin stands, or each of every plugin: by plugin, then the latest step first.
    async fn revisions(&self, plugin: Option<&PluginRef>) -> Result<Vec<RevisionRecord>, Error>;

    /// The steps of a plugin's revisions, the first first.
    async fn steps(&self, plugin: &PluginRef) -> Result<Vec<Stepped>, Error>;

    /// Says which revision is to serve, in the place of what was said before. Durable.
    async fn order(&self, order: Order) -> Result<(), Error>;

    /// Takes back what was said; whether anything was. Durable.
    async fn withdraw_order(&self, plugin: &PluginRef) -> Result<bool, Error>;

    /// What was said of all plugins.
    async fn orders(&self) -> Result<Vec<Order>, Error>;

    /// Has a content refused from now on. One that serves is to be taken out of service by the host. Durable. The oldest
    /// beyond `BLOCKS_MAX` of the plugin go.
    async fn block(&self, block: Block) -> Result<(), Error>;

    /// Takes back all blocks of a plugin; whether there were any. Durable.
    async fn unblock(&self, plugin: &PluginRef) -> Result<bool, Error>;

    /// All that is refused, by plugin, the oldest first.
    async fn blocks(&self) -> Result<Vec<Block>, Error>;

    /// Returns once orders or blocks may be others than when this was last called, whoever changed them. May return early.
    async fn releases_changed(&self);
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stepped {
    /// Whose step it is; `None` while only a file is known, and not what is in it.
    pub revision: Option<Revision>,
    /// Which.
    pub step: Step,
    /// When.
    pub at: Timestamp,
    /// Why, in one line, where there's something to say.
    pub reason: Option<String>,
    /// What was found, in full, where there's a report.
    pub report: Option<String>,
}

/// Where a revision stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionRecord {
    /// Whose it is.
    pub plugin: PluginRef,
    /// Which it is.
    pub revision: Revision,
    /// Its last step.
    pub step: Step,
    /// When it was taken.
    pub at: Timestamp,
    /// Why, in one line.
    pub reason: Option<String>,
    /// When it last became active, if it ever did.
    pub served_at: Option<Timestamp>,
}

/// A revision that an operator wants to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Of which plugin.
    pub plugin: PluginRef,
    /// Which.
    pub revision: Revision,
    /// Whether it's to stay, whatever file is dropped; until the next good one otherwise.
    pub is_pin: bool,
    /// Since when.
    pub since: Timestamp,
}

/// A content that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// For which plugin.
    pub plugin: PluginRef,
    /// Which.
    pub revision: Revision,
    /// One line.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}
