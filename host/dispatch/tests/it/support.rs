//! A harness with a dispatcher, a scripted runner, a test clock and a store that fails on demand.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_dispatch::{
    ActivePlugin, AttemptResult, Config, Dispatcher, Handle, Measures, NoReleaseGuard,
    ReleaseGuard, RetryPolicies, RunError, Runner,
};
use hookyard_model::{
    Attempt, Clock, Effects, Event, EventId, Key, Message, MessageId, Outcome, Payload, PluginRef,
    QuarantinePolicy, ReadVersion, Response, RetryPolicy, Revision, SourceRef, Timestamp, Write,
};
use hookyard_store::{
    ClaimedJob, Error, EventPage, EventSelection, Events, Inbox, JobSummary, KvUsage, OutboxQuota,
    Routes, Routing, Values, Waits,
};
use hookyard_store_testing::faulty::{Call, Fault, When};
use hookyard_store_testing::{FaultyStore, MemoryStore};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const LEASE: Duration = Duration::from_secs(60);
/// The first revision of every plugin.
pub(crate) const FIRST: Revision = Revision::from_sha256([3; 32]);

/// A clock that follows the clock of tokio.
pub(crate) struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_secs(1_700_000_000).after(self.0.elapsed())
    }
}

/// What the scripted runner does with a job.
#[derive(Clone)]
pub(crate) enum Act {
    /// Ends with an outcome after a time.
    End(Duration, Outcome),
    /// Panics after a time.
    Panic(Duration),
    /// Makes no attempt, with this error.
    Refuse(RunError),
}

type Script = Box<dyn Fn(&ClaimedJob) -> Act + Send + Sync>;

pub(crate) struct ScriptedRunner {
    active: Mutex<Vec<ActivePlugin>>,
    changed: Notify,
    script: Script,
    pub(crate) runs: AtomicUsize,
    /// The number of times that the dispatcher has read the active plugins.
    pub(crate) reads_of_active: AtomicUsize,
    /// The running attempts of each plugin, and their maximum so far.
    pub(crate) running: Mutex<HashMap<PluginRef, (usize, usize)>>,
    pub(crate) running_most: AtomicUsize,
    /// The store in which each run increments a counter, if runs are counted.
    counts_in: Option<Arc<FaultyStore>>,
    /// Whether each run responds.
    responds: bool,
    quota: KvUsage,
    outbox: OutboxQuota,
}

/// Returns the key of the counter of runs.
pub(crate) fn count_key() -> Key {
    Key {
        bucket: "counts".into(),
        key: "runs".into(),
    }
}

impl ScriptedRunner {
    async fn effects(&self, job: &ClaimedJob) -> Effects {
        let Some(inbox) = &self.counts_in else {
            let messages = if self.outbox == OutboxQuota::default() {
                Vec::new()
            } else {
                vec![message(job)]
            };
            return Effects {
                writes: vec![write(job)],
                messages,
                response: self.responds.then(|| response(&job.lease.plugin)),
                ..Effects::default()
            };
        };
        let found = inbox
            .value(&job.lease.plugin, &count_key())
            .await
            .expect("a value");
        let text = found.as_ref().map_or("0", |found| {
            std::str::from_utf8(&found.value).expect("text")
        });
        let count = text.parse::<u64>().expect("a number") + 1;

        Effects {
            reads: vec![ReadVersion {
                key: count_key(),
                version: found.as_ref().map(|found| found.version),
            }],
            writes: vec![Write {
                key: count_key(),
                value: Some(count.to_string().into()),
            }],
            ..Effects::default()
        }
    }

    pub(crate) fn activate(&self, active: &[(&str, usize)]) {
        *self.active.lock().expect("a lock") = actives(active);
        self.changed.notify_one();
    }

    /// Replaces the active revision of a plugin.
    pub(crate) fn reload(&self, name: &str, revision: Revision) {
        let plugin = plugin(name);
        let mut active = self.active.lock().expect("a lock");
        let entry = active.iter_mut().find(|active| active.plugin == plugin);
        entry.expect("an active plugin").revision = revision;
        self.changed.notify_one();
    }

    fn revision(&self, plugin: &PluginRef) -> Revision {
        let active = self.active.lock().expect("a lock");
        active
            .iter()
            .find(|active| active.plugin == *plugin)
            .map_or(FIRST, |active| active.revision)
    }

    fn enter(&self, plugin: &PluginRef) {
        let mut running = self.running.lock().expect("a lock");
        let (now, most) = running.entry(plugin.clone()).or_default();
        *now += 1;
        *most = (*most).max(*now);
        let all = running.values().map(|(now, _)| now).sum();
        self.running_most.fetch_max(all, Ordering::Relaxed);
    }

    fn leave(&self, plugin: &PluginRef) {
        self.running
            .lock()
            .expect("a lock")
            .get_mut(plugin)
            .expect("it was entered")
            .0 -= 1;
    }

