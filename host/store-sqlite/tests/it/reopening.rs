//! What one host stored, the next one finds.

use hookyard_model::{Outcome, WorkState};
use hookyard_store::{AppendResult, Error, Events, Jobs, Routes, Routing};
use hookyard_store_sqlite::SqliteStore;

use crate::support::{Folder, at, claim, event, events, route_orders_to_ship, settlement, ship};

#[tokio::test]
async fn everything_is_there_again() {
    let folder = Folder::new();
    let before = {
        let inbox = folder.open();
        route_orders_to_ship(&inbox).await;
        for number in 0..4 {
            inbox.append(event(number)).await.expect("an append");
        }
        let mut claimed = claim(&inbox, 2, 1).await.into_iter();
        let mut end =
            |outcome, next| settlement(claimed.next().expect("a job").lease, outcome, next);
        inbox
            .settle(end(Outcome::Done, WorkState::Done))
            .await
            .expect("a settlement");
        let failed = Outcome::Trapped {
            message: "unreachable".into(),
        };
        inbox
            .settle(end(failed, WorkState::Waiting { until: at(30) }))
            .await
            .expect("a settlement");
        events(&inbox).await
    };
    let inbox = folder.open();
    assert_eq!(events(&inbox).await, before);

    let again = hookyard_model::Event {
        id: event(9).id,
        ..event(1)
    };
    assert_eq!(
        inbox.append(again).await.expect("a repeat"),
        AppendResult::Repeat(event(1).id)
    );

    inbox.append(event(4)).await.expect("an append");

    let claimed = claim(&inbox, 10, 40).await;
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
async fn leases_of_the_last_host_are_given_back() {
    let folder = Folder::new();
    let lost = {
        let inbox = folder.open();
        route_orders_to_ship(&inbox).await;
        inbox.append(event(1)).await.expect("an append");
        claim(&inbox, 1, 0).await.remove(0)
    };
    let inbox = folder.open();
    assert_eq!(events(&inbox).await[0].jobs[0].state, WorkState::Pending);

    let answer = inbox
        .settle(settlement(lost.lease, Outcome::Done, WorkState::Done))
        .await;
    assert!(matches!(answer, Err(Error::LeaseLost(_))), "{answer:?}");

    let claimed = claim(&inbox, 1, 0).await;
    assert_eq!(
        claimed[0].lease.attempt, 2,
        "the attempt had begun, so it counts"
    );
}

#[tokio::test]
async fn a_lease_of_a_plugin_that_went_is_held_by_the_next_host() {
    let folder = Folder::new();
    {
        let inbox = folder.open();
        route_orders_to_ship(&inbox).await;
        inbox.append(event(1)).await.expect("an append");
        assert_eq!(claim(&inbox, 1, 0).await.len(), 1);
        inbox.route(Routes::default()).await.expect("a route");
    }

    let inbox = folder.open();
    assert_eq!(events(&inbox).await[0].jobs[0].state, WorkState::Held);
}

#[tokio::test]
async fn a_crash_leaves_what_was_answered() {
    // The files as they stand while the host is alive are what a crash of the process would leave.
    let (folder, crashed) = (Folder::new(), Folder::new());
    let inbox = folder.open();
    route_orders_to_ship(&inbox).await;

    for number in 0..10 {
        inbox.append(event(number)).await.expect("an append");
    }

    assert_eq!(claim(&inbox, 3, 0).await.len(), 3);

    for suffix in ["", "-wal"] {
        let name = |path: std::path::PathBuf| format!("{}{suffix}", path.display());
        std::fs::copy(name(folder.path()), name(crashed.path())).expect("a copy");
    }

    let recovered = crashed.open();
    assert_eq!(claim(&recovered, 100, 0).await.len(), 10);
}

#[tokio::test]
async fn a_list_can_be_read_while_a_host_serves_and_when_none_does() {
    let folder = Folder::new();
    let inbox = folder.open();
    route_orders_to_ship(&inbox).await;
    inbox.append(event(1)).await.expect("an append");

    let reader = SqliteStore::open_read_only(&folder.path()).expect("a reader beside the host");
    assert_eq!(events(&reader).await, events(&inbox).await);

    inbox.append(event(2)).await.expect("an append");
    assert_eq!(events(&reader).await.len(), 2);
    assert!(matches!(
        reader.append(event(3)).await,
        Err(Error::Store(_))
    ));
    assert_eq!(
        reader.next_due(&[ship()]).await.expect("a time"),
        WorkState::Pending.due_at()
    );

    drop((reader, inbox));

    let reader = SqliteStore::open_read_only(&folder.path()).expect("a reader without a host");
    assert_eq!(events(&reader).await.len(), 2);
}
