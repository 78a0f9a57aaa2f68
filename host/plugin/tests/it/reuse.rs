//! Instances that handle several events: what persists, and what begins anew for each attempt.

use std::sync::Arc;
use std::time::Duration;

use hookyard_dispatch::{AttemptResult, Runner as _};
use hookyard_model::{Outcome, PluginRef};
use hookyard_plugin::{
    Catalog, Contracts, Engine, InstanceReuse, Limits, LoadRequest, LoadedPlugin,
};
use hookyard_store::ClaimedJob;

use crate::guests::{Guest, TYPED};
use crate::support::*;

/// The guest counts its events in a global, and rejects each with the number. On the second attempt
/// for an event it traps, on the third it loops.
const COUNTER: Guest<'static> = Guest {
    core: "(global $n (mut i32) (i32.const 48))",
    handle: "
      (if (i32.eq (local.get $attempt) (i32.const 2)) (then unreachable))
      (if (i32.eq (local.get $attempt) (i32.const 3)) (then (loop (br 0))))
      (global.set $n (i32.add (global.get $n) (i32.const 1)))
      (i32.store8 (i32.const 16) (global.get $n))
      (call $reject (i32.const 16) (i32.const 1))",
    ..TYPED
};

const REUSE: InstanceReuse = InstanceReuse {
    events: 1000,
    idle: Duration::from_secs(60),
};

fn load(
    engine: &Arc<Engine>,
    plugin: PluginRef,
    component: &[u8],
    (limits, reuse): (Limits, InstanceReuse),
) -> Arc<LoadedPlugin> {
    let request = LoadRequest {
        plugin,
        bytes: component,
        contracts: Contracts::clone(&contracts()),
        limits,
        grants: Arc::new(grants()),
        config: Arc::default(),
        record_bytes_max: 0,
        reuse,
    };
    Arc::new(engine.load(request).expect("it loads"))
}

fn named(name: &str) -> PluginRef {
    PluginRef {
        name: name.parse().expect("a name"),
        ..plugin()
    }
}

fn limits() -> Limits {
    Limits {
        cpu_max: Duration::from_millis(100),
        ..Limits::default()
    }
}

/// Returns a catalog in which the counter is active, and its engine, which has two slots.
fn counting(reuse: InstanceReuse) -> (Catalog, Arc<Engine>) {
    let (catalog, engine) = (Catalog::new(services()), engine());
    catalog.activate(load(&engine, plugin(), &COUNTER.build(), (limits(), reuse)));
    (catalog, engine)
}

fn attempt_number(attempt: u32) -> ClaimedJob {
    let mut job = job(Some("other"), "{}");
    job.lease.attempt = attempt;
    job
}

async fn run(catalog: &Catalog, job: &ClaimedJob) -> AttemptResult {
    catalog.run(job).await.expect("the plugin is active")
}

