//! The SQLite store answers random sequences of calls like the store in memory.

mod outbox;

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{
    Attempt, Effects, Event, EventId, Key, Outcome, PluginName, PluginRef, ReadVersion, Revision,
    SourceRef, Timestamp, WorkState, Write,
};
use hookyard_store::{
    AppendResult, Discard, Error, EventPage, EventSelection, Events, JobLease, JobRequest, Jobs,
    KvUsage, LeaseToken, MessageLease, OutboxQuota, OutboxUsage, Quarantine, Replay, Retention,
    RetentionLimits, Routes, Routing, Settlement, Values,
};
use hookyard_store_sqlite::SqliteStore;
use hookyard_store_testing::MemoryStore;

use crate::support::{Folder, at, clock, event, settlement};

const SEEDS: std::ops::Range<u64> = 0..4;
const STEPS: usize = 400;

#[tokio::test]
async fn both_stores_answer_alike() {
    let named = std::env::var("HOOKYARD_SEED").ok().map(|text| {
        let (first, end) = text.split_once("..").unwrap_or((&text, ""));
        let first: u64 = first.parse().expect("a seed is a number");
        first..end.parse().unwrap_or(first + 1)
    });
    for seed in named.unwrap_or(SEEDS) {
        let summary = tokio::spawn(async move { Pair::new(seed).run().await }).await;
        assert!(summary.is_ok(), "run this alone with HOOKYARD_SEED={seed}");
    }
}

/// The version of a key in each of the two stores.
type Versions = (Option<u64>, Option<u64>);

struct Pair {
    folder: Folder,
    memory: MemoryStore,
    sqlite: SqliteStore,
    random: Random,
    now: Timestamp,
    sent: u64,
    messages: u128,
    /// The leases on each job in the two stores.
    leases: Vec<(JobLease, JobLease)>,
    message_leases: Vec<(MessageLease, MessageLease)>,
    /// The versions that an earlier read of a key found. They may have changed since.
    looks: Vec<(PluginRef, Key, Versions)>,
    routes: BTreeSet<(usize, usize)>,
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize].clone()
    }
}

fn source(number: usize) -> SourceRef {
    let name = ["orders", "payments"][number];
    SourceRef {
        tenant: "acme".parse().expect("a name"),
        name: name.parse().expect("a name"),
    }
}

fn plugin(number: usize) -> PluginRef {
    PluginRef {
        tenant: "acme".parse().expect("a name"),
        name: ["audit", "ship"][number].parse().expect("a name"),
    }
}

impl Pair {
    fn new(seed: u64) -> Self {
        let folder = Folder::new();
        Self {
            memory: MemoryStore::new(clock()),
            sqlite: folder.open(),
            folder,
            random: Random(seed),
            now: at(0),
            sent: 0,
            messages: 0,
            leases: Vec::new(),
            message_leases: Vec::new(),
            looks: Vec::new(),
            routes: BTreeSet::new(),
        }
    }

    async fn run(mut self) {
        for _ in 0..STEPS {
            self.now = self.now.after(Duration::from_secs(self.random.below(6)));
            clock().set(self.now);
            match self.random.below(30) {
                0..=5 => self.append().await,
                6..=8 => self.claim().await,
                9..=13 => self.settle().await,
                14 => self.give_back().await,
                15 => self.route().await,
                16 => self.quarantine_or_lift().await,
                17 => self.replay().await,
                18 => self.prune().await,
                28 => self.discard().await,
                29 => self.retry_failed().await,
                19..=26 => self.use_the_outbox().await,
                _ => self.restart_or_look().await,
            }
            self.compare().await;
        }
    }

    async fn append(&mut self) {
        self.sent += 1;

        let ordering_key = self
            .random
            .one_of(&[None, Some("a"), Some("b")])
            .map(str::to_owned);
        let sent = Event {
            source: source(self.random.below(2) as usize),
            key: format!("key-{}", self.random.below(30)),
            key_window: Duration::from_secs(self.random.below(100)),
            received_at: self.now,
            // SQLite alone counts the bytes of their lengths.
            headers: Vec::new(),
            body: Bytes::from(vec![b'x'; self.random.below(50) as usize]),
            ordering_key,
            ..event(self.sent)
        };

        let answers = (
            self.memory.append(sent.clone()).await,
            self.sqlite.append(sent).await,
        );
        let (memory, sqlite): (AppendResult, AppendResult) =
            (answers.0.expect("an append"), answers.1.expect("an append"));
        assert_eq!(memory, sqlite);
    }

