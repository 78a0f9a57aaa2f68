//! A harness with a deliverer, a scripted receiver, a test clock and a store with messages.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_delivery::{
    BreakerPolicy, Config, Deliverer, Destination, Destinations, Handle, Post, PostError,
    PostRequest, PostResponse,
};
use hookyard_egress::Policy;
use hookyard_model::{
    Attempt, Clock, DestinationRef, Effects, Event, EventId, Header, Message, MessageId, Next,
    Outcome, Payload, PluginRef, RetryPolicy, Revision, SourceRef, Timestamp,
};
use hookyard_schemes::SigningKey;
use hookyard_schemes::{Secret, Signer, SigningScheme};
use hookyard_store::{
    Events, JobRequest, Jobs, KvUsage, MessagePage, MessageRecord, MessageRequest,
    MessageSelection, MessageSummary, Outbox, Routes, Routing, Settlement, Store,
};
use hookyard_store_testing::{FaultyStore, MemoryStore};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const LEASE: Duration = Duration::from_secs(60);
/// A URL whose path and query must never be logged.
pub(crate) const URL: &str = "https://partner.example/secret-path?token=hidden";

/// A clock that follows the clock of tokio.
pub(crate) struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_secs(1_700_000_000).after(self.0.elapsed())
    }
}

/// A POST as the receiver saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) url: String,
    pub(crate) headers: Vec<Header>,
    pub(crate) body: Bytes,
    /// The time since the start of the harness.
    pub(crate) at: Duration,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        let header = self
            .headers
            .iter()
            .find(|header| header.name == name)
            .expect("the header");
        std::str::from_utf8(&header.value).expect("a text")
    }

    /// Returns the number of the message.
    pub(crate) fn number(&self) -> u64 {
        self.header("webhook-id")
            .parse::<Uuid>()
            .expect("an id")
            .as_u64_pair()
            .1
    }
}

pub(crate) type Reply = Result<PostResponse, PostError>;
type Script = Box<dyn Fn(&Seen) -> (Duration, Reply) + Send + Sync>;

/// A receiver that answers as a script says.
pub(crate) struct ScriptedPost {
    began: Instant,
    script: Script,
    seen: Mutex<Vec<Seen>>,
    /// The running POSTs to each URL, and their maximum so far.
    running: Mutex<HashMap<String, (usize, usize)>>,
}

#[async_trait]
impl Post for ScriptedPost {
    async fn post(&self, request: PostRequest<'_>) -> Reply {
        let PostRequest {
            destination,
            headers,
            body,
        } = request;
        let seen = Seen {
            url: destination.url.clone(),
            headers,
            body,
            at: self.began.elapsed(),
        };
        self.seen.lock().expect("a lock").push(seen.clone());
        self.count(&seen.url, 1);
        let (duration, reply) = (self.script)(&seen);
        let is_late = duration > destination.timeout;
        sleep(duration.min(destination.timeout)).await;
        self.count(&seen.url, -1);

        if is_late {
            Err(PostError::Failed(
                "no complete response from partner.example".into(),
            ))
        } else {
            reply
        }
    }
}

impl ScriptedPost {
    fn count(&self, url: &str, by: isize) {
        let mut running = self.running.lock().expect("a lock");
        let (now, most) = running.entry(url.to_owned()).or_default();
        *now = now.checked_add_signed(by).expect("a running POST");
        *most = (*most).max(*now);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("a lock").clone()
    }

    /// Returns the maximum number of concurrent POSTs to a URL.
    pub(crate) fn most_of(&self, url: &str) -> usize {
        self.running
            .lock()
            .expect("a lock")
            .get(url)
            .map_or(0, |(_, most)| *most)
    }
}

/// Returns an answer with this status.
pub(crate) fn answer(status: u16) -> Reply {
    answer_with(status, &[])
}

pub(crate) fn answer_with(status: u16, headers: &[(&str, &str)]) -> Reply {
    let header = |(name, value): &(&str, &str)| Header {
        name: (*name).into(),
        value: value.as_bytes().to_vec().into(),
    };

    Ok(PostResponse {
        status,
        headers: headers.iter().map(header).collect(),
        body: Bytes::from_static(b"thanks"),
    })
}

pub(crate) fn no_answer() -> Reply {
    Err(PostError::Failed("no connection to partner.example".into()))
}

