//! Keeps the catalog as the folder is: looks, has the tracker decide, loads, activates and routes.
//!
//! A look is taken when a change is heard, when a window ends, and at intervals as a net. Compiling happens off this
//! task and off the threads that serve; this task alone activates and removes, so there is one order of things.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hookyard_inbox::{Inbox, Routes};
use hookyard_model::PluginRef;
use hookyard_plugin::{Catalog, Engine};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, JoinSet};

use super::active::Actives;
use super::load::{Failure, Loader, Ready};
use super::routing::Sources;
use super::sighting::{self, Files, Sighting};
use super::tracker::{Action, Ended, Moment, Tracker};
use super::{Desired, listing};
use crate::explain::chain;
use crate::watch::Watch;

/// A burst of notifications is one look.
const DEBOUNCE: Duration = Duration::from_millis(20);
/// How long a file that won't settle may hold up the word that the plugins are ready.
const READY_MAX: Duration = Duration::from_secs(2);
/// Each load may use several threads; more at once would take the processor from events.
const LOADS_MAX: usize = 2;

/// What the folder's plugins are loaded by and into.
pub(crate) struct Parts {
    pub(crate) engine: Arc<Engine>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) inbox: Arc<dyn Inbox>,
}

/// Replaces what is desired while it runs.
#[derive(Clone)]
pub(crate) struct Handle(watch::Sender<Arc<Desired>>);

impl Handle {
    /// From now on the folder, the sources and the limits are these.
    pub(crate) fn replace(&self, desired: Desired) {
        self.0.send_replace(Arc::new(desired));
    }
}

/// A load that is over, or whose thread panicked.
type Load = (PluginRef, Result<Result<Ready, Failure>, JoinError>);

/// The folder's keeper.
pub(crate) struct Releases {
    parts: Parts,
    desired: watch::Receiver<Arc<Desired>>,
    handle: Handle,
    tracker: Tracker,
    actives: Actives,
    loads: JoinSet<Load>,
    permits: Arc<Semaphore>,
    watch: Watch,
    complaints: BTreeSet<String>,
    refusals: BTreeMap<PluginRef, String>,
    routes: Option<Routes>,
    started: Instant,
    is_ready: bool,
}

impl Releases {
    /// A keeper that has not looked yet.
    pub(crate) fn new(parts: Parts, desired: Desired) -> Self {
        let (sender, receiver) = watch::channel(Arc::new(desired));
        Self {
            parts,
            desired: receiver,
            handle: Handle(sender),
            tracker: Tracker::default(),
            actives: Actives::default(),
            loads: JoinSet::new(),
            permits: Arc::new(Semaphore::new(LOADS_MAX)),
            watch: Watch::new(),
            complaints: BTreeSet::new(),
            refusals: BTreeMap::new(),
            routes: None,
            started: Instant::now(),
            is_ready: false,
        }
    }

