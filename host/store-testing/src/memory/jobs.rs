//! The jobs in memory: claiming, settling and retrying.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hookyard_model::{
    DestinationRef, Outcome, PluginRef, Revision, TenantName, Timestamp, WorkState,
};
use hookyard_store::{
    ClaimedJob, Error, GivenResponse, Handover, Hint, JobLease, JobRequest, Jobs, OutboxUsage,
    Settlement, Tally, transitions,
};

use super::routing::tallies;
use super::{MemoryStore, QueueKey, State};

#[async_trait]
impl Jobs for MemoryStore {
    async fn claim(
        &self,
        requests: &[JobRequest],
        lease: Duration,
    ) -> Result<Vec<ClaimedJob>, Error> {
        let now = self.clock.now();
        let mut state = self.state();
        let mut claimed = Vec::new();
        for request in requests {
            state.claim(request, now, now.after(lease), &mut claimed);
        }
        for ClaimedJob { lease, .. } in &claimed {
            self.tell_of_job(lease);
        }

        Ok(claimed)
    }

    fn hand_over(&self, to: Arc<Handover>) {
        self.state().handover = Some(to);
    }

    async fn extend(&self, leases: &[JobLease], lease: Duration) -> Result<(), Error> {
        let until = self.clock.now().after(lease);
        let mut state = self.state();
        for lease in leases {
            if let Some((at, WorkState::Leased { until: current })) = state.leased(lease) {
                let until = until.max(current);
                state.put(at, &lease.plugin, WorkState::Leased { until });
            }
        }

        Ok(())
    }

    async fn give_back(&self, leases: &[JobLease]) -> Result<(), Error> {
        let mut state = self.state();
        for lease in leases {
            let Some((at, leased)) = state.leased(lease) else {
                continue;
            };

            let is_routed = state.is_routed(at, &lease.plugin.name);
            if let Ok(next) = transitions::give_back(leased, is_routed) {
                state.put(at, &lease.plugin, next).attempts -= 1;
                state.due.insert(lease.plugin.clone());
            }
        }
        self.wake_if_due(&mut state);

        Ok(())
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), Error> {
        let mut state = self.state();
        if state.tokens.settled.contains(&settlement.lease.token) {
            return Ok(());
        }
        let Some((at, _)) = state.leased(&settlement.lease) else {
            return Err(Error::LeaseLost(settlement.lease));
        };

        if settlement.attempt.outcome == Outcome::Done {
            self.commit_effects(&mut state, &settlement)?;
            self.tell_of_messages(&settlement);
        }
        self.tell_of_job(&settlement.lease);
        state.settle_job(at, settlement, self.clock.now());
        self.wake_if_due(&mut state);

        Ok(())
    }

    async fn next_due(&self, plugins: &[PluginRef]) -> Result<Option<Duration>, Error> {
        let now = self.clock.now();
        let state = self.state();
        let queues = plugins.iter().filter_map(|plugin| state.queues.get(plugin));

        Ok(queues
            .filter_map(|queue| queue.first())
            .map(|key| key.due.since(now))
            .min())
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }

    async fn held(&self) -> Result<Vec<Tally<PluginRef>>, Error> {
        let state = self.state();
        let mut held = Vec::new();
        for stored in state.events.values() {
            for (name, job) in &stored.jobs {
                if job.state == WorkState::Held {
                    held.push((stored.plugin(name), stored.event.received_at));
                }
            }
        }

        Ok(tallies(held.into_iter()))
    }

    async fn unhandled(&self) -> Result<Vec<(TenantName, u64)>, Error> {
        let state = self.state();
        let mut unhandled = BTreeMap::new();
        for stored in state.events.values() {
            let jobs = stored.jobs.values().filter(|job| {
                matches!(
                    job.state,
                    WorkState::Pending | WorkState::Leased { .. } | WorkState::Waiting { .. }
                )
            });
            let count = jobs.count() as u64;
            if count > 0 {
                *unhandled
                    .entry(stored.event.source.tenant.clone())
                    .or_default() += count;
            }
        }
        Ok(unhandled.into_iter().collect())
    }

    async fn retry_failed(&self, plugin: &PluginRef, revision: Revision) -> Result<u64, Error> {
        let mut state = self.state();
        let count = state.retry_failed(plugin, revision);
        self.wake_if_due(&mut state);

        Ok(count)
    }
}

impl MemoryStore {
    fn tell_of_job(&self, lease: &JobLease) {
        self.feed.tell(Hint::Job {
            event: lease.event,
            plugin: lease.plugin.clone(),
        });
    }

    fn tell_of_messages(&self, settlement: &Settlement) {
        let tenant = &settlement.lease.plugin.tenant;
        for message in &settlement.effects.messages {
            self.feed.tell(Hint::Message {
                id: message.id,
                destination: DestinationRef {
                    tenant: tenant.clone(),
                    name: message.destination.clone(),
                },
            });
        }
    }

