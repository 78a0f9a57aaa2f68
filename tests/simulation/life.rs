//! The life of a host: senders, operators and crashes around a dispatcher. In the end nothing new
//! happens, and every job must end.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use hookyard_dispatch::{Config, Dispatcher, RetryPolicies};
use hookyard_model::{
    Clock, Event, EventId, Payload, PluginRef, QuarantinePolicy, RetryPolicy, Revision, SourceName,
    SourceRef, TenantName, Timestamp,
};
use hookyard_store::{
    AppendResult, Discard, Error, EventSelection, Events, Jobs, Replay, Retention, RetentionLimits,
    Routes, Routing, Values,
};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use uuid::Uuid;

use crate::plugins::Plugins;
use crate::world::{WitnessedStore, World};

/// The maximum number of attempts at a job.
pub(crate) const ATTEMPTS_MAX: u32 = 4;
pub(crate) const LEASE: Duration = Duration::from_secs(60);
/// The number of things that operators and senders do in a life.
const DEEDS: u64 = 60;
/// The time within which every job must end that is not held.
const END: Duration = Duration::from_secs(10 * 24 * 3600);
const SOURCES: [(&str, &str); 3] = [("acme", "orders"), ("acme", "refunds"), ("beta", "orders")];
const PLUGINS: [(&str, &str); 3] = [("acme", "ship"), ("acme", "audit"), ("beta", "ship")];

/// The number of things that happened in a life. A life without any of them tests nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) calls: u64,
    /// The claims that found nothing.
    pub(crate) idle: u64,
    pub(crate) events: u64,
    pub(crate) done: u64,
    pub(crate) dead: u64,
    pub(crate) replayed: u64,
    pub(crate) discarded: u64,
    pub(crate) crashes: u64,
    pub(crate) faults: u64,
    /// The calls that were made and whose answer was lost.
    pub(crate) lost: u64,
    /// The events that were appended again, and the attempts that were settled again.
    pub(crate) repeated: u64,
    /// The attempts at jobs that the store handed over.
    pub(crate) handed_over: u64,
    pub(crate) conflicts: u64,
    pub(crate) over_quota: u64,
    pub(crate) quarantines: u64,
    /// The revisions that were rolled back.
    pub(crate) rolled_back: u64,
    /// The jobs that were due once more because of a rollback.
    pub(crate) retried: u64,
    pub(crate) pruned: u64,
    /// A hash of all calls in their order.
    pub(crate) fingerprint: u64,
}

impl Life {
    pub(crate) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.idle += other.idle;
        self.events += other.events;
        self.done += other.done;
        self.dead += other.dead;
        self.replayed += other.replayed;
        self.discarded += other.discarded;
        self.crashes += other.crashes;
        self.faults += other.faults;
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.handed_over += other.handed_over;
        self.conflicts += other.conflicts;
        self.over_quota += other.over_quota;
        self.quarantines += other.quarantines;
        self.rolled_back += other.rolled_back;
        self.retried += other.retried;

        self.pruned += other.pruned;
    }
}

/// Lives the life that a seed makes.
///
/// # Panics
///
/// Panics if an invariant is broken.
pub(crate) fn live(seed: u64, is_verbose: bool) -> Life {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(async {
        let mut yard = Yard::new(seed, is_verbose);
        yard.go_on().await;
        yard.come_to_an_end().await;
        let life = yard.world.witness().life.clone();
        let busy = life.calls - life.idle;
        assert!(
            life.idle < 3 * busy + 100,
            "the dispatcher made {} claims in vain, beside {busy} other calls",
            life.idle
        );
        life
    })
}

struct Yard {
    world: Arc<World>,
    plugins: Arc<Plugins>,
    host: JoinHandle<()>,
    /// The events that were not acknowledged. Their senders send them again.
    unanswered: Vec<Event>,
    sent: Vec<Event>,
    /// The rolled-back revisions whose failed jobs must be made due again.
    owed: Vec<(PluginRef, Revision)>,
}

