//! Guests that mean harm: each costs its own attempt or its own load, is told in one line, and leaves others alone.

use hookyard_hostile::{Refused, Running, good, refused, running, truncated, unstartable};

use super::*;

/// Little of everything, so that each excess comes soon.
fn limits() -> Limits {
    Limits {
        memory_max: 16 << 20,
        cpu_max: Duration::from_millis(300),
        wall_max: Duration::from_secs(2),
        host_calls_max: 2_000,
        host_bytes_max: 4 << 20,
        ..Limits::default()
    }
}

/// Loads as the host does: where blocking is allowed, on a thread with the stack that tokio gives those.
async fn load(engine: &Arc<Engine>, component: Vec<u8>) -> Result<Arc<Loaded>, LoadError> {
    let engine = Arc::clone(engine);
    let loaded =
        tokio::task::spawn_blocking(move || load_with(&engine, &component, limits())).await;
    loaded.expect("no panic").map(Arc::new)
}

fn is_one_line(text: &str) -> bool {
    text.len() <= 4_096 && !text.contains(char::is_control)
}

#[tokio::test]
async fn each_hostile_guest_costs_its_own_attempt() {
    let engine = engine();
    let (good, job, parts) = (
        load(&engine, good()).await.expect("it loads"),
        job(None, "{}"),
        parts(),
    );
    for Running {
        name,
        component,
        outcome,
        says,
    } in running()
    {
        let loaded = load(&engine, component)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let ended = loaded
            .attempt(&job, &parts)
            .await
            .expect("the host is well");
        let told = ended.outcome.to_string();
        assert_eq!(ended.outcome.name(), outcome, "{name}: {told}");
        assert!(told.contains(says) && is_one_line(&told), "{name}: {told}");
        assert_eq!(ended.effects, Effects::default(), "{name}");
        assert_eq!(
            good.attempt(&job, &parts)
                .await
                .expect("the host is well")
                .outcome,
            Outcome::Done,
            "after {name}"
        );
    }
}

#[tokio::test]
async fn a_good_guest_runs_beside_each_hostile_one() {
    let engine = Engine::new(Config {
        instances_max: 64,
        ..Config::new(Arc::new(FixedClock), crate::Compiling::InProcess)
    })
    .expect("an engine");
    let (good, parts) = (load(&engine, good()).await.expect("it loads"), parts());
    let mut hostile = tokio::task::JoinSet::new();
    for Running {
        name,
        component,
        outcome,
        ..
    } in running()
    {
        let (loaded, parts) = (
            load(&engine, component).await.expect("it loads"),
            parts.clone(),
        );
        hostile.spawn(async move {
            (
                name,
                outcome,
                loaded
                    .attempt(&job(None, "{}"), &parts)
                    .await
                    .expect("the host is well")
                    .outcome,
            )
        });
    }
    // One thread only: the good one comes to its turn only if each of the others gives way.
    while !hostile.is_empty() {
        assert_eq!(
            good.attempt(&job(None, "{}"), &parts)
                .await
                .expect("the host is well")
                .outcome,
            Outcome::Done
        );
        while let Some(ended) = hostile.try_join_next() {
            let (name, expected, outcome) = ended.expect("no panic");
            assert_eq!(outcome.name(), expected, "{name}: {outcome}");
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_must_not_be_loaded_is_refused_in_a_line() {
    let engine = engine();
    for Refused { name, file, says } in refused() {
        let refusal = load(&engine, file).await.expect_err(name).to_string();
        assert!(
            refusal.contains(says) && is_one_line(&refusal),
            "{name}: {refusal}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_started_is_refused_in_a_line() {
    let engine = engine();
    load(&engine, good())
        .await
        .expect("it loads")
        .start()
        .expect("it starts");
    for Refused { name, file, says } in unstartable() {
        let refusal = load(&engine, file)
            .await
            .expect("it loads")
            .start()
            .expect_err(name)
            .to_string();
        assert!(
            refusal.contains(says) && is_one_line(&refusal),
            "{name}: {refusal}"
        );
    }
}

#[tokio::test]
async fn a_component_cut_off_anywhere_is_refused_in_a_line() {
    let engine = engine();
    for (percent, file) in (1..).zip(truncated()) {
        let refusal = load(&engine, file)
            .await
            .expect_err("it is cut off")
            .to_string();
        assert!(is_one_line(&refusal), "at {percent} %: {refusal}");
    }
}
