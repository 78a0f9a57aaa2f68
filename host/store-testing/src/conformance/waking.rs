//! Waking: `changed` wakes the task that waits for jobs, and no wake-up is lost.

use std::time::Duration;

use super::support::{append, event, route_orders_to_ship};
use super::{Case, TestStore, table};

pub(super) const CASES: &[Case] = table![
    append_wakes_waiting_task,
    append_before_wait_is_noticed,
    route_wakes_waiting_task,
    cancelled_wait_loses_no_wake,
];

/// A timeout that is only reached if a wake-up is lost.
const NEVER: Duration = Duration::from_secs(20);

pub(super) async fn wakes(store: &TestStore) {
    tokio::time::timeout(NEVER, store.changed())
        .await
        .expect("the wake-up is lost");
}

/// Consumes earlier wake-ups, so that the next wait really waits.
pub(super) async fn drain(store: &TestStore) {
    loop {
        tokio::select! {
            biased;
            () = store.changed() => {}
            () = std::future::ready(()) => return,
        }
    }
}

async fn append_wakes_waiting_task(store: TestStore) {
    route_orders_to_ship(&store).await;
    drain(&store).await;
    let waiter = store.clone();
    let waiting = tokio::spawn(async move { wakes(&waiter).await });
    tokio::task::yield_now().await;
    append(&store, [event(1)]).await;
    waiting.await.expect("the waiter is woken");
}

async fn append_before_wait_is_noticed(store: TestStore) {
    route_orders_to_ship(&store).await;
    drain(&store).await;
    append(&store, [event(1), event(2)]).await;
    wakes(&store).await;
}

async fn route_wakes_waiting_task(store: TestStore) {
    append(&store, [event(1)]).await;
    drain(&store).await;
    route_orders_to_ship(&store).await;
    wakes(&store).await;
}

async fn cancelled_wait_loses_no_wake(store: TestStore) {
    route_orders_to_ship(&store).await;
    drain(&store).await;

    let mut given_up = Box::pin(store.changed());
    tokio::select! {
        biased;
        () = &mut given_up => panic!("nothing has changed yet"),
        () = std::future::ready(()) => {}
    }
    append(&store, [event(1)]).await;
    drop(given_up);
    wakes(&store).await;
}
