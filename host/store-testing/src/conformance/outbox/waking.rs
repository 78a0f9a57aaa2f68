//! `outbox_changed` wakes whoever waits for messages, and no wake-up is lost.

use std::sync::Arc;
use std::time::Duration;

use super::fixtures::{claim_message, commit, destination, id, keyed, sent};
use crate::conformance::fixtures::{at, message};
use crate::conformance::{Case, table};
use hookyard_store::{DisabledDestination, MessageReplay, MessageSelection, Store};

pub(super) const CASES: &[Case] = table![
    a_settlement_with_a_message_wakes_who_waits,
    a_message_that_is_sent_again_wakes_who_waits,
    an_enabled_destination_wakes_who_waits,
    a_message_that_is_given_back_wakes_who_waits,
    the_end_of_a_try_wakes_who_waits_for_the_next_of_its_key,
];

/// Long enough for any machine; reached only when the wake-up is lost.
const NEVER: Duration = Duration::from_secs(20);

async fn wakes(store: &Arc<dyn Store>) {
    tokio::time::timeout(NEVER, store.outbox_changed())
        .await
        .expect("the wake-up is lost");
}

/// Takes up what is left of earlier wake-ups, so that the next wait has to wait.
async fn drain(store: &Arc<dyn Store>) {
    loop {
        tokio::select! {
            biased;
            () = store.outbox_changed() => {}
            () = std::future::ready(()) => return,
        }
    }
}

async fn a_settlement_with_a_message_wakes_who_waits(store: Arc<dyn Store>) {
    drain(&store).await;
    let waiter = Arc::clone(&store);
    let waiting = tokio::spawn(async move { wakes(&waiter).await });
    tokio::task::yield_now().await;
    commit(&store, 1, [message(1)]).await;
    waiting.await.expect("the waiter is woken");
}

async fn a_message_that_is_sent_again_wakes_who_waits(store: Arc<dyn Store>) {
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

async fn an_enabled_destination_wakes_who_waits(store: Arc<dyn Store>) {
    let destination = destination("acme/shop");
    let disabled = DisabledDestination {
        destination: destination.clone(),
        reason: "gone".into(),
        since: at(1),
    };
    store.disable(disabled).await.expect("a disabling");
    commit(&store, 1, [message(1)]).await;
    drain(&store).await;
    store.enable(&destination).await.expect("an enabling");
    wakes(&store).await;
}

async fn a_message_that_is_given_back_wakes_who_waits(store: Arc<dyn Store>) {
    commit(&store, 1, [message(1)]).await;
    let claimed = claim_message(&store, 10).await;
    drain(&store).await;
    store
        .give_back_messages(&[claimed.lease])
        .await
        .expect("a release");
    wakes(&store).await;
}

async fn the_end_of_a_try_wakes_who_waits_for_the_next_of_its_key(store: Arc<dyn Store>) {
    commit(&store, 1, [keyed(1, "a"), keyed(2, "a")]).await;
    let claimed = claim_message(&store, 10).await;
    drain(&store).await;
    sent(&store, &claimed.lease).await;
    wakes(&store).await;
}
