//! The runner: dispatch's view of the part that runs plugins.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use hookyard_model::{Effects, LogLine, Outcome, PluginRef, Revision};
use hookyard_store::{ClaimedJob, KvUsage, OutboxQuota};

/// Runs jobs on the active plugins.
#[async_trait]
pub trait Runner: Send + Sync + 'static {
    /// Returns the plugins that can take jobs.
    fn active(&self) -> Vec<ActivePlugin>;

    /// Waits until [`Runner::active`] may return something else than at its last call. May return
    /// early.
    async fn changed(&self);

    /// Attempts a job from beginning to end on one revision (invariant 7), within the limits of the
    /// plugin.
    ///
    /// # Errors
    ///
    /// Returns why no attempt was made. Nothing of the plugin's effects is left then.
    async fn run(&self, job: &ClaimedJob) -> Result<AttemptResult, RunError>;
}

/// The reason why no attempt was made. The job is unchanged, and nothing counts against the plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunError {
    /// The plugin is not loaded.
    NotLoaded,
    /// The host failed, for example because it had no memory for the plugin. Holds the reason.
    HostFault(String),
}

/// A plugin that can take jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivePlugin {
    /// The plugin.
    pub plugin: PluginRef,
    /// Its active revision.
    pub revision: Revision,
    /// The maximum number of its concurrent attempts.
    pub concurrency: usize,
}

/// The result of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptResult {
    /// The revision that ran.
    pub revision: Revision,
    /// The time from the call of the runner to the outcome.
    pub duration: Duration,
    /// The outcome.
    pub outcome: Outcome,
    /// The lines that the guest wrote.
    pub log: Vec<LogLine>,
    /// The effects that the guest asked for. They commit only if the outcome is [`Outcome::Done`].
    pub effects: Effects,
    /// The maximum size of the plugin's key-value store.
    pub quota: KvUsage,
    /// The maximum number and size of unsent messages.
    pub outbox: OutboxQuota,
    /// The resources that the attempt used.
    pub measures: Measures,
    /// The guest's calls of host functions, if the trace of the event is recorded.
    pub host_calls: Vec<HostCall>,
}

/// A call of a host function by a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostCall {
    /// The interface and the function.
    pub name: &'static str,
    /// The time of the call.
    pub start: SystemTime,
    /// The time of the return.
    pub end: SystemTime,
}

/// The resources that an attempt used. A step that the attempt did not reach is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Measures {
    /// The time to decode the event.
    pub decode: Duration,
    /// The time to instantiate the plugin.
    pub instantiate: Duration,
    /// The elapsed time of the handler's call.
    pub run: Duration,
    /// The processor time of instantiation and call.
    pub cpu: Duration,
    /// The guest's linear memory at the end, in bytes. Linear memory never shrinks, so this is the
    /// maximum.
    pub memory_bytes: u64,
    /// The number of calls of host functions.
    pub host_calls: u64,
    /// The bytes that passed between guest and host in these calls.
    pub host_bytes: u64,
}
