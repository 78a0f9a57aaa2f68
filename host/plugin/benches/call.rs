//! `cargo bench -p hookyard-plugin --bench call` measures one event on its way through a plugin:
//! decoding, a store and an instance, the call, and the drop.
//!
//! The event is the sample of topi SaaS, 1,408 bytes, and the plugin is `offer-sums`, a typed plugin
//! that adds up the lines. The events go through [`Catalog`], as in service. The output has the
//! processor time of the whole process for each event, and the stages that every attempt measures.
//! In turns, the plugin has a fresh instance for each event, an instance that it uses again, and an
//! event that it cannot decode, so that nothing is called.
//!
//! `-- fresh --events 100000` runs exactly that many events of one case, for a profiler.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use bytes::Bytes;
use hookyard_dispatch::{AttemptResult, Runner as _};
use hookyard_model::{
    Clock, Event, MessageId, Outcome, Payload, PluginName, PluginRef, SourceRef, Timestamp,
};
use hookyard_plugin::{
    Catalog, CompilerMode, Config, Contract, Contracts, Engine, Grants, HostServices,
    InstanceReuse, Limits, LoadRequest, NoHttpClient,
};
use hookyard_schemes::OutgoingEvents;
use hookyard_store::{ClaimedJob, JobLease, LeaseToken};
use hookyard_store_testing::MemoryStore;
use hookyard_testkit::{guests, samples, workspace};
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

// The allocator of the host.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PROVIDER: &str = "topi-saas";
const EVENT_TYPE: &str = "topi_saas.offer.accepted_by_user";
const TURNS: usize = 15;
const EVENTS: usize = 2_000;

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    /// Each event has a fresh instance.
    Fresh,
    /// An instance handles all events.
    Reused,
    /// The last field of the event has the wrong type, so that it is decoded and nothing is called.
    Undecodable,
}

impl Case {
    const ALL: [Self; 3] = [Self::Fresh, Self::Reused, Self::Undecodable];

    fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Reused => "reused",
            Self::Undecodable => "undecodable",
        }
    }
}

fn main() -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    // Cargo adds `--bench` to the arguments.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();

    match *arguments.as_slice() {
        [] => compare(&runtime),
        [name, "--events", events] => {
            let case = Case::ALL.into_iter().find(|case| case.name() == name);
            let bench = Bench::new(case.context("the cases are fresh, reused and undecodable")?)?;
            bench.warm_up(&runtime)?;
            attempt_all(&bench, &runtime, events.parse()?)?;
            Ok(())
        }
        _ => bail!("there is nothing to pass, or a case and `--events <number>`"),
    }
}

/// Measures all cases in turns, and prints the median and the best turn of each case.
fn compare(runtime: &Runtime) -> Result<()> {
    let benches = Case::ALL.map(Bench::new);
    let benches = benches.into_iter().collect::<Result<Vec<_>>>()?;
    for bench in &benches {
        bench.warm_up(runtime)?;
    }

    let mut turns: Vec<Vec<Turn>> = vec![Vec::new(); benches.len()];
    for _ in 0..TURNS {
        for (bench, turns) in benches.iter().zip(&mut turns) {
            turns.push(attempt_all(bench, runtime, EVENTS)?);
        }
    }

    println!("microseconds for each event: the median (and the best) of {TURNS} turns");
    println!(
        "{:<12} {:>16} {:>16} {:>16} {:>16} {:>16}",
        "", "cpu", "elapsed", "decode", "instantiate", "call"
    );
    for (bench, turns) in benches.iter().zip(&turns) {
        let column = |part: fn(&Turn) -> Duration| {
            let mut times: Vec<Duration> = turns.iter().map(part).collect();
            times.sort_unstable();
            let of_event = |time: Duration| time.as_secs_f64() * 1e6 / EVENTS as f64;
            format!(
                "{:.2} ({:.2})",
                of_event(times[times.len() / 2]),
                of_event(times[0])
            )
        };
        println!(
            "{:<12} {:>16} {:>16} {:>16} {:>16} {:>16}",
            bench.case.name(),
            column(|turn| turn.cpu),
            column(|turn| turn.elapsed),
            column(|turn| turn.decode),
            column(|turn| turn.instantiate),
            column(|turn| turn.run)
        );
    }
    Ok(())
}

/// A plugin and an event for it.
struct Bench {
    case: Case,
    catalog: Catalog,
    job: ClaimedJob,
}

/// The times of all events of a turn together.
#[derive(Clone, Copy, Default)]
struct Turn {
    cpu: Duration,
    elapsed: Duration,
    decode: Duration,
    instantiate: Duration,
    run: Duration,
}

