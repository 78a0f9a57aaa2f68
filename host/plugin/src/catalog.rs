//! Which revision of which plugin is active, and which others can still be run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use hookyard_dispatch::{Active, Ran, Runner, Unrun};
use hookyard_model::{Outcome, PluginRef, Revision};
use hookyard_store::ClaimedJob;
use tokio::sync::Notify;

use crate::call::Ended;
use crate::flights::{Flight, Flights};
use crate::{Fault, HostFault, Loaded, Parts};

/// Of each plugin, how many revisions are kept warm beside the active one, for replays that name them.
const WARM_MAX: usize = 3;

/// The plugins that are active, each with one revision. Calls in flight keep the revision that they began with
/// (invariant 7), whatever is activated or removed meanwhile.
pub struct Catalog {
    active: ArcSwap<BTreeMap<PluginRef, Arc<Loaded>>>,
    /// Revisions of active plugins that are not active themselves, the latest used last.
    warm: Mutex<BTreeMap<PluginRef, Vec<Arc<Loaded>>>>,
    flights: Arc<Flights>,
    changed: Notify,
    parts: Parts,
}

impl Catalog {
    /// With no plugin.
    pub fn new(parts: Parts) -> Self {
        Self {
            active: ArcSwap::default(),
            warm: Mutex::default(),
            flights: Arc::default(),
            changed: Notify::new(),
            parts,
        }
    }

    /// Makes this the active revision of its plugin; the one that was active before, which stays warm for a while.
    pub fn activate(&self, loaded: Arc<Loaded>) -> Option<Arc<Loaded>> {
        let before = self.replace(&loaded.plugin().clone(), Some(&loaded));
        if let Some(before) = before
            .iter()
            .find(|before| before.revision() != loaded.revision())
        {
            self.keep_warm(Arc::clone(before));
        }
        before
    }

    /// Gives the plugin no more jobs; the revision that was active.
    pub fn remove(&self, plugin: &PluginRef) -> Option<Arc<Loaded>> {
        let before = self.replace(plugin, None);
        self.warm
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(plugin);
        before
    }

    /// The active revision of every plugin, as of one moment.
    pub fn snapshot(&self) -> Arc<BTreeMap<PluginRef, Arc<Loaded>>> {
        self.active.load_full()
    }

    /// How many attempts are under way on a revision, active or not.
    pub fn in_flight(&self, plugin: &PluginRef, revision: Revision) -> usize {
        self.flights.count(plugin, revision)
    }

    /// Returns once a revision has no attempt under way.
    pub async fn drained(&self, plugin: &PluginRef, revision: Revision) {
        self.flights.ended(plugin, revision).await;
    }

    /// The active revision, or the one that is wanted, with an attempt counted in. Once another one is active, no further
    /// attempt is counted in on the one before unless by its name.
    fn begin(&self, job: &ClaimedJob) -> Option<(Arc<Loaded>, Revision, Flight)> {
        let plugin = &job.lease.plugin;
        loop {
            let active = Arc::clone(self.active.load().get(plugin)?);
            let revision = job.revision.unwrap_or_else(|| active.revision());
            let flight = self.flights.begin(plugin, revision);
            // A swap in between may have found nothing under way.
            if job.revision.is_some()
                || self
                    .active
                    .load()
                    .get(plugin)
                    .is_some_and(|now| Arc::ptr_eq(now, &active))
            {
                return Some((active, revision, flight));
            }
        }
    }

    fn replace(&self, plugin: &PluginRef, with: Option<&Arc<Loaded>>) -> Option<Arc<Loaded>> {
        let before = self.active.rcu(|active| {
            let mut next = BTreeMap::clone(active);
            match with {
                Some(loaded) => next.insert(plugin.clone(), Arc::clone(loaded)),
                None => next.remove(plugin),
            };
            next
        });
        self.changed.notify_waiters();
        self.changed.notify_one();
        before.get(plugin).cloned()
    }

