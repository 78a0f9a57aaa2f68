//! Keeps the catalog as the folder and the operators want it: looks, has the tracker decide, loads, routes.
//!
//! A look is taken when a change is heard, when a window ends, and at intervals as a net. Compiling happens off this
//! task and off the threads that serve; this task alone activates and removes, so there is one order of things. What
//! becomes of what is loaded stands in `service`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hookyard_model::{Clock, PluginName, PluginRef, Revision, Step};
use hookyard_plugin::{Catalog, Engine};
use hookyard_store::{Backlog, BacklogPolicy, Inbox, Routes};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};

use super::Desired;
use super::active::Actives;
use super::backlog;
use super::course::Course;
use super::journal::Journal;
use super::kept::Kept;
use super::listing::Lister;
use super::load::{Failure, Loader, Loading, Ready, Report};
use super::patience::Patience;
use super::places::Places;
use super::precedence::Precedence;
use super::rehearsals::Rehearsals;
use super::sighting::{self, Files, Sighting};
use super::tracker::{Action, Moment, Tracker};
use super::trial::Trials;
use super::work::{Done, Work};
use crate::rehearsal::Material;
use crate::watch::{Folders, Watch};
use hookyard_model::chain;

/// A burst of notifications is one look.
const DEBOUNCE: Duration = Duration::from_millis(20);
/// How long the inbox's table stays as it is while plugins are loaded at the start.
const ROUTE_PACE: Duration = Duration::from_secs(1);
/// Reports that may wait until they are taken down.
const REPORTS_MAX: usize = 1000;
/// How long a file that won't settle may hold up the word that the plugins are ready.
const READY_MAX: Duration = Duration::from_secs(2);

/// What the folder's plugins are loaded by and into.
pub struct Parts {
    pub engine: Arc<Engine>,
    pub catalog: Arc<Catalog>,
    pub inbox: Arc<dyn Inbox>,
    pub releases: Arc<dyn hookyard_store::Releases>,
    pub trials: Arc<Trials>,
    pub clock: Arc<dyn Clock>,
    /// What rehearsals are given of the inbox.
    pub material: Material,
}

/// Replaces what is desired while it runs.
#[derive(Clone)]
pub struct Handle(watch::Sender<Arc<Desired>>);

impl Handle {
    /// From now on the folder, the sources and the limits are these.
    pub fn replace(&self, desired: Desired) {
        self.0.send_replace(Arc::new(desired));
    }
}

/// What a look found, by what was desired then.
type Looked = (Arc<Desired>, Result<(Sighting, Folders, bool), String>);

/// The folder's keeper.
pub struct Keeper {
    pub(super) parts: Parts,
    pub(super) desired: watch::Receiver<Arc<Desired>>,
    handle: Handle,
    pub(super) tracker: Tracker,
    pub(super) actives: Actives,
    pub(super) courses: BTreeMap<PluginRef, Course>,
    pub(super) journal: Journal,
    pub(super) work: Work,
    /// Fixtures that changed, run with what serves.
    pub(super) checks: JoinSet<()>,
    /// Revisions that were replaced and have attempts that aren't over.
    pub(super) drains: JoinSet<(PluginRef, Revision)>,
    /// Revisions that are being loaded from where they were kept.
    pub(super) recalls: BTreeSet<PluginRef>,
    /// Plugins whose kept revision the host couldn't compile; each waits until it's loaded again.
    pub(super) pauses: JoinSet<PluginRef>,
    /// How long files that the host couldn't compile wait until they are loaded again; and kept revisions.
    pub(super) patience: Patience,
    pub(super) recall_patience: Patience,
    pub(super) places: Places,
    pub(super) rehearsals: Rehearsals<Ready>,
    /// How compilations go on.
    reports: (mpsc::Sender<Report>, mpsc::Receiver<Report>),
    lister: Arc<Mutex<Lister>>,
    watch: Watch,
    complaints: BTreeSet<String>,
    pub(super) refusals: BTreeMap<PluginRef, String>,
    /// What the inbox was told last, and when.
    routed: Option<backlog::Table>,
    routed_at: Option<Instant>,
    /// What an earlier host told it, of plugins that nothing is decided of yet.
    pub(super) earlier: Routes,
    has_looked: bool,
    started: Instant,
    is_ready: bool,
}

