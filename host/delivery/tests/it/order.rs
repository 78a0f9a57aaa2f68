//! Messages under one ordering key go out one after the other, whatever happens to them.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::sleep;

use crate::kit::{Plan, SECOND, Yard, answer, message_id};
use hookyard_model::Clock as _;
use hookyard_store::{MessageReplay, MessageSelection, Outbox};

/// Five keys.
fn key(number: u64) -> Option<String> {
    Some(format!("key {}", number % 5))
}

#[tokio::test(start_paused = true)]
async fn a_key_waits_for_its_first_message_and_others_go_on() {
    let yard = Yard::start(Plan::default(), |seen| {
        let fails = seen.number() == 0 && seen.at < 2 * SECOND;
        (
            Duration::from_millis(100),
            answer(if fails { 503 } else { 200 }),
        )
    })
    .await;
    yard.send_to("partner", 0..50, key).await;
    sleep(SECOND + SECOND / 2).await;
    let waiting: Vec<_> = yard
        .messages()
        .await
        .into_iter()
        .filter(|message| message.state.name() != "done")
        .collect();
    assert_eq!(waiting.len(), 10, "those of the first key: {waiting:?}");
    yard.all_over().await;
    let mut last = HashMap::new();
    for seen in yard.post.seen() {
        let before = last.insert(seen.number() % 5, seen.number());
        assert!(
            before.is_none_or(|before| before <= seen.number()),
            "{before:?} before {}",
            seen.number()
        );
    }
    assert_eq!(yard.states().await, ["done"; 50]);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_message_lets_the_next_one_go_and_can_be_sent_again() {
    let yard = Yard::start(Plan::default(), |seen| {
        let is_refused = seen.number() == 0 && seen.at < 60 * SECOND;
        (SECOND, answer(if is_refused { 404 } else { 200 }))
    })
    .await;
    yard.send_to("partner", 0..2, |_| Some("one".into())).await;
    yard.all_over().await;
    assert_eq!(yard.states().await, ["dead", "done"]);
    sleep(60 * SECOND).await;
    let selection = MessageSelection {
        ids: vec![message_id(0)],
        ..MessageSelection::default()
    };
    let replay = MessageReplay {
        selection,
        rate: None,
        now: yard.clock.now(),
        dry_run: false,
    };
    yard.store.replay_messages(replay).await.expect("a replay");
    yard.all_over().await;
    assert_eq!(yard.states().await, ["done", "done"]);
    assert_eq!(yard.results(0).await, ["refused: 404", "sent: 200"]);
    yard.stop().await;
}