    async fn claim(&mut self) {
        let limit = 1 + self.random.below(4) as usize;
        let requests = [0, 1].map(|number| JobRequest {
            plugin: plugin(number),
            limit,
        });
        let lease = Duration::from_secs(20);
        let memory = self.memory.claim(&requests, lease).await.expect("a claim");
        let sqlite = self.sqlite.claim(&requests, lease).await.expect("a claim");
        let summary = |claimed: &[hookyard_store::ClaimedJob]| {
            let summary = |job: &hookyard_store::ClaimedJob| {
                (
                    untokened(&job.lease),
                    job.revision,
                    job.spared,
                    job.event.id,
                )
            };
            claimed.iter().map(summary).collect::<Vec<_>>()
        };
        assert_eq!(summary(&memory), summary(&sqlite));
        assert!(
            memory
                .iter()
                .zip(&sqlite)
                .all(|(memory, sqlite)| memory.event == sqlite.event)
        );

        let pairs = memory.into_iter().zip(sqlite);
        self.leases
            .extend(pairs.map(|(memory, sqlite)| (memory.lease, sqlite.lease)));
    }

    /// Settles jobs. Some of the leases are lost and some of the reads are stale by then.
    async fn settle(&mut self) {
        if self.leases.is_empty() {
            return;
        }

        let leases = self
            .leases
            .remove(self.random.below(self.leases.len() as u64) as usize);
        let waiting = WorkState::Waiting {
            until: self.now.after(Duration::from_secs(self.random.below(30))),
        };

        let failed = Outcome::Trapped {
            message: "it failed".into(),
        };

        let ends = [
            (Outcome::Done, WorkState::Done),
            (failed.clone(), waiting),
            (failed, WorkState::Dead),
        ];
        let (outcome, next) = ends[[0, 0, 0, 1, 1, 2][self.random.below(6) as usize]].clone();
        let quota = KvUsage {
            keys: 1 + self.random.below(4),
            bytes: 10 + self.random.below(20),
        };
        let (memory, sqlite) = self.effects(&leases.0.plugin);
        let (started_at, failed_on_probation) = (
            self.now,
            next != WorkState::Done && self.random.below(2) == 0,
        );
        let is_spared = next != WorkState::Done && self.random.below(3) == 0;
        let waiting = |messages| OutboxUsage {
            messages,
            bytes: 40,
        };

        let outbox = OutboxQuota {
            plugin: waiting(3 + self.random.below(9)),
            tenant: waiting(5 + self.random.below(9)),
        };

        let of = |lease: &JobLease, effects| {
            let settlement = settlement(lease.clone(), outcome.clone(), next);
            let attempt = Attempt {
                started_at,
                ..settlement.attempt
            };
            Settlement {
                effects,
                quota,
                outbox,
                attempt,
                failed_on_probation,
                is_spared,
                ..settlement
            }
        };
        let memory = self.memory.settle(of(&leases.0, memory)).await;
        let sqlite = self.sqlite.settle(of(&leases.1, sqlite)).await;
        assert_eq!(summary(&memory), summary(&sqlite));

        if matches!(memory, Err(Error::Conflict(_) | Error::OverQuota { .. })) {
            self.leases.push(leases);
        }
    }

    /// Returns effects that are equal in both stores except for the versions.
    fn effects(&mut self, of: &PluginRef) -> (Effects, Effects) {
        let mut effects = Effects::default();
        for name in ["x", "y", "z"] {
            let value = Bytes::from(vec![b'v'; self.random.below(9) as usize]);
            match self.random.below(5) {
                0 => effects.writes.push(Write {
                    key: key(name),
                    value: Some(value),
                }),
                1 => effects.writes.push(Write {
                    key: key(name),
                    value: None,
                }),
                _ => {}
            }
        }

        for _ in 0..self.random.below(3) {
            effects.messages.push(self.message());
        }

        let (mut memory, mut sqlite) = (effects.clone(), effects);
        let own: Vec<_> = self
            .looks
            .iter()
            .filter(|(plugin, _, _)| plugin == of)
            .cloned()
            .collect();
        if !own.is_empty() && self.random.below(2) == 0 {
            let (_, key, versions) = self.random.one_of(&own);
            memory.reads.push(ReadVersion {
                key: key.clone(),
                version: versions.0,
            });
            sqlite.reads.push(ReadVersion {
                key,
                version: versions.1,
            });
        }

        (memory, sqlite)
    }

