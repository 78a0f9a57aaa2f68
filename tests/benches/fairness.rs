//! `cargo bench -p hookyard-tests --bench fairness` measures how long a tenant's events wait while
//! another tenant has a million waiting events in the same SQLite store.
//!
//! The benchmark runs the real dispatcher and the real store, with a runner that takes a
//! millisecond for each attempt. One tenant sends an event every 20 ms. The measured time is from
//! the answer to the append until the attempt begins. In turns, the other tenant has no events and
//! a million events (`HOOKYARD_BACKLOG=100000` sets another number). The output compares medians
//! and 99th percentiles of all turns.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_dispatch::{
    ActivePlugin, AttemptResult, Config, Dispatcher, Measures, NoReleaseGuard, RetryPolicies,
    RunError, Runner,
};
use hookyard_model::{
    Clock, Effects, Event, EventId, Outcome, Payload, PluginRef, Revision, SourceRef, Timestamp,
};
use hookyard_store::{ClaimedJob, Events, KvUsage, OutboxQuota, Routes, Routing};
use hookyard_store_sqlite::{Options, SqliteStore};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use uuid::Uuid;

const BACKLOG: u64 = 1_000_000;
const ROUNDS: usize = 5;
const EVENTS: usize = 150;
const PACE: Duration = Duration::from_millis(20);
const RUN: Duration = Duration::from_millis(1);
const REVISION: Revision = Revision::from_sha256([3; 32]);

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backlog =
        std::env::var("HOOKYARD_BACKLOG").map_or(BACKLOG, |text| text.parse().expect("a number"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let alone = open(&folder.path().join("alone.db")).await;
        let crowded = open(&folder.path().join("crowded.db")).await;
        crowd(&crowded, backlog).await;
        let (mut waits_alone, mut waits_crowded, mut others) = (Vec::new(), Vec::new(), 0);
        for _ in 0..ROUNDS {
            waits_alone.extend(round(&alone).await.0);
            let (waits, handled) = round(&crowded).await;
            waits_crowded.extend(waits);
            others += handled;
        }
        println!(
            "{:<34} {:>10} {:>10} {:>10}",
            "from stored to begun", "median", "p99", "slowest"
        );
        tell("alone", &mut waits_alone);
        tell(
            &format!("beside a backlog of {backlog}"),
            &mut waits_crowded,
        );
        println!("meanwhile {others} events of the backlog were handled");
    });
}

