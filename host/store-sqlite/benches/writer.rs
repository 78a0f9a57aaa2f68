//! `cargo bench -p hookyard-store-sqlite --bench writer`: the CPU time that the writer's thread takes
//! for each event, next to the least that an insert into SQLite takes.
//!
//! The floor is what a program by hand does: one insert of a body into one table, in groups that
//! share a commit. All kinds of calls take turns in rounds, so that they meet the same machine, and
//! the medians of the rounds are compared. `HOOKYARD_GROUPS=1,64` replaces the sizes of the groups.
//!
//! `-- settle --rounds 10` runs calls of one kind alone, and what must precede them, for instruction
//! counts (`.ci/counts`). The kinds are `append`, `hand-over`, `settle`, `pending` and `claim`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hookyard_model::{
    Attempt, Effects, Event, EventId, Header, Next, Outcome, Payload, PluginRef, Revision,
    SourceRef, Timestamp,
};
use hookyard_store::{
    ClaimedJob, Events, Handover, JobRequest, Jobs, KvUsage, Routes, Routing, Settlement,
};
use hookyard_store_sqlite::{Options, SqliteStore};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use uuid::Uuid;

const GROUPS: &str = "1,16,64";
/// The size of the groups whose instructions are counted.
const COUNTED_GROUP: u64 = 16;
const ROUNDS: usize = 15;
/// The number of groups in a round.
const GROUPS_PER_ROUND: u64 = 40;
const BODY: usize = 1_408;
const LEASE: Duration = Duration::from_secs(60);
const KINDS: [&str; 8] = [
    "floor: insert",
    "append without a plugin",
    "append handed over",
    "settle handed over",
    "append pending",
    "claim",
    "settle claimed",
    "append a repeat",
];

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let groups = std::env::var("HOOKYARD_GROUPS").unwrap_or_else(|_| GROUPS.into());
    let groups: Vec<u64> = groups
        .split(',')
        .map(|group| group.parse().expect("a number"))
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");

    // Cargo adds `--bench` to the arguments.
    let arguments = std::env::args().skip(1).filter(|it| it != "--bench");
    let arguments: Vec<String> = arguments.collect();

    runtime.block_on(async {
        let mut bench = Bench::new(&folder.path().join("store.db")).await;
        if let [kind, _, rounds] = &arguments[..] {
            return bench.run(kind, rounds.parse().expect("a number")).await;
        }
        let floor = Floor::start(&folder.path().join("floor.db"));
        println!("CPU time of the writer's thread for each event");
        print!("{:<26}", "");
        for group in &groups {
            print!("{:>22}", format!("{group} at once"));
        }
        println!();

        let mut table = Vec::new();
        for group in groups {
            let mut rounds: Vec<Vec<f64>> = vec![Vec::new(); KINDS.len()];
            for _ in 0..ROUNDS {
                let mut costs = vec![floor.round(group).await];
                costs.extend(bench.round(group).await);
                for (all, cost) in rounds.iter_mut().zip(costs) {
                    all.push(cost);
                }
            }
            table.push(rounds.into_iter().map(median).collect::<Vec<_>>());
        }

        for (place, kind) in KINDS.iter().enumerate() {
            print!("{kind:<26}");
            for column in &table {
                let (cost, floor) = (column[place], column[0]);
                print!("{:>22}", format!("{cost:.1} µs ({:.2})", cost / floor));
            }
            println!();
        }
        print!("{:<26}", "handed over and settled");
        for column in &table {
            let cost = column[2] + column[3];
            print!("{:>22}", format!("{cost:.1} µs ({:.2})", cost / column[0]));
        }
        println!();

        let (cost, latency) = bench.in_turn().await;
        println!();
        println!(
            "One sender that waits for each answer, with a plugin: {cost:.1} µs for each event, \
             median append {latency:.0} µs"
        );
    });
}

fn median(mut costs: Vec<f64>) -> f64 {
    costs.sort_unstable_by(f64::total_cmp);
    costs[costs.len() / 2]
}

