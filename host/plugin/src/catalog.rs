//! The active revision of each plugin, and the other revisions that can still run.

mod flights;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use async_trait::async_trait;
use hookyard_dispatch::{ActivePlugin, AttemptResult, RunError, Runner};
use hookyard_model::{Outcome, PluginRef, Revision};
use hookyard_store::ClaimedJob;
use tokio::sync::Notify;

use self::flights::{Flight, Flights};
use crate::call::CallResult;
use crate::{Fault, HostFault, HostServices, LoadedPlugin};

/// The maximum number of warm revisions of a plugin. Replays can name these without loading them
/// again.
const WARM_MAX: usize = 3;

/// The active plugins, each with one revision.
///
/// A running attempt keeps the revision with which it began (invariant 7), whatever is activated or
/// removed meanwhile. What an attempt costs does not depend on the number of plugins.
pub struct Catalog {
    active: RwLock<Active>,
    /// Revisions of active plugins that are not active themselves. The most recently used comes
    /// last.
    warm: Mutex<BTreeMap<PluginRef, Vec<Arc<LoadedPlugin>>>>,
    flights: Arc<Flights>,
    changed: Notify,
    services: HostServices,
}

/// The active plugins.
#[derive(Default)]
struct Active {
    plugins: HashMap<PluginRef, Arc<LoadedPlugin>>,
    /// The list of the plugins, until one of them changes.
    list: Option<Arc<[ActivePlugin]>>,
}

impl Active {
    fn list(&mut self) -> Arc<[ActivePlugin]> {
        let list = self.list.get_or_insert_with(|| {
            let entry = |(plugin, loaded): (&PluginRef, &Arc<LoadedPlugin>)| ActivePlugin {
                plugin: plugin.clone(),
                revision: loaded.revision(),
                concurrency: loaded.limits().concurrency,
            };
            let mut list: Vec<_> = self.plugins.iter().map(entry).collect();
            list.sort_unstable_by(|one, other| one.plugin.cmp(&other.plugin));
            list.into()
        });
        Arc::clone(list)
    }
}

impl Catalog {
    /// Creates a catalog without plugins. All its attempts use these services.
    pub fn new(services: HostServices) -> Self {
        Self {
            active: RwLock::default(),
            warm: Mutex::default(),
            flights: Arc::default(),
            changed: Notify::new(),
            services,
        }
    }

    /// Makes a revision the active revision of its plugin. Returns the revision that was active
    /// before, which stays warm for a while.
    pub fn activate(&self, loaded: Arc<LoadedPlugin>) -> Option<Arc<LoadedPlugin>> {
        loaded.idle.set_active(true);
        let previous = self.replace(loaded.plugin(), Some(&loaded));
        if let Some(previous) = &previous
            && previous.revision() != loaded.revision()
        {
            self.keep_warm(Arc::clone(previous));
        }
        previous
    }

    /// Removes a plugin, so that it gets no more jobs. Returns the revision that was active.
    pub fn remove(&self, plugin: &PluginRef) -> Option<Arc<LoadedPlugin>> {
        let previous = self.replace(plugin, None);
        self.warm().remove(plugin);
        previous
    }

    /// Returns the active plugins in sorted order, at one point in time. Cheap while none of them
    /// changes.
    pub fn list(&self) -> Arc<[ActivePlugin]> {
        if let Some(list) = &self.read().list {
            return Arc::clone(list);
        }
        self.write().list()
    }

    /// Returns the number of attempts in progress on a revision, active or not.
    pub fn in_flight(&self, plugin: &PluginRef, revision: Revision) -> usize {
        self.flights.count(plugin, revision)
    }

    /// Waits until no attempt is in progress on a revision.
    pub async fn drained(&self, plugin: &PluginRef, revision: Revision) {
        self.flights.ended(plugin, revision).await;
    }

    /// Returns the active revision of a job's plugin, and counts an attempt on the revision that
    /// the job will run on.
    ///
    /// Once another revision is active, no attempt is counted on the previous revision, unless a
    /// job names it.
    fn begin(&self, job: &ClaimedJob) -> Option<(Arc<LoadedPlugin>, Revision, Flight)> {
        let plugin = &job.lease.plugin;
        // No other revision becomes active before the attempt is counted. An activation would see
        // no attempts on this revision and might drop it.
        let active = self.read();
        let loaded = active.plugins.get(plugin)?;
        let revision = job.revision.unwrap_or_else(|| loaded.revision());
        let flight = self.flights.begin(plugin, revision);

        Some((Arc::clone(loaded), revision, flight))
    }

