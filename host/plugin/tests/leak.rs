//! Whether attempts leave anything behind: memory and file descriptors over many of them, good and
//! hostile mixed.
//!
//! Two thousand attempts in CI; `ATTEMPTS=100000 cargo test -p hookyard-plugin --test leak --
//! --nocapture` is the long form, whose figures are in `docs/isolation.md`. A separate process,
//! so that nothing else is measured.

#![cfg(target_os = "linux")]

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use hookyard_dispatch::Runner as _;
use hookyard_model::{Clock, Event, EventId, MessageId, Payload, PluginRef, Timestamp};
use hookyard_plugin::{
    Catalog, CompilerMode, Config, Contracts, Engine, Grants, HostServices, InstanceReuse, Limits,
    LoadRequest, NoHttpClient,
};
use hookyard_store::{ClaimedJob, JobLease, LeaseToken};
use hookyard_store_testing::MemoryStore;

/// Samples that are taken.
const SAMPLES: usize = 20;
/// Attempts before the first: until then the pool's places come to hold the memory that they keep
/// for the next instance.
const WARM_UP: usize = 2_000;
/// How much more memory the process may have in the end than when it was warm.
const GROWTH_BYTES_MAX: u64 = 16 << 20;
/// Attempts at once.
const TASKS: usize = 2;

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(1_000)
    }
}

/// What the process has.
#[derive(Debug, Clone, Copy)]
struct Sample {
    resident_bytes: u64,
    descriptors: usize,
}

impl Sample {
    fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").expect("procfs");
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .expect("a resident size");
        let kibibytes: u64 = resident
            .trim_end_matches("kB")
            .trim()
            .parse()
            .expect("a number");
        let descriptors = fs::read_dir("/proc/self/fd").expect("procfs").count();
        Self {
            resident_bytes: kibibytes << 10,
            descriptors,
        }
    }
}

/// Little time for each, so that many attempts can be made.
fn limits() -> Limits {
    Limits {
        memory_max: 4 << 20,
        cpu_max: Duration::from_millis(10),
        wall_max: Duration::from_millis(50),
        host_calls_max: 500,
        host_bytes_max: 1 << 20,
        concurrency: TASKS,
        ..Limits::default()
    }
}

fn plugin(name: &str) -> PluginRef {
    PluginRef {
        tenant: "acme".parse().expect("a name"),
        name: name.parse().expect("a name"),
    }
}

fn job(plugin: PluginRef) -> ClaimedJob {
    let event = Event {
        id: "0198c0de-0000-7000-8000-000000000001"
            .parse::<EventId>()
            .expect("an id"),
        source: hookyard_model::SourceRef {
            tenant: plugin.tenant.clone(),
            name: "in".parse().expect("a name"),
        },
        provider: "topper".into(),
        event_type: None,
        key: "key".into(),
        received_at: Timestamp::from_unix_millis(1_000),
        headers: Vec::new(),
        body: vec![b'x'; 10_000].into(),
        payload: Payload::Body,
        ordering_key: None,
        key_window: Duration::MAX,
    };
    ClaimedJob {
        lease: JobLease {
            event: event.id,
            plugin,
            replays: 0,
            attempt: 1,
            token: LeaseToken::from_u128(0),
        },
        since: event.received_at,
        due: event.received_at,
        event: Arc::new(event),
        revision: None,
        spared: 0,
    }
}

/// A good plugin and every hostile one, and the names of all: each second one is the good one's.
fn catalog() -> (Arc<Catalog>, Vec<String>) {
    let engine = Engine::new(Config {
        instances_max: TASKS,
        ..Config::new(Arc::new(FixedClock), CompilerMode::InProcess)
    })
    .expect("an engine");
    let message_ids = Arc::new(|| MessageId::from_uuid(uuid::Uuid::from_u128(7)));
    let catalog = Catalog::new(HostServices {
        values: Arc::new(MemoryStore::default()),
        message_ids,
        asks_response: Arc::new(|_, _| false),
        http: Arc::new(NoHttpClient),
        stage: None,
    });
    let hostile = hookyard_hostile::running()
        .into_iter()
        .map(|guest| (guest.name, guest.component));
    let mut names = Vec::new();
    for (name, component) in hostile.chain([("good", hookyard_hostile::good())]) {
        let loaded = engine.load(LoadRequest {
            plugin: plugin(name),
            bytes: &component,
            contracts: Contracts::default(),
            limits: limits(),
            grants: Arc::new(Grants {
                keyvalue: true,
                ..Grants::default()
            }),
            config: Arc::default(),
            record_bytes_max: 0,
            reuse: InstanceReuse::default(),
        });
        catalog.activate(Arc::new(loaded.unwrap_or_else(|error| panic!("{error}"))));
        names.extend([name.to_owned(), "good".to_owned()]);
    }
    (Arc::new(catalog), names)
}

async fn attempts(catalog: &Arc<Catalog>, names: &Arc<Vec<String>>, count: usize) {
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (catalog, names) = (Arc::clone(catalog), Arc::clone(names));
            tokio::spawn(async move {
                for number in (task..count).step_by(TASKS) {
                    let name = &names[number % names.len()];
                    let ran = catalog
                        .run(&job(plugin(name)))
                        .await
                        .expect("the plugin is active");
                    assert_eq!(
                        ran.outcome.name() == "done",
                        name == "good",
                        "{name}: {}",
                        ran.outcome
                    );
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_leave_nothing_behind() {
    let count: usize =
        std::env::var("ATTEMPTS").map_or(2_000, |count| count.parse().expect("a number"));
    let (catalog, names) = catalog();
    let names = Arc::new(names);
    let each = count.div_ceil(SAMPLES);
    attempts(&catalog, &names, WARM_UP).await;
    let warm = Sample::now();
    println!(
        "{:>9} attempts: {:>6} KiB, {} descriptors (warm)",
        0,
        warm.resident_bytes >> 10,
        warm.descriptors
    );
    let mut last = warm;
    for sample in 1..=SAMPLES {
        attempts(&catalog, &names, each).await;
        last = Sample::now();
        println!(
            "{:>9} attempts: {:>6} KiB, {} descriptors",
            sample * each,
            last.resident_bytes >> 10,
            last.descriptors
        );
    }
    assert_eq!(last.descriptors, warm.descriptors, "file descriptors leak");
    let growth = last.resident_bytes.saturating_sub(warm.resident_bytes);
    assert!(
        growth <= GROWTH_BYTES_MAX,
        "{growth} bytes more than when it was warm: memory leaks"
    );
}
