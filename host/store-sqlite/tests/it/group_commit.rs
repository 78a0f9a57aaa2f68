//! Group commit: one sync serves many appends, and the number of waiting appends is bounded.

use std::sync::Arc;

use hookyard_model::{Outcome, WorkState};
use hookyard_store::{AppendResult, Error, Events, Jobs};
use hookyard_store_sqlite::{Options, SqliteStore};

use crate::support::{Folder, claim, event, events, route_orders_to_ship, settlement};

/// A write of another process keeps the writer waiting, so that appends queue up meanwhile.
fn block(folder: &Folder) -> rusqlite::Connection {
    let other = rusqlite::Connection::open(folder.path()).expect("a second connection");
    other
        .execute_batch("BEGIN IMMEDIATE")
        .expect("the right to write");
    other
}

#[tokio::test]
async fn concurrent_appends_share_one_sync() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    route_orders_to_ship(&store).await;

    let before = store.stats();
    let other = block(&folder);
    let mut sends = Vec::new();
    for number in 0..400 {
        let store = Arc::clone(&store);
        sends.push(tokio::spawn(
            async move { store.append(event(number)).await },
        ));
    }

    tokio::task::yield_now().await;
    assert!(
        sends.iter().all(|send| !send.is_finished()),
        "none is answered before it is committed"
    );

    other
        .execute_batch("COMMIT")
        .expect("the end of the other's write");

    for send in sends {
        assert_eq!(
            send.await.expect("the task ends well").expect("an append"),
            AppendResult::New
        );
    }

    let after = store.stats();
    assert_eq!(after.calls - before.calls, 400);
    // The calls that the writer took first, then two groups of at most 256.
    assert!(
        after.syncs - before.syncs <= 3,
        "{} syncs",
        after.syncs - before.syncs
    );
    assert_eq!(events(&store).await.len(), 400);
}

#[tokio::test]
async fn leases_are_not_synced() {
    let folder = Folder::new();
    let store = folder.open();
    route_orders_to_ship(&store).await;

    let synced = |before: u64| store.stats().syncs - before;
    let before = store.stats().syncs;
    store.append(event(1)).await.expect("an append");
    assert_eq!(synced(before), 1);

    let job = claim(&store, 1, 10).await.remove(0);
    assert_eq!(synced(before), 1);

    store
        .settle(settlement(job.lease, Outcome::Done, WorkState::Done))
        .await
        .expect("a settlement");
    assert_eq!(synced(before), 2);
}

#[tokio::test]
async fn failed_append_fails_alone() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    let other = block(&folder);
    // The database fails in the middle of the append, after the key is written.
    other
        .execute_batch(
            "CREATE TRIGGER poison BEFORE INSERT ON event WHEN new.key = '110'
             BEGIN SELECT raise(ABORT, 'poisoned'); END",
        )
        .expect("a trigger");

    let mut sends = Vec::new();
    for number in 100..120 {
        let store = Arc::clone(&store);
        sends.push(tokio::spawn(
            async move { store.append(event(number)).await },
        ));
    }

    tokio::task::yield_now().await;
    other
        .execute_batch("COMMIT")
        .expect("the end of the other's write");

    for (number, send) in (100..).zip(sends) {
        let answer = send.await.expect("the task ends well");
        if number == 110 {
            assert!(matches!(answer, Err(Error::Store(_))), "{answer:?}");
        } else {
            assert_eq!(answer.expect("an append"), AppendResult::New);
        }
    }

    assert_eq!(events(&store).await.len(), 19);

    other
        .execute_batch("DROP TRIGGER poison")
        .expect("the end of the trigger");
    assert_eq!(
        store.append(event(110)).await.expect("an append"),
        AppendResult::New,
        "what was not stored has claimed no key"
    );
}

#[tokio::test]
async fn full_queue_refuses_append_at_once() {
    let folder = Folder::new();
    let options = Options {
        queue_max: 3,
        group_max: 1,
        ..Options::default()
    };
    let store = Arc::new(SqliteStore::open(&folder.path(), options).expect("a store"));
    let other = block(&folder);
    let sends = (0..10).map(|number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.append(event(number)).await })
    });
    let sends: Vec<_> = sends.collect();
    // One call is with the writer, and three are in its queue.
    while sends.iter().filter(|send| send.is_finished()).count() < 6 {
        tokio::task::yield_now().await;
    }

    other
        .execute_batch("COMMIT")
        .expect("the end of the other's write");

    for (number, send) in sends.into_iter().enumerate() {
        match send.await.expect("the task ends well") {
            Ok(answer) => assert_eq!(answer, AppendResult::New),
            Err(Error::Busy) => {
                let again = store.append(event(number as u64)).await;
                assert_eq!(
                    again.expect("an append"),
                    AppendResult::New,
                    "what was refused has claimed no key"
                );
            }
            Err(error) => panic!("{error}"),
        }
    }

    assert_eq!(events(&store).await.len(), 10);
}
