//! What large script engines cost: the memory of many plugins, each with an engine of its own, and the
//! time of an attempt in a fresh instance, in a snapshot and in a reused instance.
//!
//! A small engine in CI. `COMPONENT=python.wasm COPIES=50 cargo test -p hookyard-plugin --test
//! engines -- --nocapture` is the long form, whose figures are in `docs/isolation.md`: the component
//! must export the untyped handler. A separate process, so that nothing else is measured.

#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fmt, fs};

use hookyard_dispatch::Runner as _;
use hookyard_hostile::{Guest, HARMLESS};
use hookyard_model::{
    Clock, Event, EventId, MessageId, Outcome, Payload, PluginRef, SourceRef, Timestamp,
};
use hookyard_plugin::{
    Catalog, CompilerMode, Config, Contracts, Engine, Grants, HostServices, InstanceReuse, Limits,
    LoadRequest, LoadedPlugin, NoHttpClient, revision_of,
};
use hookyard_store::{ClaimedJob, JobLease, LeaseToken};
use hookyard_store_testing::MemoryStore;

/// The functions of the engine that the short form runs.
const FUNCTIONS: usize = 4_000;
/// The attempts whose processor time is measured.
const ATTEMPTS: usize = 50;
/// The variable that names the folder of compiled code to the process that compiles.
const FOLDER: &str = "ENGINES_CACHE_FOLDER";

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(1_000)
    }
}

/// The memory of this process, in KiB.
#[derive(Debug, Clone, Copy)]
struct Memory {
    resident: u64,
    /// Everything except pages of files, which the system can drop.
    anonymous: u64,
}

impl Memory {
    fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").expect("procfs");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let size = line.expect("a size").trim().trim_end_matches(" kB");
            size.parse().expect("a number")
        };
        Self {
            resident: field("VmRSS:"),
            anonymous: field("RssAnon:"),
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            resident,
            anonymous,
        } = self;
        write!(f, "{resident} KiB resident, {anonymous} KiB anonymous")
    }
}

/// Returns a component with many functions, which handles every event.
fn large() -> Vec<u8> {
    let function = |n: usize| {
        format!(
            "(func (export \"f{n}\") (param i64) (result i64)
               (i64.mul (i64.add (local.get 0) (i64.const {n})) (i64.xor (local.get 0) (i64.const {n}))))"
        )
    };
    let functions: String = (0..FUNCTIONS).map(function).collect();
    let imports = format!("(core module $large {functions}) (core instance (instantiate $large))");
    Guest {
        imports: &imports,
        ..HARMLESS
    }
    .build()
}

/// Returns the component with a custom section, which makes it another revision.
fn copy(component: &[u8], number: u8) -> Vec<u8> {
    [component, &[0, 3, 1, b'n', number]].concat()
}

fn entry(folder: &Path) -> PathBuf {
    let mut entries = fs::read_dir(folder).expect("to list");
    entries.next().expect("an entry").expect("to list").path()
}

/// Adds an entry for each copy, as if each had been compiled: the code is the same.
fn add_entries(folder: &Path, component: &[u8], copies: u8) {
    let compiled = entry(folder);
    let name = compiled.file_name().expect("a name").to_string_lossy();
    for number in 1..copies {
        let (of, to) = (copy(component, 0), copy(component, number));
        let name = name.replace(&revision_of(&of).to_string(), &revision_of(&to).to_string());
        fs::copy(&compiled, folder.join(name)).expect("to copy it");
    }
}

fn load(engine: &Arc<Engine>, component: &[u8], number: u8) -> Arc<LoadedPlugin> {
    load_with(engine, component, number, InstanceReuse::default())
}

fn load_with(
    engine: &Arc<Engine>,
    component: &[u8],
    number: u8,
    reuse: InstanceReuse,
) -> Arc<LoadedPlugin> {
    let request = LoadRequest {
        plugin: plugin(number),
        bytes: &copy(component, number),
        contracts: Contracts::default(),
        limits: Limits {
            cpu_max: Duration::from_secs(10),
            ..Limits::default()
        },
        grants: Arc::new(Grants::default()),
        config: Arc::default(),
        record_bytes_max: 0,
        reuse,
    };
    let loaded = engine.load(request);
    Arc::new(loaded.unwrap_or_else(|error| panic!("{error}")))
}

fn plugin(number: u8) -> PluginRef {
    PluginRef {
        tenant: format!("tenant-{number}").parse().expect("a name"),
        name: "script".parse().expect("a name"),
    }
}

