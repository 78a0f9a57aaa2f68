//! Helpers for events, routes and calls.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{
    Attempt, AttemptUsage, Clock, Event, EventId, Header, LogLine, Message, MessageId, Next,
    Outcome, Payload, PluginName, PluginRef, Revision, SourceName, SourceRef, TenantName,
    Timestamp,
};
use uuid::Uuid;

use crate::TestClock;
use hookyard_store::{
    ClaimedJob, EventPage, EventSelection, EventSummary, JobLease, JobRequest, JobSummary,
    LeaseToken, MessagePage, MessageSelection, MessageSummary, Routes, Settlement, Store,
};

/// The time for which the cases claim.
pub(crate) const LEASE: Duration = Duration::from_secs(60);

/// The key window of the events of the cases. It is longer than any case takes.
const KEY_WINDOW: Duration = Duration::from_secs(1_000_000_000);

/// A store under test and its clock.
#[derive(Clone)]
pub(crate) struct TestStore {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<TestClock>,
}

impl Deref for TestStore {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

impl TestStore {
    /// Returns `outer`, a store that wraps this one, with the same clock.
    pub(crate) fn behind(&self, outer: Arc<dyn Store>) -> Self {
        Self {
            store: outer,
            clock: Arc::clone(&self.clock),
        }
    }

    /// Sets the clock of the store to second `now`.
    pub(crate) fn set(&self, now: i64) {
        self.clock.set(at(now));
    }

