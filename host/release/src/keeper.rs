//! The keeper of the plugin folder: looks at it, feeds what happens to
//! [`step`](crate::decide::step), and carries the resulting actions out.
//!
//! The keeper looks when the system reports a change, when a window ends, and at intervals in case
//! a report was lost. It does not look because a plugin was loaded or rehearsed: a look reads the
//! whole folder. Components are compiled off this task and off the threads that serve. Only
//! this task puts revisions into service and takes them out of it, so that there is one order of
//! changes.

mod actions;
mod look;
mod results;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use hookyard_model::{Clock, PluginRef, Revision, Step, chain};
use hookyard_plugin::{Catalog, Engine};
use hookyard_store::{Inbox, Releases};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::active::ActivePlugins;
use crate::component::load::{Ready, Report};
use crate::component::work::Work;
use crate::decide::{Input, Now};
use crate::desired::Desired;
use crate::folder::listing::Lister;
use crate::folder::track::Moment;
use crate::folder::watch::Watch;
use crate::plugins::Plugins;
use crate::probation::{FailedProbation, Probations};
use crate::record::{OperatorOrders, Record, Recorder, wait_for_routes};
use crate::rehearsal::Material;
use crate::rehearsal::Rehearsals;
use crate::routes::Router;
use crate::slots::Slots;

/// How long the keeper waits after a change was reported, so that a burst of reports leads to one
/// look.
const DEBOUNCE: Duration = Duration::from_millis(20);
/// The shortest time between two changes of the stored routes while plugins are loaded at the
/// start.
const ROUTE_PACE: Duration = Duration::from_secs(1);
/// The maximum number of reports from compilations that wait to be recorded. Reports beyond it are
/// lost.
const REPORTS_MAX: usize = 1000;
/// How long files that do not settle may delay the line that says that the plugins are ready.
const READY_MAX: Duration = Duration::from_secs(2);

/// The parts of the host that the keeper works with.
pub struct Parts {
    /// Compiles components.
    pub engine: Arc<Engine>,
    /// Holds the active revision of each plugin, for dispatch.
    pub catalog: Arc<Catalog>,
    /// Stores routes and jobs.
    pub inbox: Arc<dyn Inbox>,
    /// Stores the record of releases, and operators' orders.
    pub releases: Arc<dyn Releases>,
    /// Watches revisions that are on probation.
    pub probations: Arc<Probations>,
    /// The time for the record.
    pub clock: Arc<dyn Clock>,
    /// What rehearsals may read from the store.
    pub material: Material,
}

/// Replaces what is desired while the keeper runs.
#[derive(Clone)]
pub struct Handle(watch::Sender<Arc<Desired>>);

impl Handle {
    /// Replaces the folder, the sources, the limits and everything else that is desired.
    pub fn replace(&self, desired: Desired) {
        self.0.send_replace(Arc::new(desired));
    }
}

/// The keeper of the plugin folder.
pub struct Keeper {
    parts: Parts,
    desired: watch::Receiver<Arc<Desired>>,
    handle: Handle,
    /// The release state of each plugin.
    plugins: Plugins,
    /// The components of the active plugins.
    active: ActivePlugins,
    recorder: Recorder,
    router: Router,
    /// Loads that are under way.
    work: Work,
    slots: Slots,
    reports: (mpsc::Sender<Report>, mpsc::Receiver<Report>),
    rehearsals: Rehearsals<Ready>,
    /// Checks of changed fixtures that are under way.
    checks: JoinSet<()>,
    /// Waits for the attempts of replaced revisions.
    drains: JoinSet<(PluginRef, Revision)>,
    /// Pauses before archived revisions are loaded again.
    pauses: JoinSet<PluginRef>,
    lister: Arc<Mutex<Lister>>,
    watch: Watch,
    /// The problems of the folder that were logged at the last look.
    problems: BTreeSet<String>,
    has_looked: bool,
    /// Whether something may have changed in the folder since the last look.
    is_look_wanted: bool,
    /// The time of the last look.
    looked_at: Instant,
    /// Whether compiled code may have gone out of use since the last sweep.
    is_sweep_wanted: bool,
    /// The time of the last sweep of compiled code.
    swept_at: Instant,
    started: Instant,
    /// Whether the line that says that the plugins are ready has been logged.
    is_ready: bool,
}

impl Keeper {
    /// Creates a keeper that has not looked at the folder yet.
    pub fn new(parts: Parts, desired: Desired) -> Self {
        let slots = Slots::for_loads(desired.plugins.compile.concurrency);
        let (sender, receiver) = watch::channel(Arc::new(desired));

        Self {
            recorder: Recorder::new(Arc::clone(&parts.releases)),
            parts,
            desired: receiver,
            handle: Handle(sender),
            plugins: Plugins::default(),
            active: ActivePlugins::default(),
            router: Router::default(),
            work: Work::default(),
            slots,
            reports: mpsc::channel(REPORTS_MAX),
            rehearsals: Rehearsals::new(),
            checks: JoinSet::new(),
            drains: JoinSet::new(),
            pauses: JoinSet::new(),
            lister: Arc::default(),
            watch: Watch::new(),
            problems: BTreeSet::new(),
            has_looked: false,
            is_look_wanted: true,
            looked_at: Instant::now(),
            is_sweep_wanted: true,
            swept_at: Instant::now(),
            started: Instant::now(),
            is_ready: false,
        }
    }