/// Returns the CPU time that the thread of this name has taken. Waits until the thread has started.
fn cpu_of(thread: &str) -> Duration {
    loop {
        if let Some(time) = cpu_of_running(thread) {
            return time;
        }
        std::thread::yield_now();
    }
}

fn cpu_of_running(thread: &str) -> Option<Duration> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("the threads");
    for task in tasks {
        let path = task.expect("a thread").path();
        let name = std::fs::read_to_string(path.join("comm")).expect("a name");
        if name.trim() == thread {
            let stat = std::fs::read_to_string(path.join("schedstat")).expect("a time");
            let nanos = stat.split(' ').next().expect("a number");
            return Some(Duration::from_nanos(nanos.parse().expect("a number")));
        }
    }
    None
}

/// Runs `work` and returns the CPU time of a thread for each event of a round of such groups, in
/// microseconds.
async fn measure(thread: &str, group: u64, work: impl Future<Output = ()>) -> f64 {
    let before = cpu_of(thread);
    work.await;
    (cpu_of(thread) - before).as_secs_f64() * 1e6 / events_per_round(group) as f64
}

const fn events_per_round(group: u64) -> u64 {
    GROUPS_PER_ROUND * group
}

/// The insert by hand.
struct Floor {
    queue: mpsc::UnboundedSender<Insert>,
    sent: std::cell::Cell<u64>,
}

struct Insert {
    id: String,
    body: Bytes,
    result: Bytes,
    done: oneshot::Sender<bool>,
}

impl Floor {
    fn start(path: &std::path::Path) -> Self {
        let connection = rusqlite::Connection::open(path).expect("a database");
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .expect("a log");
        connection
            .pragma_update(None, "synchronous", "FULL")
            .expect("syncs");
        connection
            .execute_batch(
                "CREATE TABLE event (id TEXT PRIMARY KEY, body BLOB NOT NULL, result BLOB NOT NULL)
                 WITHOUT ROWID",
            )
            .expect("a table");
        let (queue, calls) = mpsc::unbounded_channel();
        std::thread::Builder::new()
            .name("floor-writer".into())
            .spawn(move || insert_all(connection, calls))
            .expect("a thread");

        Self {
            queue,
            sent: std::cell::Cell::new(0),
        }
    }

    async fn round(&self, group: u64) -> f64 {
        measure("floor-writer", group, async {
            for _ in 0..GROUPS_PER_ROUND {
                let mut answers = Vec::new();
                for _ in 0..group {
                    let (done, answer) = oneshot::channel();
                    self.sent.set(self.sent.get() + 1);
                    let insert = Insert {
                        id: key(self.sent.get()),
                        body: Bytes::from(vec![b'x'; BODY]),
                        result: Bytes::from_static(b"{\"sum\":123456,\"lines\":12}"),
                        done,
                    };
                    assert!(self.queue.send(insert).is_ok(), "the thread runs");
                    answers.push(answer);
                }
                for answer in answers {
                    assert!(answer.await.expect("an answer"));
                }
            }
        })
        .await
    }
}

fn insert_all(mut connection: rusqlite::Connection, mut calls: mpsc::UnboundedReceiver<Insert>) {
    let mut group = Vec::new();
    while let Some(first) = calls.blocking_recv() {
        group.push(first);
        while let Ok(next) = calls.try_recv() {
            group.push(next);
        }
        let transaction = connection.transaction().expect("a transaction");
        for insert in &group {
            transaction
                .prepare_cached("INSERT OR IGNORE INTO event VALUES (?1, ?2, ?3)")
                .expect("a statement")
                .execute((&insert.id, &insert.body[..], &insert.result[..]))
                .expect("an insert");
        }
        let is_done = transaction.commit().is_ok();
        for insert in group.drain(..) {
            let _ = insert.done.send(is_done);
        }
    }
}

struct Bench {
    store: Arc<SqliteStore>,
    handover: Arc<Handover>,
    sent: u64,
}

