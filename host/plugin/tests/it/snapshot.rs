//! Components that initialize themselves once, when they are released.

use std::sync::Arc;
use std::time::Duration;

use hookyard_model::Outcome;
use hookyard_plugin::{CompilerMode, Config, Engine, Limits, LoadedPlugin};

use crate::guests::{Guest, TYPED};
use crate::support::*;

/// Returns a guest that initializes itself with this code, and rejects each event with the text of
/// one byte at the address 64, which it then increments.
fn initialized(code: &str) -> Vec<u8> {
    Guest {
        core: &format!(
            "(global $ready (mut i32) (i32.const 0))
             (func $initialize (export \"initialize\") {code})"
        ),
        handle: "
          (if (i32.eqz (global.get $ready)) (then unreachable))
          (i32.store8 (i32.const 16) (i32.load8_u (i32.const 64)))
          (i32.store8 (i32.const 64) (i32.add (i32.load8_u (i32.const 64)) (i32.const 1)))
          (call $reject (i32.const 16) (i32.const 1))",
        rest: "(func $initialize (canon lift (core func $i \"initialize\")))
               (export \"wizer-initialize\" (func $initialize))",
        ..TYPED
    }
    .build()
}

const READY: &str = "(global.set $ready (i32.const 1)) (i32.store8 (i32.const 64) (i32.const 65))";

async fn outcome(loaded: &Arc<LoadedPlugin>) -> Outcome {
    let job = job(Some("other"), "{}");
    let result = loaded.rehearse(job, services()).await;
    result.expect("no host fault").outcome
}

#[tokio::test]
async fn each_event_begins_with_initialized_state() {
    let loaded = load_with(&engine(), &initialized(READY), Limits::default());
    let loaded = Arc::new(loaded.expect("it loads"));
    loaded.start().expect("it starts");
    for _ in 0..3 {
        assert_eq!(
            outcome(&loaded).await,
            rejected("A"),
            "no event sees what another one left"
        );
    }
}

#[tokio::test]
async fn snapshot_is_cached() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = || {
        Engine::new(Config {
            cache_folder: Some(folder.path().to_owned()),
            ..Config::new(Arc::new(FixedClock), CompilerMode::InProcess)
        })
        .expect("an engine")
    };
    let component = initialized(READY);
    let first = load_with(&engine(), &component, Limits::default()).expect("it loads");
    drop(first);

    let reported = std::sync::atomic::AtomicBool::new(false);
    let request = hookyard_plugin::LoadRequest {
        plugin: plugin(),
        bytes: &component,
        contracts: contracts(),
        limits: Limits::default(),
        grants: Arc::new(grants()),
        config: Arc::default(),
        record_bytes_max: 0,
        reuse: Default::default(),
    };
    let engine = engine();
    let second = engine.load_with(request, &|_, _| {
        reported.store(true, std::sync::atomic::Ordering::SeqCst);
    });
    let second = Arc::new(second.expect("it loads"));
    assert!(
        !reported.into_inner(),
        "nothing was compiled or initialized"
    );
    assert_eq!(outcome(&second).await, rejected("A"));
}

#[test]
fn failing_initialization_refuses_the_component() {
    let engine = engine();
    let limits = Limits {
        cpu_max: Duration::from_millis(50),
        memory_max: 1 << 20,
        ..Limits::default()
    };
    for (code, expected) in [
        ("unreachable", "trapped: "),
        ("(loop (br 0))", "timed-out: used up cpu_max of 50ms"),
        (
            "(if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then unreachable))",
            "out-of-memory: used up memory_max of 1048576 bytes",
        ),
    ] {
        let refused = load_with(&engine, &initialized(code), limits.clone());
        let error = refused.expect_err("it is refused").fault.to_string();
        assert!(error.contains(expected), "{code}: {error}");
        assert!(
            error.contains("wizer-initialize") && !error.contains('\n'),
            "{error}"
        );
    }
}

#[test]
fn unsuitable_component_is_refused_with_reason() {
    let grows_table = Guest {
        core: "(table 1 funcref) (func $initialize (export \"initialize\")
            (drop (table.grow (ref.null func) (i32.const 1))))",
        rest: "(func $initialize (canon lift (core func $i \"initialize\")))
               (export \"wizer-initialize\" (func $initialize))",
        ..TYPED
    };
    let refused = load_with(&engine(), &grows_table.build(), Limits::default());
    let error = refused.expect_err("it is refused").fault.to_string();
    assert!(error.contains("unsupported `table.grow`"), "{error}");
}
