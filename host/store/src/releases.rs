//! The history of releases, and the orders and blocks of operators.
//!
//! The host records how each revision of each plugin fares. Operators state which revision must
//! serve (an [`Order`]) and which revisions must not (a [`Block`]). They may do so while a host
//! runs, and the host notices; or without a host, and the next host reads the orders and blocks
//! when it starts.

use async_trait::async_trait;
use hookyard_model::{PluginRef, Revision, Step, Timestamp};

use crate::{AuditEntry, Error};

/// The maximum number of steps that are kept for one plugin. The latest steps are kept.
pub const STEPS_MAX: usize = 200;
/// The maximum number of revisions that are kept for one plugin: the revisions of the latest steps.
/// The active revision is always kept.
pub const REVISIONS_MAX: usize = 40;
/// The maximum number of blocks of one plugin. The latest blocks are kept.
pub const BLOCKS_MAX: usize = 40;

/// The history of releases, and the orders and blocks of operators.
///
/// See the [crate documentation](crate) for the meaning of "durable".
#[async_trait]
pub trait Releases: Send + Sync + 'static {
    /// Records steps of the revisions of one plugin, in their order.
    ///
    /// Once this returns, the steps are durable. A crash before the return leaves all of them or
    /// none. The last step of a revision is its state. The store accepts every step: the caller
    /// knows which step may follow which. The oldest steps beyond [`STEPS_MAX`] and
    /// [`REVISIONS_MAX`] are removed.
    async fn record(&self, plugin: &PluginRef, steps: &[ReleaseStep]) -> Result<(), Error>;

    /// Returns the revisions of one plugin, or of every plugin, in the order of the plugins and
    /// then by the time of the last step, the latest first.
    async fn revisions(&self, plugin: Option<&PluginRef>) -> Result<Vec<RevisionRecord>, Error>;

    /// Returns the steps of the revisions of a plugin, the oldest first.
    async fn steps(&self, plugin: &PluginRef) -> Result<Vec<ReleaseStep>, Error>;

    /// Stores the order for a plugin and replaces an earlier order. The order is durable, together
    /// with the audit entry.
    async fn order(&self, order: Order, audit: Option<AuditEntry>) -> Result<(), Error>;

    /// Withdraws the order for a plugin, durably, and adds the audit entry. Returns whether there
    /// was an order; without one, the entry is not added.
    async fn withdraw_order(
        &self,
        plugin: &PluginRef,
        audit: Option<AuditEntry>,
    ) -> Result<bool, Error>;

    /// Returns the orders for all plugins.
    async fn orders(&self) -> Result<Vec<Order>, Error>;

    /// Blocks a revision, durably, together with the audit entry. The host takes a blocked revision
    /// that is active out of service. The oldest blocks of the plugin beyond [`BLOCKS_MAX`] are
    /// removed.
    async fn block(&self, block: Block, audit: Option<AuditEntry>) -> Result<(), Error>;

    /// Removes all blocks of a plugin, durably, and adds the audit entry. Returns whether there were
    /// any; without one, the entry is not added.
    async fn unblock(&self, plugin: &PluginRef, audit: Option<AuditEntry>) -> Result<bool, Error>;

    /// Returns all blocks, in the order of the plugins and then the oldest first.
    async fn blocks(&self) -> Result<Vec<Block>, Error>;

    /// Waits until orders or blocks may have changed since the last call of this method, whichever
    /// task or process changed them. The method may return early.
    async fn releases_changed(&self);
}

/// A step of the release of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseStep {
    /// The revision, or `None` if the file was seen and not yet read.
    pub revision: Option<Revision>,
    /// The kind of the step.
    pub step: Step,
    /// The time of the step.
    pub at: Timestamp,
    /// The reason for the step in one line, if there is one.
    pub reason: Option<String>,
    /// The whole report of a rehearsal, if the step has one.
    pub report: Option<String>,
}

/// The state of a revision: its last step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionRecord {
    /// The plugin of the revision.
    pub plugin: PluginRef,
    /// The revision.
    pub revision: Revision,
    /// The kind of the last step.
    pub step: Step,
    /// The time of the last step.
    pub at: Timestamp,
    /// The reason for the last step, in one line.
    pub reason: Option<String>,
    /// The last time at which the revision became active, or `None` if it never did.
    pub served_at: Option<Timestamp>,
}

/// An operator's order that a revision of a plugin serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The plugin.
    pub plugin: PluginRef,
    /// The revision that must serve.
    pub revision: Revision,
    /// Whether the order is a pin. A pinned revision serves whichever file is dropped; without a
    /// pin the order lasts until the next good revision.
    pub is_pin: bool,
    /// The time at which the operator gave the order.
    pub ordered_at: Timestamp,
    /// The name of who gave the order, if it is known.
    pub ordered_by: Option<String>,
}

/// A revision that may not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The plugin.
    pub plugin: PluginRef,
    /// The revision that may not serve.
    pub revision: Revision,
    /// The reason, in one line.
    pub reason: String,
    /// The time at which the revision was blocked.
    pub since: Timestamp,
    /// The name of who blocked the revision, or `None` if the host did so itself.
    pub blocked_by: Option<String>,
}
