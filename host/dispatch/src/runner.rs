//! What dispatch asks of whatever runs plugins. It knows no WebAssembly.

use std::time::Duration;

use async_trait::async_trait;
use hookyard_model::{Effects, LogLine, Outcome, PluginRef, Revision};
use hookyard_store::{ClaimedJob, KvUsage, OutboxQuota};

/// Runs jobs on the plugins that are loaded.
#[async_trait]
pub trait Runner: Send + Sync + 'static {
    /// The plugins that can take jobs now.
    fn active(&self) -> Vec<Active>;

    /// Returns once `active` may have another answer than when this was last called. May return early.
    async fn changed(&self);

    /// Attempts one job, from beginning to end on one revision (invariant 7), and always within the plugin's limits.
    ///
    /// Where no attempt can be made, none of the plugin's effects is left.
    async fn run(&self, job: &ClaimedJob) -> Result<Ran, Unrun>;
}

/// Why no attempt was made. The job stays as it was, and nothing counts against the plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unrun {
    /// The plugin is not loaded.
    Absent,
    /// The host failed, for this reason: it had no memory for the plugin, or could not read its store.
    HostFault(String),
}

/// A plugin that can take jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Active {
    /// The plugin.
    pub plugin: PluginRef,
    /// The code that runs its jobs.
    pub revision: Revision,
    /// How many attempts it may have at once.
    pub concurrency: usize,
}

/// One attempt that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The code that ran.
    pub revision: Revision,
    /// From the decision to run to the outcome.
    pub duration: Duration,
    /// What it came to.
    pub outcome: Outcome,
    /// What the guest wrote.
    pub log: Vec<LogLine>,
    /// What it asked to change; taken only where the outcome is `Done`.
    pub effects: Effects,
    /// How much the plugin's store may hold.
    pub quota: KvUsage,
    /// How much may wait in the outbox.
    pub outbox: OutboxQuota,
    /// What it took.
    pub measures: Measures,
}

/// What one attempt took; what it didn't come to is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Measures {
    /// Making values of the event.
    pub decode: Duration,
    /// Making an instance of the plugin.
    pub instantiate: Duration,
    /// The handler's call, whatever it was spent on.
    pub run: Duration,
    /// Processor time of instantiation and call.
    pub cpu: Duration,
    /// Linear memory that the guest had at its end, and so at its most.
    pub memory_bytes: u64,
    /// Calls of the host's functions.
    pub host_calls: u64,
    /// Bytes that passed between guest and host by these calls.
    pub host_bytes: u64,
}
