//! Bad files and guests that cannot start: each of them is refused with a message of one line.
//!
//! Hostile guests that load and then misbehave are tested in `src/call/tests.rs`.

use std::sync::Arc;
use std::time::Duration;

use hookyard_hostile::{RefusedFile, good, refused, truncated, unstartable};
use hookyard_plugin::{Engine, Limits, LoadError, LoadedPlugin};

use crate::support::{engine, load_with};

/// Returns small limits, so that every guest meets its limit soon.
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

/// Loads a component as the host does: on one of tokio's blocking threads, with the usual stack.
async fn load(engine: &Arc<Engine>, component: Vec<u8>) -> Result<Arc<LoadedPlugin>, LoadError> {
    let engine = Arc::clone(engine);
    let loaded =
        tokio::task::spawn_blocking(move || load_with(&engine, &component, limits())).await;
    loaded.expect("loading does not panic").map(Arc::new)
}

fn is_one_line(text: &str) -> bool {
    text.len() <= 4_096 && !text.contains(char::is_control)
}

#[tokio::test]
async fn bad_file_is_refused_in_one_line() {
    let engine = engine();
    for RefusedFile { name, file, says } in refused() {
        let refusal = load(&engine, file).await.expect_err(name).to_string();
        assert!(
            refusal.contains(says) && is_one_line(&refusal),
            "{name}: {refusal}"
        );
    }
}

#[tokio::test]
async fn unstartable_guest_is_refused_in_one_line() {
    let engine = engine();
    let harmless = load(&engine, good()).await.expect("it loads");
    harmless.start().expect("it starts");

    for RefusedFile { name, file, says } in unstartable() {
        let loaded = load(&engine, file).await.expect("it loads");
        let refusal = loaded.start().expect_err(name).to_string();
        assert!(
            refusal.contains(says) && is_one_line(&refusal),
            "{name}: {refusal}"
        );
    }
}

#[tokio::test]
async fn truncated_component_is_refused_in_one_line() {
    let engine = engine();
    for (percent, file) in (1..).zip(truncated()) {
        let loaded = load(&engine, file).await;
        let refusal = loaded.expect_err("the file is cut off").to_string();
        assert!(is_one_line(&refusal), "at {percent} %: {refusal}");
    }
}