    /// Replaces what is desired while this runs.
    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Keeps the folder's plugins until `shutdown` completes.
    pub(crate) async fn run(mut self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            self.look().await;
            self.settle_routes().await;
            let next_look = self.next_look();
            tokio::select! {
                () = &mut shutdown => return,
                () = tokio::time::sleep_until(next_look.into()) => {}
                () = self.watch.changed() => tokio::time::sleep(DEBOUNCE).await,
                Some(ended) = self.loads.join_next() => self.load_ended(ended),
                Ok(()) = self.desired.changed() => self.tracker.reconsider(),
            }
        }
    }

    fn next_look(&self) -> Instant {
        let desired = self.desired.borrow();
        let rescan = Instant::now() + desired.plugins.rescan;
        self.tracker.next_due(desired.plugins.windows).map_or(rescan, |due| due.min(rescan))
    }

    async fn look(&mut self) {
        let desired = Arc::clone(&self.desired.borrow_and_update());
        let (folder, count_max) = (desired.plugins.folder.clone(), desired.plugins.count_max);
        let looked = tokio::task::spawn_blocking(move || {
            let listing =
                listing::list(&folder).map_err(|error| format!("{} can't be read: {error}", folder.display()))?;
            Ok::<_, String>((sighting::judge(&folder, &listing, count_max), listing.watched))
        });
        let sighting = match looked.await.unwrap_or_else(|error| Err(error.to_string())) {
            Ok((sighting, watched)) => {
                self.watch.listen(&watched);
                sighting
            }
            // Nothing is concluded from a folder that can't be read: what is loaded goes on serving.
            Err(problem) => return self.complain([problem].into()),
        };
        self.act(&desired, &sighting).await;
        self.complain(sighting.problems);
    }

    async fn act(&mut self, desired: &Desired, sighting: &Sighting) {
        let now = Moment { instant: Instant::now(), wall: SystemTime::now() };
        for action in self.tracker.observe(sighting, desired.plugins.windows, now) {
            match action {
                Action::Load(plugin, files) => self.begin_load(desired, plugin, files),
                Action::Remove(plugin) => self.remove(&desired.sources, &plugin).await,
            }
        }
    }

    fn begin_load(&mut self, desired: &Desired, plugin: PluginRef, files: Files) {
        let loader = desired.loader(&self.parts.engine);
        let permits = Arc::clone(&self.permits);
        self.loads.spawn(async move {
            let _permit = permits.acquire_owned().await;
            let to_load = plugin.clone();
            let loaded = tokio::task::spawn_blocking(move || loader.load(&to_load, files)).await;
            (plugin, loaded)
        });
    }

    fn load_ended(&mut self, ended: Result<Load, JoinError>) {
        let Ok((plugin, result)) = ended else { return };
        let result = result.unwrap_or_else(|error| Err(Failure::Refused(format!("loading it failed: {error}"))));
        let handled = match result {
            Ok(ready) => {
                self.refusals.remove(&plugin);
                self.actives.activate(&self.parts.catalog, &self.desired.borrow().sources, ready);
                Ended::Handled
            }
            Err(Failure::Refused(reason)) => {
                self.refuse(&plugin, reason);
                Ended::Handled
            }
            Err(Failure::Unreadable(reason)) => {
                self.refuse(&plugin, reason);
                Ended::Again
            }
            Err(Failure::Moved) => Ended::Again,
        };
        self.tracker.ended(&plugin, handled, Instant::now());
    }

    /// Says why a plugin's file isn't served; the same reason is said once.
    fn refuse(&mut self, plugin: &PluginRef, reason: String) {
        if self.refusals.get(plugin) != Some(&reason) {
            let serving = self.actives.revision(plugin).unwrap_or_else(|| "nothing".to_owned());
            tracing::warn!(target: "hookyard::release", %plugin, reason, serving, "plugin refused");
            self.refusals.insert(plugin.clone(), reason);
        }
    }

    async fn remove(&mut self, sources: &Sources, plugin: &PluginRef) {
        self.refusals.remove(plugin);
        if !self.actives.forget(plugin) {
            return;
        }
        // First no more jobs are made for it, then it stops taking them: none is left between.
        self.route(self.actives.routes(sources)).await;
        self.parts.catalog.remove(plugin);
        tracing::info!(target: "hookyard::release", %plugin, "plugin removed; its events are kept");
    }

    /// Brings the inbox's table up to date, once the first look is dealt with: until then the stored one is the better.
    async fn settle_routes(&mut self) {
        let is_idle = self.tracker.is_idle() && self.loads.is_empty();
        let is_overdue = self.loads.is_empty() && self.started.elapsed() >= READY_MAX;
        if !self.is_ready && !is_idle && !is_overdue {
            return;
        }
        let routes = self.actives.routes(&self.desired.borrow().sources);
        self.route(routes).await;
        if !self.is_ready {
            self.is_ready = true;
            tracing::info!(target: "hookyard::release", count = self.actives.count(), "plugins ready");
        }
    }

    async fn route(&mut self, routes: Routes) {
        if self.routes.as_ref() == Some(&routes) {
            return;
        }
        match self.parts.inbox.route(routes.clone()).await {
            Ok(()) => self.routes = Some(routes),
            Err(error) => {
                let reason = chain(&error);
                tracing::error!(target: "hookyard::release", reason, "the inbox did not take the table of plugins; it is tried again");
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

impl Desired {
    pub(super) fn loader(&self, engine: &Arc<Engine>) -> Loader {
        Loader {
            engine: Arc::clone(engine),
            folder: self.plugins.folder.clone(),
            file_bytes_max: self.plugins.file_bytes_max,
            limits: self.plugins.limits.clone(),
            ceilings: self.plugins.ceilings.clone(),
            contracts: Arc::clone(&self.contracts),
        }
    }
}
