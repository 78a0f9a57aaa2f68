//! Counts for people: how much work is in which state, and how much each tenant stores.
//!
//! Nobody counts beyond a maximum, so that a count costs the same however much is stored.

use async_trait::async_trait;
use hookyard_model::TenantName;

use crate::{Error, Tenants};

/// Counts of jobs, messages and stored bytes.
#[async_trait]
pub trait Counts: Send + Sync + 'static {
    /// Counts the jobs of these tenants by state, each state up to `max`.
    ///
    /// Jobs that are done or discarded are not counted: they are the history and not the work.
    async fn job_counts(&self, tenants: &Tenants, max: u64) -> Result<JobCounts, Error>;

    /// Counts the messages of these tenants by state, each state up to `max`.
    async fn message_counts(&self, tenants: &Tenants, max: u64) -> Result<MessageCounts, Error>;

    /// Returns what these tenants store, in the order of the tenants. A tenant without events is
    /// left out.
    async fn totals(&self, tenants: &Tenants) -> Result<Vec<StoredTotals>, Error>;
}

/// A number that was counted up to a maximum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// The number that was counted.
    pub value: u64,
    /// Whether there are more than were counted.
    pub has_more: bool,
}

impl Count {
    /// Returns the count of `value` items. Only `max` of them are counted.
    pub fn capped(value: u64, max: u64) -> Self {
        Self {
            value: value.min(max),
            has_more: value > max,
        }
    }
}

/// The numbers of jobs by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobCounts {
    /// The jobs that are pending.
    pub pending: Count,
    /// The jobs that are leased.
    pub leased: Count,
    /// The jobs that wait for their next attempt.
    pub waiting: Count,
    /// The jobs that are held.
    pub held: Count,
    /// The jobs that are dead.
    pub dead: Count,
    /// The events without a plugin.
    pub unrouted: Count,
}

/// The numbers of messages by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MessageCounts {
    /// The messages that are pending.
    pub pending: Count,
    /// The messages that are leased.
    pub leased: Count,
    /// The messages that wait for their next delivery.
    pub waiting: Count,
    /// The messages that are dead.
    pub dead: Count,
}

/// What a tenant stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTotals {
    /// The tenant.
    pub tenant: TenantName,
    /// The number of events.
    pub events: u64,
    /// The size of the headers and bodies of the events, of recorded answers and of responses, in
    /// bytes.
    pub bytes: u64,
}