impl Bench {
    fn new(case: Case) -> Result<Self> {
        let sample = samples::one(PROVIDER, "offer-accepted-by-user")?;
        let mut body = sample.body;
        if case == Case::Undecodable {
            body = body.replace(r#""country_code":"DE"}}}"#, r#""country_code":true}}}"#);
        }

        let catalog = Catalog::new(services());
        catalog.activate(Arc::new(engine()?.load(request(case)?)?));
        Ok(Self {
            case,
            catalog,
            job: job(body)?,
        })
    }

    /// Attempts a few events, so that the pool of instances and the allocator have their pages.
    fn warm_up(&self, runtime: &Runtime) -> Result<()> {
        attempt_all(self, runtime, EVENTS / 10).map(drop)
    }

    fn check(&self, result: &AttemptResult) -> Result<()> {
        let is_expected = match self.case {
            Case::Fresh | Case::Reused => result.outcome == Outcome::Done,
            Case::Undecodable => matches!(result.outcome, Outcome::Undecodable { .. }),
        };
        ensure!(is_expected, "{}: {:?}", self.case.name(), result.outcome);
        Ok(())
    }
}

/// Attempts the event this many times.
#[inline(never)]
fn attempt_all(bench: &Bench, runtime: &Runtime, events: usize) -> Result<Turn> {
    runtime.block_on(async {
        let mut turn = Turn::default();
        let (cpu, began) = (cpu_time(), Instant::now());
        for _ in 0..events {
            let ended = bench.catalog.run(&bench.job).await;
            let result = ended.map_err(|error| anyhow!("{error:?}"))?;
            bench.check(&result)?;
            turn.decode += result.measures.decode;
            turn.instantiate += result.measures.instantiate;
            turn.run += result.measures.run;
        }

        turn.elapsed = began.elapsed();
        turn.cpu = cpu_time() - cpu;
        Ok(turn)
    })
}

/// Returns the processor time of the process, including the thread that counts epochs.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime)
        .try_into()
        .expect("no time is negative")
}

fn engine() -> Result<Arc<Engine>> {
    let folder = workspace::target_folder()?.join("bench-code");
    let config = Config {
        instances_max: 2,
        cache_folder: Some(folder),
        ..Config::new(Arc::new(FixedClock), CompilerMode::InProcess)
    };
    Ok(Engine::new(config)?)
}

fn request(case: Case) -> Result<LoadRequest<'static>> {
    let guest = guests::test("offer-sums")?;
    let contract = Contract {
        provider: PROVIDER.into(),
        package: "topi-saas:webhooks".into(),
        versions: Vec::new(),
        content: String::new(),
        cases: [(EVENT_TYPE.into(), "offer-accepted-by-user".into())].into(),
        outgoing: OutgoingEvents::default(),
    };
    let reuse = InstanceReuse {
        events: if case == Case::Reused { usize::MAX } else { 1 },
        idle: Duration::from_secs(60),
    };

    Ok(LoadRequest {
        plugin: plugin()?,
        bytes: guest.bytes().to_vec().leak(),
        contracts: Contracts::new([contract]),
        limits: Limits::default(),
        grants: Arc::new(Grants::default()),
        config: Arc::default(),
        record_bytes_max: 0,
        reuse,
    })
}

fn services() -> HostServices {
    HostServices {
        values: Arc::new(MemoryStore::default()),
        asks_response: Arc::new(|_, _| false),
        message_ids: Arc::new(|| MessageId::from_uuid(Uuid::from_u128(7))),
        http: Arc::new(NoHttpClient),
        stage: None,
    }
}

fn plugin() -> Result<PluginRef> {
    Ok(PluginRef {
        tenant: "acme".parse()?,
        name: PluginName::new("offers")?,
    })
}

fn job(body: String) -> Result<ClaimedJob> {
    let event = Event {
        id: "0198c0de-0000-7000-8000-000000000001".parse()?,
        source: SourceRef {
            tenant: "acme".parse()?,
            name: "offers".parse()?,
        },
        provider: PROVIDER.into(),
        event_type: Some(EVENT_TYPE.into()),
        key: "a1b2c3d4-e5f6-7890-abcd-ef1234567890".into(),
        key_window: Duration::from_secs(86_400),
        received_at: Timestamp::from_unix_millis(1_780_000_000_123),
        headers: Vec::new(),
        body: Bytes::from(body),
        payload: Payload::Body,
        ordering_key: None,
    };

    Ok(ClaimedJob {
        lease: JobLease {
            event: event.id,
            plugin: plugin()?,
            replays: 0,
            attempt: 1,
            token: LeaseToken::from_u128(0),
        },
        since: event.received_at,
        due: event.received_at,
        event: Arc::new(event),
        revision: None,
        spared: 0,
    })
}

/// A clock that always shows one second after 1970.
struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(1_000)
    }
}
