//! The loop: look for due jobs, begin as many as there are places for, wait for a reason to look again.
//!
//! Reasons are: the inbox or the set of plugins has changed, a job has become due, a place is free. Missing one only
//! costs time: everything is looked up afresh each time, and at least once a minute.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hookyard_model::share::{Demand, FreeSlots, TurnOrder, remaining_demand, share};
use hookyard_model::{PluginRef, TenantName, chain};
use hookyard_store::{ClaimedJob, JobLease, JobRequest};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use crate::attempt::{End, Means};
use crate::quarantine::Quarantines;
use crate::turn::Turns;
use crate::{Active, Config, Handle, Unrun, metering};

/// The longest time between two looks, whatever the inbox and the clock say.
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(60);
/// The shortest where nothing has changed, so that an inbox at odds with itself can't keep the loop spinning.
const LOOK_AGAIN_MIN: Duration = Duration::from_millis(5);
/// How long to leave an inbox alone that has just failed.
const FAULT_PAUSE: Duration = Duration::from_secs(1);
/// How long to leave a plugin alone that could not be run.
const UNRUN_PAUSE: Duration = Duration::from_secs(1);

/// Runs due jobs until it is told to stop.
pub struct Dispatcher {
    means: Arc<Means>,
    concurrency_max: usize,
    shutdown_timeout: Duration,
    running: JoinSet<End>,
    leases: HashMap<Id, JobLease>,
    /// Attempts under way of each plugin.
    taken: HashMap<PluginRef, usize>,
    /// Plugins to be left alone until then.
    resting: HashMap<PluginRef, Instant>,
    /// The inbox is to be left alone until then.
    paused_until: Option<Instant>,
    served: TurnOrder<PluginRef>,
    tenant_concurrency_max: usize,
    /// The places of one tenant, with the plugins that there are.
    tenant_max: usize,
    /// Whether the plugins may be others than when this last looked at their quarantines.
    plugins_changed: bool,
}

impl Dispatcher {
    /// A dispatcher that does nothing yet.
    pub fn new(config: Config) -> Self {
        let Config {
            inbox,
            runner,
            clock,
            jitter,
            lease,
            policies,
            quarantine,
            probation,
            ..
        } = config;
        let Config {
            concurrency_max,
            tenant_concurrency_max,
            shutdown_timeout,
            ..
        } = config;
        let policies = Arc::new(ArcSwap::from_pointee(policies));
        let quarantines = Quarantines::new(
            Arc::clone(&inbox),
            Arc::clone(&runner),
            Arc::clone(&clock),
            probation,
            quarantine,
        );
        let turns = Turns::default();
        Self {
            means: Arc::new(Means {
                inbox,
                runner,
                clock,
                jitter,
                policies,
                lease,
                turns,
                quarantines,
            }),
            concurrency_max: concurrency_max.max(1),
            shutdown_timeout,
            running: JoinSet::new(),
            leases: HashMap::new(),
            taken: HashMap::new(),
            resting: HashMap::new(),
            paused_until: None,
            served: TurnOrder::default(),
            tenant_concurrency_max: tenant_concurrency_max.max(1),
            tenant_max: usize::MAX,
            plugins_changed: true,
        }
    }

    /// Changes this dispatcher while it runs.
    pub fn handle(&self) -> Handle {
        let policy = Arc::clone(&self.means.quarantines.policy);
        Handle {
            policies: Arc::clone(&self.means.policies),
            quarantine: policy,
        }
    }