impl Keeper {
    /// A keeper that has not looked yet.
    pub fn new(parts: Parts, desired: Desired) -> Self {
        let places = Places::for_loads(desired.plugins.compile.concurrency);
        let (sender, receiver) = watch::channel(Arc::new(desired));
        Self {
            journal: Journal::new(Arc::clone(&parts.releases), Arc::clone(&parts.clock)),
            parts,
            desired: receiver,
            handle: Handle(sender),
            tracker: Tracker::default(),
            actives: Actives::default(),
            courses: BTreeMap::new(),
            work: Work::default(),
            checks: JoinSet::new(),
            drains: JoinSet::new(),
            recalls: BTreeSet::new(),
            pauses: JoinSet::new(),
            patience: Patience::default(),
            recall_patience: Patience::default(),
            places,
            rehearsals: Rehearsals::new(),
            reports: mpsc::channel(REPORTS_MAX),
            lister: Arc::default(),
            watch: Watch::new(),
            complaints: BTreeSet::new(),
            refusals: BTreeMap::new(),
            routed: None,
            routed_at: None,
            earlier: Routes::default(),
            has_looked: false,
            started: Instant::now(),
            is_ready: false,
        }
    }

    /// Replaces what is desired while this runs.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Keeps the folder's plugins until `shutdown` completes.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        tokio::select! {
            () = &mut shutdown => return,
            () = self.resume() => {}
        }
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                looked = self.look() => self.take_in(looked).await,
            }
            self.retry_bans().await;
            self.settle_routes().await;
            let next_look = self.next_look();
            tokio::select! {
                () = &mut shutdown => return,
                () = tokio::time::sleep_until(next_look.into()) => {}
                () = self.watch.changed() => tokio::time::sleep(DEBOUNCE).await,
                Some(report) = self.reports.1.recv() => self.progressed(report).await,
                Some(done) = self.work.next() => self.done(done).await,
                Some((plugin, ready, verdict)) = self.rehearsals.over() => self.rehearsed(plugin, ready, verdict).await,
                Some(Ok((plugin, revision))) = self.drains.join_next() => self.drained(&plugin, revision).await,
                Some(_) = self.checks.join_next() => {}
                Some(Ok(plugin)) = self.pauses.join_next() => self.paused(plugin).await,
                () = self.parts.trials.failed() => self.take_back().await,
                () = self.parts.releases.releases_changed() => self.take_orders().await,
                Ok(()) = self.desired.changed() => self.reconsider(),
            }
        }
    }

    fn reconsider(&mut self) {
        self.parts.trials.replace(self.desired.borrow().probation);
        self.patience = Patience::default();
        self.tracker.reconsider(Instant::now());
    }

    fn next_look(&self) -> Instant {
        let desired = self.desired.borrow();
        let rescan = Instant::now() + desired.plugins.rescan;
        let routing = self
            .routed_at
            .filter(|_| self.actives.has_news())
            .map(|at| at + ROUTE_PACE);
        let due = self.tracker.next_due(desired.plugins.windows);
        due.into_iter().chain(routing).fold(rescan, Instant::min)
    }

    /// Looks at the folder. A look may take its time; nothing else of the host waits for it.
    fn look(&mut self) -> impl Future<Output = Looked> + use<> {
        let desired = Arc::clone(&self.desired.borrow_and_update());
        let (folder, count_max) = (
            desired.plugins.folder.clone(),
            desired.plugins.tenant_count_max,
        );
        let (references, precedence) = (desired.references.clone(), Arc::new(self.precedence()));
        let lister = Arc::clone(&self.lister);
        let looked = tokio::task::spawn_blocking(move || {
            let mut lister = lister.lock().unwrap_or_else(PoisonError::into_inner);
            let listing = lister
                .list(&folder, &precedence)
                .map_err(|error| format!("{} can't be read: {error}", folder.display()))?;
            let sighting = sighting::judge(&folder, &listing, &precedence, count_max);
            Ok((sighting, listing.watched, references.have_changed()))
        });
        async move {
            (
                desired,
                looked.await.unwrap_or_else(|error| Err(error.to_string())),
            )
        }
    }

    async fn take_in(&mut self, (desired, found): Looked) {
        let mut sighting = match found {
            Ok((sighting, watched, have_references_changed)) => {
                self.has_looked = true;
                self.watch.listen(&watched);
                if have_references_changed {
                    self.tracker.reconsider(Instant::now());
                }
                sighting
            }
            // Nothing is concluded from a folder that can't be read: what is loaded goes on serving.
            Err(problem) => return self.complain([problem].into()),
        };
        let mut problems = std::mem::take(&mut sighting.problems);
        problems.extend(sighting.over_lines.iter().cloned());
        self.act(&desired, sighting).await;
        self.retire_over(desired.plugins.tenant_count_max).await;
        self.complain(problems);
    }

    /// What serves, or did when the host before ended, has its place first.
    fn precedence(&self) -> Precedence {
        let did =
            |plugin: &PluginRef, last| self.journal.step_of(plugin, last) == Some(Step::Active);
        let serves = |plugin: &PluginRef, course: &Course| {
            course.active.is_some() || course.last.is_some_and(|last| did(plugin, last))
        };
        let serving = self
            .courses
            .iter()
            .filter(|(plugin, course)| serves(plugin, course));
        let serving = serving.map(|(plugin, _)| plugin.clone());
        let loading = self
            .tracker
            .loading()
            .chain(self.rehearsals.plugins())
            .cloned();
        Precedence::new(serving, loading)
    }

    async fn act(&mut self, desired: &Desired, sighting: Sighting) {
        let now = Moment {
            instant: Instant::now(),
            wall: SystemTime::now(),
        };
        for action in self.tracker.observe(sighting, desired.plugins.windows, now) {
            match action {
                Action::Announce(plugin) => self.announce(&plugin),
                Action::Load(plugin, files) => self.begin_load(desired, plugin, files),
                Action::Remove(plugin) => self.remove(&plugin).await,
            }
        }
    }

    /// At the start all files are new, and those that can't be taken up at once say so.
    fn announce(&self, plugin: &PluginRef) {
        match self.is_ready {
            true => tracing::info!(target: "hookyard::release", %plugin, "plugin seen"),
            false => tracing::debug!(target: "hookyard::release", %plugin, "plugin seen"),
        }
    }

    fn begin_load(&mut self, desired: &Desired, plugin: PluginRef, files: Files) {
        self.end_rehearsal(&plugin);
        let loader = Loader {
            reports: Some(self.reports.0.clone()),
            ..desired.loader(&self.parts.engine)
        };
        let needed = self
            .courses
            .get(&plugin)
            .map(|course| course.needed(desired.revisions_kept))
            .unwrap_or_default();
        let place = self.places.of(&plugin.tenant);
        self.work.spawn(async move {
            let _place = place.take().await;
            let to_load = plugin.clone();
            let loading =
                tokio::task::spawn_blocking(move || loader.load(&to_load, files, &needed)).await;
            let loading = loading.unwrap_or_else(|error| Loading {
                revision: None,
                result: Err(panicked(&error)),
            });
            Done::Loaded(plugin, loading)
        });
    }

    async fn done(&mut self, done: Done) {
        // Whatever is over was reported on before.
        while let Ok(report) = self.reports.1.try_recv() {
            self.progressed(report).await;
        }
        match done {
            Done::Loaded(plugin, loading) => self.loaded(plugin, loading).await,
            Done::Recalled(plugin, revision, result) => {
                self.recalled(plugin, revision, result).await
            }
        }
    }

    async fn remove(&mut self, plugin: &PluginRef) {
        self.end_rehearsal(plugin);
        self.refusals.remove(plugin);
        self.patience.forget(plugin);
        self.parts.trials.end(plugin);
        if self.actives.forget(plugin) {
            // First no more jobs are made for it, then it stops taking them: none is left between.
            self.route().await;
            self.parts.catalog.remove(plugin);
            tracing::info!(target: "hookyard::release", %plugin, "plugin removed; its events are kept");
        }
        self.removed(plugin).await;
    }

    /// Brings the inbox's table up to date. At the start, when each plugin would change it, not all the time.
    async fn settle_routes(&mut self) {
        let is_early = !self.is_ready && self.routed_at.is_some_and(|at| at.elapsed() < ROUTE_PACE);
        let is_at_rest = self.work.is_empty() && self.rehearsals.is_empty();
        let is_overdue = is_at_rest && self.started.elapsed() >= READY_MAX;
        let is_settled = (self.tracker.is_idle() && is_at_rest) || is_overdue;
        if !self.has_looked || (is_early && !is_settled) {
            return;
        }

        self.route().await;
        if !self.is_ready && is_settled {
            self.is_ready = true;
            self.retire_absent().await;
            tracing::info!(target: "hookyard::release", count = self.actives.count(), "plugins ready");
        }
    }

    async fn route(&mut self) {
        let table = (
            self.actives.routes(&self.desired.borrow().sources),
            self.actives.backlogs(),
        );
        let wanted = (self.with_earlier(&table.0), table.1);
        if self.routed.as_ref() != Some(&wanted) {
            self.tell_backlogs(&wanted).await;
            let (routes, backlogs) = &wanted;
            let undecided = self.undecided().map(|plugin| (plugin, BacklogPolicy::None));
            let by_plugin = undecided.chain(backlogs.clone()).collect();
            let backlog = Backlog {
                now: self.parts.clock.now(),
                by_plugin,
            };
            if let Err(error) = self.parts.inbox.route_with(routes.clone(), &backlog).await {
                let reason = chain(&error);
                tracing::error!(target: "hookyard::release", reason, "the inbox did not take the table of plugins; it is tried again");
                return;
            }
            self.routed = Some(wanted);
            self.sweep_cache();
        }
        self.routed_at = Some(Instant::now());
        self.actives.announce(&self.desired.borrow().sources);
    }

    /// With what an earlier host routed to plugins that nothing is decided of yet: their events go on getting jobs.
    fn with_earlier(&mut self, routes: &Routes) -> Routes {
        let (tracker, rehearsals, recalls) = (&self.tracker, &self.rehearsals, &self.recalls);
        let is_undecided = |plugin: &PluginRef| {
            tracker.is_undecided(plugin) || rehearsals.has(plugin) || recalls.contains(plugin)
        };
        for (source, plugins) in &mut self.earlier.0 {
            let of = |plugin: &PluginName| PluginRef {
                tenant: source.tenant.clone(),
                name: plugin.clone(),
            };
            plugins.retain(|plugin| is_undecided(&of(plugin)));
        }
        let mut routes = routes.clone();
        for (source, plugins) in &mut routes.0 {
            plugins.extend(self.earlier.0.get(source).into_iter().flatten().cloned());
        }
        routes
    }

    /// Plugins that an earlier host routed to and that nothing is decided of yet.
    fn undecided(&self) -> impl Iterator<Item = PluginRef> {
        self.earlier.0.iter().flat_map(|(source, plugins)| {
            plugins.iter().map(|plugin| PluginRef {
                tenant: source.tenant.clone(),
                name: plugin.clone(),
            })
        })
    }

    /// Has the cache of compiled code forget what nobody needs.
    fn sweep_cache(&self) {
        let (engine, count) = (
            Arc::clone(&self.parts.engine),
            self.desired.borrow().revisions_kept,
        );
        let in_use = self
            .courses
            .values()
            .flat_map(|course| course.in_use(count))
            .collect();
        tokio::task::spawn_blocking(move || engine.sweep_cache(&in_use));
    }

    /// Says of each source that has unrouted events, and now has plugins, what becomes of the events.
    async fn tell_backlogs(&mut self, table: &backlog::Table) {
        match self.parts.inbox.unrouted().await {
            Ok(unrouted) => unrouted
                .iter()
                .for_each(|tally| backlog::tell(tally, table, self.routed.as_ref())),
            Err(error) => {
                let reason = chain(&error);
                tracing::warn!(target: "hookyard::release", reason, "unrouted events can't be counted");
            }
        }
    }

    /// Warns of what wasn't so at the last look.
    fn complain(&mut self, problems: BTreeSet<String>) {
        for problem in problems.difference(&self.complaints) {
            tracing::warn!(target: "hookyard::release", "{problem}");
        }
        self.complaints = problems;
    }
}

pub(super) fn panicked(error: &JoinError) -> Failure {
    Failure::Refused(format!("loading it failed: {error}"))
}

impl Desired {
    pub(super) fn loader(&self, engine: &Arc<Engine>) -> Loader {
        Loader {
            engine: Arc::clone(engine),
            folder: self.plugins.folder.clone(),
            file_max: self.plugins.file_max,
            limits: self.plugins.limits.clone(),
            ceilings: self.plugins.ceilings.clone(),
            grants: self.plugins.grants.clone(),
            references: self.references.clone(),
            contracts: Arc::clone(&self.contracts),
            kept: self.kept(),
            rehearsal: self.rehearsal,
            backlog: self.plugins.backlog,
            reports: None,
        }
    }

    /// Where components are kept.
    pub(super) fn kept(&self) -> Kept {
        Kept {
            folder: self.plugins.revisions.clone(),
            count_max: self.revisions_kept,
        }
    }
}
