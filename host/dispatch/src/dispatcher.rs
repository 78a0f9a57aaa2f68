//! The dispatcher: a loop that begins jobs while there are free slots, and waits for a reason to
//! begin more.
//!
//! Jobs come in two ways. The handover brings the new jobs of plugins that have places in it. All
//! other jobs are claimed: those that found no place, those that were retried or replayed, and all
//! jobs after a restart. A claim is made for a plugin only if the store may have due jobs for it,
//! and at least once a minute the store is asked when the next job of any plugin is due. So a
//! missed notification costs time and nothing else.
//!
//! The loop waits for nothing but reasons: the calls of the store and the attempts are tasks.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hookyard_crash::Point;
use hookyard_model::chain;
use hookyard_store::{Error, Handover, JobLease};
use hookyard_work::{EndedTask, Pause, Running};
use tokio::time::{Instant, sleep_until};

use crate::executor::{AttemptTask, Executor, NoAttempt};
use crate::freed_slots::{FreedSlots, Slot};
use crate::plugins::Plugins;
use crate::slots::PluginId;
use crate::store_calls::{Claim, StoreCalls};
use crate::{Config, Handle, RunError, metering};

mod drain;
mod leases;
mod looks;

/// The maximum size of the bodies of all jobs that are handed over and have not begun. It bounds
/// the memory of the jobs that wait: a job without a place waits in the store.
const HANDOVER_BYTES_MAX: usize = 32 << 20;

/// Runs due jobs until it is shut down.
pub struct Dispatcher {
    executor: Arc<Executor>,
    handover: Arc<Handover>,
    plugins: Plugins,
    running: Running<RunningAttempt, Result<Option<Duration>, NoAttempt>>,
    freed: Arc<FreedSlots>,
    /// Empty between the turns of the loop.
    freed_now: Vec<PluginId>,
    calls: StoreCalls,
    pause: Pause,
    looks: looks::Looks,
    /// Whether the active plugins may have changed since the last look.
    plugins_changed: bool,
    /// The mark of the quarantines when the loop last looked at them.
    quarantines_mark: u64,
    /// The time at which the leases of all attempts are extended, if there are any.
    next_extension: Option<Instant>,
    shutdown_timeout: Duration,
}

/// An attempt that is not settled.
#[derive(Debug)]
struct RunningAttempt {
    plugin: PluginId,
    lease: JobLease,
}