impl Yard {
    fn new(seed: u64, is_verbose: bool) -> Self {
        let world = Arc::new(World::new(seed, is_verbose));
        let plugins = Arc::new(Plugins::new(Arc::clone(&world), &plugins()));
        let host = start(&world, &plugins);

        Self {
            world,
            plugins,
            host,
            unanswered: Vec::new(),
            sent: Vec::new(),
            owed: Vec::new(),
        }
    }

    async fn go_on(&mut self) {
        self.survive(|inbox| async move { inbox.route(all_routes()).await })
            .await;
        for _ in 0..DEEDS {
            self.roll_back_failed().await;
            match self.world.dice.below(100) {
                0..35 => self.send_new().await,
                35..42 => self.send_again().await,
                42..70 => self.wait().await,
                70..74 => self.replay().await,
                74..76 => self.discard().await,
                76..80 => self.swap().await,
                80..82 => self.roll_back().await,
                82..86 => self.route().await,
                86..90 => self.prune().await,
                90..93 => self.lift().await,
                93..96 => self.crash().await,
                _ => {
                    let is_rough = self.world.dice.percent(60);
                    self.world.is_rough.store(is_rough, Ordering::Relaxed);
                }
            }
        }
    }

    /// Lets everything end well: each acknowledged event is handled or given up.
    async fn come_to_an_end(&mut self) {
        self.world.is_rough.store(false, Ordering::Relaxed);
        plugins()
            .iter()
            .for_each(|plugin| self.plugins.swap(plugin, false, false));
        self.owed.extend(self.plugins.rolled_back());
        self.pay().await;
        self.survive(|inbox| async move { inbox.route(all_routes()).await })
            .await;
        for event in std::mem::take(&mut self.unanswered) {
            self.send(event).await;
        }

        let mut waited = Duration::ZERO;
        while !self.world.witness().all_over() {
            self.lift().await;
            let pause = Duration::from_secs(600);
            self.pass(pause).await;
            waited += pause;
            assert!(
                waited < END,
                "these never end: {:#?}",
                self.world.witness().open()
            );
        }

        self.host.abort();
        let quotas = self.plugins.quotas();
        for (plugin, quota) in quotas {
            let usage = self.world.inner.usage(&plugin).await.expect("in memory");
            assert!(
                usage.keys <= quota.keys && usage.bytes <= quota.bytes,
                "{plugin} is over its quota"
            );
        }
    }

    /// Makes a call as part of the host; `None` if the host dies before the answer.
    async fn survive<T, F>(
        &mut self,
        call: impl FnOnce(Arc<WitnessedStore>) -> F,
    ) -> Option<Result<T, Error>>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let world = Arc::clone(&self.world);
        let call = pin!(call(Arc::new(WitnessedStore(Arc::clone(&world)))));

