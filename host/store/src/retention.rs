//! Retention: how long and how much a store keeps, for each tenant.

use std::collections::BTreeMap;
use std::time::Duration;

use hookyard_model::TenantName;

/// The retention limits of all tenants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// The limits of tenants without limits of their own.
    pub fallback: RetentionLimits,
    /// The limits of tenants that have their own.
    pub by_tenant: BTreeMap<TenantName, RetentionLimits>,
}

impl Retention {
    /// Returns the limits of a tenant.
    pub fn limits_of(&self, tenant: &TenantName) -> RetentionLimits {
        self.by_tenant.get(tenant).copied().unwrap_or(self.fallback)
    }
}

/// The retention limits of one tenant. A limit that is `None` does not apply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetentionLimits {
    /// The maximum age of an event, counted from its arrival.
    pub age_max: Option<Duration>,
    /// The maximum total size of the headers and bodies of the tenant's events and of the recorded
    /// answers, in bytes.
    pub bytes_max: Option<u64>,
    /// The maximum age of an unrouted event, counted from its arrival. The other limits do not
    /// apply to such events.
    pub unrouted_max_age: Option<Duration>,
    /// The maximum age of a message that was not sent (dead, pending, waiting or held), counted
    /// from the time at which it was to be sent.
    pub unsent_max_age: Option<Duration>,
}

/// The result of one step of pruning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PruneSummary {
    /// The number of events or messages that were removed.
    pub count: u64,
    /// The total size of their headers and bodies, in bytes.
    pub bytes: u64,
    /// Whether more events or messages may be due for removal now.
    pub more: bool,
}
