//! Loading of components: accepted components, refusals, and the cache of compiled code.

use crate::guests::{Guest, MESSAGE, ORDERS, TYPED, UNTYPED, with_second_export};
use crate::support::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hookyard_dispatch::RunError;
use hookyard_dispatch::Runner as _;
use hookyard_model::{Outcome, TimeLimit};
use hookyard_plugin::HandlerKind;
use hookyard_plugin::{Catalog, CompilerMode, Config, Engine, Limits};
use hookyard_store::ClaimedJob;

/// Loads a component and compares its handlers or the whole refusal.
#[track_caller]
fn check(component: &[u8], expected: Result<&[&str], &str>) {
    let loaded = load_with(&engine(), component, Limits::default());
    let handlers = loaded.map(|it| {
        it.handlers()
            .iter()
            .map(HandlerKind::to_string)
            .collect::<Vec<_>>()
    });
    let expected = expected.map(|names| {
        names
            .iter()
            .map(|&name| name.to_owned())
            .collect::<Vec<_>>()
    });
    assert_eq!(
        handlers.map_err(|error| error.to_string()),
        expected.map_err(str::to_owned)
    );
}

fn parsed(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn handlers_are_found_by_reflection() {
    check(&ORDERS.build(), Ok(&["topper:webhooks/handler@1.0.0"]));
    check(&UNTYPED.build(), Ok(&["untyped"]));
    check(
        &Guest {
            export: "topper:webhooks/orders",
            ..ORDERS
        }
        .build(),
        Ok(&["topper:webhooks/orders"]),
    );
    let loaded = load_with(&engine(), &ORDERS.build(), Limits::default()).expect("it loads");
    assert!(loaded.takes("topper") && !loaded.takes("tipser"));
    let loaded = load_with(&engine(), &UNTYPED.build(), Limits::default()).expect("it loads");
    assert!(loaded.takes("topper") && loaded.takes("tipser"));
}

#[test]
fn handler_of_unknown_provider_is_reported() {
    let unknown = |component: &[u8]| {
        let loaded = load_with(&engine(), component, Limits::default()).expect("it loads");
        assert_eq!(
            loaded.handlers().len(),
            1,
            "the host does not call the unknown handler"
        );
        loaded.unknown_handlers().map(str::to_owned)
    };
    assert_eq!(unknown(&ORDERS.build()), None);
    let other = "stranger:webhooks/handler@1.0.0";
    assert_eq!(
        unknown(&with_second_export(&ORDERS, other)).as_deref(),
        Some(other)
    );
}

#[test]
fn component_without_handler_is_refused() {
    let refused = |exported| {
        format!(
            "plugin acme/orders exports no handler; export hookyard:plugin/handler or the handler of a provider that \
             this host has (providers: tipser:webhooks, topper:webhooks; exported: {exported})"
        )
    };
    check(&parsed("(component)"), Err(&refused("nothing")));
    let unknown = Guest {
        export: "stranger:webhooks/handler@1.0.0",
        ..ORDERS
    }
    .build();
    check(&unknown, Err(&refused("stranger:webhooks/handler@1.0.0")));
    // The package is Hookyard's, but the interface is not a handler.
    let types = Guest {
        export: "hookyard:plugin/responder@1.0.0",
        ..ORDERS
    }
    .build();
    check(&types, Err(&refused("hookyard:plugin/responder@1.0.0")));
}

#[test]
fn uncallable_handlers_are_refused() {
    let case = |types: &'static str| Guest { types, ..TYPED };
    let refused = |export: &str, reason: &str| {
        format!("plugin acme/orders exports {export}, which cannot be called: {reason}")
    };
    let typed = "topper:webhooks/handler@1.0.0";
    let wanted =
        "expected handle: func(delivery: delivery, event-or-message) -> result<_, failure>";
    for (guest, parameters, expected) in [
        (
            Guest {
                result: "(result u32 (error $failure))",
                ..ORDERS
            },
            "i32 i32 i32 i32 i64",
            refused(
                typed,
                &format!(
                    "its `handle` returns another type; {wanted} as hookyard:plugin/types has it"
                ),
            ),
        ),
        (
            Guest {
                delivery: r#"(field "attempt" u32) (field "region" u8)"#,
                ..ORDERS
            },
            "i32 i32 i32 i32 i32 i64",
            refused(
                typed,
                "delivery.region cannot be decoded: this host does not know this field; make it an option",
            ),
        ),
        (
            Guest {
                delivery: r#"(field "attempt" string)"#,
                ..ORDERS
            },
            "i32 i32 i32 i32 i32 i64",
            refused(
                typed,
                "delivery.attempt cannot be decoded: this host provides it as u32",
            ),
        ),
        (
            Guest {
                delivery: r#"(field "event-type" string)"#,
                ..ORDERS
            },
            "i32 i32 i32 i32 i32 i64",
            refused(
                typed,
                "delivery.event-type cannot be decoded: it is not known for every event; make it an option",
            ),
        ),
        (
            Guest {
                types: r#"(type $event' (record (field "a" u8)))"#,
                ..ORDERS
            },
            "i32 i32",
            refused(typed, "event cannot be decoded: it is not a variant"),
        ),
        (
            case(
                r#"(type $r' (record (field "line1" u8) (field "line-1" u8))) (export "r" (type $r (eq $r')))
                 (type $event' (variant (case "paid" $r)))"#,
            ),
            "i32 i32 i32 i32",
            refused(
                typed,
                "event.paid cannot be decoded: `line1` and `line-1` are the same name to a sender; rename one of them",
            ),
        ),
        (
            case(
                r#"(export "door" (type $door (sub resource))) (type $event' (variant (case "paid" (list (own $door)))))"#,
            ),
            "i32 i32 i32 i32",
            refused(
                typed,
                "event.paid[] cannot be decoded: it is a resource, which cannot be made from JSON",
            ),
        ),
        (
            Guest {
                types: r#"(type $event' (record (field "body" string)))"#,
                ..UNTYPED
            },
            "i32",
            refused(
                "hookyard:plugin/handler@0.1.0",
                "message.body cannot be decoded: this host provides it as list<u8>",
            ),
        ),
        (
            Guest {
                delivery: r#"(field "shard" u8)"#,
                types: MESSAGE,
                ..UNTYPED
            },
            "i32 i32 i32 i32 i32",
            refused(
                "hookyard:plugin/handler@0.1.0",
                "delivery.shard cannot be decoded: this host does not know this field; make it an option",
            ),
        ),
    ] {
        let parameters = format!("(param {parameters})");
        check(
            &Guest {
                parameters: &parameters,
                handle: "unreachable",
                ..guest
            }
            .build(),
            Err(&expected),
        );
    }
}

#[test]
fn file_without_component_is_refused() {
    let core = parsed("(module)");
    check(
        &core,
        Err(
            "plugin acme/orders is a core module without types, not a WebAssembly component; build it with `hookyard \
             build`, or add its types with `wasm-tools component embed wit --world plugin` (for Rust: use wit-bindgen \
             and --target wasm32-wasip2)",
        ),
    );
    let mut cut = ORDERS.build();
    cut.truncate(cut.len() / 2);
    let mut flipped = ORDERS.build();
    let middle = flipped.len() / 2;
    flipped[middle..middle + 16].fill(0xff);
    for broken in [cut, flipped] {
        let error = load_with(&engine(), &broken, Limits::default())
            .expect_err("a broken component")
            .to_string();
        assert!(
            error.starts_with("plugin acme/orders is not a component that this host can compile ("),
            "{error}"
        );
        assert!(!error.contains('\n'), "{error}");
    }
    let large = Guest {
        core: "",
        imports: "(core module $big (memory 20)) (core instance (instantiate $big))",
        ..ORDERS
    };
    let limits = Limits {
        memory_max: 1 << 20,
        ..Limits::default()
    };
    let error = load_with(&engine(), &large.build(), limits)
        .expect_err("too large")
        .to_string();
    let expected = "plugin acme/orders needs 1310720 bytes of memory to start with and may have 1048576; raise its memory_max, \
                    or build it with a smaller stack";
    assert_eq!(error, expected);
}

#[tokio::test]
async fn engine_without_pool_runs_on_the_heap() {
    // A pool of this size does not fit into 48 bits of address space.
    let config = Config {
        instances_max: 100_000,
        ..Config::new(Arc::new(FixedClock), CompilerMode::InProcess)
    };
    let engine = Engine::new(config).expect("an engine");
    assert!(!engine.is_pooled());
    let loaded =
        Arc::new(load_with(&engine, &ORDERS.build(), Limits::default()).expect("it loads"));
    let event = job(Some("order:paid"), r#"{"id":"order-1","amount":1}"#);
    assert_eq!(
        loaded
            .rehearse(event.clone(), services())
            .await
            .expect("no host fault")
            .outcome,
        rejected("order-1")
    );
}

#[tokio::test]
async fn attempts_wait_for_free_slots() {
    // The engine has two slots, and each attempt holds its slot for a while.
    let engine = engine();
    let limits = Limits {
        cpu_max: Duration::from_millis(20),
        ..Limits::default()
    };
    let guest = Guest {
        handle: "(loop $again (br $again)) unreachable",
        ..ORDERS
    }
    .build();
    let loaded = Arc::new(load_with(&engine, &guest, limits.clone()).expect("it loads"));
    let attempts: Vec<_> = (0..6)
        .map(|_| {
            let loaded = Arc::clone(&loaded);
            tokio::spawn(async move {
                loaded
                    .rehearse(job(None, "{}"), services())
                    .await
                    .expect("no host fault")
                    .outcome
            })
        })
        .collect();
    for attempt in attempts {
        assert_eq!(
            attempt.await.expect("no panic"),
            Outcome::TimedOut {
                limit: TimeLimit::Cpu,
                max: limits.cpu_max
            }
        );
    }
}

/// Returns the files of compiled code in a cache.
fn entries(cache: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(cache).expect("to list");
    let paths = entries.map(|entry| entry.expect("to list").path());
    paths.filter(|path| path.is_file()).collect()
}

#[tokio::test]
async fn compiled_code_is_cached_and_verified() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = || {
        let cache_folder = Some(folder.path().to_owned());
        Engine::new(Config {
            cache_folder,
            ..Config::new(Arc::new(FixedClock), CompilerMode::InProcess)
        })
        .expect("an engine")
    };
    let entry = || {
        let mut entries = entries(folder.path());
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries.pop().expect("one")
    };
    let event = job(Some("order:paid"), r#"{"id":"order-1","amount":1}"#);
    let works = async |engine: Arc<Engine>| {
        let loaded =
            Arc::new(load_with(&engine, &ORDERS.build(), Limits::default()).expect("it loads"));
        assert_eq!(
            loaded
                .rehearse(event.clone(), services())
                .await
                .expect("no host fault")
                .outcome,
            rejected("order-1")
        );
    };
    works(engine()).await;
    let code = std::fs::read(entry()).expect("the entry");
    works(engine()).await;
    assert_eq!(std::fs::read(entry()).expect("the entry"), code);

    let garbage = [&[0; 32][..], b"garbage"].concat();
    // An entry of another build of the host could be garbage with the right digest.
    let signed = [
        b"garbage",
        &<[u8; 32]>::from(<sha2::Sha256 as sha2::Digest>::digest(b"garbage"))[..],
    ]
    .concat();
    for damaged in [&code[..code.len() - 1], b"", &garbage, &signed] {
        std::fs::write(entry(), damaged).expect("to damage it");
        works(engine()).await;
        assert_eq!(std::fs::read(entry()).expect("the entry").len(), code.len());
    }
}

#[tokio::test]
async fn mapped_code_outlives_its_entry() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Engine::new(Config {
        cache_folder: Some(folder.path().to_owned()),
        ..Config::new(Arc::new(FixedClock), CompilerMode::InProcess)
    })
    .expect("an engine");
    let load = || load_with(&engine, &ORDERS.build(), Limits::default()).expect("it loads");
    let (first, event) = (
        Arc::new(load()),
        job(Some("order:paid"), r#"{"id":"order-1","amount":1}"#),
    );
    let maps = std::fs::read_to_string("/proc/self/maps").expect("the mappings");
    assert!(
        maps.contains(&*folder.path().to_string_lossy()),
        "the code is mapped from its entry"
    );

    for entry in entries(folder.path()) {
        std::fs::remove_file(entry).expect("to remove it");
    }
    let second = Arc::new(load());
    for loaded in [first, second] {
        let result = loaded.rehearse(event.clone(), services()).await;
        assert_eq!(result.expect("no host fault").outcome, rejected("order-1"));
    }
}

#[tokio::test]
async fn running_attempt_keeps_its_revision() {
    let engine = engine();
    let catalog = Arc::new(Catalog::new(services()));
    let load = |guest: Guest<'_>, limits| {
        Arc::new(load_with(&engine, &guest.build(), limits).expect("it loads"))
    };
    let slow_limits = Limits {
        cpu_max: Duration::from_millis(400),
        ..Limits::default()
    };
    let old = load(
        Guest {
            handle: "(loop $again (br $again)) unreachable",
            ..ORDERS
        },
        slow_limits.clone(),
    );
    let new = load(
        ORDERS,
        Limits {
            concurrency: 5,
            ..Limits::default()
        },
    );
    assert_ne!(old.revision(), new.revision());
    let event = job(Some("order:paid"), r#"{"id":"order-1","amount":1}"#);

    assert_eq!(catalog.run(&event).await, Err(RunError::NotLoaded));
    assert!(catalog.activate(Arc::clone(&old)).is_none());
    catalog.changed().await;
    let slow = catalog.run(&event);
    tokio::pin!(slow);
    tokio::select! {
        biased;
        ran = &mut slow => panic!("it ended within one turn: {ran:?}"),
        () = std::future::ready(()) => {}
    }
    let before = catalog.activate(Arc::clone(&new)).expect("the old one");
    assert_eq!(before.revision(), old.revision());
    catalog.changed().await;
    let active = catalog.active();
    assert_eq!(
        (active[0].plugin.clone(), active[0].concurrency),
        (plugin(), 5)
    );

    let quick = catalog.run(&event).await.expect("it runs");
    assert_eq!(
        (quick.revision, quick.outcome),
        (new.revision(), rejected("order-1"))
    );
    let slow = slow.await.expect("it ran");
    assert_eq!(
        (slow.revision, slow.outcome),
        (
            old.revision(),
            Outcome::TimedOut {
                limit: TimeLimit::Cpu,
                max: slow_limits.cpu_max
            }
        )
    );

    assert!(catalog.remove(&plugin()).is_some());
    assert!(catalog.run(&event).await == Err(RunError::NotLoaded) && catalog.list().is_empty());
}

/// Returns a guest that rejects with this letter.
fn letter(letter: &str) -> Vec<u8> {
    let core = format!(r#"(data (i32.const 16) "{letter}")"#);
    Guest {
        core: &core,
        handle: "(call $reject (i32.const 16) (i32.const 1))",
        ..ORDERS
    }
    .build()
}

#[tokio::test]
async fn replay_runs_the_named_revision() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = |cache_folder| {
        Engine::new(Config {
            cache_folder,
            ..Config::new(Arc::new(FixedClock), CompilerMode::InProcess)
        })
        .expect("one")
    };
    let event = job(Some("order:paid"), r#"{"id":"order-1","amount":1}"#);
    let named = |revision| ClaimedJob {
        revision: Some(revision),
        ..event.clone()
    };
    let run = async |catalog: &Catalog, revision| {
        let ran = catalog
            .run(&named(revision))
            .await
            .expect("the plugin is active");
        assert_eq!(
            ran.revision, revision,
            "the attempt records the named revision"
        );
        ran.outcome
    };
    let letters = ["a", "b", "c", "d", "e", "f"];

    // Without a cache, the engine keeps the last few revisions.
    let (catalog, bare) = (Catalog::new(services()), engine(None));
    let mut revisions = Vec::new();
    for name in letters {
        let loaded = load_with(&bare, &letter(name), Limits::default()).expect("it loads");
        revisions.push(loaded.revision());
        catalog.activate(Arc::new(loaded));
    }
    for (name, revision) in letters.into_iter().zip(&revisions).skip(2) {
        assert_eq!(run(&catalog, *revision).await, rejected(name));
    }
    let gone = format!(
        "revision {}, which the replay names, is no longer kept; replay on the active revision, or drop that revision's \
         file in first",
        revisions[0]
    );
    assert_eq!(run(&catalog, revisions[0]).await, rejected(&gone));
    assert_eq!(
        catalog.run(&event).await.expect("it runs").outcome,
        rejected("f")
    );

    // With a cache, every cached revision can run, also in a later process.
    let cached = || engine(Some(folder.path().to_owned()));
    letters.iter().for_each(|name| {
        drop(load_with(&cached(), &letter(name), Limits::default()).expect("it loads"))
    });
    let catalog = Catalog::new(services());
    catalog.activate(Arc::new(
        load_with(&cached(), &letter("f"), Limits::default()).expect("it loads"),
    ));
    for _ in 0..2 {
        for (name, revision) in letters.into_iter().zip(&revisions) {
            assert_eq!(run(&catalog, *revision).await, rejected(name));
        }
    }
}
