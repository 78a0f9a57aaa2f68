//! Helpers for folders, events and routes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{
    Attempt, Clock, Effects, Event, EventId, Header, Next, Outcome, Payload, PluginRef, Revision,
    SourceRef, Timestamp, WorkState,
};
use hookyard_store::{
    ClaimedJob, EventPage, EventSelection, EventSummary, Events, JobLease, JobRequest, Jobs,
    KvUsage, MessagePage, MessageSelection, MessageSummary, Outbox, Routes, Routing, Settlement,
};
use hookyard_store_sqlite::{Options, SqliteStore};
use hookyard_store_testing::TestClock;
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("hookyard.db")
    }

    pub(crate) fn open(&self) -> SqliteStore {
        open(&self.path())
    }
}

thread_local! {
    /// The clock of all stores of a test. Each test has a thread of its own.
    static CLOCK: Arc<TestClock> = Arc::new(TestClock::new(at(0)));
}

pub(crate) fn clock() -> Arc<TestClock> {
    CLOCK.with(Arc::clone)
}

pub(crate) fn options() -> Options {
    Options {
        clock: clock(),
        ..Options::default()
    }
}

pub(crate) fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, options()).expect("a store")
}

pub(crate) fn at(secs: i64) -> Timestamp {
    Timestamp::from_unix_secs(1_700_000_000 + secs)
}

pub(crate) fn orders() -> SourceRef {
    SourceRef {
        tenant: "acme".parse().expect("a name"),
        name: "orders".parse().expect("a name"),
    }
}

pub(crate) fn ship() -> PluginRef {
    PluginRef {
        tenant: "acme".parse().expect("a name"),
        name: "ship".parse().expect("a name"),
    }
}

pub(crate) fn event(number: u64) -> Event {
    Event {
        id: EventId::from_uuid(Uuid::from_u64_pair(number + 1, number)),
        source: orders(),
        provider: "topi".into(),
        event_type: None,
        key: number.to_string(),
        received_at: at(0),
        headers: vec![Header {
            name: "x".into(),
            value: Bytes::from_static(b"\xff\xfe"),
        }],
        body: Bytes::from(vec![number as u8; 2_000]),
        payload: Payload::Body,
        ordering_key: None,
        key_window: Duration::from_secs(1_000_000),
    }
}

pub(crate) async fn route_orders_to_ship(store: &SqliteStore) {
    store
        .route(Routes([(orders(), [ship().name].into())].into()))
        .await
        .expect("a route");
}

/// Sets the clock to `now`, in seconds, and claims.
pub(crate) async fn claim(store: &SqliteStore, limit: usize, now: i64) -> Vec<ClaimedJob> {
    let requests = [JobRequest {
        plugin: ship(),
        limit,
    }];
    clock().set(at(now));
    store
        .claim(&requests, Duration::from_secs(60))
        .await
        .expect("a claim")
}

pub(crate) async fn events(store: &SqliteStore) -> Vec<EventSummary> {
    store
        .events(EventPage::first(EventSelection::default(), 10_000))
        .await
        .expect("the events")
}

pub(crate) async fn messages(store: &SqliteStore) -> Vec<MessageSummary> {
    let page = MessagePage::first(MessageSelection::default(), 10_000);
    store.messages(page).await.expect("the messages")
}

pub(crate) fn settlement(lease: JobLease, outcome: Outcome, next: WorkState) -> Settlement {
    let attempt = Attempt {
        number: lease.attempt,
        revision: Revision::from_sha256([7; 32]),
        started_at: at(0),
        duration: Duration::from_millis(3),
        outcome,
        log: Vec::new(),
        used: None,
    };

    let quota = KvUsage {
        keys: u64::MAX,
        bytes: u64::MAX,
    };

    Settlement {
        lease,
        attempt,
        next: Next::of(next, clock().now()).expect("a state that follows an attempt"),
        failed_on_probation: false,
        is_spared: false,
        effects: Effects::default(),
        quota,
        outbox: Default::default(),
    }
}