/// Runs an attempt, and returns the number that the guest rejects with.
async fn count(catalog: &Catalog) -> String {
    match run(catalog, &attempt_number(1)).await.outcome {
        Outcome::Rejected { reason } => reason,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn instance_handles_its_number_of_events() {
    let (catalog, _engine) = counting(InstanceReuse { events: 3, ..REUSE });
    for expected in ["1", "2", "3", "1", "2"] {
        assert_eq!(count(&catalog).await, expected);
    }

    let (catalog, _engine) = counting(InstanceReuse::default());
    for _ in 0..3 {
        assert_eq!(count(&catalog).await, "1", "reuse is off by default");
    }
}

#[tokio::test]
async fn failed_instance_is_given_up() {
    let (catalog, _engine) = counting(REUSE);
    for (attempt, expected) in [(2, "trapped"), (3, "timed-out")] {
        assert_eq!(count(&catalog).await, "1");
        assert_eq!(count(&catalog).await, "2");
        let failed = run(&catalog, &attempt_number(attempt)).await;
        assert_eq!(failed.outcome.name(), expected);
    }
    assert_eq!(count(&catalog).await, "1");
}

#[tokio::test]
async fn revisions_share_no_instance() {
    let (catalog, engine) = counting(REUSE);
    assert_eq!(count(&catalog).await, "1");
    assert_eq!(count(&catalog).await, "2");
    let again = load(&engine, plugin(), &COUNTER.build(), (limits(), REUSE));
    let first = catalog.activate(again).expect("it was active");
    assert_eq!(count(&catalog).await, "1");
    catalog.activate(first);
    assert_eq!(count(&catalog).await, "1", "its instances were given up");
}

#[tokio::test]
async fn replays_and_rehearsals_have_fresh_instances() {
    let (catalog, engine) = counting(REUSE);
    assert_eq!(count(&catalog).await, "1");

    let mut replay = attempt_number(1);
    replay.lease.replays = 1;
    let rejected = |reason: &str| Outcome::Rejected {
        reason: reason.into(),
    };
    assert_eq!(run(&catalog, &replay).await.outcome, rejected("1"));
    let loaded = load(&engine, plugin(), &COUNTER.build(), (limits(), REUSE));
    for _ in 0..2 {
        let rehearsed = loaded.rehearse(attempt_number(1), services()).await;
        assert_eq!(rehearsed.expect("no host fault").outcome, rejected("1"));
    }
    assert_eq!(count(&catalog).await, "2");
}

#[tokio::test]
async fn idle_instance_gives_way_to_other_plugins() {
    let (catalog, engine) = counting(REUSE);
    for name in ["second", "third", "fourth"] {
        let loaded = load(&engine, named(name), &COUNTER.build(), (limits(), REUSE));
        catalog.activate(loaded);
    }
    let of = |name: &str| {
        let mut job = attempt_number(1);
        job.lease.plugin = named(name);
        job
    };

    assert_eq!(count(&catalog).await, "1");
    for name in ["second", "third", "fourth"] {
        let job = of(name);
        let run = tokio::time::timeout(Duration::from_secs(5), run(&catalog, &job));
        let result = run.await.expect("the two slots are not kept");
        assert_eq!(result.outcome, rejected("1"));
    }
    assert_eq!(count(&catalog).await, "1", "its instance was given up");
}

#[tokio::test]
async fn idle_instance_expires() {
    let (catalog, _engine) = counting(InstanceReuse {
        idle: Duration::from_millis(20),
        ..REUSE
    });
    assert_eq!(count(&catalog).await, "1");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(count(&catalog).await, "1");
}

#[tokio::test]
async fn attempts_at_once_have_their_own_instances() {
    let (catalog, _engine) = counting(REUSE);
    let job = attempt_number(1);
    let (one, two) = tokio::join!(run(&catalog, &job), run(&catalog, &job));
    let mut total = 0;
    for result in [one, two] {
        let Outcome::Rejected { reason } = result.outcome else {
            panic!("{}", result.outcome);
        };
        total += reason.parse::<u32>().expect("a number");
    }
    // One after the other in one instance, or each in an instance of its own.
    assert!(total == 2 || total == 3, "{total}");
}

#[tokio::test]
async fn instance_with_much_memory_is_given_up() {
    let grows = Guest {
        imports: "(core module $m2 (import \"libc\" \"memory\" (memory 1))
            (func (export \"grow\") (drop (memory.grow (i32.const 1)))))
          (core instance $grow (instantiate $m2 (with \"libc\" (instance $libc))))",
        host: [
            "(import \"grow\" \"grow\" (func $grow))",
            "(with \"grow\" (instance $grow))",
        ],
        handle: "(call $grow)
          (global.set $n (i32.add (global.get $n) (i32.const 1)))
          (i32.store8 (i32.const 16) (global.get $n))
          (call $reject (i32.const 16) (i32.const 1))",
        ..COUNTER
    };
    let limits = Limits {
        memory_max: 8 * 65_536,
        ..limits()
    };
    let (catalog, engine) = (Catalog::new(services()), engine());
    catalog.activate(load(&engine, plugin(), &grows.build(), (limits, REUSE)));

    // It begins with one page, and half of eight pages may stay.
    for (expected, pages) in [("1", 2), ("2", 3), ("3", 4), ("4", 5), ("1", 2)] {
        let result = run(&catalog, &attempt_number(1)).await;
        assert_eq!(result.outcome, rejected(expected));
        assert_eq!(result.measures.memory_bytes, pages * 65_536);
    }
}

#[tokio::test]
async fn log_and_counts_begin_anew() {
    let component = crate::capability::logger(
        "@0.1.0-draft",
        "(call $log (i32.const 2) (i32.const 16) (i32.const 6) (i32.const 32) (i32.const 5)) (call $ok)",
    );
    let limits = Limits {
        host_calls_max: 2,
        log_lines_max: 1,
        ..limits()
    };
    let (catalog, engine) = (Catalog::new(services()), engine());
    catalog.activate(load(&engine, plugin(), &component, (limits, REUSE)));

    let job = job(Some("order:paid"), r#"{"id":"order-1","amount":1}"#);
    for _ in 0..5 {
        let result = run(&catalog, &job).await;
        assert_eq!(result.outcome, Outcome::Done);
        assert_eq!(result.measures.host_calls, 1);
        let lines: Vec<_> = result.log.iter().map(|line| &*line.text).collect();
        assert_eq!(lines, ["orders: it is"]);
    }
}