    /// Claims and runs jobs until `shutdown` completes; then claims no more, and returns once all attempts in flight
    /// are settled or `shutdown_timeout` has passed. Attempts cut off then keep their lease and are made again later.
    pub async fn run(mut self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown);
        let means = Arc::clone(&self.means);
        loop {
            let look_again = self.begin_due().await;
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(ended) = self.running.join_next_with_id() => self.ended(ended),
                () = means.runner.changed() => self.note_changed_plugins(),
                () = means.inbox.changed() => {}
                () = sleep_until(look_again) => {}
            }
            // What has ended as well makes room for one larger claim rather than for many small ones.
            while let Some(ended) = self.running.try_join_next_with_id() {
                self.ended(ended);
            }
        }
        self.drain().await;
    }

    /// Begins attempts at due jobs for as long as there are places, and says when to look again at the latest.
    async fn begin_due(&mut self) -> Instant {
        let now = Instant::now();
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return until;
        }
        if self.plugins_changed
            && let Err(error) = self.look_at_plugins().await
        {
            return self.pause(&error, "the plugins' quarantines could not be looked at");
        }
        let mut asking = self.open(now);
        while self.free() > 0 {
            let given = self.share(&asking);
            if given.is_empty() {
                break;
            }
            let wants: Vec<_> = given
                .iter()
                .map(|(plugin, limit)| JobRequest {
                    plugin: plugin.clone(),
                    limit: *limit,
                })
                .collect();
            let mark = self.means.quarantines.mark();
            let claimed = match self
                .means
                .inbox
                .claim(&wants, self.means.clock.now(), self.means.lease)
                .await
            {
                Ok(claimed) => claimed,
                Err(error) => return self.pause(&error, "no jobs could be claimed"),
            };
            asking = remaining_demand(asking, &given, &by_plugin(&claimed));
            for job in claimed {
                self.means.quarantines.claimed(&job.lease.plugin, mark);
                self.begin(job);
            }
        }
        self.look_again(now).await
    }

    /// The plugins that may begin attempts, and how many.
    fn open(&mut self, now: Instant) -> Vec<Demand<PluginRef>> {
        self.resting.retain(|_, until| *until > now);
        let active = self.means.runner.active().into_iter();
        let open = active.filter_map(
            |Active {
                 plugin: member,
                 concurrency,
                 ..
             }| {
                let running = self.taken.get(&member).copied().unwrap_or(0);
                let slots = concurrency.saturating_sub(running);
                (slots > 0 && !self.resting.contains_key(&member)).then_some(Demand {
                    member,
                    slots,
                    running,
                })
            },
        );
        open.collect()
    }

    fn free(&self) -> usize {
        self.concurrency_max.saturating_sub(self.running.len())
    }

    fn running_by_tenant(&self) -> HashMap<TenantName, usize> {
        let mut running = HashMap::new();
        for (plugin, taken) in &self.taken {
            *running.entry(plugin.tenant.clone()).or_default() += taken;
        }
        running
    }

    /// Who may have how many of the places that are free.
    fn share(&mut self, asking: &[Demand<PluginRef>]) -> Vec<(PluginRef, usize)> {
        let running = self.running_by_tenant();
        let free = FreeSlots {
            slots: self.free(),
            tenant_max: self.tenant_max,
            running: &running,
        };
        share(&free, asking, &mut self.served)
    }

    fn note_changed_plugins(&mut self) {
        self.resting.clear();
        self.plugins_changed = true;
    }

    /// Takes in which plugins there are now, and lifts the quarantine of those that have another revision.
    async fn look_at_plugins(&mut self) -> Result<(), hookyard_store::Error> {
        let active: HashSet<PluginRef> = self
            .means
            .runner
            .active()
            .into_iter()
            .map(|active| active.plugin)
            .collect();
        let tenants: HashSet<_> = active.iter().map(|plugin| &plugin.tenant).collect();
        // Places that nobody else could have are kept for nobody.
        self.tenant_max = if tenants.len() > 1 {
            self.tenant_concurrency_max
        } else {
            usize::MAX
        };
        self.served.retain(|plugin| active.contains(plugin));
        self.means.quarantines.lift_outdated().await?;
        self.plugins_changed = false;
        Ok(())
    }

    fn begin(&mut self, job: ClaimedJob) {
        let lease = job.lease.clone();
        *self.taken.entry(lease.plugin.clone()).or_default() += 1;
        let means = Arc::clone(&self.means);
        let task = self.running.spawn(async move { means.attempt(job).await });
        self.leases.insert(task.id(), lease);
    }

    fn ended(&mut self, ended: Result<(Id, End), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(lease) = self.leases.remove(&id) else {
            return;
        };
        if let Some(taken) = self.taken.get_mut(&lease.plugin) {
            *taken -= 1;
            if *taken == 0 {
                self.taken.remove(&lease.plugin);
            }
        }
        match ended {
            Ok((_, End::Ran)) => {}
            Ok((_, End::Unrun(unrun))) => self.rest(lease, unrun),
            // A fault of the host's. Nobody knows how far the attempt came: its lease runs out, and it's made again.
            Err(error) => {
                let JobLease {
                    event,
                    plugin,
                    attempt,
                    ..
                } = &lease;
                tracing::error!(%event, %plugin, attempt, %error, "the host failed while it ran a plugin");
            }
        }
    }

    /// Leaves a plugin alone that could not be run. One line tells of a host that fails, however many attempts it fails at
    /// before the pause.
    fn rest(&mut self, lease: JobLease, why: Unrun) {
        let JobLease { event, plugin, .. } = lease;
        let now = Instant::now();
        let rested = self.resting.insert(plugin.clone(), now + UNRUN_PAUSE);
        if let Unrun::HostFault(reason) = why {
            metering::record_host_fault(&plugin);
            if rested.is_none_or(|until| until <= now) {
                tracing::error!(
                    tenant = %plugin.tenant, plugin = %plugin.name, %event, reason,
                    "the host could not run a plugin; the attempt does not count, and is made again"
                );
            }
        }
    }

    /// When the next job that there's a place for is due.
    async fn look_again(&mut self, now: Instant) -> Instant {
        let rested = self.resting.values().min().copied();
        let due = if self.free() == 0 {
            // A place that becomes free is the reason to look again.
            None
        } else {
            let (running, tenant_max) = (self.running_by_tenant(), self.tenant_max);
            let has_place = |open: &Demand<PluginRef>| {
                running
                    .get(&open.member.tenant)
                    .is_none_or(|taken| *taken < tenant_max)
            };
            let open = self.open(now).into_iter().filter(has_place);
            let plugins: Vec<_> = open.map(|open| open.member).collect();
            match self.means.inbox.next_due(&plugins).await {
                Ok(due) => {
                    due.map(|due| now + due.since(self.means.clock.now()).min(LOOK_AGAIN_MAX))
                }
                Err(error) => return self.pause(&error, "the time of the next job is not known"),
            }
        };
        let next = [rested, due, Some(now + LOOK_AGAIN_MAX)]
            .into_iter()
            .flatten()
            .min();
        next.unwrap_or(now).max(now + LOOK_AGAIN_MIN)
    }

    fn pause(&mut self, error: &hookyard_store::Error, what: &'static str) -> Instant {
        tracing::error!(error = chain(error), "{what}");
        let until = Instant::now() + FAULT_PAUSE;
        self.paused_until = Some(until);
        until
    }

    async fn drain(&mut self) {
        let shutdown_timeout = self.shutdown_timeout;
        let all_ended = async {
            while let Some(ended) = self.running.join_next_with_id().await {
                self.ended(ended);
            }
        };
        if timeout(shutdown_timeout, all_ended).await.is_err() {
            tracing::warn!(
                attempts = self.running.len(),
                "attempts took too long to end; they will be made again"
            );
            self.running.shutdown().await;
        }
    }
}

/// How many jobs each plugin was given.
fn by_plugin(claimed: &[ClaimedJob]) -> HashMap<PluginRef, usize> {
    let mut given = HashMap::new();
    for job in claimed {
        *given.entry(job.lease.plugin.clone()).or_default() += 1;
    }
    given
}