    /// Replaces the active revision of a plugin, or removes it. Returns the revision that was
    /// active before.
    fn replace(
        &self,
        plugin: &PluginRef,
        with: Option<&Arc<LoadedPlugin>>,
    ) -> Option<Arc<LoadedPlugin>> {
        let previous = {
            let mut active = self.write();
            active.list = None;
            match with {
                Some(loaded) => active.plugins.insert(plugin.clone(), Arc::clone(loaded)),
                None => active.plugins.remove(plugin),
            }
        };

        // The first call wakes everybody who waits now, the second stores a permit for somebody who
        // waits later.
        self.changed.notify_waiters();
        self.changed.notify_one();
        if let Some(previous) = &previous
            && with.is_none_or(|with| !Arc::ptr_eq(with, previous))
        {
            previous.idle.set_active(false);
        }
        previous
    }

    /// Returns a revision of an active plugin: the active revision, a warm revision, or a revision
    /// whose compiled code is still in the cache. It always runs under the present terms, so that
    /// it cannot use a grant that was withdrawn.
    async fn revision(
        &self,
        active: Arc<LoadedPlugin>,
        revision: Option<Revision>,
    ) -> Result<Arc<LoadedPlugin>, RevisionError> {
        let Some(revision) = revision.filter(|revision| *revision != active.revision()) else {
            return Ok(active);
        };

        let warm = self
            .find_warm(active.plugin(), revision)
            .filter(|warm| warm.has_terms_of(&active));
        let found = match warm {
            Some(warm) => warm,
            None => {
                let recalled = tokio::task::spawn_blocking(move || active.recall(revision))
                    .await
                    .map_err(HostFault::from)?;
                Arc::new(recalled.map_err(|fault| RevisionError::new(fault, revision))?)
            }
        };
        self.keep_warm(Arc::clone(&found));
        Ok(found)
    }

    fn find_warm(&self, plugin: &PluginRef, revision: Revision) -> Option<Arc<LoadedPlugin>> {
        self.warm()
            .get(plugin)?
            .iter()
            .find(|loaded| loaded.revision() == revision)
            .cloned()
    }

    fn keep_warm(&self, loaded: Arc<LoadedPlugin>) {
        let mut warm = self.warm();
        let of_plugin = warm.entry(loaded.plugin().clone()).or_default();
        of_plugin.retain(|other| other.revision() != loaded.revision());
        of_plugin.push(loaded);

        let surplus = of_plugin.len().saturating_sub(WARM_MAX);
        of_plugin.drain(..surplus);
    }

    fn read(&self) -> RwLockReadGuard<'_, Active> {
        self.active.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Active> {
        self.active.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn warm(&self) -> MutexGuard<'_, BTreeMap<PluginRef, Vec<Arc<LoadedPlugin>>>> {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a revision that a replay names cannot run.
enum RevisionError {
    /// The revision is no longer kept.
    Gone(Revision),
    /// The host failed to load the revision.
    Host(HostFault),
}

impl RevisionError {
    fn new(fault: Fault, revision: Revision) -> Self {
        match fault {
            Fault::Host(fault) => Self::Host(fault),
            _ => Self::Gone(revision),
        }
    }

    /// Returns the result of the attempt. Only the operator can bring back a revision that is gone,
    /// so the job is rejected at once instead of after all its attempts.
    fn into_result(self) -> Result<CallResult, HostFault> {
        match self {
            Self::Host(fault) => Err(fault),
            Self::Gone(revision) => {
                let reason = format!(
                    "revision {revision}, which the replay names, is no longer kept; replay on the \
                     active revision, or drop that revision's file in first"
                );
                Ok(CallResult::without_call(Outcome::Rejected { reason }))
            }
        }
    }
}

impl From<HostFault> for RevisionError {
    fn from(fault: HostFault) -> Self {
        Self::Host(fault)
    }
}

#[async_trait]
impl Runner for Catalog {
    fn active(&self) -> Vec<ActivePlugin> {
        self.list().to_vec()
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Runs a job. A job that names a revision which is no longer kept is rejected.
    async fn run(&self, job: &ClaimedJob) -> Result<AttemptResult, RunError> {
        let (active, revision, _flight) = self.begin(job).ok_or(RunError::NotLoaded)?;
        let quota = active.limits().quota();
        let outbox = active.limits().outbox_quota();

        let began = Instant::now();
        let result = match self.revision(active, job.revision).await {
            Ok(loaded) => {
                let engine = Arc::clone(&loaded.engine);
                let (job, services) = (job.clone(), self.services.clone());
                let attempt = async move { loaded.serve(&job, &services).await };
                engine.background.run(Box::pin(attempt)).await
            }
            Err(error) => error.into_result(),
        };

        let CallResult {
            outcome,
            log,
            effects,
            measures,
            host_calls,
        } = result?;
        Ok(AttemptResult {
            revision,
            duration: began.elapsed(),
            outcome,
            log,
            effects,
            quota,
            outbox,
            measures,
            host_calls,
        })
    }
}