    /// A revision of the active plugin: itself, a warm one, or one whose compiled code is still in the cache. On the terms
    /// of the active one in any case, so that what is no longer granted isn't granted to it.
    async fn revision(
        &self,
        active: Arc<Loaded>,
        wanted: Option<Revision>,
    ) -> Result<Arc<Loaded>, Missing> {
        let Some(wanted) = wanted.filter(|wanted| *wanted != active.revision()) else {
            return Ok(active);
        };
        let warm = self
            .warm(active.plugin(), wanted)
            .filter(|warm| warm.is_on_terms_of(&active));
        let found = match warm {
            Some(warm) => warm,
            None => {
                let recalled = tokio::task::spawn_blocking(move || active.recall(wanted)).await;
                Arc::new(
                    recalled
                        .map_err(HostFault::from)?
                        .map_err(|fault| Missing::of(fault, wanted))?,
                )
            }
        };
        self.keep_warm(Arc::clone(&found));
        Ok(found)
    }

    fn warm(&self, plugin: &PluginRef, revision: Revision) -> Option<Arc<Loaded>> {
        let warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        warm.get(plugin)?
            .iter()
            .find(|loaded| loaded.revision() == revision)
            .cloned()
    }

    fn keep_warm(&self, loaded: Arc<Loaded>) {
        let mut warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = warm.entry(loaded.plugin().clone()).or_default();
        kept.retain(|other| other.revision() != loaded.revision());
        kept.push(loaded);
        let surplus = kept.len().saturating_sub(WARM_MAX);
        kept.drain(..surplus);
    }
}

/// Why a revision that a replay named isn't there.
enum Missing {
    /// It isn't kept any more.
    Gone(Revision),
    /// The host fails at loading it.
    HostFault(HostFault),
}

impl Missing {
    fn of(fault: Fault, revision: Revision) -> Self {
        match fault {
            Fault::Host(fault) => Self::HostFault(fault),
            _ => Self::Gone(revision),
        }
    }

    /// Nothing but the operator can bring back what is gone, so the job is dead at once rather than after all of its
    /// attempts.
    fn ended(self) -> Result<Ended, HostFault> {
        match self {
            Self::HostFault(fault) => Err(fault),
            Self::Gone(revision) => {
                let reason = format!(
                    "revision {revision}, which the replay names, is no longer kept; replay on the active revision, or drop \
                     that revision's file in first"
                );
                Ok(Ended::unrun(Outcome::Rejected { reason }))
            }
        }
    }
}

impl From<HostFault> for Missing {
    fn from(fault: HostFault) -> Self {
        Self::HostFault(fault)
    }
}

#[async_trait]
impl Runner for Catalog {
    fn active(&self) -> Vec<Active> {
        let active = self.active.load();
        active
            .iter()
            .map(|(plugin, loaded)| Active {
                plugin: plugin.clone(),
                revision: loaded.revision(),
                concurrency: loaded.limits().concurrency,
            })
            .collect()
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }

    /// A job that names a revision which is no longer kept is rejected.
    async fn run(&self, job: &ClaimedJob) -> Result<Ran, Unrun> {
        let (active, revision, _flight) = self.begin(job).ok_or(Unrun::Absent)?;
        let (quota, outbox) = (active.limits().quota(), active.limits().outbox_quota());
        let began = Instant::now();
        let ended = match self.revision(active, job.revision).await {
            Ok(loaded) => {
                let (job, parts, engine) =
                    (job.clone(), self.parts.clone(), Arc::clone(&loaded.engine));
                let call = async move { loaded.attempt(&job, &parts).await };
                engine.background.run(Box::pin(call)).await
            }
            Err(missing) => missing.ended(),
        };
        let Ended {
            outcome,
            log,
            effects,
            measures,
        } = ended?;
        Ok(Ran {
            revision,
            duration: began.elapsed(),
            outcome,
            log,
            effects,
            quota,
            outbox,
            measures,
        })
    }
}