    /// Returns a handle that replaces what is desired while the keeper runs.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Keeps the plugins of the folder until `shutdown` completes.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        tokio::select! {
            () = &mut shutdown => return,
            () = self.resume() => {}
        }

        loop {
            if self.look_at() <= Instant::now() {
                tokio::select! {
                    () = &mut shutdown => return,
                    look = self.look() => self.take_in(look).await,
                }
            }
            self.recorder.store_blocks().await;
            self.settle_routes().await;
            self.sweep_code();

            let due = self.due();
            tokio::select! {
                () = &mut shutdown => return,
                () = tokio::time::sleep_until(due.into()) => {}
                () = self.watch.changed() => {
                    tokio::time::sleep(DEBOUNCE).await;
                    self.is_look_wanted = true;
                }
                Some(report) = self.reports.1.recv() => self.reported(report).await,
                Some(done) = self.work.next() => self.all_done(done).await,
                Some((plugin, ready, verdict)) = self.rehearsals.next_verdict() => {
                    let input = Input::Rehearsed(ready.loaded.revision(), verdict);
                    self.feed(&plugin, input, Some(ready)).await;
                }
                Some(Ok((plugin, revision))) = self.drains.join_next() => {
                    self.feed(&plugin, Input::Drained(revision), None).await;
                }
                Some(_) = self.checks.join_next() => {}
                Some(Ok(plugin)) = self.pauses.join_next() => {
                    self.feed(&plugin, Input::PauseEnded, None).await;
                }
                () = self.parts.probations.changed() => self.roll_back().await,
                () = self.parts.releases.releases_changed() => self.read_orders().await,
                Ok(()) = self.desired.changed() => {
                    self.settings_replaced().await;
                    self.is_look_wanted = true;
                }
            }
            // Which plugins of a tenant are too many depends on which of them serve or are loaded.
            self.is_look_wanted |= self.plugins.is_any_over() && self.work.is_empty();
        }
    }

    /// Continues where the previous host ended.
    async fn resume(&mut self) {
        let record = Record::wait_for(&*self.parts.releases).await;
        self.router = Router::new(wait_for_routes(&*self.parts.inbox).await);
        self.plugins = Plugins::resumed(&record.revisions);

        // The attempts of a draining revision have ended with their host.
        for known in &record.revisions {
            if known.step == Step::Draining {
                self.feed(&known.plugin, Input::Drained(known.revision), None)
                    .await;
            }
        }
        self.follow_orders(record.orders).await;
    }

    /// Makes the decision that an input calls for, and carries it out. `ready` is the component
    /// that the input is about.
    async fn feed(&mut self, plugin: &PluginRef, input: Input, ready: Option<Ready>) {
        let now = self.now(plugin, &input);
        for action in self.plugins.step(plugin, input, &now) {
            self.perform(plugin, action, ready.as_ref()).await;
        }
    }

    /// Returns what a decision may depend on.
    fn now(&self, plugin: &PluginRef, input: &Input) -> Now {
        let desired = self.desired.borrow();
        let state = self.plugins.get(plugin);
        let serving = state.and_then(|state| state.active.or(state.last));
        let attempts = serving.map_or(0, |serving| self.parts.catalog.in_flight(plugin, serving));

        // The archive is a folder; it is read only where the decision can depend on it.
        let is_archive_needed =
            input.may_bring_back() && state.is_some_and(|state| !state.served.is_empty());
        let archived = if is_archive_needed {
            desired.archived(plugin)
        } else {
            BTreeSet::new()
        };

        Now {
            time: self.parts.clock.now(),
            moment: Moment {
                instant: Instant::now(),
                wall: SystemTime::now(),
            },
            windows: desired.plugins.windows,
            revisions_kept: desired.revisions_kept,
            archived,
            warm: self.active.warm_revision(plugin),
            attempts,
        }
    }

    async fn settings_replaced(&mut self) {
        let probation = self.desired.borrow().probation;
        self.parts.probations.replace_policy(probation);
        self.load_all_again().await;
    }

    async fn load_all_again(&mut self) {
        for plugin in self.plugins.names(|plugin| plugin.track.is_some()) {
            self.feed(&plugin, Input::SettingsChanged, None).await;
        }
    }

    async fn roll_back(&mut self) {
        for failed in self.parts.probations.failed() {
            let FailedProbation {
                plugin,
                revision,
                reason,
            } = failed;
            self.feed(&plugin, Input::ProbationFailed(revision, reason), None)
                .await;
        }
    }

    async fn read_orders(&mut self) {
        match self.recorder.orders().await {
            Ok(orders) => self.follow_orders(orders).await,
            Err(error) => {
                let reason = chain(&error);
                tracing::error!(
                    target: "hookyard::release", reason,
                    "operators' orders cannot be read; the host follows the earlier ones until they \
                     change again"
                );
            }
        }
    }

    async fn follow_orders(&mut self, mut orders: OperatorOrders) {
        // A plugin without an entry has neither an order nor a block any more.
        for plugin in self.plugins.names(|_| true) {
            orders.entry(plugin).or_default();
        }
        for (plugin, (order, blocks)) in orders {
            self.feed(&plugin, Input::Ordered(order, blocks), None)
                .await;
        }
    }

    /// Stores the routes. At the start, where every plugin changes them, that happens at a pace.
    async fn settle_routes(&mut self) {
        let is_at_rest = self.work.is_empty() && !self.plugins.is_rehearsing();
        let is_overdue = is_at_rest && self.started.elapsed() >= READY_MAX;
        let is_settled = (self.plugins.is_idle() && is_at_rest) || is_overdue;
        let is_early = !self.is_ready && self.router.is_fresh(ROUTE_PACE);
        if !self.has_looked || (is_early && !is_settled) {
            return;
        }

        self.store_routes().await;
        if !self.is_ready && is_settled {
            self.is_ready = true;
            for plugin in self.plugins.absent() {
                self.feed(&plugin, Input::AbsentAtStart, None).await;
            }
            let count = self.active.count();
            tracing::info!(target: "hookyard::release", count, "plugins ready");
        }
    }
}