/// Returns a generator of numbers in `0.0..1.0`. The same seed gives the same numbers.
pub(crate) fn dice(seed: u64) -> Arc<dyn Fn() -> f64 + Send + Sync> {
    let state = Mutex::new(seed.wrapping_mul(2).wrapping_add(1));
    Arc::new(move || {
        let mut state = state.lock().expect("a lock");
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*state >> 11) as f64 / (1_u64 << 53) as f64
    })
}

/// The options of a harness.
pub(crate) struct Plan {
    pub(crate) destinations: Destinations,
    pub(crate) concurrency_max: usize,
    pub(crate) tenant_concurrency_max: usize,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            destinations: one(partner()),
            concurrency_max: 64,
            tenant_concurrency_max: 64,
            shutdown_timeout: HOUR,
            jitter: Arc::new(|| 1.0),
        }
    }
}

impl Plan {
    pub(crate) fn of(destination: Destination) -> Self {
        Self {
            destinations: one(destination),
            ..Self::default()
        }
    }
}

/// Returns destinations with only `partner` of the tenant acme.
pub(crate) fn one(destination: Destination) -> Destinations {
    BTreeMap::from([(name("partner"), Arc::new(destination))])
}

/// Returns a destination with three deliveries, without a rate, and with a breaker that never
/// opens.
pub(crate) fn partner() -> Destination {
    Destination {
        url: URL.into(),
        signer: signer(None),
        policy: Policy::default(),
        retry: RetryPolicy {
            attempts_max: 3,
            delay_first: SECOND,
            delay_max: HOUR,
            ..RetryPolicy::default()
        },
        rate: None,
        concurrency: 4,
        timeout: 10 * SECOND,
        breaker: BreakerPolicy {
            failures: u32::MAX,
            ..BreakerPolicy::default()
        },
    }
}

/// Returns a signer whose secret is live from a time on.
pub(crate) fn signer(from: Option<Timestamp>) -> Arc<Signer> {
    let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let secrets = vec![SigningKey {
        secret,
        from,
        until: None,
    }];

    Arc::new(
        Signer::new(SigningScheme::StandardWebhooks {
            secrets,
            keys: Vec::new(),
        })
        .expect("a signer"),
    )
}

/// A running deliverer and its parts.
pub(crate) struct Harness {
    /// The store behind the faulty store. It survives a crash.
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) post: Arc<ScriptedPost>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) task: JoinHandle<()>,
}

impl Harness {
    pub(crate) async fn start(
        plan: Plan,
        script: impl Fn(&Seen) -> (Duration, Reply) + Send + Sync + 'static,
    ) -> Self {
        let clock = Arc::new(TestClock(Instant::now()));
        let store = MemoryStore::new(Arc::clone(&clock) as Arc<dyn Clock>);
        Self::over(Arc::new(store), clock, plan, script)
    }

    /// Starts a deliverer over an existing store.
    pub(crate) fn over(
        inner: Arc<dyn Store>,
        clock: Arc<TestClock>,
        plan: Plan,
        script: impl Fn(&Seen) -> (Duration, Reply) + Send + Sync + 'static,
    ) -> Self {
        let store = Arc::new(FaultyStore::new(Arc::clone(&inner)));
        let post = Arc::new(ScriptedPost {
            began: clock.0,
            script: Box::new(script),
            seen: Mutex::default(),
            running: Mutex::default(),
        });
        let deliverer = Deliverer::new(Config {
            gatherer: Arc::default(),
            outbox: Arc::clone(&store) as Arc<dyn Outbox>,
            post: Arc::clone(&post) as Arc<dyn Post>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            jitter: plan.jitter,
            lease: LEASE,
            concurrency_max: plan.concurrency_max,
            tenant_concurrency_max: plan.tenant_concurrency_max,
            shutdown_timeout: plan.shutdown_timeout,
            destinations: plan.destinations,
        });
        let handle = deliverer.handle();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(deliverer.run(async move { drop(stopped.await) }));

        Self {
            inner,
            store,
            post,
            clock,
            handle,
            stop: Some(stop),
            task,
        }
    }

    /// Commits a message to `partner` for each number.
    pub(crate) async fn send(&self, numbers: std::ops::Range<u64>) {
        self.send_to("partner", numbers, |_| None).await;
    }

