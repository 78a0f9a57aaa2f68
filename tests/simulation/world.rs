//! The store as a dispatcher sees it: each call takes some time, may fail, may lose its answer, may
//! be the last one of the host, and is seen by the witness.

use std::any::Any;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hookyard_model::{
    Clock, Event, EventId, Key, PluginRef, Revision, SourceRef, TenantName, Timestamp, Versioned,
};
use hookyard_store::{
    AppendResult, Backlog, ClaimedJob, Discard, DiscardSummary, Error, EventPage, EventRecord,
    EventSummary, Events, GivenResponse, Handover, JobLease, JobRequest, Jobs, KvUsage,
    PruneSummary, Quarantine, Replay, ReplaySummary, Retention, Routes, Routing, Settlement, Tally,
    Values,
};
use hookyard_store_testing::MemoryStore;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::call::{Answer, Call};
use crate::dice::Dice;
use crate::witness::Witness;

/// The part of a life that outlives a host.
pub(crate) struct World {
    pub(crate) inner: MemoryStore,
    pub(crate) dice: Dice,
    /// Notified when a call was the last one of the host.
    pub(crate) crashed: Notify,
    /// Whether calls fail and crash.
    pub(crate) is_rough: AtomicBool,
    /// How far the clock of the host is ahead of the clock of the store, in milliseconds.
    ahead: AtomicI64,
    store_clock: Arc<StoreClock>,
    witness: Mutex<Witness>,
    /// The broken invariant that ended this life.
    broken: Mutex<Option<String>>,
    numbers: AtomicU64,
}

/// The clock of the store, which is the clock of the runtime.
struct StoreClock(Instant);

impl Clock for StoreClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_secs(1_700_000_000).after(self.0.elapsed())
    }
}

/// The fate of a call.
enum Fate {
    Fine,
    Fail,
    Busy,
    /// The call is not made, and its answer is lost.
    LoseBefore,
    /// The call is made, and its answer is lost.
    LoseAfter,
    DieBefore,
    DieAfter,
}

impl World {
    pub(crate) fn new(seed: u64, is_verbose: bool) -> Self {
        let store_clock = Arc::new(StoreClock(Instant::now()));
        let clock: Arc<dyn Clock> = store_clock.clone();

        Self {
            inner: MemoryStore::new(clock),
            dice: Dice::new(seed),
            crashed: Notify::new(),
            is_rough: AtomicBool::new(true),
            ahead: AtomicI64::new(0),
            store_clock,
            witness: Mutex::new(Witness::new(is_verbose)),
            broken: Mutex::default(),
            numbers: AtomicU64::new(1),
        }
    }

    /// Sets the clock of the host to a time within half an hour of the clock of the store.
    pub(crate) fn set_clock(&self) {
        const HALF_AN_HOUR: i64 = 1_800_000;
        let ahead = self.dice.below(2 * HALF_AN_HOUR as u64) as i64 - HALF_AN_HOUR;
        self.ahead.store(ahead, Ordering::Relaxed);
    }

