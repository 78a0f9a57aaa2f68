//! What dispatch costs for each event: `cargo bench -p hookyard-dispatch`.
//!
//! Events pass through the memory store: append, handover, an attempt that does nothing, and the
//! settlement. The same calls of the store without a dispatcher are measured next to it, in turns,
//! and the difference is what dispatch costs. Everything runs on one thread, and processor time is
//! counted, so that other work on the machine matters little.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_dispatch::{
    ActivePlugin, AttemptResult, Config, Dispatcher, Measures, NoReleaseGuard, RetryPolicies,
    RunError, Runner,
};
use hookyard_model::{
    Attempt, Clock, Effects, Event, EventId, Next, Outcome, Payload, PluginRef, QuarantinePolicy,
    Revision, SourceRef, Timestamp,
};
use hookyard_store::{
    ClaimedJob, Events, Handover, Inbox, JobRequest, Jobs, KvUsage, OutboxQuota, Routes, Routing,
    Settlement,
};
use hookyard_store_testing::MemoryStore;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

const EVENTS: u64 = 20_000;
const ROUNDS: usize = 5;
const LEASE: Duration = Duration::from_secs(60);
const REVISION: Revision = Revision::from_sha256([1; 32]);

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = clock_gettime(ClockId::Realtime);
        Timestamp::from_unix_millis(now.tv_sec * 1_000 + now.tv_nsec / 1_000_000)
    }
}

/// A runner that does nothing and counts.
struct IdleRunner {
    plugins: usize,
    runs: AtomicUsize,
    wanted: AtomicUsize,
    reached: Notify,
}

#[async_trait]
impl Runner for IdleRunner {
    fn active(&self) -> Vec<ActivePlugin> {
        (0..self.plugins)
            .map(|number| ActivePlugin {
                plugin: plugin(number),
                revision: REVISION,
                concurrency: 8,
            })
            .collect()
    }

    async fn changed(&self) {
        std::future::pending().await
    }

    async fn run(&self, _: &ClaimedJob) -> Result<AttemptResult, RunError> {
        let runs = self.runs.fetch_add(1, Ordering::Relaxed) + 1;
        if runs == self.wanted.load(Ordering::Relaxed) {
            self.reached.notify_one();
        }

        Ok(AttemptResult {
            revision: REVISION,
            duration: Duration::ZERO,
            outcome: Outcome::Done,
            log: Vec::new(),
            effects: Effects::default(),
            quota: QUOTA,
            outbox: OutboxQuota::default(),
            measures: Measures::default(),
            host_calls: Vec::new(),
        })
    }
}

const QUOTA: KvUsage = KvUsage {
    keys: 1_000,
    bytes: 1_000_000,
};

fn plugin(number: usize) -> PluginRef {
    PluginRef {
        tenant: format!("t{}", number % 50).parse().expect("a name"),
        name: format!("p{number}").parse().expect("a name"),
    }
}

fn source() -> SourceRef {
    SourceRef {
        tenant: plugin(0).tenant,
        name: "orders".parse().expect("a name"),
    }
}

fn event(number: u64, received_at: Timestamp) -> Event {
    Event {
        id: EventId::from_uuid(Uuid::from_u64_pair(1, number)),
        source: source(),
        provider: "topi".into(),
        event_type: Some("order.created".into()),
        key: number.to_string(),
        received_at,
        headers: Vec::new(),
        body: Bytes::from_static(&[b' '; 1_408]),
        payload: Payload::Body,
        ordering_key: None,
        key_window: Duration::from_secs(3600),
    }
}

async fn store() -> Arc<MemoryStore> {
    let store = MemoryStore::new(Arc::new(SystemClock));
    let routes = Routes([(source(), [plugin(0).name].into())].into());
    store.route(routes).await.expect("a route");
    Arc::new(store)
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Passes events through a dispatcher, `burst` at a time. Returns the processor time of an event.
async fn with_dispatch(plugins: usize, burst: u64) -> f64 {
    let store = store().await;
    let runner = Arc::new(IdleRunner {
        plugins,
        runs: AtomicUsize::new(0),
        wanted: AtomicUsize::new(1),
        reached: Notify::new(),
    });
    let dispatcher = Dispatcher::new(Config {
        gatherer: Arc::default(),
        inbox: Arc::clone(&store) as Arc<dyn Inbox>,
        runner: Arc::clone(&runner) as Arc<dyn Runner>,
        clock: Arc::new(SystemClock),
        jitter: Arc::new(|| 0.5),
        lease: LEASE,
        concurrency_max: 64,
        tenant_concurrency_max: 32,
        quarantine: Some(QuarantinePolicy::default()),
        release_guard: Arc::new(NoReleaseGuard),
        waits: Arc::new(hookyard_store::Waits::new(0)),
        shutdown_timeout: LEASE,
        policies: RetryPolicies::default(),
    });
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(dispatcher.run(async { drop(stopped.await) }));

    // The first event is found by a claim; after it, the plugin is known to have no others.
    store
        .append(event(u64::MAX, SystemClock.now()))
        .await
        .expect("an append");
    runner.reached.notified().await;
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }

    let begun = processor_time();
    for first in (0..EVENTS).step_by(burst as usize) {
        runner
            .wanted
            .store((first + burst + 1) as usize, Ordering::Relaxed);
        for number in first..first + burst {
            store
                .append(event(number, SystemClock.now()))
                .await
                .expect("an append");
        }
        runner.reached.notified().await;
    }
    drop(stop);
    task.await.expect("no panic");
    (processor_time() - begun).as_secs_f64() * 1e6 / EVENTS as f64
}

/// Makes the same calls of the store without a dispatcher.
async fn without_dispatch(burst: u64) -> f64 {
    let store = store().await;
    let handover = Arc::new(Handover::new(LEASE, usize::MAX));
    handover.open(&plugin(0), burst as usize);
    store.hand_over(Arc::clone(&handover));
    let requests = [JobRequest {
        plugin: plugin(0),
        limit: 1,
    }];
    store.claim(&requests, LEASE).await.expect("a claim");

    let begun = processor_time();
    for first in (0..EVENTS).step_by(burst as usize) {
        for number in first..first + burst {
            store
                .append(event(number, SystemClock.now()))
                .await
                .expect("an append");
        }
        for job in handover.take() {
            handover.begun(&job.lease.plugin, job.event.body.len());
            store.settle(settlement(job)).await.expect("a settlement");
        }
    }
    (processor_time() - begun).as_secs_f64() * 1e6 / EVENTS as f64
}

fn settlement(job: ClaimedJob) -> Settlement {
    Settlement {
        attempt: Attempt {
            number: job.lease.attempt,
            revision: REVISION,
            started_at: job.since,
            duration: Duration::ZERO,
            outcome: Outcome::Done,
            log: Vec::new(),
            used: None,
        },
        lease: job.lease,
        next: Next::Done,
        failed_on_probation: false,
        is_spared: false,
        effects: Effects::default(),
        quota: QUOTA,
        outbox: OutboxQuota::default(),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");

    println!("microseconds of processor time per event, medians of {ROUNDS} rounds");
    for (plugins, burst) in [(1, 1), (1, 32), (1_000, 1), (1_000, 32)] {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            with.push(runtime.block_on(with_dispatch(plugins, burst)));
            without.push(runtime.block_on(without_dispatch(burst)));
        }
        let (with, without) = (median(with), median(without));

        println!(
            "{plugins:>5} plugins, {burst:>2} events at once: {with:.2} with dispatch, {without:.2} without: {:.2}",
            with - without
        );
    }
}