    /// Returns the state of work that waits until second `secs`, for a settlement that comes before
    /// the clock is set again.
    pub(crate) fn until(&self, secs: i64) -> Next {
        Next::Waiting {
            delay: at(secs).since(self.clock.now()),
        }
    }
}

pub(crate) fn at(secs: i64) -> Timestamp {
    Timestamp::from_unix_secs(1_700_000_000 + secs)
}

pub(crate) const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A token that no store chooses.
pub(crate) const NO_TOKEN: LeaseToken = LeaseToken::from_u128(u128::MAX);

/// Returns the source `tenant/source`.
pub(crate) fn source(text: &str) -> SourceRef {
    let (tenant, source) = text
        .split_once('/')
        .expect("a source is written tenant/source");
    let tenant = TenantName::new(tenant).expect("a tenant name of a test");
    SourceRef {
        tenant,
        name: SourceName::new(source).expect("a source name of a test"),
    }
}

/// Returns the plugin `tenant/plugin`.
pub(crate) fn plugin(text: &str) -> PluginRef {
    let (tenant, plugin) = text
        .split_once('/')
        .expect("a plugin is written tenant/plugin");
    let tenant = TenantName::new(tenant).expect("a tenant name of a test");
    PluginRef {
        tenant,
        name: PluginName::new(plugin).expect("a plugin name of a test"),
    }
}

/// Returns the event of `acme/orders` that arrived at second `number`. The number is in its id, its
/// key and its body.
pub(crate) fn event(number: u64) -> Event {
    event_of("acme/orders", number)
}

pub(crate) fn event_of(from: &str, number: u64) -> Event {
    Event {
        id: EventId::from_uuid(Uuid::from_u64_pair(
            0x0199_0000_0000_7000 | number,
            0x8000_0000_0000_0000 | number,
        )),
        source: source(from),
        provider: "topi".into(),
        event_type: Some("offer.created".into()),
        key: format!("key-{number}"),
        received_at: at(i64::try_from(number).expect("tests count low")),
        headers: vec![Header {
            name: "content-type".into(),
            value: Bytes::from_static(b"application/json"),
        }],
        body: Bytes::from(format!("{{\"number\":{number}}}")),
        payload: Payload::Body,
        ordering_key: None,
        key_window: KEY_WINDOW,
    }
}

pub(crate) async fn append(store: &TestStore, events: impl IntoIterator<Item = Event>) {
    for event in events {
        store.append(event).await.expect("an append");
    }
}

/// Routes each `tenant/source` to the named plugins of the same tenant.
pub(crate) async fn route(store: &TestStore, table: &[(&str, &[&str])]) {
    let name = |text: &&str| PluginName::new(text).expect("a plugin name of a test");
    let rows = table
        .iter()
        .map(|(from, plugins)| (source(from), plugins.iter().map(name).collect()));
    store.route(Routes(rows.collect())).await.expect("a route");
}

/// Routes `acme/orders` to the plugin `ship`.
pub(crate) async fn route_orders_to_ship(store: &TestStore) {
    route(store, &[("acme/orders", &["ship"])]).await;
}

pub(crate) fn request(plugin_text: &str, limit: usize) -> JobRequest {
    JobRequest {
        plugin: plugin(plugin_text),
        limit,
    }
}

/// Claims up to `limit` jobs of `acme/ship` at second `now`.
pub(crate) async fn claim(store: &TestStore, limit: usize, now: i64) -> Vec<ClaimedJob> {
    claim_of(store, &[request("acme/ship", limit)], now).await
}

pub(crate) async fn claim_of(
    store: &TestStore,
    requests: &[JobRequest],
    now: i64,
) -> Vec<ClaimedJob> {
    store.set(now);
    store.claim(requests, LEASE).await.expect("a claim")
}

pub(crate) async fn claim_one(store: &TestStore, now: i64) -> ClaimedJob {
    let claimed = claim(store, 1, now).await;
    let [job] = <[ClaimedJob; 1]>::try_from(claimed).expect("one job is due");
    job
}

/// Returns the seconds until a job of these plugins is due.
pub(crate) async fn next_due(store: &TestStore, plugins: &[&str]) -> Option<u64> {
    let plugins: Vec<_> = plugins.iter().map(|text| plugin(text)).collect();
    let due = store.next_due(&plugins).await.expect("a time");
    due.map(|left| left.as_secs())
}

/// Returns the keys of the claimed events, in the order of the claim.
pub(crate) fn keys(claimed: &[ClaimedJob]) -> Vec<&str> {
    claimed.iter().map(|job| job.event.key.as_str()).collect()
}

pub(crate) fn attempt(number: u32, outcome: Outcome) -> Attempt {
    Attempt {
        number,
        revision: Revision::from_sha256([number as u8; 32]),
        started_at: at(0),
        duration: Duration::from_millis(12),
        outcome,
        log: vec![LogLine {
            is_error: false,
            text: format!("attempt {number}: \"quoted\", naïve"),
        }],
        used: Some(AttemptUsage {
            cpu: Duration::from_micros(1_500),
            memory_bytes: 17 << 16,
            host_calls: number.into(),
        }),
    }
}

pub(crate) fn settlement(lease: &JobLease, outcome: Outcome, next: Next) -> Settlement {
    Settlement {
        lease: lease.clone(),
        attempt: attempt(lease.attempt, outcome),
        next,
        failed_on_probation: false,
        is_spared: false,
        effects: hookyard_model::Effects::default(),
        quota: hookyard_store::KvUsage {
            keys: u64::MAX,
            bytes: u64::MAX,
        },
        outbox: hookyard_store::OutboxQuota::default(),
    }
}

pub(crate) async fn settle(store: &TestStore, lease: &JobLease, outcome: Outcome, next: Next) {
    store
        .settle(settlement(lease, outcome, next))
        .await
        .expect("a settlement");
}

pub(crate) async fn summaries(store: &TestStore) -> Vec<EventSummary> {
    store
        .events(EventPage::first(EventSelection::default(), 1000))
        .await
        .expect("a page of events")
}

/// Returns the jobs of event `number`.
pub(crate) async fn jobs(store: &TestStore, number: u64) -> Vec<JobSummary> {
    let key = format!("key-{number}");
    let found = summaries(store)
        .await
        .into_iter()
        .find(|event| event.key == key);
    found.expect("the event is listed").jobs
}

/// Returns the plugin and the state of each job of event `number`.
pub(crate) async fn states(store: &TestStore, number: u64) -> Vec<(String, &'static str)> {
    jobs(store, number)
        .await
        .into_iter()
        .map(|job| (job.plugin.to_string(), job.state.name()))
        .collect()
}

pub(crate) fn is(plugin: &str, state: &'static str) -> (String, &'static str) {
    (plugin.to_owned(), state)
}

pub(crate) fn failed() -> Outcome {
    Outcome::Trapped {
        message: "unreachable".into(),
    }
}

/// Returns a message to `shop` with this id.
pub(crate) fn message(number: u128) -> Message {
    Message {
        id: MessageId::from_uuid(Uuid::from_u128(number)),
        destination: "shop".parse().expect("a name"),
        event_type: None,
        body: Bytes::from(vec![0xff; 3]),
        ordering_key: None,
    }
}

pub(crate) async fn messages(store: &TestStore) -> Vec<MessageSummary> {
    let page = MessagePage::first(MessageSelection::default(), 1000);
    store.messages(page).await.expect("the messages")
}

/// The number of concurrent calls. It is less than a store queues, because a full queue refuses
/// calls.
const SIDE_BY_SIDE: usize = 500;

/// Makes calls concurrently, so that a store on a disk does not sync for each of them.
pub(super) async fn side_by_side(
    mut calls: impl Iterator<Item = impl Future<Output = ()> + Send + 'static>,
) {
    loop {
        let batch: Vec<_> = calls
            .by_ref()
            .take(SIDE_BY_SIDE)
            .map(tokio::spawn)
            .collect();
        if batch.is_empty() {
            return;
        }
        for call in batch {
            call.await.expect("the task ends well");
        }
    }
}