    /// Shows the witness a job that a plugin begins.
    pub(crate) async fn begin(&self, job: &ClaimedJob) {
        let see = || self.witness().begun(job);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(see)) {
            self.break_off::<()>(message_of(panic.as_ref())).await;
        }
    }

    pub(crate) fn witness(&self) -> MutexGuard<'_, Witness> {
        self.witness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a number that has not been returned before.
    pub(crate) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn fate(&self) -> Fate {
        if !self.is_rough.load(Ordering::Relaxed) {
            return Fate::Fine;
        }

        match self.dice.below(200) {
            0..=3 => Fate::Fail,
            4..=5 => Fate::Busy,
            6 => Fate::DieBefore,
            7 => Fate::DieAfter,
            8 => Fate::LoseBefore,
            9..=10 => Fate::LoseAfter,
            _ => Fate::Fine,
        }
    }

    /// Makes a call and shows it to the witness. Nothing else happens between the two.
    ///
    /// The call has no answer if the host dies during it.
    pub(crate) async fn make<T>(
        &self,
        call: Call<'_>,
        calling: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error>
    where
        T: Clone + Into<Answer>,
    {
        if self.dice.percent(30) {
            sleep(self.dice.millis(20)).await;
        }

        let fate = self.fate();
        match fate {
            Fate::Fail => return Err(self.failed(Error::Store("the disk is missing".into()))),
            Fate::Busy => return Err(self.failed(Error::Busy)),
            Fate::LoseBefore => return Err(self.failed(lost())),
            Fate::DieBefore => return self.die().await,
            Fate::Fine | Fate::LoseAfter | Fate::DieAfter => {}
        }

        let now = self.store_clock.now();
        let result = calling.await;
        let answer = result.as_ref().map(|done| done.clone().into());
        let see = || self.witness().see(call, answer, now, &self.inner);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(see)) {
            return self.break_off(message_of(panic.as_ref())).await;
        }

        match fate {
            Fate::DieAfter => self.die().await,
            Fate::LoseAfter => {
                self.witness().life.lost += 1;
                Err(self.failed(lost()))
            }
            _ => result,
        }
    }

    fn failed(&self, error: Error) -> Error {
        self.witness().life.faults += 1;
        error
    }

    async fn die<T>(&self) -> T {
        self.crashed.notify_one();
        pending().await
    }

    /// Ends this life, because an invariant is broken.
    pub(crate) async fn break_off<T>(&self, why: String) -> T {
        self.broken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(why);
        self.die().await
    }

    /// Returns the broken invariant that ended this life.
    pub(crate) fn broken(&self) -> Option<String> {
        self.broken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn lost() -> Error {
    Error::Unknown("the connection is gone".into())
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").to_owned()
}

impl Clock for World {
    /// Returns the time by the clock of the host.
    fn now(&self) -> Timestamp {
        let ahead = self.ahead.load(Ordering::Relaxed);
        Timestamp::from_unix_millis(self.store_clock.now().unix_millis() + ahead)
    }
}

/// The store of one host, seen by the witness.
pub(crate) struct WitnessedStore(pub(crate) Arc<World>);

#[async_trait]
impl Events for WitnessedStore {
    async fn append(&self, event: Event) -> Result<AppendResult, Error> {
        self.0
            .make(Call::Append(&event), self.0.inner.append(event.clone()))
            .await
    }

    async fn events(&self, page: EventPage) -> Result<Vec<EventSummary>, Error> {
        self.0.inner.events(page).await
    }

    async fn read(&self, id: EventId) -> Result<Option<EventRecord>, Error> {
        self.0.inner.read(id).await
    }

    async fn response(&self, id: EventId) -> Result<Option<GivenResponse>, Error> {
        self.0.inner.response(id).await
    }

    async fn replay(&self, replay: Replay) -> Result<ReplaySummary, Error> {
        self.0
            .make(Call::Replay(&replay), self.0.inner.replay(replay.clone()))
            .await
    }

    async fn discard(&self, discard: Discard) -> Result<DiscardSummary, Error> {
        self.0
            .make(
                Call::Discard(&discard),
                self.0.inner.discard(discard.clone()),
            )
            .await
    }

    async fn prune(
        &self,
        limits: &Retention,
        now: Timestamp,
        limit: usize,
    ) -> Result<PruneSummary, Error> {
        self.0
            .make(Call::Prune, self.0.inner.prune(limits, now, limit))
            .await
    }

    async fn unrouted(&self) -> Result<Vec<Tally<SourceRef>>, Error> {
        self.0.inner.unrouted().await
    }
}

#[async_trait]
impl Jobs for WitnessedStore {
    async fn claim(
        &self,
        wanted: &[JobRequest],
        lease: Duration,
    ) -> Result<Vec<ClaimedJob>, Error> {
        self.0
            .make(
                Call::Claim { wanted, lease },
                self.0.inner.claim(wanted, lease),
            )
            .await
    }

    fn hand_over(&self, to: Arc<Handover>) {
        self.0.inner.hand_over(to);
    }

    async fn extend(&self, leases: &[JobLease], lease: Duration) -> Result<(), Error> {
        self.0
            .make(Call::Extend(leases), self.0.inner.extend(leases, lease))
            .await
    }

    async fn give_back(&self, leases: &[JobLease]) -> Result<(), Error> {
        self.0
            .make(Call::GiveBack(leases), self.0.inner.give_back(leases))
            .await
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), Error> {
        self.0
            .make(
                Call::Settle(&settlement),
                self.0.inner.settle(settlement.clone()),
            )
            .await
    }

    async fn next_due(&self, plugins: &[PluginRef]) -> Result<Option<Duration>, Error> {
        self.0.inner.next_due(plugins).await
    }

    async fn changed(&self) {
        self.0.inner.changed().await;
    }

    async fn unhandled(&self) -> Result<Vec<(TenantName, u64)>, Error> {
        self.0.inner.unhandled().await
    }

    async fn held(&self) -> Result<Vec<Tally<PluginRef>>, Error> {
        self.0.inner.held().await
    }

    async fn retry_failed(&self, plugin: &PluginRef, revision: Revision) -> Result<u64, Error> {
        self.0
            .make(
                Call::RetryFailed(plugin, revision),
                self.0.inner.retry_failed(plugin, revision),
            )
            .await
    }
}

#[async_trait]
impl Routing for WitnessedStore {
    async fn route_with(&self, routes: Routes, backlog: &Backlog) -> Result<(), Error> {
        self.0
            .make(
                Call::Route(&routes),
                self.0.inner.route_with(routes.clone(), backlog),
            )
            .await
    }

    async fn routes(&self) -> Result<Routes, Error> {
        self.0.inner.routes().await
    }

    async fn quarantine(&self, quarantine: Quarantine) -> Result<(), Error> {
        self.0.witness().fails_often(&quarantine.plugin);
        self.0
            .make(
                Call::Quarantine(&quarantine.plugin),
                self.0.inner.quarantine(quarantine.clone()),
            )
            .await
    }

    async fn lift(&self, plugin: &PluginRef) -> Result<(), Error> {
        self.0
            .make(Call::Lift(plugin), self.0.inner.lift(plugin))
            .await
    }

    async fn quarantined(&self) -> Result<Vec<Quarantine>, Error> {
        self.0.inner.quarantined().await
    }
}

#[async_trait]
impl Values for WitnessedStore {
    async fn value(&self, plugin: &PluginRef, key: &Key) -> Result<Option<Versioned>, Error> {
        self.0.inner.value(plugin, key).await
    }

    async fn keys(
        &self,
        plugin: &PluginRef,
        bucket: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        self.0.inner.keys(plugin, bucket, after, limit).await
    }

    async fn usage(&self, plugin: &PluginRef) -> Result<KvUsage, Error> {
        self.0.inner.usage(plugin).await
    }
}
