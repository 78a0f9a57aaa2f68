//! Changes to many jobs (routes, quarantines and their ends) are made in batches, and other calls
//! reach the writer in between.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::Poll;

use hookyard_model::{Event, Revision};
use hookyard_store::{Events, Jobs, Quarantine, Routes, Routing};
use hookyard_store_sqlite::SqliteStore;

use crate::support::{Folder, at, claim, event, events, orders, route_orders_to_ship, ship};

/// More than two batches of 500.
const MANY: u64 = 1_200;

/// Appends `count` events. Every other event has an ordering key.
async fn fill(store: &Arc<SqliteStore>) {
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..MANY {
        let store = Arc::clone(store);
        let ordering_key = number.is_multiple_of(2).then(|| "one".to_owned());
        let event = Event {
            ordering_key,
            body: "{}".into(),
            ..event(number)
        };
        calls.spawn(async move { store.append(event).await.expect("an append") });
        // The number of concurrent appends does not exceed the queue of the writer.
        if calls.len() == 400 {
            while calls.join_next().await.is_some() {}
        }
    }
}

/// Returns the states of all jobs, and the number of jobs in each.
async fn states(store: &SqliteStore) -> (BTreeSet<&'static str>, usize) {
    let events = events(store).await;
    let jobs: Vec<_> = events
        .iter()
        .flat_map(|event| &event.jobs)
        .map(|job| job.state.name())
        .collect();
    (jobs.iter().copied().collect(), jobs.len())
}

fn all(state: &'static str) -> (BTreeSet<&'static str>, usize) {
    ([state].into(), MANY as usize)
}

fn quarantine() -> Quarantine {
    Quarantine {
        plugin: ship(),
        revision: Revision::from_sha256([1; 32]),
        reason: "it traps".into(),
        since: at(1),
    }
}

/// Begins a call and abandons it after some commits, like a host that dies.
async fn cut_off<T>(store: &SqliteStore, call: impl Future<Output = T>) {
    let commits = store.stats().commits;
    let mut call = std::pin::pin!(call);

    // Polled by hand, because a task would continue for as long as the writer is quick.
    std::future::poll_fn(|context| {
        assert!(
            call.as_mut().poll(context).is_pending(),
            "it had not come to its end"
        );
        if store.stats().commits < commits + 2 {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}

#[tokio::test]
async fn other_calls_run_between_batches() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    fill(&store).await;

    let commits = |before: u64| store.stats().commits - before;
    let before = store.stats().commits;
    route_orders_to_ship(&store).await;
    assert_eq!(states(&store).await, all("pending"));
    assert!(commits(before) >= 3, "{} commits", commits(before));

    let before = store.stats().commits;
    store.route(Routes::default()).await.expect("no routes");
    assert_eq!(states(&store).await, all("held"));
    assert!(commits(before) >= 3, "{} commits", commits(before));

    let before = store.stats().commits;
    route_orders_to_ship(&store).await;
    assert_eq!(states(&store).await, all("pending"));
    assert!(commits(before) >= 3, "{} commits", commits(before));

    let first = claim(&store, MANY as usize, 10).await;
    let in_order: Vec<_> = first
        .iter()
        .filter(|job| job.event.ordering_key.is_some())
        .map(|job| &*job.event.key)
        .collect();
    assert_eq!(in_order, ["0"], "one of a lane at a time, the first first");
}

#[tokio::test]
async fn interrupted_route_is_completed_later() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    fill(&store).await;
    let routes = || Routes([(orders(), [ship().name].into())].into());
    cut_off(&store, store.route(routes())).await;
    drop(store);
    let store = Arc::new(folder.open());
    route_orders_to_ship(&store).await;
    assert_eq!(states(&store).await, all("pending"));

    cut_off(&store, store.route(Routes::default())).await;
    drop(store);
    let store = Arc::new(folder.open());
    assert_eq!(
        claim(&store, 9, 10).await.len(),
        0,
        "what is to be held is given to nobody"
    );
    store.route(Routes::default()).await.expect("no routes");

    cut_off(&store, store.route(routes())).await;
    drop(store);
    let store = folder.open();
    route_orders_to_ship(&store).await;
    assert_eq!(states(&store).await, all("pending"));
}

#[tokio::test]
async fn interrupted_quarantine_leases_nothing_wrong() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    route_orders_to_ship(&store).await;
    fill(&store).await;
    cut_off(&store, store.quarantine(quarantine())).await;
    assert_eq!(
        claim(&store, 9, 10).await.len(),
        0,
        "what is to be held is given to nobody"
    );

    store.quarantine(quarantine()).await.expect("a quarantine");
    assert_eq!(states(&store).await, all("held"));

    cut_off(&store, store.lift(&ship())).await;
    store.lift(&ship()).await.expect("its end");
    assert_eq!(states(&store).await, all("pending"));
}

#[tokio::test]
async fn claim_holds_at_most_one_batch() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    route_orders_to_ship(&store).await;
    fill(&store).await;
    // Every other job, and the first job of the lane.
    assert_eq!(claim(&store, MANY as usize, 10).await.len(), 601);

    store.quarantine(quarantine()).await.expect("a quarantine");

    let leased = async || {
        let jobs = events(&store)
            .await
            .into_iter()
            .flat_map(|event| event.jobs);
        jobs.filter(|job| job.state.name() == "leased").count()
    };

    store.changed().await;

    for left in [101, 0] {
        assert_eq!(claim(&store, 1, 1_000).await.len(), 0);
        assert_eq!(leased().await, left);
        store.changed().await;
    }
}