    pub(crate) fn most_of(&self, name: &str) -> usize {
        self.running
            .lock()
            .expect("a lock")
            .get(&plugin(name))
            .map_or(0, |(_, most)| *most)
    }
}

#[async_trait]
impl Runner for ScriptedRunner {
    fn active(&self) -> Vec<ActivePlugin> {
        self.reads_of_active.fetch_add(1, Ordering::Relaxed);
        self.active.lock().expect("a lock").clone()
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }

    async fn run(&self, job: &ClaimedJob) -> Result<AttemptResult, RunError> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let act = (self.script)(job);

        if let Act::Refuse(error) = act {
            return Err(error);
        }

        let revision = job
            .revision
            .unwrap_or_else(|| self.revision(&job.lease.plugin));
        self.enter(&job.lease.plugin);
        let (Act::End(duration, _) | Act::Panic(duration)) = act else {
            unreachable!("handled above")
        };
        let effects = self.effects(job).await;
        sleep(duration).await;
        self.leave(&job.lease.plugin);
        let Act::End(_, outcome) = act else {
            panic!("scripted")
        };
        let measures = Measures::default();

        Ok(AttemptResult {
            revision,
            duration,
            outcome,
            log: Vec::new(),
            effects,
            quota: self.quota,
            outbox: self.outbox,
            measures,
            host_calls: Vec::new(),
        })
    }
}

/// Returns the key that a run at an event writes.
pub(crate) fn mark_key(event_key: &str) -> Key {
    Key {
        bucket: "handled".into(),
        key: event_key.into(),
    }
}

/// Returns the message that every run sends if the outbox is limited.
fn message(job: &ClaimedJob) -> Message {
    Message {
        id: MessageId::from_uuid(job.event.id.as_uuid()),
        destination: "shop".parse().expect("a name"),
        event_type: None,
        body: Bytes::from_static(b"{}"),
        ordering_key: None,
    }
}

/// Returns the response of a plugin whose runs respond.
pub(crate) fn response(plugin: &PluginRef) -> Response {
    Response {
        status: 200,
        headers: Vec::new(),
        body: plugin.name.to_string().into(),
    }
}

/// Returns the write of every run.
fn write(job: &ClaimedJob) -> Write {
    Write {
        key: mark_key(&job.event.key),
        value: Some(Bytes::from_static(b"yes")),
    }
}

/// The options of a harness.
pub(crate) struct Plan {
    pub(crate) active: Vec<(&'static str, usize)>,
    pub(crate) concurrency_max: usize,
    pub(crate) tenant_concurrency_max: usize,
    pub(crate) quarantine: Option<QuarantinePolicy>,
    pub(crate) release_guard: Arc<dyn ReleaseGuard>,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) policies: RetryPolicies,
    pub(crate) jitter: f64,
    /// Whether each run increments a counter in the plugin's store instead of writing a key of its
    /// own.
    pub(crate) counts: bool,
    /// Whether each run responds with the name of its plugin.
    pub(crate) responds: bool,
    /// The quota of the key-value store.
    pub(crate) quota: KvUsage,
    /// The quota of the outbox.
    pub(crate) outbox: OutboxQuota,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            active: vec![("ship", 4)],
            concurrency_max: 64,
            tenant_concurrency_max: 64,
            quarantine: None,
            release_guard: Arc::new(NoReleaseGuard),
            shutdown_timeout: HOUR,
            policies: RetryPolicies {
                fallback: policy(3, SECOND),
                by_source: Default::default(),
            },
            jitter: 1.0,
            counts: false,
            responds: false,
            quota: KvUsage {
                keys: 10_000,
                bytes: 1_000_000,
            },
            outbox: OutboxQuota::default(),
        }
    }
}

/// Returns a plan with a plugin that runs one attempt at a time.
pub(crate) fn one_at_a_time() -> Plan {
    Plan {
        active: vec![("ship", 1)],
        ..Plan::default()
    }
}

pub(crate) fn policy(attempts_max: u32, delay_first: Duration) -> RetryPolicy {
    RetryPolicy {
        attempts_max,
        delay_first,
        delay_max: HOUR,
        ..RetryPolicy::default()
    }
}

/// A running dispatcher and its parts.
pub(crate) struct Harness {
    memory: Arc<MemoryStore>,
    pub(crate) inbox: Arc<FaultyStore>,
    pub(crate) runner: Arc<ScriptedRunner>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) handle: Handle,
    pub(crate) waits: Arc<Waits>,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) task: JoinHandle<()>,
}

