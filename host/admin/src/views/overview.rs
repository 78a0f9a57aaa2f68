//! The work of the host by state, and what tenants store.

use hookyard_store::{JobCounts, MessageCounts, StoredTotals};
use serde::Serialize;
use utoipa::ToSchema;

use super::list::Counted;

/// How many jobs and messages are in which state. Each state is counted up to 10,000.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Overview {
    /// The jobs.
    pub jobs: Jobs,
    /// The messages.
    pub messages: Messages,
}

/// The jobs that are not over, the dead ones, and the events without a plugin.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Jobs {
    /// Ready to be attempted.
    pub pending: Counted,
    /// Being attempted.
    pub leased: Counted,
    /// Waiting for the next attempt.
    pub waiting: Counted,
    /// Held until the plugin is back or out of quarantine.
    pub held: Counted,
    /// Given up.
    pub dead: Counted,
    /// Events without a plugin.
    pub unrouted: Counted,
}

/// The messages that are not over, and the dead ones.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Messages {
    /// Ready to be sent.
    pub pending: Counted,
    /// Being sent.
    pub leased: Counted,
    /// Waiting for the next delivery.
    pub waiting: Counted,
    /// Given up.
    pub dead: Counted,
}

impl Overview {
    /// Returns the counts.
    pub fn of(jobs: JobCounts, messages: MessageCounts) -> Self {
        Self {
            jobs: Jobs {
                pending: jobs.pending.into(),
                leased: jobs.leased.into(),
                waiting: jobs.waiting.into(),
                held: jobs.held.into(),
                dead: jobs.dead.into(),
                unrouted: jobs.unrouted.into(),
            },
            messages: Messages {
                pending: messages.pending.into(),
                leased: messages.leased.into(),
                waiting: messages.waiting.into(),
                dead: messages.dead.into(),
            },
        }
    }
}

/// What a tenant stores.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Tenant {
    /// The name of the tenant.
    pub tenant: String,
    /// The number of stored events.
    pub events: u64,
    /// The size of stored headers, bodies, answers and responses.
    pub bytes: u64,
}

impl From<StoredTotals> for Tenant {
    fn from(totals: StoredTotals) -> Self {
        Self {
            tenant: totals.tenant.to_string(),
            events: totals.events,
            bytes: totals.bytes,
        }
    }
}
