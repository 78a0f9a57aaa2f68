//! A new host finds what the previous host stored.

use hookyard_model::{Outcome, WorkState};
use hookyard_store::{AppendResult, Error, Events, Jobs, Routes, Routing};
use hookyard_store_sqlite::SqliteStore;

use crate::support::{Folder, at, claim, event, events, route_orders_to_ship, settlement};

#[tokio::test]
async fn everything_is_there_again() {
    let folder = Folder::new();
    let before = {
        let store = folder.open();
        route_orders_to_ship(&store).await;
        for number in 0..4 {
            store.append(event(number)).await.expect("an append");
        }
        let mut claimed = claim(&store, 2, 1).await.into_iter();
        let mut end =
            |outcome, next| settlement(claimed.next().expect("a job").lease, outcome, next);
        store
            .settle(end(Outcome::Done, WorkState::Done))
            .await
            .expect("a settlement");
        let failed = Outcome::Trapped {
            message: "unreachable".into(),
        };
        store
            .settle(end(failed, WorkState::Waiting { until: at(30) }))
            .await
            .expect("a settlement");
        events(&store).await
    };
    let store = folder.open();
    assert_eq!(events(&store).await, before);

    let again = hookyard_model::Event {
        id: event(9).id,
        ..event(1)
    };
    assert_eq!(
        store.append(again).await.expect("a repeat"),
        AppendResult::Repeat(event(1).id)
    );

    store.append(event(4)).await.expect("an append");

    let claimed = claim(&store, 10, 40).await;
    let keys: Vec<_> = claimed
        .iter()
        .map(|job| (job.event.key.as_str(), job.lease.attempt))
        .collect();
    assert_eq!(
        keys,
        [("2", 1), ("3", 1), ("4", 1), ("1", 2)],
        "routes and waits outlive the host"
    );
    assert_eq!(*claimed[0].event, event(2));
}

#[tokio::test]
async fn leases_of_last_host_are_given_back() {
    let folder = Folder::new();
    let lost = {
        let store = folder.open();
        route_orders_to_ship(&store).await;
        store.append(event(1)).await.expect("an append");
        claim(&store, 1, 0).await.remove(0)
    };
    let store = folder.open();
    assert_eq!(events(&store).await[0].jobs[0].state, WorkState::Pending);

    let answer = store
        .settle(settlement(lost.lease, Outcome::Done, WorkState::Done))
        .await;
    assert!(matches!(answer, Err(Error::LeaseLost(_))), "{answer:?}");

    let claimed = claim(&store, 1, 0).await;
    assert_eq!(
        claimed[0].lease.attempt, 2,
        "the attempt had begun, so it counts"
    );
}

#[tokio::test]
async fn abandoned_lease_without_route_is_held() {
    let folder = Folder::new();
    {
        let store = folder.open();
        route_orders_to_ship(&store).await;
        store.append(event(1)).await.expect("an append");
        assert_eq!(claim(&store, 1, 0).await.len(), 1);
        store.route(Routes::default()).await.expect("a route");
    }

    let store = folder.open();
    assert_eq!(events(&store).await[0].jobs[0].state, WorkState::Held);
}

#[tokio::test]
async fn crash_keeps_acknowledged_events() {
    // A copy of the files of a running host is the state after a crash of the process.
    let (folder, crashed) = (Folder::new(), Folder::new());
    let store = folder.open();
    route_orders_to_ship(&store).await;

    for number in 0..10 {
        store.append(event(number)).await.expect("an append");
    }

    assert_eq!(claim(&store, 3, 0).await.len(), 3);

    for suffix in ["", "-wal"] {
        let name = |path: std::path::PathBuf| format!("{}{suffix}", path.display());
        std::fs::copy(name(folder.path()), name(crashed.path())).expect("a copy");
    }

    let recovered = crashed.open();
    assert_eq!(claim(&recovered, 100, 0).await.len(), 10);
}

#[tokio::test]
async fn list_can_be_read_with_and_without_host() {
    let folder = Folder::new();
    let store = folder.open();
    route_orders_to_ship(&store).await;
    store.append(event(1)).await.expect("an append");

    let reader = SqliteStore::open_read_only(&folder.path()).expect("a reader beside the host");
    assert_eq!(events(&reader).await, events(&store).await);

    store.append(event(2)).await.expect("an append");
    assert_eq!(events(&reader).await.len(), 2);
    assert!(matches!(
        reader.append(event(3)).await,
        Err(Error::Store(_))
    ));
    drop((reader, store));

    let reader = SqliteStore::open_read_only(&folder.path()).expect("a reader without a host");
    assert_eq!(events(&reader).await.len(), 2);
}