impl Bench {
    async fn new(path: &std::path::Path) -> Self {
        let store = SqliteStore::open(path, Options::default()).expect("a new store");
        let routes = Routes([(source("orders"), [plugin().name].into())].into());
        store.route(routes).await.expect("a route");
        let handover = Arc::new(Handover::new(LEASE, usize::MAX));
        store.hand_over(Arc::clone(&handover));

        Self {
            store: Arc::new(store),
            handover,
            sent: 0,
        }
    }

    /// Measures one round of each kind but the floor.
    async fn round(&mut self, group: u64) -> Vec<f64> {
        let first = self.sent + 1;
        let mut costs = vec![self.append(group, "audit").await];

        let (cost, jobs) = self.append_handed_over(group).await;
        costs.push(cost);
        costs.push(self.settle(group, jobs).await);

        costs.push(self.append(group, "orders").await);
        let (cost, jobs) = self.claim_all(group).await;
        costs.push(cost);
        costs.push(self.settle(group, jobs).await);

        self.sent = first - 1;
        costs.push(self.append(group, "audit").await);
        self.sent += 2 * events_per_round(group);
        costs
    }

    /// Runs calls of one kind, and what must precede them.
    async fn run(&mut self, kind: &str, rounds: usize) {
        const GROUP: u64 = COUNTED_GROUP;
        for _ in 0..rounds {
            match kind {
                "append" => drop(self.append(GROUP, "audit").await),
                "hand-over" => drop(self.append_handed_over(GROUP).await),
                "settle" => {
                    let (_, jobs) = self.append_handed_over(GROUP).await;
                    self.settle(GROUP, jobs).await;
                }
                "pending" => drop(self.append(GROUP, "orders").await),
                "claim" => {
                    self.append(GROUP, "orders").await;
                    self.claim_all(GROUP).await;
                }
                _ => panic!("{kind} is not a kind of calls"),
            }
        }
    }

    /// Appends a round of events whose jobs the store hands over.
    async fn append_handed_over(&mut self, group: u64) -> (f64, Vec<ClaimedJob>) {
        self.claim(1).await;
        self.handover.open(&plugin(), usize::MAX);
        let cost = self.append(group, "orders").await;
        self.handover.open(&plugin(), 0);

        let jobs = self.handover.take();
        assert_eq!(
            jobs.len() as u64,
            events_per_round(group),
            "all are handed over"
        );
        for job in &jobs {
            self.handover.begun(&plugin(), job.event.body.len());
        }
        (cost, jobs)
    }

    /// Claims a round of pending jobs.
    async fn claim_all(&self, group: u64) -> (f64, Vec<ClaimedJob>) {
        let mut jobs = Vec::new();
        let claim = async {
            for _ in 0..GROUPS_PER_ROUND {
                jobs.extend(self.claim(group as usize).await);
            }
        };
        let cost = measure("store-writer", group, claim).await;
        assert_eq!(
            jobs.len() as u64,
            events_per_round(group),
            "all are claimed"
        );
        (cost, jobs)
    }

    /// Appends events one after the other, and settles each event while the next is appended.
    /// Returns the CPU time for each event and the median time of an append, in microseconds.
    async fn in_turn(&mut self) -> (f64, f64) {
        self.claim(1).await;
        self.handover.open(&plugin(), usize::MAX);
        let first = self.sent + 1;
        self.sent += events_per_round(8);
        let events: Vec<_> = (first..=self.sent)
            .map(|number| event(number, "orders"))
            .collect();

        let mut times = Vec::new();
        let cost = measure("store-writer", 8, async {
            let mut calls = JoinSet::new();
            for event in events {
                let began = Instant::now();
                self.store.append(event).await.expect("an append");
                times.push(began.elapsed().as_secs_f64() * 1e6);
                for job in self.handover.take() {
                    self.handover.begun(&plugin(), job.event.body.len());
                    let (store, settlement) = (Arc::clone(&self.store), settlement(&job));
                    calls.spawn(async move { store.settle(settlement).await });
                }
            }
            all(calls).await;
        })
        .await;
        self.handover.open(&plugin(), 0);

        (cost, median(times))
    }

