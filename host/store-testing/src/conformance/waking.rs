//! `changed` wakes whoever waits for jobs, and no wake-up is lost.

use std::sync::Arc;
use std::time::Duration;

use super::support::{append, event, route_orders_to_ship};
use super::{Case, table};
use hookyard_store::Store;

pub(super) const CASES: &[Case] = table![
    append_wakes_waiting_task,
    append_before_wait_is_noticed,
    route_wakes_waiting_task,
    cancelled_wait_loses_no_wake,
];

/// Long enough for any machine; reached only when the wake-up is lost.
const NEVER: Duration = Duration::from_secs(20);

pub(super) async fn wakes(inbox: &Arc<dyn Store>) {
    tokio::time::timeout(NEVER, inbox.changed())
        .await
        .expect("the wake-up is lost");
}

/// Takes up what is left of earlier wake-ups, so that the next wait has to wait.
pub(super) async fn drain(inbox: &Arc<dyn Store>) {
    loop {
        tokio::select! {
            biased;
            () = inbox.changed() => {}
            () = std::future::ready(()) => return,
        }
    }
}

async fn append_wakes_waiting_task(inbox: Arc<dyn Store>) {
    route_orders_to_ship(&inbox).await;
    drain(&inbox).await;
    let waiter = Arc::clone(&inbox);
    let waiting = tokio::spawn(async move { wakes(&waiter).await });
    tokio::task::yield_now().await;
    append(&inbox, [event(1)]).await;
    waiting.await.expect("the waiter is woken");
}

async fn append_before_wait_is_noticed(inbox: Arc<dyn Store>) {
    route_orders_to_ship(&inbox).await;
    drain(&inbox).await;
    append(&inbox, [event(1), event(2)]).await;
    wakes(&inbox).await;
}

async fn route_wakes_waiting_task(inbox: Arc<dyn Store>) {
    append(&inbox, [event(1)]).await;
    drain(&inbox).await;
    route_orders_to_ship(&inbox).await;
    wakes(&inbox).await;
}

async fn cancelled_wait_loses_no_wake(inbox: Arc<dyn Store>) {
    route_orders_to_ship(&inbox).await;
    drain(&inbox).await;

    let mut given_up = Box::pin(inbox.changed());
    tokio::select! {
        biased;
        () = &mut given_up => panic!("nothing has changed yet"),
        () = std::future::ready(()) => {}
    }
    append(&inbox, [event(1)]).await;
    drop(given_up);
    wakes(&inbox).await;
}
