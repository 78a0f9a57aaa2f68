//! The jobs of stored events: leasing, settling, and waiting for jobs that are due.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hookyard_model::{
    Attempt, Effects, Event, EventId, Next, PluginRef, Revision, TenantName, Timestamp,
};

use crate::{Error, Handover, KvUsage, LeaseToken, OutboxQuota, Tally};

/// The jobs of stored events.
///
/// See the [crate documentation](crate) for the meaning of "durable".
#[async_trait]
pub trait Jobs: Send + Sync + 'static {
    /// Leases jobs that are due, those that have been due for the longest time first: for each
    /// request no more than its limit.
    ///
    /// Jobs with the same ordering key (of one source and plugin) are leased strictly in the order
    /// of their events: the next job can be leased only when the previous job is over, that is,
    /// done, dead or discarded. A failing key waits; other keys continue. A replayed event comes
    /// before later events of its key, but after an attempt that is already running.
    ///
    /// Nobody else can lease these jobs for the time `lease`, by the clock of the store. The caller
    /// counts this time from before the call. [`JobLease::token`] is the proof of the lease. A crash
    /// after this call leaves the jobs leased; they are due again when the lease ends, or once their
    /// host is known to be gone.
    async fn claim(
        &self,
        requests: &[JobRequest],
        lease: Duration,
    ) -> Result<Vec<ClaimedJob>, Error>;

    /// Starts to hand over jobs: from now on, [`Events::append`](crate::Events::append) leases a new
    /// job in the transaction that creates the job, and puts the job into the handover once the
    /// transaction is durable.
    ///
    /// The store does so only if the handover has a place for the job, and if no other job of the
    /// plugin is pending, so that a new job does not overtake older ones. Any other job is pending,
    /// and a claim finds it. The handover replaces an earlier one. A crash after the append leaves
    /// the jobs leased, as a crash after a claim does.
    fn hand_over(&self, to: Arc<Handover>);

    /// Extends leases, so that each of them lasts for at least the time `lease` from now on, by the
    /// clock of the store. A job that is no longer under the given lease is left unchanged.
    async fn extend(&self, leases: &[JobLease], lease: Duration) -> Result<(), Error>;

    /// Gives back leases that were not used: the jobs become pending again, and the attempts do not
    /// count.
    async fn give_back(&self, leases: &[JobLease]) -> Result<(), Error>;

    /// Ends an attempt: the record of the attempt and the next state of the job become durable in
    /// one transaction.
    ///
    /// The effects of an attempt whose outcome is `Done` commit in the same transaction (invariant
    /// 6). The effects of any other outcome are dropped. Of the responses to one event, the first is
    /// kept. A crash before the return leaves all of
    /// the changes or none of them; if none, the job is attempted again. A second settlement under
    /// the same lease changes nothing and succeeds, so a caller that got no answer calls again.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::LeaseLost`] if the job is no longer under this lease and was not settled
    /// under it, with
    /// [`Error::Conflict`] if a key that the attempt read has changed since, and with
    /// [`Error::OverQuota`] if the writes would exceed the quota of the plugin's key-value store or
    /// the messages would exceed the quota of the outbox. None of these changes anything.
    async fn settle(&self, settlement: Settlement) -> Result<(), Error>;

    /// Returns the time until a job of these plugins is due, zero if a job is due already, or `None`
    /// if no job becomes due by the passing of time alone.
    async fn next_due(&self, plugins: &[PluginRef]) -> Result<Option<Duration>, Error>;

    /// Waits until jobs may have become due since the last call of this method.
    ///
    /// Every call that can make a job due wakes the waiting task, whichever task or process makes
    /// it. The exceptions are `claim`, an `append` that hands all of its jobs over, and calls that
    /// make jobs due only of plugins that the store has [noted](Handover::note_due) in the handover,
    /// for example an `append` that found no place, or a `settle` that lets the next job of an
    /// ordering key run. Noting is cheaper for the worker, which otherwise looks for the jobs of
    /// all plugins. The method may return early.
    async fn changed(&self);

    /// Counts the held jobs of each plugin that has some, in the order of the plugins.
    async fn held(&self) -> Result<Vec<Tally<PluginRef>>, Error>;

    /// Counts the unhandled jobs of each tenant that has some, in the order of the tenants: the jobs
    /// that are pending, leased or waiting.
    async fn unhandled(&self) -> Result<Vec<(TenantName, u64)>, Error>;

    /// Makes the jobs due that failed on a revision while the revision was on probation, and that
    /// the host now rolls back. Returns the number of these jobs.
    ///
    /// These are the jobs of the plugin that are waiting or dead, and whose last attempt ran this
    /// revision and was settled with [`Settlement::failed_on_probation`]. Their attempts stay
    /// counted: each job is attempted at least once more, and not again if that attempt was its
    /// last.
    ///
    /// Once this returns, the jobs are durably due, or held where their plugin cannot take them. A
    /// crash before the return may leave some of the jobs due and others not; the next call
    /// completes the change.
    async fn retry_failed(&self, plugin: &PluginRef, revision: Revision) -> Result<u64, Error>;
}

/// A request for up to `limit` jobs of one plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRequest {
    /// The plugin.
    pub plugin: PluginRef,
    /// The maximum number of jobs.
    pub limit: usize,
}

/// The time-limited right of one attempt to a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobLease {
    /// The event of the job.
    pub event: EventId,
    /// The plugin of the job.
    pub plugin: PluginRef,
    /// The number of times that the job has been replayed.
    pub replays: u32,
    /// The number of the attempt: 1 for the first attempt, and for the first attempt after each
    /// replay.
    pub attempt: u32,
    /// The proof of the lease.
    pub token: LeaseToken,
}

/// A job under lease.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// The lease.
    pub lease: JobLease,
    /// The whole event.
    pub event: Arc<Event>,
    /// The time at which the age of the job starts: the arrival of the event, or the time at
    /// which the last replay made the job due.
    pub since: Timestamp,
    /// The time at which this attempt became possible: `since` for a first attempt, later for a job
    /// that had to wait.
    pub due: Timestamp,
    /// The revision that a replay asked for, or `None` for the active revision.
    pub revision: Option<Revision>,
    /// The number of attempts since the last replay that were settled as spared.
    pub spared: u32,
}

/// The end of an attempt.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The lease under which the attempt ran.
    pub lease: JobLease,
    /// The record of the attempt. Its number is the number of the lease.
    pub attempt: Attempt,
    /// The next state of the job.
    pub next: Next,
    /// Whether the attempt failed because of a revision on probation. [`Jobs::retry_failed`] finds
    /// the job until it is claimed or replayed.
    pub failed_on_probation: bool,
    /// Whether the attempt does not count against the maximum number of attempts of the job.
    pub is_spared: bool,
    /// The effects of the attempt.
    pub effects: Effects,
    /// The quota of the plugin's key-value store.
    pub quota: KvUsage,
    /// The quota of unsent messages.
    pub outbox: OutboxQuota,
}