impl Harness {
    pub(crate) fn start(
        plan: Plan,
        script: impl Fn(&ClaimedJob) -> Act + Send + Sync + 'static,
    ) -> Self {
        let clock = Arc::new(TestClock(Instant::now()));
        let memory = Arc::new(MemoryStore::new(Arc::clone(&clock) as Arc<dyn Clock>));
        let inbox = Arc::new(FaultyStore::new(memory.clone()));
        let runner = Arc::new(ScriptedRunner {
            active: Mutex::new(actives(&plan.active)),
            changed: Notify::new(),
            script: Box::new(script),
            runs: AtomicUsize::new(0),
            reads_of_active: AtomicUsize::new(0),
            running: Mutex::default(),
            running_most: AtomicUsize::new(0),
            counts_in: plan.counts.then(|| Arc::clone(&inbox)),
            responds: plan.responds,
            quota: plan.quota,
            outbox: plan.outbox,
        });
        let waits = Arc::new(Waits::new(8));
        let dispatcher = Dispatcher::new(Config {
            gatherer: Arc::default(),
            inbox: Arc::clone(&inbox) as Arc<dyn Inbox>,
            runner: Arc::clone(&runner) as Arc<dyn Runner>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            jitter: Arc::new(move || plan.jitter),
            lease: LEASE,
            concurrency_max: plan.concurrency_max,
            tenant_concurrency_max: plan.tenant_concurrency_max,
            quarantine: plan.quarantine,
            release_guard: plan.release_guard,
            waits: Arc::clone(&waits),
            shutdown_timeout: plan.shutdown_timeout,
            policies: plan.policies,
        });
        let handle = dispatcher.handle();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(dispatcher.run(async move { drop(stopped.await) }));

        Self {
            memory,
            inbox,
            runner,
            clock,
            handle,
            waits,
            stop: Some(stop),
            task,
        }
    }

    /// Routes the source `orders` to these plugins.
    pub(crate) async fn route(&self, plugins: &[&str]) {
        let names = plugins.iter().map(|name| plugin(name).name).collect();
        self.inbox
            .route(Routes([(orders(), names)].into()))
            .await
            .expect("a route");
    }

    /// Appends an event of `orders` for each number.
    pub(crate) async fn append(&self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            self.inbox
                .append(event(number, self.clock.now()))
                .await
                .expect("an append");
        }
    }

    pub(crate) async fn jobs(&self) -> Vec<JobSummary> {
        let page = EventPage::first(EventSelection::default(), 100_000);
        let events = self.inbox.events(page).await.expect("the events");
        events.into_iter().flat_map(|event| event.jobs).collect()
    }

    pub(crate) async fn states(&self) -> Vec<&'static str> {
        self.jobs()
            .await
            .iter()
            .map(|job| job.state.name())
            .collect()
    }

    pub(crate) fn attempts(&self, number: u64, name: &str) -> Vec<Attempt> {
        self.memory.attempts(event_id(number), &plugin(name).name)
    }

    /// Makes the next calls of this kind fail.
    pub(crate) fn fail(&self, call: Call, count: usize, error: fn() -> Error) {
        self.inbox
            .on_next(call, count, When::Before, Fault::Answer(error));
    }

    /// Waits until every job is done or dead.
    pub(crate) async fn wait_until_over(&self) {
        for _ in 0..1_000_000 {
            let states = self.states().await;
            if states.iter().all(|state| ["done", "dead"].contains(state)) {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("jobs never end: {:?}", self.states().await);
    }

    pub(crate) fn begin_shutdown(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) async fn stop(mut self) {
        self.begin_shutdown();
        self.task.await.expect("no panic");
    }
}

pub(crate) fn done_in(duration: Duration) -> Act {
    Act::End(duration, Outcome::Done)
}

pub(crate) fn trapped() -> Outcome {
    Outcome::Trapped {
        message: "unreachable".into(),
    }
}

pub(crate) fn orders() -> SourceRef {
    SourceRef {
        tenant: "acme".parse().expect("a name"),
        name: "orders".parse().expect("a name"),
    }
}

/// Returns a plugin of the tenant acme, or of another tenant in the form `blue/ship`.
pub(crate) fn plugin(name: &str) -> PluginRef {
    let (tenant, name) = name.split_once('/').unwrap_or(("acme", name));
    PluginRef {
        tenant: tenant.parse().expect("a name"),
        name: name.parse().expect("a name"),
    }
}

fn actives(active: &[(&str, usize)]) -> Vec<ActivePlugin> {
    active
        .iter()
        .map(|(name, concurrency)| ActivePlugin {
            plugin: plugin(name),
            revision: FIRST,
            concurrency: *concurrency,
        })
        .collect()
}

pub(crate) fn event_id(number: u64) -> EventId {
    EventId::from_uuid(Uuid::from_u64_pair(1, number))
}

pub(crate) fn event(number: u64, received_at: Timestamp) -> Event {
    Event {
        id: event_id(number),
        source: orders(),
        provider: "topi".into(),
        event_type: Some("order.created".into()),
        key: number.to_string(),
        received_at,
        headers: Vec::new(),
        body: Bytes::from_static(b"a body that no log may show"),
        payload: Payload::Body,
        ordering_key: None,
        key_window: HOUR,
    }
}