fn tell(name: &str, waits: &mut [Duration]) {
    waits.sort_unstable();
    let at = |part: f64| waits[((waits.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    println!(
        "{name:<34} {:>7.2} ms {:>7.2} ms {:>7.2} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

async fn open(path: &Path) -> Arc<SqliteStore> {
    let inbox = SqliteStore::open(path, Options::default()).expect("a new inbox");
    let routes = ["acme", "blue"].map(|tenant| (source(tenant), [plugin(tenant).name].into()));
    inbox.route(Routes(routes.into())).await.expect("routes");
    Arc::new(inbox)
}

/// Gives `acme` this many waiting events.
async fn crowd(inbox: &Arc<SqliteStore>, count: u64) {
    let began = Instant::now();
    let mut calls = JoinSet::new();
    for _ in 0..count {
        let inbox = Arc::clone(inbox);
        calls.spawn(async move { inbox.append(event("acme")).await.map(drop) });
        if calls.len() == 256 {
            while let Some(call) = calls.join_next().await {
                call.expect("no call panics").expect("an append");
            }
        }
    }
    while calls.join_next().await.is_some() {}
    eprintln!("{count} events wait after {} s", began.elapsed().as_secs());
}

/// Sends events of `blue` to a dispatcher. Returns how long each waited, and how many events of
/// `acme` were handled meanwhile.
async fn round(inbox: &Arc<SqliteStore>) -> (Vec<Duration>, usize) {
    let runner = Arc::new(TimedRunner::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let dispatcher = Dispatcher::new(config(Arc::clone(inbox), Arc::clone(&runner)));
    let task = tokio::spawn(dispatcher.run(async move { drop(stopped.await) }));
    let mut stored = Vec::new();
    let mut ticks = tokio::time::interval(PACE);
    for _ in 0..EVENTS {
        ticks.tick().await;
        let event = event("blue");
        let id = event.id;
        inbox.append(event).await.expect("an append");
        stored.push((id, Instant::now()));
    }
    while stored
        .iter()
        .any(|(id, _)| !runner.begun().contains_key(id))
    {
        tokio::time::sleep(PACE).await;
    }
    drop(stop);
    task.await.expect("the dispatcher ends");
    let begun = runner.begun();
    // The attempt can begin before this thread reads the answer to the append. Then the wait is
    // zero.
    let waits = stored
        .iter()
        .map(|(id, stored)| begun[id].saturating_duration_since(*stored))
        .collect();
    (waits, begun.len() - stored.len())
}

fn config(inbox: Arc<SqliteStore>, runner: Arc<TimedRunner>) -> Config {
    Config {
        gatherer: Arc::default(),
        inbox,
        runner,
        clock: Arc::new(SystemClock),
        jitter: Arc::new(|| 0.5),
        lease: Duration::from_secs(60),
        concurrency_max: 16,
        tenant_concurrency_max: 12,
        shutdown_timeout: Duration::from_secs(10),
        policies: RetryPolicies::default(),
        quarantine: None,
        release_guard: Arc::new(NoReleaseGuard),
        waits: Arc::new(hookyard_store::Waits::new(0)),
    }
}

/// A runner that takes a millisecond for each attempt and records when it began.
#[derive(Default)]
struct TimedRunner(Mutex<HashMap<EventId, Instant>>);

impl TimedRunner {
    fn begun(&self) -> std::sync::MutexGuard<'_, HashMap<EventId, Instant>> {
        self.0.lock().expect("a lock")
    }
}

#[async_trait]
impl Runner for TimedRunner {
    fn active(&self) -> Vec<ActivePlugin> {
        let active = |tenant| ActivePlugin {
            plugin: plugin(tenant),
            revision: REVISION,
            concurrency: 12,
        };
        ["acme", "blue"].map(active).into()
    }

    async fn changed(&self) {
        std::future::pending().await
    }

    async fn run(&self, job: &ClaimedJob) -> Result<AttemptResult, RunError> {
        self.begun().insert(job.event.id, Instant::now());
        tokio::time::sleep(RUN).await;
        Ok(AttemptResult {
            revision: REVISION,
            duration: RUN,
            outcome: Outcome::Done,
            log: Vec::new(),
            effects: Effects::default(),
            quota: KvUsage::default(),
            outbox: OutboxQuota::default(),
            measures: Measures::default(),
            host_calls: Vec::new(),
        })
    }
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970");
        Timestamp::from_unix_millis(i64::try_from(since.as_millis()).expect("before long"))
    }
}

fn event(tenant: &str) -> Event {
    let id = Uuid::now_v7();
    Event {
        id: EventId::from_uuid(id),
        source: source(tenant),
        provider: "any".into(),
        event_type: Some("thing.happened".into()),
        key: id.to_string(),
        key_window: Duration::MAX,
        received_at: SystemClock.now(),
        headers: Vec::new(),
        body: Bytes::from_static(&[b'x'; 512]),
        payload: Payload::Body,
        ordering_key: None,
    }
}

fn source(tenant: &str) -> SourceRef {
    SourceRef {
        tenant: tenant.parse().expect("a name"),
        name: "orders".parse().expect("a name"),
    }
}

fn plugin(tenant: &str) -> PluginRef {
    PluginRef {
        tenant: tenant.parse().expect("a name"),
        name: "ship".parse().expect("a name"),
    }
}
