//! Waking: `outbox_changed` wakes the task that waits for messages, and no wake-up is lost.

use std::time::Duration;

use super::support::{claim_message, commit, destination, id, keyed, sent};
use crate::conformance::support::{at, message};
use crate::conformance::{Case, TestStore, table};
use hookyard_store::{DisabledDestination, MessageReplay, MessageSelection};

pub(super) const CASES: &[Case] = table![
    new_message_wakes_waiting_task,
    replayed_message_wakes_waiting_task,
    enabled_destination_wakes_waiting_task,
    given_back_message_wakes_waiting_task,
    ended_delivery_wakes_for_next_message,
];

/// A timeout that is only reached if a wake-up is lost.
const NEVER: Duration = Duration::from_secs(20);

async fn wakes(store: &TestStore) {
    tokio::time::timeout(NEVER, store.outbox_changed())
        .await
        .expect("the wake-up is lost");
}

/// Consumes earlier wake-ups, so that the next wait really waits.
async fn drain(store: &TestStore) {
    loop {
        tokio::select! {
            biased;
            () = store.outbox_changed() => {}
            () = std::future::ready(()) => return,
        }
    }
}

async fn new_message_wakes_waiting_task(store: TestStore) {
    drain(&store).await;
    let waiter = store.clone();
    let waiting = tokio::spawn(async move { wakes(&waiter).await });
    tokio::task::yield_now().await;
    commit(&store, 1, [message(1)]).await;
    waiting.await.expect("the waiter is woken");
}

async fn replayed_message_wakes_waiting_task(store: TestStore) {
    commit(&store, 1, [message(1)]).await;
    sent(&store, &claim_message(&store, 10).await.lease).await;
    drain(&store).await;

    let selection = MessageSelection {
        ids: vec![id(1)],
        ..MessageSelection::default()
    };

    let replay = MessageReplay {
        selection,
        rate: None,
        now: at(20),
        dry_run: false,
    };

    store.replay_messages(replay).await.expect("a replay");
    wakes(&store).await;
}

async fn enabled_destination_wakes_waiting_task(store: TestStore) {
    let destination = destination("acme/shop");
    let disabled = DisabledDestination {
        destination: destination.clone(),
        reason: "gone".into(),
        since: at(1),
    };

    store.disable(disabled).await.expect("a disabling");
    commit(&store, 1, [message(1)]).await;
    drain(&store).await;
    store.enable(&destination, None).await.expect("an enabling");
    wakes(&store).await;
}

async fn given_back_message_wakes_waiting_task(store: TestStore) {
    commit(&store, 1, [message(1)]).await;
    let claimed = claim_message(&store, 10).await;
    drain(&store).await;
    store
        .give_back_messages(&[claimed.lease])
        .await
        .expect("a release");
    wakes(&store).await;
}

async fn ended_delivery_wakes_for_next_message(store: TestStore) {
    commit(&store, 1, [keyed(1, "a"), keyed(2, "a")]).await;
    let claimed = claim_message(&store, 10).await;
    drain(&store).await;
    sent(&store, &claimed.lease).await;
    wakes(&store).await;
}
