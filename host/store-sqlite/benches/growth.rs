//! `cargo bench -p hookyard-store-sqlite --bench growth`: the cost of append, claim and settle at
//! ten thousand stored events and at a million.
//!
//! Every stored event has been handled and has an attempt, a value in the key-value store and a
//! message. Calls are made one after the other, like those of an idle host, and 256 at once, so
//! that they share a commit and the sync of the disk. The calls alternate between a small store and
//! a large one, so that both meet the same machine, and the medians are compared. Keys are in
//! random order like those of senders, so with many keys each of 256 concurrent calls touches a
//! different index page. `HOOKYARD_GROWTH=100000` replaces the million.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hookyard_model::{
    Attempt, Effects, Event, EventId, Key, Message, MessageId, Next, Outcome, Payload, PluginRef,
    Revision, SourceRef, Timestamp, Write,
};
use hookyard_store::{ClaimedJob, Events, JobRequest, Jobs, KvUsage, Routes, Routing, Settlement};
use hookyard_store_sqlite::{Options, SqliteStore};
use tokio::task::JoinSet;
use uuid::Uuid;

const SMALL: u64 = 10_000;
const LARGE: u64 = 1_000_000;
/// The number of concurrent calls, and the number of measured groups of such calls.
const ALONE: (u64, u64) = (1, 600);
const TOGETHER: (u64, u64) = (256, 24);
const BODY: usize = 512;
const LEASE: Duration = Duration::from_secs(60);
const DEDUPE_WINDOW: Duration = Duration::from_secs(30 * 24 * 3600);

/// The durations of one group of calls, for each kind.
struct Cost {
    append: Duration,
    claim: Duration,
    settle: Duration,
}

struct Bench {
    store: Arc<SqliteStore>,
    stored: u64,
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let large =
        std::env::var("HOOKYARD_GROWTH").map_or(LARGE, |text| text.parse().expect("a number"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut at_small = Bench::filled(&folder.path().join("small.db"), SMALL).await;
        let mut at_large = Bench::filled(&folder.path().join("large.db"), large).await;
        println!(
            "{:<22} {:>14} {:>14} {:>8}",
            "",
            format!("at {SMALL}"),
            format!("at {large}"),
            "ratio"
        );
        for (group, groups) in [ALONE, TOGETHER] {
            let mut costs = (Vec::new(), Vec::new());
            for _ in 0..groups {
                costs.0.push(at_small.group(group).await);
                costs.1.push(at_large.group(group).await);
            }
            tell(group, &costs.0, &costs.1);
        }
    });
}

fn tell(group: u64, at_small: &[Cost], at_large: &[Cost]) {
    for (place, name) in ["append", "claim", "settle"].into_iter().enumerate() {
        let of = |cost: &Cost| [cost.append, cost.claim, cost.settle][place];
        let micros = |costs: &[Cost]| {
            median(costs.iter().map(of).collect()).as_secs_f64() * 1e6 / group as f64
        };
        let (a, b) = (micros(at_small), micros(at_large));
        let name = format!("{name}, {group} at once");
        println!("{name:<22} {a:>11.1} µs {b:>11.1} µs {:>8.2}", b / a);
    }
}

fn median(mut costs: Vec<Duration>) -> Duration {
    costs.sort_unstable();
    costs[costs.len() / 2]
}

impl Bench {
    /// Returns a store with that many handled events.
    async fn filled(path: &Path, count: u64) -> Self {
        let store = SqliteStore::open(path, Options::default()).expect("a new store");
        let routes = Routes([(source(), [plugin().name].into())].into());
        store.route(routes).await.expect("a route");

        let mut bench = Self {
            store: Arc::new(store),
            stored: 0,
        };
        let began = Instant::now();
        while bench.stored < count {
            bench.group(TOGETHER.0).await;
        }

        eprintln!(
            "{} events are stored after {} s",
            bench.stored,
            began.elapsed().as_secs()
        );

        bench
    }

    /// Appends a group of events, claims them and settles them.
    async fn group(&mut self, count: u64) -> Cost {
        let began = Instant::now();
        let mut calls = JoinSet::new();
        for _ in 0..count {
            self.stored += 1;
            let (store, event) = (Arc::clone(&self.store), event(self.stored));
            calls.spawn(async move { store.append(event).await.map(drop) });
        }
        all(calls).await;
        let append = began.elapsed();

        let began = Instant::now();
        let want = JobRequest {
            plugin: plugin(),
            limit: count as usize,
        };
        let claimed = self.store.claim(&[want], LEASE).await.expect("a claim");
        assert_eq!(claimed.len() as u64, count, "all that is pending");
        let claim = began.elapsed();

        let began = Instant::now();
        let mut calls = JoinSet::new();
        for job in claimed {
            let store = Arc::clone(&self.store);
            calls.spawn(async move { store.settle(settlement(job)).await });
        }
        all(calls).await;
        Cost {
            append,
            claim,
            settle: began.elapsed(),
        }
    }
}

async fn all(mut calls: JoinSet<Result<(), hookyard_store::Error>>) {
    while let Some(call) = calls.join_next().await {
        call.expect("no call panics").expect("a call that works");
    }
}

fn settlement(ClaimedJob { lease, event, .. }: ClaimedJob) -> Settlement {
    let attempt = Attempt {
        number: lease.attempt,
        revision: Revision::from_sha256([7; 32]),
        started_at: event.received_at,
        duration: Duration::from_millis(3),
        outcome: Outcome::Done,
        log: Vec::new(),
        used: None,
    };
    let key = Key {
        bucket: "orders".into(),
        key: event.key.clone(),
    };
    let message = Message {
        id: MessageId::from_uuid(lease.event.as_uuid()),
        destination: "partner".parse().expect("a name"),
        event_type: None,
        body: event.body.slice(..64),
        ordering_key: None,
    };
    let effects = Effects {
        writes: vec![Write {
            key,
            value: Some(event.body.slice(..32)),
        }],
        messages: vec![message],
        ..Effects::default()
    };
    let quota = KvUsage {
        keys: u64::MAX,
        bytes: u64::MAX,
    };
    Settlement {
        lease,
        attempt,
        next: Next::Done,
        failed_on_probation: false,
        is_spared: false,
        effects,
        quota,
        outbox: Default::default(),
    }
}

fn event(number: u64) -> Event {
    let received_at = now(number);
    let millis = received_at.unix_millis().cast_unsigned();
    // The ids are in the order of arrival, like those of a host. The keys are in random order, like
    // those of senders.
    let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);

    Event {
        id: EventId::from_uuid(Uuid::from_u64_pair(
            millis << 16 | 0x7000,
            0x8000 << 48 | number,
        )),
        source: source(),
        provider: "any".into(),
        event_type: Some("thing.happened".into()),
        key: format!("{scattered:016x}-{number}"),
        key_window: DEDUPE_WINDOW,
        received_at,
        headers: Vec::new(),
        body: Bytes::from(vec![b'x'; BODY]),
        payload: Payload::Body,
        ordering_key: None,
    }
}

/// One event per millisecond.
fn now(number: u64) -> Timestamp {
    Timestamp::from_unix_secs(1_790_000_000).after(Duration::from_millis(number))
}

fn source() -> SourceRef {
    SourceRef {
        tenant: "acme".parse().expect("a name"),
        name: "orders".parse().expect("a name"),
    }
}

fn plugin() -> PluginRef {
    PluginRef {
        tenant: "acme".parse().expect("a name"),
        name: "ship".parse().expect("a name"),
    }
}