    async fn give_back(&mut self) {
        if self.leases.is_empty() {
            return;
        }

        let at = self.random.below(self.leases.len() as u64) as usize;
        if self.random.below(2) == 0 {
            let lease = Duration::from_secs(self.random.below(60));
            let (memory, sqlite) = self.leases[at].clone();
            self.memory
                .extend(&[memory], lease)
                .await
                .expect("an extension");
            self.sqlite
                .extend(&[sqlite], lease)
                .await
                .expect("an extension");
        } else {
            let (memory, sqlite) = self.leases.remove(at);
            self.memory.give_back(&[memory]).await.expect("a release");
            self.sqlite.give_back(&[sqlite]).await.expect("a release");
        }
    }

    async fn route(&mut self) {
        let pair = (self.random.below(2) as usize, self.random.below(2) as usize);
        if !self.routes.remove(&pair) {
            self.routes.insert(pair);
        }

        let mut routes = Routes::default();
        for (from, to) in &self.routes {
            let plugins: &mut BTreeSet<PluginName> = routes.0.entry(source(*from)).or_default();
            plugins.insert(plugin(*to).name);
        }

        self.memory.route(routes.clone()).await.expect("a route");
        self.sqlite.route(routes).await.expect("a route");
    }

    async fn quarantine_or_lift(&mut self) {
        let plugin = plugin(self.random.below(2) as usize);
        if self.random.below(3) == 0 {
            let revision = Revision::from_sha256([3; 32]);
            let quarantine = Quarantine {
                plugin,
                revision,
                reason: "it traps".into(),
                since: self.now,
            };
            self.memory
                .quarantine(quarantine.clone())
                .await
                .expect("a quarantine");
            self.sqlite
                .quarantine(quarantine)
                .await
                .expect("a quarantine");
        } else {
            self.memory.lift(&plugin).await.expect("a lift");
            self.sqlite.lift(&plugin).await.expect("a lift");
        }
    }

    async fn retry_failed(&mut self) {
        let (plugin, revision) = (
            plugin(self.random.below(2) as usize),
            Revision::from_sha256([7; 32]),
        );
        let memory = self
            .memory
            .retry_failed(&plugin, revision)
            .await
            .expect("a retry");

        assert_eq!(
            memory,
            self.sqlite
                .retry_failed(&plugin, revision)
                .await
                .expect("a retry")
        );
    }

    async fn replay(&mut self) {
        let ids = (0..6)
            .map(|_| event(1 + self.random.below(self.sent + 1)).id)
            .collect::<Vec<EventId>>();
        let selection = match self.random.below(3) {
            0 => EventSelection {
                ids,
                ..EventSelection::default()
            },
            1 => EventSelection {
                source: Some(source(0).name),
                states: vec!["done".into()],
                ..EventSelection::default()
            },
            _ => EventSelection {
                plugin: Some(plugin(1).name),
                ..EventSelection::default()
            },
        };
        let rate = self.random.one_of(&[None, Some(0.5)]);
        let replay = Replay {
            selection,
            revision: None,
            rate,
            now: self.now,
            dry_run: self.random.below(4) == 0,
        };
        let memory = self.memory.replay(replay.clone()).await.expect("a replay");

        assert_eq!(memory, self.sqlite.replay(replay).await.expect("a replay"));
    }