        tokio::select! {
            biased;
            answer = call => Some(answer),
            () = world.crashed.notified() => {
                if let Some(why) = world.broken() {
                    panic!("{why}");
                }
                self.restart().await;
                None
            }
        }
    }

    /// Ends the host in the middle of its work, and starts another one. Leases stay until they end.
    async fn restart(&mut self) {
        self.host.abort();
        // The tasks of the host end with it.
        let _ = (&mut self.host).await;
        self.world.witness().life.crashes += 1;
        sleep(self.world.dice.millis(90_000)).await;
        self.world.set_clock();
        self.host = start(&self.world, &self.plugins);
        // A host that starts repeats what the previous one may not have finished.
        self.owed.extend(self.plugins.rolled_back());
    }

    async fn crash(&mut self) {
        self.restart().await;
    }

    async fn wait(&mut self) {
        let time = if self.world.dice.percent(20) {
            200_000
        } else {
            2_000
        };
        self.pass(self.world.dice.millis(time)).await;
    }

    async fn pass(&mut self, time: Duration) {
        self.survive(|_| async move {
            sleep(time).await;
            Ok(())
        })
        .await;
    }

    async fn send_new(&mut self) {
        let number = self.world.next_number();
        let (tenant, source) = *self.world.dice.one(&SOURCES);
        let source = SourceRef {
            tenant: tenant_of(tenant),
            name: SourceName::new(source).expect("a name"),
        };

        let lane = self.world.dice.below(3);
        let body = Bytes::from(format!("{{\"number\":{number}}}"));
        let event = Event {
            id: EventId::from_uuid(Uuid::from_u64_pair(number, 0)),
            source,
            provider: "any".into(),
            event_type: Some("thing.happened".into()),
            key: format!("k{number}"),
            key_window: Duration::ZERO,
            received_at: Timestamp::from_unix_millis(0),
            headers: Vec::new(),
            body,
            payload: Payload::Body,
            ordering_key: (lane > 0).then(|| format!("lane {lane}")),
        };

        self.send(event).await;
    }

    /// Sends an event again, preferably one without an acknowledgement.
    async fn send_again(&mut self) {
        if let Some(event) = self.unanswered.pop() {
            self.send(event).await;
        } else if !self.sent.is_empty() {
            let event = self.world.dice.one(&self.sent).clone();
            self.send(event).await;
        }
    }

    async fn send(&mut self, event: Event) {
        // Each request has an id and a time of its own, also if it repeats an event.
        let (now, number) = (self.world.now(), self.world.next_number());
        let window = Duration::from_secs(self.world.dice.below(3_600));
        let id = EventId::from_uuid(Uuid::from_u64_pair(number, 0));
        let request = Event {
            id,
            received_at: now,
            key_window: window,
            ..event
        };

        let mut answer = self.append(&request).await;
        // The receiver may ask again, or leave it to the sender.
        if matches!(answer, Some(Err(Error::Unknown(_)))) && self.world.dice.percent(50) {
            answer = self.append(&request).await;
        }

        match answer {
            Some(Ok(_)) => self.sent.push(request),
            Some(Err(_)) | None => self.unanswered.push(request),
        }
    }

    async fn append(&mut self, request: &Event) -> Option<Result<AppendResult, Error>> {
        let request = request.clone();
        self.survive(|inbox| async move { inbox.append(request).await })
            .await
    }

    async fn replay(&mut self) {
        let dice = &self.world.dice;
        let ids = self.world.witness().ids();
        if ids.is_empty() {
            return;
        }

        let selection = match dice.below(3) {
            0 => EventSelection {
                ids: vec![*dice.one(&ids)],
                ..EventSelection::default()
            },
            1 => EventSelection {
                states: vec!["dead".into()],
                ..EventSelection::default()
            },
            _ => EventSelection {
                plugin: Some(dice.one(&plugins()).name.clone()),
                ..EventSelection::default()
            },
        };

        let replay = Replay {
            selection,
            revision: None,
            rate: dice.percent(30).then_some(0.5),
            now: self.world.now(),
            dry_run: dice.percent(20),
        };

        self.survive(|inbox| async move { inbox.replay(replay).await })
            .await;
    }

    async fn discard(&mut self) {
        let dice = &self.world.dice;
        let ids = self.world.witness().ids();
        if ids.is_empty() {
            return;
        }

        let state = |name: &str| EventSelection {
            states: vec![name.into()],
            ..EventSelection::default()
        };

        let selection = match dice.below(4) {
            0 | 1 => EventSelection {
                ids: vec![*dice.one(&ids)],
                ..EventSelection::default()
            },
            2 => state("held"),
            _ => state("unrouted"),
        };

        let discard = Discard {
            selection,
            reason: "by an operator".into(),
            now: self.world.now(),
            dry_run: dice.percent(20),
        };

        self.survive(|inbox| async move { inbox.discard(discard).await })
            .await;
    }

    async fn swap(&mut self) {
        let plugins = plugins();
        let plugin = self.world.dice.one(&plugins);
        self.plugins.swap(
            plugin,
            self.world.dice.percent(40),
            self.world.dice.percent(60),
        );
    }

    async fn roll_back(&mut self) {
        let plugin = self.world.dice.one(&plugins()).clone();
        self.put_back(&plugin);
        self.pay().await;
    }

    async fn roll_back_failed(&mut self) {
        self.plugins
            .failed()
            .iter()
            .for_each(|plugin| self.put_back(plugin));
        self.pay().await;
    }

    fn put_back(&mut self, plugin: &PluginRef) {
        if let Some(revision) = self.plugins.roll_back(plugin) {
            self.owed.push((plugin.clone(), revision));
            self.world.witness().life.rolled_back += 1;
        }
    }

    /// Makes jobs due again that failed at rolled-back revisions. What the host does not finish
    /// stays owed.
    async fn pay(&mut self) {
        for (plugin, revision) in std::mem::take(&mut self.owed) {
            let of = plugin.clone();
            let paid = self
                .survive(|inbox| async move { inbox.retry_failed(&of, revision).await })
                .await;
            if !matches!(paid, Some(Ok(_))) {
                self.owed.push((plugin, revision));
            }
        }
    }

    /// Stores routes in which each source keeps most of its plugins.
    async fn route(&mut self) {
        let Routes(mut routes) = all_routes();
        for plugins in routes.values_mut() {
            plugins.retain(|_| self.world.dice.percent(80));
        }
        self.survive(|inbox| async move { inbox.route(Routes(routes)).await })
            .await;
    }

    async fn prune(&mut self) {
        let keep = if self.world.dice.percent(50) {
            RetentionLimits {
                age_max: Some(self.world.dice.millis(600_000)),
                bytes_max: None,
                ..RetentionLimits::default()
            }
        } else {
            RetentionLimits {
                age_max: None,
                bytes_max: Some(self.world.dice.below(200)),
                ..RetentionLimits::default()
            }
        };

        let retention = Retention {
            fallback: keep,
            ..Retention::default()
        };

        let (now, limit) = (self.world.now(), 1 + self.world.dice.below(4) as usize);
        self.survive(|inbox| async move { inbox.prune(&retention, now, limit).await })
            .await;
    }

    async fn lift(&mut self) {
        let quarantined = self.world.witness().quarantined();
        for plugin in quarantined {
            self.survive(|inbox| async move { inbox.lift(&plugin).await })
                .await;
        }
    }
}

