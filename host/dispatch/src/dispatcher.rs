//! The dispatcher: a loop that looks for due jobs, begins as many as there are free slots, and
//! waits for a reason to look again.
//!
//! The reasons are: the inbox has changed, the set of active plugins has changed, a job has become
//! due, or an attempt has ended. Each look reads everything again, and there is a look at least
//! once a minute. So a missed reason costs time and nothing else.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hookyard_model::share::Demand;
use hookyard_model::{PluginRef, chain};
use hookyard_store::{ClaimedJob, Error, JobLease, JobRequest};
use hookyard_work::{EndedTask, Pause, Running, Slots, due_instant, next_look};
use tokio::time::{Instant, sleep_until};

use crate::executor::Executor;
use crate::skipped::SkippedPlugins;
use crate::{Config, Handle, RunError, metering};

/// Runs due jobs until it is shut down.
pub struct Dispatcher {
    executor: Arc<Executor>,
    slots: Slots<PluginRef>,
    running: Running<JobLease, Result<(), RunError>>,
    /// The plugins that could not be run a moment ago.
    skipped: SkippedPlugins,
    pause: Pause,
    /// Whether the active plugins may have changed since the last look.
    plugins_changed: bool,
    shutdown_timeout: Duration,
}

impl Dispatcher {
    /// Returns a dispatcher. It does nothing before [`Dispatcher::run`].
    pub fn new(config: Config) -> Self {
        Self {
            slots: Slots::new(config.concurrency_max, config.tenant_concurrency_max),
            running: Running::default(),
            skipped: SkippedPlugins::default(),
            pause: Pause::default(),
            plugins_changed: true,
            shutdown_timeout: config.shutdown_timeout,
            executor: Arc::new(Executor::new(config)),
        }
    }

    /// Returns a handle that changes this dispatcher while it runs.
    pub fn handle(&self) -> Handle {
        Handle {
            policies: Arc::clone(&self.executor.policies),
            quarantine: Arc::clone(&self.executor.quarantines.policy),
        }
    }

    /// Claims and runs jobs until `shutdown` completes. Then it claims no more, and returns once
    /// all running attempts are settled or `shutdown_timeout` has passed. Attempts that are aborted
    /// then keep their lease, and their jobs are attempted again later.
    pub async fn run(mut self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown);
        let executor = Arc::clone(&self.executor);

        loop {
            let next_look = self.begin_due().await;
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(ended) = self.running.next() => self.ended(ended),
                () = executor.runner.changed() => self.note_changed_plugins(),
                () = executor.inbox.changed() => {}
                () = sleep_until(next_look) => {}
            }