    /// Commits messages as the effects of one attempt, each with the ordering key that `key`
    /// returns.
    pub(crate) async fn send_to(
        &self,
        to: &str,
        numbers: std::ops::Range<u64>,
        key: impl Fn(u64) -> Option<String>,
    ) {
        let DestinationRef {
            tenant,
            name: destination,
        } = name(to);
        let message = |number| Message {
            id: message_id(number),
            destination: destination.clone(),
            event_type: Some("offer.accepted".into()),
            body: Bytes::from(format!(
                "{{\"number\":{number},\"name\":\"a body that no log may show\"}}"
            )),
            ordering_key: key(number),
        };
        let source = SourceRef {
            tenant: tenant.clone(),
            name: "orders".parse().expect("a name"),
        };
        let plugin = PluginRef {
            tenant,
            name: "ship".parse().expect("a name"),
        };
        let event = event(
            source.clone(),
            EventId::from_uuid(Uuid::from_u64_pair(1, numbers.start)),
            self.clock.now(),
        );

        self.store
            .route(Routes([(source, [plugin.name.clone()].into())].into()))
            .await
            .expect("a route");
        self.store.append(event).await.expect("an append");
        let wanted = [JobRequest { plugin, limit: 1 }];
        let claimed = self
            .store
            .claim(&wanted, LEASE)
            .await
            .expect("a claim")
            .remove(0);
        let attempt = Attempt {
            number: claimed.lease.attempt,
            revision: Revision::from_sha256([3; 32]),
            started_at: self.clock.now(),
            duration: Duration::ZERO,
            outcome: Outcome::Done,
            log: Vec::new(),
            used: None,
        };
        let effects = Effects {
            messages: numbers.map(message).collect(),
            ..Effects::default()
        };
        let quota = KvUsage { keys: 0, bytes: 0 };
        let settlement = Settlement {
            lease: claimed.lease,
            attempt,
            next: Next::Done,
            failed_on_probation: false,
            is_spared: false,
            effects,
            quota,
            outbox: Default::default(),
        };

        self.store.settle(settlement).await.expect("a settlement");
    }

    pub(crate) async fn messages(&self) -> Vec<MessageSummary> {
        let page = MessagePage::first(MessageSelection::default(), 100_000);
        self.store.messages(page).await.expect("the messages")
    }

    pub(crate) async fn states(&self) -> Vec<&'static str> {
        self.messages()
            .await
            .iter()
            .map(|message| message.state.name())
            .collect()
    }

    pub(crate) async fn record(&self, number: u64) -> MessageRecord {
        self.store
            .message(message_id(number))
            .await
            .expect("a read")
            .expect("a message")
    }

    /// Returns the result of each ended delivery.
    pub(crate) async fn results(&self, number: u64) -> Vec<String> {
        let deliveries = self.record(number).await.deliveries;
        deliveries
            .iter()
            .map(|(_, delivery)| delivery.result.to_string())
            .collect()
    }

    /// Waits until every message is done or dead.
    pub(crate) async fn wait_until_over(&self) {
        for _ in 0..100_000 {
            let states = self.states().await;
            if states.iter().all(|state| ["done", "dead"].contains(state)) {
                return;
            }
            sleep(SECOND).await;
        }
        panic!("messages never end: {:?}", self.states().await);
    }

    /// Leases the message and lets the lease run out, like a host that stops.
    pub(crate) async fn lose(&self, times: u32) {
        for _ in 0..times {
            let wanted = [MessageRequest {
                destination: name("partner"),
                limit: 1,
            }];
            let claimed = self
                .store
                .claim_messages(&wanted, SECOND)
                .await
                .expect("a claim");
            assert_eq!(claimed.len(), 1);
            sleep(2 * SECOND).await;
        }
    }

    pub(crate) fn begin_shutdown(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) async fn stop(mut self) {
        self.begin_shutdown();
        self.task.await.expect("no panic");
    }
}

/// Returns a destination of the tenant acme, or of another tenant in the form `blue/partner`.
pub(crate) fn name(name: &str) -> DestinationRef {
    let (tenant, name) = name.split_once('/').unwrap_or(("acme", name));
    DestinationRef {
        tenant: tenant.parse().expect("a name"),
        name: name.parse().expect("a name"),
    }
}

pub(crate) fn message_id(number: u64) -> MessageId {
    MessageId::from_uuid(Uuid::from_u64_pair(2, number))
}

fn event(source: SourceRef, id: EventId, received_at: Timestamp) -> Event {
    Event {
        id,
        source,
        provider: "topi".into(),
        event_type: None,
        key: id.to_string(),
        received_at,
        headers: Vec::new(),
        body: Bytes::from_static(b"{}"),
        payload: Payload::Body,
        ordering_key: None,
        key_window: HOUR,
    }
}
