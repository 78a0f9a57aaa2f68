//! What a change of routes, a quarantine or its end means for a great many jobs comes in stretches, between which others
//! are served, and which may be cut off.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::Poll;

use hookyard_model::{Event, Revision};
use hookyard_store::{Events, Jobs, Quarantine, Routes, Routing};
use hookyard_store_sqlite::SqliteStore;

use crate::support::{Folder, at, claim, event, events, orders, route_orders_to_ship, ship};

/// More than two stretches of 500.
const MANY: u64 = 1_200;

/// Appends that many events, of which every other one has an ordering key.
async fn fill(inbox: &Arc<SqliteStore>) {
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..MANY {
        let inbox = Arc::clone(inbox);
        let ordering_key = number.is_multiple_of(2).then(|| "one".to_owned());
        let event = Event {
            ordering_key,
            body: "{}".into(),
            ..event(number)
        };
        calls.spawn(async move { inbox.append(event).await.expect("an append") });
        // No more at once than the queue to the writer holds.
        if calls.len() == 400 {
            while calls.join_next().await.is_some() {}
        }
    }
}

/// The states of all jobs, and how many jobs there are.
async fn states(inbox: &SqliteStore) -> (BTreeSet<&'static str>, usize) {
    let events = events(inbox).await;
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

/// Begins a call and abandons it after some commits, as a host does that dies.
async fn cut_off<T>(inbox: &SqliteStore, call: impl Future<Output = T>) {
    let commits = inbox.stats().commits;
    let mut call = std::pin::pin!(call);

    // By hand, since a task would go on beside this for as long as the writer is quick.
    std::future::poll_fn(|context| {
        assert!(
            call.as_mut().poll(context).is_pending(),
            "it had not come to its end"
        );
        if inbox.stats().commits < commits + 2 {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}

#[tokio::test]
async fn others_are_served_between_two_stretches() {
    let folder = Folder::new();
    let inbox = Arc::new(folder.open());
    fill(&inbox).await;

    let commits = |before: u64| inbox.stats().commits - before;
    let before = inbox.stats().commits;
    route_orders_to_ship(&inbox).await;
    assert_eq!(states(&inbox).await, all("pending"));
    assert!(commits(before) >= 3, "{} commits", commits(before));

    let before = inbox.stats().commits;
    inbox.route(Routes::default()).await.expect("no routes");
    assert_eq!(states(&inbox).await, all("held"));
    assert!(commits(before) >= 3, "{} commits", commits(before));

    let before = inbox.stats().commits;
    route_orders_to_ship(&inbox).await;
    assert_eq!(states(&inbox).await, all("pending"));
    assert!(commits(before) >= 3, "{} commits", commits(before));

    let first = claim(&inbox, MANY as usize, 10).await;
    let in_order: Vec<_> = first
        .iter()
        .filter(|job| job.event.ordering_key.is_some())
        .map(|job| &*job.event.key)
        .collect();
    assert_eq!(in_order, ["0"], "one of a lane at a time, the first first");
}

#[tokio::test]
async fn a_change_of_routes_that_was_cut_off_is_finished_by_the_next() {
    let folder = Folder::new();
    let inbox = Arc::new(folder.open());
    fill(&inbox).await;
    let routes = || Routes([(orders(), [ship().name].into())].into());
    cut_off(&inbox, inbox.route(routes())).await;
    drop(inbox);
    let inbox = Arc::new(folder.open());
    route_orders_to_ship(&inbox).await;
    assert_eq!(states(&inbox).await, all("pending"));

    cut_off(&inbox, inbox.route(Routes::default())).await;
    drop(inbox);
    let inbox = Arc::new(folder.open());
    assert_eq!(
        claim(&inbox, 9, 10).await.len(),
        0,
        "what is to be held is given to nobody"
    );
    inbox.route(Routes::default()).await.expect("no routes");

    cut_off(&inbox, inbox.route(routes())).await;
    drop(inbox);
    let inbox = folder.open();
    route_orders_to_ship(&inbox).await;
    assert_eq!(states(&inbox).await, all("pending"));
}

#[tokio::test]
async fn a_quarantine_or_its_end_that_was_cut_off_gives_out_nothing_wrong() {
    let folder = Folder::new();
    let inbox = Arc::new(folder.open());
    route_orders_to_ship(&inbox).await;
    fill(&inbox).await;
    cut_off(&inbox, inbox.quarantine(quarantine())).await;
    assert_eq!(
        claim(&inbox, 9, 10).await.len(),
        0,
        "what is to be held is given to nobody"
    );

    inbox.quarantine(quarantine()).await.expect("a quarantine");
    assert_eq!(states(&inbox).await, all("held"));

    cut_off(&inbox, inbox.lift(&ship())).await;
    inbox.lift(&ship()).await.expect("its end");
    assert_eq!(states(&inbox).await, all("pending"));
}

#[tokio::test]
async fn one_claim_holds_a_stretch_at_most_and_says_that_there_is_more() {
    let folder = Folder::new();
    let inbox = Arc::new(folder.open());
    route_orders_to_ship(&inbox).await;
    fill(&inbox).await;
    // Every other one, and the first of the lane.
    assert_eq!(claim(&inbox, MANY as usize, 10).await.len(), 601);

    inbox.quarantine(quarantine()).await.expect("a quarantine");

    let leased = async || {
        let jobs = events(&inbox)
            .await
            .into_iter()
            .flat_map(|event| event.jobs);
        jobs.filter(|job| job.state.name() == "leased").count()
    };

    inbox.changed().await;

    for left in [101, 0] {
        assert_eq!(claim(&inbox, 1, 1_000).await.len(), 0);
        assert_eq!(leased().await, left);
        inbox.changed().await;
    }
}