fn job(plugin: PluginRef) -> ClaimedJob {
    let event = Event {
        id: "0198c0de-0000-7000-8000-000000000001"
            .parse::<EventId>()
            .expect("an id"),
        source: SourceRef {
            tenant: plugin.tenant.clone(),
            name: "in".parse().expect("a name"),
        },
        provider: "topper".into(),
        event_type: None,
        key: "key".into(),
        received_at: Timestamp::from_unix_millis(1_000),
        headers: Vec::new(),
        body: b"{}".as_slice().into(),
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

fn services() -> HostServices {
    HostServices {
        values: Arc::new(MemoryStore::default()),
        asks_response: Arc::new(|_, _| false),
        message_ids: Arc::new(|| MessageId::from_uuid(uuid::Uuid::from_u128(7))),
        http: Arc::new(NoHttpClient),
        stage: None,
    }
}

fn component() -> Vec<u8> {
    match std::env::var_os("COMPONENT") {
        Some(path) => fs::read(path).expect("a component"),
        None => large(),
    }
}

fn engine(folder: &Path) -> Arc<Engine> {
    Engine::new(Config {
        instances_max: 2,
        cache_folder: Some(folder.to_owned()),
        ..Config::new(Arc::new(FixedClock), CompilerMode::InProcess)
    })
    .expect("an engine")
}

/// Compiles the component in another process: the memory of the compiler would be measured as well.
fn compile_elsewhere(folder: &Path) {
    let began = Instant::now();
    let status = Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", "component_is_compiled", "--ignored"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .status();
    assert!(status.expect("a process").success());
    println!("compiled in {:?}", began.elapsed());
}

/// Returns the lowest processor time of an attempt.
async fn attempt_time(loaded: &Arc<LoadedPlugin>) -> Duration {
    let catalog = Catalog::new(services());
    catalog.activate(Arc::clone(loaded));
    let job = job(loaded.plugin().clone());

    let mut lowest = Duration::MAX;
    for _ in 0..ATTEMPTS {
        let result = catalog.run(&job).await.expect("the plugin is active");
        assert_eq!(result.outcome, Outcome::Done);
        lowest = lowest.min(result.measures.cpu);
    }
    lowest
}

#[test]
#[ignore = "the other test runs it in another process"]
fn component_is_compiled() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("a folder"));
    load(&engine(&folder), &component(), 0);
    assert!(entry(&folder).is_file());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_engines_share_no_private_memory() {
    let copies = std::env::var("COPIES").map_or(8, |copies| copies.parse().expect("a number"));
    let component = component();
    let folder = tempfile::tempdir().expect("a folder");
    compile_elsewhere(folder.path());
    add_entries(folder.path(), &component, copies);
    let code = fs::metadata(entry(folder.path())).expect("an entry").len() >> 10;

    let engine = engine(folder.path());
    let before = Memory::now();
    let mut loaded = vec![load(&engine, &component, 0)];
    let first = Memory::now();
    for number in 1..copies {
        loaded.push(load(&engine, &component, number));
    }
    let all = Memory::now();
    let began = Instant::now();
    for plugin in &loaded {
        let result = plugin
            .rehearse(job(plugin.plugin().clone()), services())
            .await;
        assert_eq!(result.expect("no host fault").outcome, Outcome::Done);
    }
    let time = began.elapsed() / u32::from(copies);
    let used = Memory::now();

    println!("component: {} KiB, code: {code} KiB", component.len() >> 10);
    println!("no plugin: {before}");
    println!("1 plugin: {first}");
    println!("{copies} plugins: {all}");
    println!("{copies} plugins after an event each: {used}; an event took {time:?}");
    let each = used.anonymous.saturating_sub(first.anonymous) / u64::from(copies - 1);
    println!("private memory of a plugin: {each} KiB");

    let reuse = InstanceReuse {
        events: 1000,
        idle: Duration::from_secs(60),
    };
    let fresh = attempt_time(&loaded[0]).await;
    let reused = attempt_time(&load_with(&engine, &component, 0, reuse)).await;
    println!("processor time of an attempt: fresh {fresh:?}, reused {reused:?}");
    assert!(reused < fresh, "fresh {fresh:?}, reused {reused:?}");
    assert!(
        each < code / 2,
        "a plugin takes {each} KiB of its own, and has {code} KiB of code"
    );
}

#[tokio::test]
async fn snapshot_saves_the_initialization() {
    // The table has half a megabyte.
    let core = "(func $fill (export \"fill\") (local $at i32)
        (if (i32.lt_u (memory.size) (i32.const 16)) (then (drop (memory.grow (i32.const 15)))))
        (local.set $at (i32.const 65536))
        (loop $next
          (i32.store (local.get $at) (i32.mul (local.get $at) (local.get $at)))
          (local.set $at (i32.add (local.get $at) (i32.const 4)))
          (br_if $next (i32.lt_u (local.get $at) (i32.const 600000)))))";
    let each_time = Guest {
        core,
        handle: "(call $fill) (call $ok)",
        ..HARMLESS
    };
    let once = Guest {
        core,
        handle: "(if (i32.eqz (i32.load (i32.const 599996))) (then unreachable)) (call $ok)",
        rest: "(func $fill (canon lift (core func $i \"fill\")))
               (export \"wizer-initialize\" (func $fill))",
        ..HARMLESS
    };

    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(folder.path());
    let each_time = attempt_time(&load(&engine, &each_time.build(), 0)).await;
    let once = attempt_time(&load(&engine, &once.build(), 1)).await;
    println!("processor time of an attempt: initialized each time {each_time:?}, once {once:?}");
    assert!(once < each_time, "each time {each_time:?}, once {once:?}");
}