    async fn append(&mut self, group: u64, to: &str) -> f64 {
        let first = self.sent + 1;
        self.sent += events_per_round(group);
        let events = (first..=self.sent).map(|number| event(number, to));
        let events: Vec<_> = events.collect();

        measure("store-writer", group, async {
            for events in events.chunks(group as usize) {
                let mut calls = JoinSet::new();
                for event in events {
                    let (store, event) = (Arc::clone(&self.store), event.clone());
                    calls.spawn(async move { store.append(event).await.map(drop) });
                }
                all(calls).await;
            }
        })
        .await
    }

    async fn claim(&self, limit: usize) -> Vec<ClaimedJob> {
        let request = JobRequest {
            plugin: plugin(),
            limit,
        };
        self.store.claim(&[request], LEASE).await.expect("a claim")
    }

    async fn settle(&self, group: u64, jobs: Vec<ClaimedJob>) -> f64 {
        measure("store-writer", group, async {
            for jobs in jobs.chunks(group as usize) {
                let mut calls = JoinSet::new();
                for job in jobs {
                    let (store, settlement) = (Arc::clone(&self.store), settlement(job));
                    calls.spawn(async move { store.settle(settlement).await });
                }
                all(calls).await;
            }
        })
        .await
    }
}

async fn all(mut calls: JoinSet<Result<(), hookyard_store::Error>>) {
    while let Some(call) = calls.join_next().await {
        call.expect("no call panics").expect("a call that works");
    }
}

fn settlement(job: &ClaimedJob) -> Settlement {
    let attempt = Attempt {
        number: job.lease.attempt,
        revision: Revision::from_sha256([7; 32]),
        started_at: job.event.received_at,
        duration: Duration::from_micros(300),
        outcome: Outcome::Done,
        log: Vec::new(),
        used: None,
    };
    let quota = KvUsage {
        keys: u64::MAX,
        bytes: u64::MAX,
    };

    Settlement {
        lease: job.lease.clone(),
        attempt,
        next: Next::Done,
        failed_on_probation: false,
        is_spared: false,
        effects: Effects::default(),
        quota,
        outbox: Default::default(),
    }
}

fn event(number: u64, to: &str) -> Event {
    let received_at = Timestamp::from_unix_secs(1_790_000_000).after(Duration::from_millis(number));
    let millis = received_at.unix_millis().cast_unsigned();
    let header = |name: &str, value: &'static str| Header {
        name: name.into(),
        value: Bytes::from_static(value.as_bytes()),
    };

    Event {
        id: EventId::from_uuid(Uuid::from_u64_pair(
            millis << 16 | 0x7000,
            0x8000 << 48 | number,
        )),
        source: source(to),
        provider: "topi".into(),
        event_type: Some("offer.accepted".into()),
        key: key(number),
        key_window: Duration::from_secs(30 * 24 * 3600),
        received_at,
        headers: vec![
            header("content-type", "application/json"),
            header("user-agent", "Svix-Webhooks/1.62 (sender-9YMgn)"),
            header("svix-id", "msg_2y8QzYgPbXvVXb7qk0zQjv2Wn3b"),
            header("svix-timestamp", "1790000000"),
        ],
        body: Bytes::from(vec![b'x'; BODY]),
        payload: Payload::Body,
        ordering_key: None,
    }
}

/// Returns a key like that of a sender. Keys are in random order.
fn key(number: u64) -> String {
    let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("msg_{scattered:016x}{number:011}")
}

fn source(name: &str) -> SourceRef {
    SourceRef {
        tenant: "acme".parse().expect("a name"),
        name: name.parse().expect("a name"),
    }
}

fn plugin() -> PluginRef {
    PluginRef {
        tenant: "acme".parse().expect("a name"),
        name: "ship".parse().expect("a name"),
    }
}