            // All slots that are free by now serve the next claim, so that it is one large claim
            // instead of many small ones.
            while let Some(ended) = self.running.try_next() {
                self.ended(ended);
            }
        }

        self.drain().await;
    }

    /// Begins attempts at due jobs while there are free slots. Returns the time of the next look.
    async fn begin_due(&mut self) -> Instant {
        let now = Instant::now();
        if let Some(end) = self.pause.end(now) {
            return end;
        }
        if self.plugins_changed
            && let Err(error) = self.update_plugins().await
        {
            return self.pause(&error, "the quarantines of plugins could not be updated");
        }

        let mut demand = self.demand(now);
        while self.slots.free() > 0 {
            let shares = self.slots.share(&demand);
            if shares.is_empty() {
                break;
            }

            let claimed = match self.claim(&shares).await {
                Ok(claimed) => claimed,
                Err(error) => return self.pause(&error, "no jobs could be claimed"),
            };
            let plugins = claimed.iter().map(|job| &job.lease.plugin);
            demand = Slots::remaining_demand(demand, &shares, plugins);
            for job in claimed {
                self.begin(job);
            }
        }

        match self.next_look(now).await {
            Ok(next_look) => next_look,
            Err(error) => self.pause(&error, "the time of the next job is not known"),
        }
    }

    /// Returns the plugins that may begin attempts, with the number of slots that each of them can
    /// use.
    fn demand(&mut self, now: Instant) -> Vec<Demand<PluginRef>> {
        self.skipped.expire(now);

        let mut demand = Vec::new();
        for active in self.executor.runner.active() {
            let running = self.slots.taken(&active.plugin);
            let slots = active.concurrency.saturating_sub(running);
            if slots > 0 && !self.skipped.contains(&active.plugin) {
                demand.push(Demand {
                    member: active.plugin,
                    slots,
                    running,
                });
            }
        }
        demand
    }

    async fn claim(&self, shares: &[(PluginRef, usize)]) -> Result<Vec<ClaimedJob>, Error> {
        let Executor {
            inbox,
            lease,
            quarantines,
            ..
        } = &*self.executor;
        let requests: Vec<_> = shares
            .iter()
            .map(|(plugin, limit)| JobRequest {
                plugin: plugin.clone(),
                limit: *limit,
            })
            .collect();

        let mark = quarantines.mark();
        let claimed = inbox.claim(&requests, *lease).await?;
        for job in &claimed {
            quarantines.note_claim(&job.lease.plugin, mark);
        }
        Ok(claimed)
    }

    fn note_changed_plugins(&mut self) {
        self.skipped.clear();
        self.plugins_changed = true;
    }

    /// Reads the active plugins, and lifts the quarantine of plugins whose active revision is
    /// another one.
    async fn update_plugins(&mut self) -> Result<(), Error> {
        let active = self.executor.runner.active();
        self.slots
            .set_members(active.iter().map(|active| &active.plugin));
        self.executor.quarantines.lift_outdated().await?;

        self.plugins_changed = false;
        Ok(())
    }

    fn begin(&mut self, job: ClaimedJob) {
        let lease = job.lease.clone();
        let executor = Arc::clone(&self.executor);

        self.slots.take(&lease.plugin);
        self.running
            .spawn(lease, async move { executor.attempt(job).await });
    }

    fn ended(&mut self, ended: EndedTask<JobLease, Result<(), RunError>>) {
        self.slots.put_back(&ended.lease.plugin);
        handle_end(&mut self.skipped, ended);
    }

    /// Returns the time of the next look: the next job that has a slot is due, or a skipped plugin
    /// gets another chance.
    async fn next_look(&mut self, now: Instant) -> Result<Instant, Error> {
        let demand = self.demand(now);
        let plugins = self.slots.eligible(demand);
        let inbox = &self.executor.inbox;

        let due = if plugins.is_empty() {
            None
        } else {
            inbox.next_due(&plugins).await?
        };
        let due = due.map(|due| due_instant(due, now));
        Ok(next_look(now, [self.skipped.next_end(), due]))
    }

    fn pause(&mut self, error: &Error, message: &'static str) -> Instant {
        tracing::error!(error = chain(error), "{message}");
        self.pause.begin()
    }

    async fn drain(&mut self) {
        let Self {
            running, skipped, ..
        } = self;
        let aborted = running
            .drain(self.shutdown_timeout, |ended| handle_end(skipped, ended))
            .await;

        if aborted > 0 {
            tracing::warn!(
                attempts = aborted,
                "attempts took too long to end; their jobs are attempted again later"
            );
        }
    }
}

/// Handles a task that made no attempt: skips the plugin for a moment, and logs a fault of the
/// host.
fn handle_end(skipped: &mut SkippedPlugins, ended: EndedTask<JobLease, Result<(), RunError>>) {
    let JobLease {
        event,
        plugin,
        attempt,
        ..
    } = &ended.lease;

    match ended.result {
        Ok(Ok(())) => {}
        Ok(Err(RunError::NotLoaded)) => {
            skipped.insert(plugin);
        }
        Ok(Err(RunError::HostFault(reason))) => {
            metering::record_host_fault(plugin);
            // One line for each time that the plugin is skipped, however many attempts failed
            // meanwhile.
            if skipped.insert(plugin) {
                tracing::error!(
                    tenant = %plugin.tenant, plugin = %plugin.name, %event, reason,
                    "the host could not run a plugin; the attempt does not count, and is made again"
                );
            }
        }
        // A panic in the host. It is unknown how far the attempt got, so its lease must run out.
        Err(error) => {
            tracing::error!(%event, %plugin, attempt, %error, "the host failed while it ran a plugin");
        }
    }
}