impl Dispatcher {
    /// Returns a dispatcher. It does nothing before [`Dispatcher::run`].
    pub fn new(config: Config) -> Self {
        let handover = Arc::new(Handover::new(config.lease, HANDOVER_BYTES_MAX));

        Self {
            plugins: Plugins::new(
                config.concurrency_max,
                config.tenant_concurrency_max,
                Arc::clone(&handover),
            ),
            handover,
            running: Running::default(),
            freed: Arc::default(),
            freed_now: Vec::new(),
            calls: StoreCalls::default(),
            pause: Pause::default(),
            looks: looks::Looks::default(),
            plugins_changed: true,
            quarantines_mark: 0,
            next_extension: None,
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

    /// Runs jobs until `shutdown` completes. Then it begins no more, gives back the jobs that wait,
    /// and returns once all running attempts are settled or `shutdown_timeout` has passed. Attempts
    /// that are aborted then keep their lease, and their jobs are attempted again later.
    pub async fn run(mut self, shutdown: impl Future<Output = ()> + Send) {
        let executor = Arc::clone(&self.executor);
        let (handover, freed) = (Arc::clone(&self.handover), Arc::clone(&self.freed));
        executor.inbox.hand_over(Arc::clone(&handover));

        let mut shutdown = pin!(shutdown);
        let mut plugins_changed = executor.runner.changed();
        let mut inbox_changed = executor.inbox.changed();
        let mut timer = pin!(sleep_until(Instant::now()));

        loop {
            let wake_at = self.advance().await;
            // An early wake-up is cheaper than a new timer for each turn of the loop.
            if timer.is_elapsed() || wake_at < timer.deadline() {
                timer.as_mut().reset(wake_at);
            }

            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(ended) = self.running.next() => self.ended(ended),
                Some(answer) = self.calls.next() => self.answered(answer),
                () = freed.arrived() => {}
                () = handover.arrived() => {}
                () = &mut plugins_changed => {
                    self.plugins_changed = true;
                    plugins_changed = executor.runner.changed();
                }
                () = &mut inbox_changed => {
                    self.looks.request();
                    inbox_changed = executor.inbox.changed();
                }
                () = &mut timer => {}
            }
        }

        drop((plugins_changed, inbox_changed));
        self.drain().await;
    }

    /// Takes everything that has ended, arrived or become due by now, and begins what has a slot.
    /// Returns the time of the next turn if nothing else happens.
    async fn advance(&mut self) -> Instant {
        let now = Instant::now();
        if self.plugins_changed
            && self.pause.end(now).is_none()
            && let Err(error) = self.update_plugins().await
        {
            self.pause(&error, "the quarantines of plugins could not be updated");
        }

        self.collect(now);
        self.plugins.pass_time(now);
        if self.pause.end(now).is_none() {
            self.look(now);
        }
        self.begin(now);
        self.keep_leases(now);
        self.give_back();

        self.next_turn(now)
    }

    /// Takes the attempts and slots that are free by now, and the jobs that have arrived.
    fn collect(&mut self, now: Instant) {
        while let Some(ended) = self.running.try_next() {
            self.ended(ended);
        }

        let mark = self.executor.quarantines.mark();
        if mark != self.quarantines_mark {
            self.quarantines_mark = mark;
            let quarantines = &self.executor.quarantines;
            self.plugins
                .update_held(|plugin, revision| quarantines.is_held(plugin, revision));
        }

        // After the quarantines, so that no slot begins a job of a plugin that is quarantined by
        // now.
        self.freed.take(&mut self.freed_now);
        for plugin in self.freed_now.drain(..) {
            self.plugins.free_slot(plugin);
        }

        let arrived = self.handover.take();
        if !arrived.is_empty() {
            Point::HandoverTaken.pass();
        }
        self.plugins.add_handed_over(arrived, now);
        for plugin in self.handover.take_due() {
            if let Some(id) = self.plugins.id(&plugin) {
                self.plugins.note_due(id);
            }
        }
    }

    /// Begins the jobs that have a slot, and claims jobs for the slots that no job waits for.
    fn begin(&mut self, now: Instant) {
        let can_claim = self.calls.can_claim() && self.pause.end(now).is_none();
        if can_claim {
            self.plugins.end_deferral();
        }

        while let Some(id) = self.plugins.next() {
            if self.begin_queued(id, now) {
                continue;
            }
            if can_claim {
                self.plugins.reserve(id);
            } else {
                self.plugins.defer(id);
            }
        }

        let reserved = self.plugins.take_reserved(now);
        if !reserved.is_empty() {
            let claim = Claim {
                plugins: reserved,
                asked: now,
                mark: self.executor.quarantines.mark(),
            };
            let requests = self.requests(&claim);
            self.calls.claim(&self.executor, claim, requests);
        }
    }

    /// Begins the next job in the queue of a plugin. Returns whether there was one.
    fn begin_queued(&mut self, id: PluginId, now: Instant) -> bool {
        let Some((queued, plugin)) = self.plugins.begin(id, now) else {
            return false;
        };

        let attempt = RunningAttempt {
            plugin: id,
            lease: queued.job.lease.clone(),
        };
        let executor = Arc::clone(&self.executor);
        let task = AttemptTask {
            job: queued.job,
            plugin,
            slot: Slot::new(id, &self.freed),
        };
        self.running
            .spawn(attempt, async move { executor.attempt(task).await });
        true
    }

    /// Reads the active plugins, and lifts the quarantine of plugins whose active revision is
    /// another one.
    async fn update_plugins(&mut self) -> Result<(), Error> {
        let Executor {
            runner,
            quarantines,
            ..
        } = &*self.executor;
        let active = runner.active();
        quarantines.lift_outdated(&active).await?;

        self.plugins
            .replace_active(active, |one| quarantines.is_held(&one.plugin, one.revision));
        self.plugins_changed = false;
        Ok(())
    }

    /// Handles a task that has ended: notes when its job is due again, skips the plugin for a
    /// moment if no attempt was made, and logs a fault of the host.
    fn ended(&mut self, ended: EndedTask<RunningAttempt, Result<Option<Duration>, NoAttempt>>) {
        let RunningAttempt { plugin: id, lease } = ended.lease;
        let now = Instant::now();
        self.plugins.end_attempt(id);

        match ended.result {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(wait))) => self.plugins.note_due_after(id, wait, now),
            Ok(Err(NoAttempt { error, slot })) => {
                self.executor.report_not_run(&lease);
                let is_new = self.plugins.skip(id, now);
                log_no_attempt(&lease, error, is_new);
                drop(slot);
            }
            // A panic in the host. It is unknown how far the attempt got, so its lease must run out.
            Err(error) => {
                self.executor.report_not_run(&lease);
                self.plugins.note_due_after(id, self.executor.lease, now);
                let JobLease {
                    event,
                    plugin,
                    attempt,
                    ..
                } = lease;
                tracing::error!(%event, %plugin, attempt, %error, "the host failed while it ran a plugin");
            }
        }
    }

    fn pause(&mut self, error: &Error, message: &'static str) {
        tracing::error!(error = chain(error), "{message}");
        self.pause.begin();
    }

    /// Returns the time of the next turn of the loop if nothing else happens.
    fn next_turn(&self, now: Instant) -> Instant {
        let pause_end = self.pause.end(now);
        let look = pause_end.is_none().then(|| self.looks.next());
        let reasons = [
            pause_end,
            look,
            self.plugins.next_time(),
            self.next_extension,
        ];

        hookyard_work::next_look(now, reasons)
    }
}

fn log_no_attempt(lease: &JobLease, error: RunError, is_new: bool) {
    let JobLease { event, plugin, .. } = lease;
    let RunError::HostFault(reason) = error else {
        return;
    };

    metering::record_host_fault(plugin);
    // One line for each time that the plugin is skipped, however many attempts failed meanwhile.
    if is_new {
        tracing::error!(
            tenant = %plugin.tenant, plugin = %plugin.name, %event, reason,
            "the host could not run a plugin; the attempt does not count, and is made again"
        );
    }
}