    async fn discard(&mut self) {
        let ids = (0..3)
            .map(|_| event(1 + self.random.below(self.sent + 1)).id)
            .collect::<Vec<EventId>>();
        let selection = match self.random.below(3) {
            0 => EventSelection {
                ids,
                ..EventSelection::default()
            },
            1 => EventSelection {
                states: vec!["unrouted".into()],
                ..EventSelection::default()
            },
            _ => EventSelection {
                plugin: Some(plugin(1).name),
                states: vec!["held".into()],
                ..EventSelection::default()
            },
        };
        let dry_run = self.random.below(4) == 0;
        let discard = Discard {
            selection,
            reason: "by hand".into(),
            now: self.now,
            dry_run,
        };

        let memory = self
            .memory
            .discard(discard.clone())
            .await
            .expect("a discard");
        assert_eq!(
            memory,
            self.sqlite.discard(discard).await.expect("a discard")
        );
    }

    async fn prune(&mut self) {
        let keep = match self.random.below(2) {
            0 => RetentionLimits {
                age_max: Some(Duration::from_secs(self.random.below(400))),
                bytes_max: None,
                ..RetentionLimits::default()
            },
            _ => RetentionLimits {
                age_max: None,
                bytes_max: Some(self.random.below(2000)),
                ..RetentionLimits::default()
            },
        };

        let limits = Retention {
            fallback: keep,
            ..Retention::default()
        };

        let memory = self
            .memory
            .prune(&limits, self.now, 1000)
            .await
            .expect("a step");
        let sqlite = self
            .sqlite
            .prune(&limits, self.now, 1000)
            .await
            .expect("a step");
        assert_eq!((memory.count, memory.bytes), (sqlite.count, sqlite.bytes));
    }

    async fn restart_or_look(&mut self) {
        // A restart gives back leases, which the store in memory cannot do.
        if self.leases.is_empty() && !self.has_leases().await && !self.has_message_leases().await {
            let elsewhere = Folder::new();
            drop(std::mem::replace(&mut self.sqlite, elsewhere.open()));
            self.sqlite = self.folder.open();
        }

        let (plugin, key) = (
            plugin(self.random.below(2) as usize),
            key(self.random.one_of(&["x", "y", "z"])),
        );
        let memory = self.memory.value(&plugin, &key).await.expect("a read");
        let sqlite = self.sqlite.value(&plugin, &key).await.expect("a read");
        assert_eq!(
            memory.as_ref().map(|found| &found.value),
            sqlite.as_ref().map(|found| &found.value)
        );

        let versions = (
            memory.map(|found| found.version),
            sqlite.map(|found| found.version),
        );
        self.looks.push((plugin, key, versions));
    }

    async fn has_leases(&self) -> bool {
        let events = self.memory.events(everything()).await.expect("the events");
        events
            .iter()
            .flat_map(|event| &event.jobs)
            .any(|job| matches!(job.state, WorkState::Leased { .. }))
    }

    async fn compare(&mut self) {
        let memory = self.memory.events(everything()).await.expect("the events");
        assert_eq!(
            memory,
            self.sqlite.events(everything()).await.expect("the events")
        );

        let unrouted = self.memory.unrouted().await.expect("tallies");
        assert_eq!(unrouted, self.sqlite.unrouted().await.expect("tallies"));

        for number in [0, 1] {
            let plugin = plugin(number);
            let of = std::slice::from_ref(&plugin);
            let due = self.memory.next_due(of).await.expect("a time");
            assert_eq!(
                due,
                self.sqlite.next_due(of).await.expect("a time"),
                "{plugin}: {memory:#?}"
            );
            let usage = self.memory.usage(&plugin).await.expect("a usage");
            assert_eq!(usage, self.sqlite.usage(&plugin).await.expect("a usage"));
            let keys = self
                .memory
                .keys(&plugin, "b", None, 9)
                .await
                .expect("the keys");
            assert_eq!(
                keys,
                self.sqlite
                    .keys(&plugin, "b", None, 9)
                    .await
                    .expect("the keys")
            );
        }

        self.compare_outboxes().await;
    }
}

fn key(name: &str) -> Key {
    Key {
        bucket: "b".into(),
        key: name.into(),
    }
}

/// Returns a lease without its token, which differs between stores.
fn untokened(lease: &JobLease) -> JobLease {
    JobLease {
        token: LeaseToken::from_u128(0),
        ..lease.clone()
    }
}

fn everything() -> EventPage {
    EventPage::first(EventSelection::default(), 10_000)
}

fn summary(answer: &Result<(), Error>) -> String {
    answer
        .as_ref()
        .err()
        .map(ToString::to_string)
        .unwrap_or_default()
}
