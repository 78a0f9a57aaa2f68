//! Ordering keys: messages with the same key are delivered one after the other.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::sleep;

use crate::support::{Harness, Plan, SECOND, answer, message_id};
use hookyard_model::Clock as _;
use hookyard_store::{MessageReplay, MessageSelection, Outbox};

/// Returns one of five ordering keys.
fn key(number: u64) -> Option<String> {
    Some(format!("key {}", number % 5))
}

#[tokio::test(start_paused = true)]
async fn ordering_key_waits_for_its_first_message() {
    let harness = Harness::start(Plan::default(), |seen| {
        let fails = seen.number() == 0 && seen.at < 2 * SECOND;
        (
            Duration::from_millis(100),
            answer(if fails { 503 } else { 200 }),
        )
    })
    .await;
    harness.send_to("partner", 0..50, key).await;
    sleep(SECOND + SECOND / 2).await;
    let waiting: Vec<_> = harness
        .messages()
        .await
        .into_iter()
        .filter(|message| message.state.name() != "done")
        .collect();

    assert_eq!(
        waiting.len(),
        10,
        "the messages of the first key: {waiting:?}"
    );

    harness.wait_until_over().await;
    let mut last = HashMap::new();

    for seen in harness.post.seen() {
        let before = last.insert(seen.number() % 5, seen.number());
        assert!(
            before.is_none_or(|before| before <= seen.number()),
            "{before:?} before {}",
            seen.number()
        );
    }

    assert_eq!(harness.states().await, ["done"; 50]);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn dead_message_unblocks_its_ordering_key() {
    let harness = Harness::start(Plan::default(), |seen| {
        let is_refused = seen.number() == 0 && seen.at < 60 * SECOND;
        (SECOND, answer(if is_refused { 404 } else { 200 }))
    })
    .await;
    harness
        .send_to("partner", 0..2, |_| Some("one".into()))
        .await;
    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["dead", "done"]);

    sleep(60 * SECOND).await;
    let selection = MessageSelection {
        ids: vec![message_id(0)],
        ..MessageSelection::default()
    };
    let replay = MessageReplay {
        selection,
        rate: None,
        now: harness.clock.now(),
        dry_run: false,
    };
    harness
        .store
        .replay_messages(replay)
        .await
        .expect("a replay");
    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["done", "done"]);
    assert_eq!(harness.results(0).await, ["refused: 404", "sent: 200"]);

    harness.stop().await;
}