    /// Commits the effects of a successful attempt, or fails and changes nothing.
    fn commit_effects(&self, state: &mut State, settlement: &Settlement) -> Result<(), Error> {
        let Settlement {
            lease,
            attempt,
            effects,
            quota,
            outbox,
            ..
        } = settlement;

        let added = OutboxUsage::of(&effects.messages);
        if let Some(excess) = state.outbox.exceeded(&lease.plugin, *outbox, added) {
            return Err(excess);
        }
        state
            .values
            .commit(&lease.plugin, &effects.reads, &effects.writes, *quota)?;

        let ended_at = attempt.started_at.after(attempt.duration);
        for message in &effects.messages {
            let (message, trace) = (message.clone(), effects.trace.clone());
            state
                .outbox
                .add(&lease.plugin, lease.event, message, trace, ended_at);
            self.outbox_changed.notify_one();
        }

        Ok(())
    }
}

impl State {
    fn claim(
        &mut self,
        request: &JobRequest,
        now: Timestamp,
        until: Timestamp,
        claimed: &mut Vec<ClaimedJob>,
    ) {
        let mut left = request.limit;

        for key in self.due(request, now) {
            if left == 0 {
                break;
            }

            let plugin = &request.plugin;
            let Some(job) = self.events[&key.at].jobs.get(&plugin.name) else {
                continue;
            };
            let is_routed = self.is_routed(key.at, &plugin.name);
            match transitions::claim(job.state, is_routed, until, now) {
                transitions::Claim::Leave => {}
                transitions::Claim::Hold(next) => {
                    self.put(key.at, plugin, next);
                }
                transitions::Claim::Lease(next) => {
                    claimed.push(self.lease(key, plugin, next));
                    left -= 1;
                }
            }
        }
    }

    /// Returns the jobs of a plugin that are due, those that have been due for the longest time
    /// first.
    fn due(&self, request: &JobRequest, now: Timestamp) -> Vec<QueueKey> {
        let Some(queue) = self.queues.get(&request.plugin) else {
            return Vec::new();
        };

        let pending = queue
            .iter()
            .take_while(|key| !key.is_timed)
            .take(request.limit);
        let timed = queue
            .iter()
            .skip_while(|key| !key.is_timed)
            .take_while(|key| key.due <= now);
        let mut due: Vec<QueueKey> = pending.chain(timed).copied().collect();

        due.sort_by_key(|key| (self.due_since(key), key.at));
        due
    }

    /// Returns the time since which the job could have been claimed.
    fn due_since(&self, key: &QueueKey) -> Timestamp {
        if key.is_timed {
            key.due
        } else {
            self.events[&key.at].event.received_at
        }
    }

    pub(super) fn lease(
        &mut self,
        key: QueueKey,
        plugin: &PluginRef,
        leased: WorkState,
    ) -> ClaimedJob {
        let event = Arc::clone(&self.events[&key.at].event);
        let token = self.tokens.next();
        let job = self.put(key.at, plugin, leased);
        job.token = Some(token);
        job.attempts += 1;
        job.failed_on = None;

        let since = job.since.unwrap_or(event.received_at);
        ClaimedJob {
            lease: JobLease {
                event: event.id,
                plugin: plugin.clone(),
                replays: job.replays,
                attempt: job.attempts,
                token,
            },
            since,
            due: if key.is_timed { key.due } else { since },
            revision: job.revision,
            spared: job.spared,
            event,
        }
    }

    fn settle_job(&mut self, at: usize, settlement: Settlement, now: Timestamp) {
        let Settlement {
            lease,
            attempt,
            next,
            failed_on_probation,
            is_spared,
            effects,
            ..
        } = settlement;

        if let Some(response) = effects
            .response
            .filter(|_| attempt.outcome == Outcome::Done)
        {
            let plugin = lease.plugin.name.clone();
            let stored = self.stored(at);
            stored
                .response
                .get_or_insert(GivenResponse { plugin, response });
        }
        let is_routed = self.is_routed(at, &lease.plugin.name);
        let next = transitions::route(next.at(now), is_routed);
        self.tokens.settled.insert(lease.token);
        let job = self.put(at, &lease.plugin, next);

        if attempt.outcome == Outcome::Done && !effects.answers.is_empty() {
            job.answers = effects.answers;
        }
        job.failed_on = failed_on_probation.then_some(attempt.revision);
        job.spared += u32::from(is_spared);
        job.history.push((lease.replays, attempt));
    }

    fn retry_failed(&mut self, plugin: &PluginRef, revision: Revision) -> u64 {
        let mut count = 0;

        for (at, state) in self.jobs_of(plugin) {
            let failed_on = self.events[&at].jobs[&plugin.name].failed_on;
            let Ok(next) = transitions::retry(state, self.is_routed(at, &plugin.name)) else {
                continue;
            };

            if failed_on == Some(revision) {
                self.put(at, plugin, next).failed_on = None;
                self.due.insert(plugin.clone());
                count += 1;
            }
        }

        count
    }

    /// Returns the number of the event and the state of each job of a plugin.
    pub(super) fn jobs_of(&self, plugin: &PluginRef) -> Vec<(usize, WorkState)> {
        let mut jobs = Vec::new();
        for (at, stored) in &self.events {
            if stored.event.source.tenant == plugin.tenant
                && let Some(job) = stored.jobs.get(&plugin.name)
            {
                jobs.push((*at, job.state));
            }
        }

        jobs
    }
}