fn start(world: &Arc<World>, plugins: &Arc<Plugins>) -> JoinHandle<()> {
    let dice = Arc::clone(world);
    let retry = RetryPolicy {
        attempts_max: ATTEMPTS_MAX,
        delay_first: Duration::from_secs(2),
        delay_max: Duration::from_secs(3600),
        ..RetryPolicy::default()
    };

    let dispatcher = Dispatcher::new(Config {
        gatherer: Arc::default(),
        inbox: Arc::new(WitnessedStore(Arc::clone(world))),
        runner: Arc::clone(plugins) as _,
        clock: Arc::clone(world) as _,
        jitter: Arc::new(move || dice.dice.part()),
        lease: LEASE,
        concurrency_max: 4,
        tenant_concurrency_max: 3,
        shutdown_timeout: LEASE,
        policies: RetryPolicies {
            fallback: retry,
            by_source: Default::default(),
        },
        quarantine: Some(QuarantinePolicy {
            window: Duration::from_secs(600),
            rate: 0.6,
            events_min: 3,
        }),
        release_guard: Arc::clone(plugins) as _,
        waits: Arc::new(hookyard_store::Waits::new(0)),
    });

    tokio::spawn(dispatcher.run(std::future::pending()))
}

fn tenant_of(name: &str) -> TenantName {
    TenantName::new(name).expect("a name")
}

fn plugins() -> Vec<PluginRef> {
    let plugin = |(tenant, plugin): (&str, &str)| PluginRef {
        tenant: tenant_of(tenant),
        name: plugin.parse().expect("a name"),
    };
    PLUGINS.map(plugin).to_vec()
}

/// Returns the routes in which each plugin receives the events of all sources of its tenant.
fn all_routes() -> Routes {
    let plugins = plugins();
    let route = |(tenant, source): (&str, &str)| {
        let tenant = tenant_of(tenant);
        let of_tenant = plugins.iter().filter(|plugin| plugin.tenant == tenant);
        let names: BTreeSet<_> = of_tenant.map(|plugin| plugin.name.clone()).collect();
        (
            SourceRef {
                tenant,
                name: SourceName::new(source).expect("a name"),
            },
            names,
        )
    };

    Routes(SOURCES.into_iter().map(route).collect())
}
