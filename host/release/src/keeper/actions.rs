//! Carries out what was decided.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hookyard_model::{PluginRef, Revision, chain};
use tokio::task::JoinError;

use super::Keeper;
use crate::component::load::{Failure, Loader, Loading, Ready};
use crate::component::work::Done;
use crate::decide::{Action, Activation};
use crate::folder::sighting::Files;
use crate::rehearsal::Rehearser;
use hookyard_work::insist;

/// How long a call to a store that fails is repeated, for something that must not be lost.
const INSIST_MAX: Duration = Duration::from_secs(30);
/// The shortest time between two removals of old compiled code.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);
/// The time after which old compiled code is removed although no revision went out of service.
const SWEEP_PACE: Duration = Duration::from_secs(3600);

impl Keeper {
    pub(super) async fn perform(
        &mut self,
        plugin: &PluginRef,
        action: Action,
        ready: Option<&Ready>,
    ) {
        match action {
            Action::Announce => self.announce(plugin),
            Action::Load(files, needed) => self.load(plugin, files, needed),
            Action::Rehearse(revision) => {
                if let Some(ready) = self.component(plugin, revision, ready) {
                    self.rehearse(plugin, ready);
                }
            }
            Action::CancelRehearsal(_) => {
                self.rehearsals.abort(plugin);
            }
            Action::CheckFixtures(revision) => {
                if let Some(ready) = self.component(plugin, revision, ready) {
                    let rehearser = self.rehearser(plugin);
                    self.checks
                        .spawn(async move { rehearser.check_fixtures(&ready).await });
                }
            }
            Action::Activate(activation) => {
                if let Some(ready) = self.component(plugin, activation.revision, ready) {
                    self.activate(plugin, activation, ready);
                }
            }
            Action::Deactivate => self.deactivate(plugin).await,
            Action::Recall(revision) => self.recall(plugin, revision),
            Action::Pause(pause) => {
                let plugin = plugin.clone();
                self.pauses.spawn(async move {
                    tokio::time::sleep(pause).await;
                    plugin
                });
            }
            Action::AwaitDrain(revision) => self.await_drain(plugin, revision),
            Action::Record(steps) => self.recorder.record(plugin, &steps).await,
            Action::StoreBlock(block) => self.recorder.block(block).await,
            Action::WithdrawOrder => self.withdraw_order(plugin).await,
            Action::RetryFailed(revisions) => self.retry_failed(plugin, &revisions).await,
            Action::EndProbation => self.parts.probations.end(plugin),
            Action::Notify(notice) => notice.log(plugin),
        }
    }

    /// Returns the component of a revision: the one that the input was about, or the one that is
    /// still warm.
    fn component(
        &self,
        plugin: &PluginRef,
        revision: Revision,
        ready: Option<&Ready>,
    ) -> Option<Ready> {
        ready
            .filter(|ready| ready.loaded.revision() == revision)
            .cloned()
            .or_else(|| self.active.warm(plugin, revision))
    }

    /// At the start all files are new; only those that are dropped later are worth a line.
    fn announce(&self, plugin: &PluginRef) {
        if self.is_ready {
            tracing::info!(target: "hookyard::release", %plugin, "plugin seen");
        } else {
            tracing::debug!(target: "hookyard::release", %plugin, "plugin seen");
        }
    }

    fn load(&mut self, plugin: &PluginRef, files: Files, needed: Vec<Revision>) {
        let loader = Loader {
            reports: Some(self.reports.0.clone()),
            ..self.desired.borrow().loader(&self.parts.engine)
        };
        let (plugin, slot) = (plugin.clone(), self.slots.of(&plugin.tenant));

        self.work.spawn(async move {
            let _slot = slot.take().await;
            let name = plugin.clone();
            let loading = tokio::task::spawn_blocking(move || loader.load(&name, files, &needed));
            let loading = loading.await.unwrap_or_else(|error| Loading {
                revision: None,
                result: Err(panicked(&error)),
            });
            Done::Loaded(plugin, loading)
        });
    }

    fn recall(&mut self, plugin: &PluginRef, revision: Revision) {
        let loader = self.desired.borrow().loader(&self.parts.engine);
        let (plugin, slot) = (plugin.clone(), self.slots.of(&plugin.tenant));

        self.work.spawn(async move {
            let _slot = slot.take().await;
            let name = plugin.clone();
            let recalling = tokio::task::spawn_blocking(move || loader.recall(&name, revision));
            let result = recalling
                .await
                .unwrap_or_else(|error| Err(panicked(&error)));
            Done::Recalled(plugin, revision, result)
        });
    }

