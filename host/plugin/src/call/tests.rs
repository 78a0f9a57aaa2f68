//! Hostile guests fail their own attempts, and guests yield to each other.
//!
//! These tests call plugins directly, since a rehearsal or a catalog would move a long call to a
//! background thread.

use std::sync::Arc;
use std::time::Duration;

use hookyard_hostile::{HostileGuest, good, running, running_named};
use hookyard_model::{Effects, Outcome};
use tokio::task::JoinSet;

use super::CallResult;
use crate::support::{engine, job, plugin};
use crate::{
    Contracts, Engine, Grants, HostServices, InstanceReuse, Limits, LoadRequest, LoadedPlugin,
};

/// Loads a component as the host does: where blocking is allowed, on a thread of tokio's with its
/// usual stack.
async fn load(engine: &Arc<Engine>, component: Vec<u8>) -> Arc<LoadedPlugin> {
    let engine = Arc::clone(engine);
    let load = move || {
        engine.load(LoadRequest {
            plugin: plugin(),
            bytes: &component,
            contracts: Contracts::default(),
            // Small limits, so that every guest meets its limit soon.
            limits: Limits {
                memory_max: 16 << 20,
                cpu_max: Duration::from_millis(300),
                wall_max: Duration::from_secs(2),
                host_calls_max: 2_000,
                host_bytes_max: 4 << 20,
                ..Limits::default()
            },
            grants: Arc::new(Grants {
                keyvalue: true,
                ..Grants::default()
            }),
            config: Arc::default(),
            record_bytes_max: 0,
            reuse: InstanceReuse::default(),
        })
    };

    let loaded = tokio::task::spawn_blocking(load).await;
    let loaded = loaded.expect("loading does not panic");
    Arc::new(loaded.unwrap_or_else(|error| panic!("{error}")))
}

async fn attempt(loaded: &LoadedPlugin) -> CallResult {
    let result = loaded.serve(&job(), &HostServices::none()).await;
    result.expect("the host does not fail")
}

async fn outcome(loaded: &LoadedPlugin) -> Outcome {
    attempt(loaded).await.outcome
}

#[tokio::test]
async fn hostile_guest_fails_its_own_attempt() {
    let engine = engine();
    let harmless = load(&engine, good()).await;

    for HostileGuest {
        name,
        component,
        outcome: expected,
        says,
    } in running()
    {
        let loaded = load(&engine, component).await;
        let result = attempt(&loaded).await;

        let text = result.outcome.to_string();
        assert_eq!(result.outcome.name(), expected, "{name}: {text}");
        assert!(text.contains(says), "{name}: {text}");
        let is_one_line = text.len() <= 4_096 && !text.contains(char::is_control);
        assert!(is_one_line, "{name}: {text}");
        assert_eq!(result.effects, Effects::default(), "{name}");
        assert_eq!(outcome(&harmless).await, Outcome::Done, "after {name}");
    }
}

#[tokio::test]
async fn looping_guest_yields_to_others() {
    let engine = engine();
    let looping = load(&engine, running_named("loop").component).await;
    let quick = load(&engine, good()).await;

    // There is one thread only, so the quick job can end first only if the loop yields.
    tokio::select! {
        biased;
        outcome = outcome(&looping) => panic!("the loop ended first: {outcome}"),
        outcome = outcome(&quick) => assert_eq!(outcome, Outcome::Done),
    }
}

#[tokio::test]
async fn harmless_guest_runs_beside_each_hostile_guest() {
    let engine = engine();
    let harmless = load(&engine, good()).await;
    let mut hostile = JoinSet::new();
    for HostileGuest {
        name,
        component,
        outcome: expected,
        ..
    } in running()
    {
        let loaded = load(&engine, component).await;
        hostile.spawn(async move { (name, expected, outcome(&loaded).await) });
    }

    // There is one thread only, so the harmless guest runs only if each of the others yields.
    while !hostile.is_empty() {
        assert_eq!(outcome(&harmless).await, Outcome::Done);
        while let Some(ended) = hostile.try_join_next() {
            let (name, expected, outcome) = ended.expect("the attempt does not panic");
            assert_eq!(outcome.name(), expected, "{name}: {outcome}");
        }
        tokio::task::yield_now().await;
    }
}
