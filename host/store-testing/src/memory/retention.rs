//! Retention in memory: removing the events that the limits do not keep.

use bytes::Bytes;
use hookyard_model::{Header, TenantName, Timestamp};
use hookyard_store::{
    GivenResponse, PruneSummary, Retention, RetentionLimits, StoredTotals, transitions,
};

use super::{QueueKey, State, Stored};

impl State {
    pub(super) fn prune(
        &mut self,
        retention: &Retention,
        now: Timestamp,
        limit: usize,
    ) -> PruneSummary {
        self.by_key
            .retain(|_, (_, until)| *until > now.before(transitions::KEY_GRACE));

        let mut summary = PruneSummary::default();
        for tenant in self.tenants() {
            let limits = retention.limits_of(&tenant);
            let mut expired = self.expired_unrouted(&tenant, limits, now);
            let unrouted_bytes = expired.iter().map(|at| self.events[at].bytes()).sum();
            expired.extend(self.expired(&tenant, limits, now, unrouted_bytes));

            for at in expired {
                if summary.count as usize == limit {
                    summary.more = true;
                    return summary;
                }
                self.remove(at, &mut summary);
            }
        }
        summary
    }

    /// Returns the unrouted events of a tenant that are too old, the oldest first.
    fn expired_unrouted(
        &self,
        tenant: &TenantName,
        limits: RetentionLimits,
        now: Timestamp,
    ) -> Vec<usize> {
        let Some(age_max) = limits.unrouted_max_age else {
            return Vec::new();
        };

        let mut expired = self.oldest_first(tenant);
        expired.retain(|at| {
            let stored = &self.events[at];
            stored.is_unrouted() && stored.event.received_at.after(age_max) <= now
        });
        expired
    }

    /// Returns the finished events of a tenant that are too old, or that exceed the limit of bytes
    /// after `removed` bytes are removed; the oldest first.
    fn expired(
        &self,
        tenant: &TenantName,
        limits: RetentionLimits,
        now: Timestamp,
        removed: u64,
    ) -> Vec<usize> {
        let mut excess = self
            .bytes_of(tenant)
            .saturating_sub(removed)
            .saturating_sub(limits.bytes_max.unwrap_or(u64::MAX));
        let mut expired = Vec::new();

        for at in self.oldest_first(tenant) {
            let stored = &self.events[&at];
            let is_old = limits
                .age_max
                .is_some_and(|age| stored.event.received_at.after(age) <= now);
            if !is_old && excess == 0 {
                break;
            }

            if stored.is_over() {
                excess = excess.saturating_sub(stored.bytes());
                expired.push(at);
            }
        }
        expired
    }

    fn remove(&mut self, at: usize, summary: &mut PruneSummary) {
        let Some(stored) = self.events.remove(&at) else {
            return;
        };
        debug_assert!(
            stored
                .jobs
                .values()
                .all(|job| QueueKey::of(job.state, at).is_none()),
            "a finished job is in no queue"
        );

        self.by_id.remove(&stored.event.id);
        summary.count += 1;
        summary.bytes += stored.bytes();
    }

    /// Returns what each tenant stores.
    pub(super) fn totals(&self) -> Vec<StoredTotals> {
        let of_tenant = |tenant: TenantName| StoredTotals {
            events: self.oldest_first(&tenant).len() as u64,
            bytes: self.bytes_of(&tenant),
            tenant,
        };

        self.tenants().into_iter().map(of_tenant).collect()
    }

    fn tenants(&self) -> Vec<TenantName> {
        let mut tenants: Vec<_> = self
            .events
            .values()
            .map(|stored| stored.event.source.tenant.clone())
            .collect();
        tenants.sort();
        tenants.dedup();
        tenants
    }

    fn bytes_of(&self, tenant: &TenantName) -> u64 {
        self.events
            .values()
            .filter(|stored| stored.event.source.tenant == *tenant)
            .map(Stored::bytes)
            .sum()
    }

    fn oldest_first(&self, tenant: &TenantName) -> Vec<usize> {
        let mut events: Vec<_> = self
            .events
            .iter()
            .filter(|(_, stored)| stored.event.source.tenant == *tenant)
            .map(|(at, stored)| (stored.event.received_at, *at))
            .collect();
        events.sort();
        events.into_iter().map(|(_, at)| at).collect()
    }
}

impl Stored {
    /// Returns whether all jobs are over. An unrouted event is not over: it waits for its first
    /// plugin.
    fn is_over(&self) -> bool {
        !self.is_unrouted() && self.jobs.values().all(|job| job.state.is_over())
    }

    /// Returns the size of the event with the recorded answers of its jobs and its response, in bytes.
    fn bytes(&self) -> u64 {
        let mut bytes = size(&self.event.headers, &self.event.body);
        for answer in self.jobs.values().flat_map(|job| &job.answers) {
            bytes += size(&answer.headers, &answer.body);
        }
        if let Some(GivenResponse { response, .. }) = &self.response {
            bytes += size(&response.headers, &response.body);
        }
        bytes
    }
}

fn size(headers: &[Header], body: &Bytes) -> u64 {
    let in_headers: usize = headers
        .iter()
        .map(|header| header.name.len() + header.value.len())
        .sum();

    (in_headers + body.len()) as u64
}