    fn rehearse(&mut self, plugin: &PluginRef, ready: Ready) {
        let rehearser = self.rehearser(plugin);
        let next = ready.clone();
        let verdict = async move { rehearser.rehearse(&next).await };
        self.rehearsals.start(plugin.clone(), ready, verdict);
    }

    fn rehearser(&mut self, plugin: &PluginRef) -> Rehearser {
        Rehearser {
            desired: Arc::clone(&self.desired.borrow()),
            engine: Arc::clone(&self.parts.engine),
            material: self.parts.material.clone(),
            slot: self.rehearsals.slot(&plugin.tenant),
            active: self.active.loaded(plugin),
            last: self.plugins.get(plugin).and_then(|state| state.last),
        }
    }

    fn activate(&mut self, plugin: &PluginRef, activation: Activation, ready: Ready) {
        let is_renewed = self
            .active
            .loaded(plugin)
            .is_some_and(|active| active.revision() == activation.revision);
        self.is_sweep_wanted |= !is_renewed;

        // The probation begins first, because the revision's first attempt may fail already.
        self.parts.probations.begin(plugin, activation);
        self.active.activate(&self.parts.catalog, ready);
    }

    async fn deactivate(&mut self, plugin: &PluginRef) {
        self.parts.probations.forget(plugin);
        self.is_sweep_wanted = true;
        if self.active.forget(plugin) {
            // First no more jobs are made for the plugin, and then it runs none, so that no job is
            // left between.
            self.store_routes().await;
            self.parts.catalog.remove(plugin);
            tracing::info!(
                target: "hookyard::release", %plugin,
                "plugin removed; its events are kept"
            );
        }
    }

    fn await_drain(&mut self, plugin: &PluginRef, revision: Revision) {
        let (catalog, plugin) = (Arc::clone(&self.parts.catalog), plugin.clone());
        self.drains.spawn(async move {
            catalog.drained(&plugin, revision).await;
            (plugin, revision)
        });
    }

    async fn withdraw_order(&self, plugin: &PluginRef) {
        let withdraw = || self.parts.releases.withdraw_order(plugin, None);
        if let Err(error) = insist(INSIST_MAX, withdraw).await {
            let reason = chain(&error);
            tracing::error!(
                target: "hookyard::release", %plugin, reason,
                "an order that has been carried out could not be removed from the store"
            );
        }
    }

    /// Makes jobs due once more that failed while a rolled-back revision was on probation. A host
    /// that dies before this does it when it starts again.
    async fn retry_failed(&self, plugin: &PluginRef, revisions: &[Revision]) {
        for revision in revisions {
            let retry = || self.parts.inbox.retry_failed(plugin, *revision);
            let (result, revision) = (insist(INSIST_MAX, retry).await, revision.short());
            match result {
                Ok(0) => {}
                Ok(events) => {
                    tracing::info!(
                        target: "hookyard::release", %plugin, revision, events,
                        "events that failed at a rolled-back revision are attempted once more"
                    );
                }
                Err(error) => {
                    let reason = chain(&error);
                    tracing::error!(
                        target: "hookyard::release", %plugin, revision, reason,
                        "events that failed at a rolled-back revision could not be made due; \
                         they are when the host starts again"
                    );
                }
            }
        }
    }

    /// Stores the routes of the active plugins, and announces those that have become active.
    pub(super) async fn store_routes(&mut self) {
        let desired = Arc::clone(&self.desired.borrow());
        let table = (self.active.routes(&desired.sources), self.active.backlogs());
        let plugins = &self.plugins;
        let is_undecided = |plugin: &PluginRef| plugins.is_undecided(plugin);
        let now = self.parts.clock.now();

        let inbox = &*self.parts.inbox;
        if self.router.store(inbox, table, is_undecided, now).await {
            self.active.announce(&desired.sources);
        }
    }

    /// Removes old compiled code, if a revision went out of service or if the last time is long ago.
    /// At the start, code that is in use may belong to a file that has not been loaded yet.
    pub(super) fn sweep_code(&mut self) {
        let pace = if self.is_sweep_wanted {
            SWEEP_PAUSE
        } else {
            SWEEP_PACE
        };
        if !self.is_ready || self.swept_at.elapsed() < pace {
            return;
        }

        (self.is_sweep_wanted, self.swept_at) = (false, Instant::now());
        let engine = Arc::clone(&self.parts.engine);
        let in_use = self.plugins.in_use(self.desired.borrow().revisions_kept);
        tokio::task::spawn_blocking(move || engine.sweep_cache(&in_use));
    }
}

fn panicked(error: &JoinError) -> Failure {
    Failure::Refused(format!("loading it failed: {error}"))
}
