//! Waking: `changed` wakes the task that waits for jobs, and no wake-up is lost.

use std::sync::Arc;
use std::time::Duration;

use hookyard_store::Handover;

use super::support::{LEASE, append, claim, claim_one, event, plugin, route_orders_to_ship};
use super::{Case, TestStore, table};

pub(super) const CASES: &[Case] = table![
    append_wakes_waiting_task,
    append_before_wait_is_noticed,
    route_wakes_waiting_task,
    cancelled_wait_loses_no_wake,
    give_back_wakes_waiting_task,
    handed_over_job_wakes_no_task,
    job_without_place_wakes_worker,
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

async fn give_back_wakes_waiting_task(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;
    let job = claim_one(&store, 10).await;
    drain(&store).await;
    store.give_back(&[job.lease]).await.expect("a return");
    wakes(&store).await;
}

/// Gives the store a handover with one place for `acme/ship`, at a time when no job is pending.
async fn hand_over(store: &TestStore) -> Arc<Handover> {
    route_orders_to_ship(store).await;
    let handover = Arc::new(Handover::new(LEASE, 1_000));
    handover.open(&plugin("acme/ship"), 1);
    store.hand_over(Arc::clone(&handover));
    assert_eq!(claim(store, 1, 10).await.len(), 0);
    drain(store).await;
    handover
}

async fn handed_over_job_wakes_no_task(store: TestStore) {
    let handover = hand_over(&store).await;
    append(&store, [event(1)]).await;
    tokio::time::timeout(NEVER, handover.arrived())
        .await
        .expect("the worker is woken");
    assert_eq!(handover.take().len(), 1);
    assert_eq!(handover.take_due(), [].into());

    tokio::select! {
        biased;
        () = store.changed() => panic!("no job was left to a claim"),
        () = std::future::ready(()) => {}
    }
}

async fn job_without_place_wakes_worker(store: TestStore) {
    let handover = hand_over(&store).await;
    append(&store, [event(1)]).await;
    handover.arrived().await;
    handover.take();
    append(&store, [event(2)]).await;

    // Either the plugin is noted, or the worker looks for the jobs of all plugins.
    tokio::select! {
        () = handover.arrived() => assert_eq!(handover.take_due(), [plugin("acme/ship")].into()),
        () = store.changed() => {}
        () = tokio::time::sleep(NEVER) => panic!("the wake-up is lost"),
    }
    assert_eq!(claim(&store, 9, 10).await.len(), 1);
}
