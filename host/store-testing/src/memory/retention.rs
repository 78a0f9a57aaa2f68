//! Taking out what is no longer kept.

use bytes::Bytes;
use hookyard_model::{Header, TenantName, Timestamp};

use super::{Place, State, Stored};
use hookyard_store::{PruneSummary, Retention, RetentionLimits, transitions};

impl State {
    pub(super) fn prune(
        &mut self,
        limits: &Retention,
        now: Timestamp,
        limit: usize,
    ) -> PruneSummary {
        let mut pruned = PruneSummary::default();
        self.by_key
            .retain(|_, (_, until)| *until > now.before(transitions::KEY_GRACE));
        for (tenant, keep) in self.tenants(limits) {
            for at in self.unrouted_past(&tenant, keep, now) {
                if pruned.count as usize == limit {
                    return PruneSummary {
                        more: true,
                        ..pruned
                    };
                }
                self.count_and_take_out(at, &mut pruned);
            }

            let mut over = self
                .bytes_of(&tenant)
                .saturating_sub(keep.bytes_max.unwrap_or(u64::MAX));
            for at in self.oldest_first(&tenant) {
                let stored = &self.events[&at];
                let is_old = keep
                    .age_max
                    .is_some_and(|age| stored.event.received_at.after(age) <= now);
                if !is_old && over == 0 {
                    break;
                }
                if !stored.is_over() {
                    continue;
                }
                if pruned.count as usize == limit {
                    return PruneSummary {
                        more: true,
                        ..pruned
                    };
                }
                over = over.saturating_sub(stored.bytes());
                self.count_and_take_out(at, &mut pruned);
            }
        }
        pruned
    }

    /// The unrouted events of a tenant that have waited for too long, the oldest first.
    fn unrouted_past(
        &self,
        tenant: &TenantName,
        keep: RetentionLimits,
        now: Timestamp,
    ) -> Vec<usize> {
        let Some(age_max) = keep.unrouted_max_age else {
            return Vec::new();
        };
        let is_past = |at: &usize| {
            let stored = &self.events[at];
            stored.is_unrouted() && stored.event.received_at.after(age_max) <= now
        };
        self.oldest_first(tenant)
            .into_iter()
            .filter(is_past)
            .collect()
    }

    fn count_and_take_out(&mut self, at: usize, pruned: &mut PruneSummary) {
        pruned.count += 1;
        pruned.bytes += self.events[&at].bytes();
        self.take_out(at);
    }

    fn tenants(&self, limits: &Retention) -> Vec<(TenantName, RetentionLimits)> {
        let mut tenants: Vec<_> = self
            .events
            .values()
            .map(|stored| stored.event.source.tenant.clone())
            .collect();
        tenants.sort();
        tenants.dedup();
        tenants
            .into_iter()
            .map(|tenant| (tenant.clone(), limits.limits_of(&tenant)))
            .collect()
    }

    fn bytes_of(&self, tenant: &TenantName) -> u64 {
        let stored = self
            .events
            .values()
            .filter(|stored| stored.event.source.tenant == *tenant);
        stored.map(Stored::bytes).sum()
    }

    fn oldest_first(&self, tenant: &TenantName) -> Vec<usize> {
        let of_tenant = self
            .events
            .iter()
            .filter(|(_, stored)| stored.event.source.tenant == *tenant);
        let mut places: Vec<_> = of_tenant
            .map(|(at, stored)| (stored.event.received_at, *at))
            .collect();
        places.sort();
        places.into_iter().map(|(_, at)| at).collect()
    }

    fn take_out(&mut self, at: usize) {
        let Some(stored) = self.events.remove(&at) else {
            return;
        };
        debug_assert!(
            stored
                .jobs
                .values()
                .all(|job| Place::of(job.state, at).is_none()),
            "what is over is in no queue"
        );
        self.by_id.remove(&stored.event.id);
    }
}

impl Stored {
    /// Whether nothing is left to be done: an unrouted event waits for its first plugin.
    fn is_over(&self) -> bool {
        !self.is_unrouted() && self.jobs.values().all(|job| job.state.is_over())
    }

    fn bytes(&self) -> u64 {
        let bytes = |headers: &[Header], body: &Bytes| {
            headers
                .iter()
                .map(|header| header.name.len() + header.value.len())
                .sum::<usize>()
                + body.len()
        };
        let answers = self.jobs.values().flat_map(|job| &job.answers);
        let of_answers = answers
            .map(|answer| bytes(&answer.headers, &answer.body))
            .sum::<usize>();
        (bytes(&self.event.headers, &self.event.body) + of_answers) as u64
    }
}
