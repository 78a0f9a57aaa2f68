//! One sync for many appends, and no more of them waiting than may.

use std::sync::Arc;

use hookyard_model::{Event, Outcome, WorkState};
use hookyard_store::{AppendResult, Error, Events, Jobs};
use hookyard_store_sqlite::{Options, SqliteStore};

use crate::support::{Folder, claim, event, events, route_orders_to_ship, settlement};

/// Somebody else's write keeps the inbox's writer waiting, so that what is appended meanwhile queues up.
fn block(folder: &Folder) -> rusqlite::Connection {
    let other = rusqlite::Connection::open(folder.path()).expect("a second connection");
    other
        .execute_batch("BEGIN IMMEDIATE")
        .expect("the right to write");
    other
}

#[tokio::test]
async fn appends_that_come_together_are_synced_together() {
    let folder = Folder::new();
    let inbox = Arc::new(folder.open());
    route_orders_to_ship(&inbox).await;

    let before = inbox.stats();
    let other = block(&folder);
    let mut sends = Vec::new();
    for number in 0..400 {
        let inbox = Arc::clone(&inbox);
        sends.push(tokio::spawn(
            async move { inbox.append(event(number)).await },
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

    let after = inbox.stats();
    assert_eq!(after.calls - before.calls, 400);
    // What the writer took at first, then two groups of 256 at most.
    assert!(
        after.syncs - before.syncs <= 3,
        "{} syncs",
        after.syncs - before.syncs
    );
    assert_eq!(events(&inbox).await.len(), 400);
}

#[tokio::test]
async fn what_is_acknowledged_or_settled_is_synced_and_a_lease_is_not() {
    let folder = Folder::new();
    let inbox = folder.open();
    route_orders_to_ship(&inbox).await;

    let synced = |before: u64| inbox.stats().syncs - before;
    let before = inbox.stats().syncs;
    inbox.append(event(1)).await.expect("an append");
    assert_eq!(synced(before), 1);

    let job = claim(&inbox, 1, 10).await.remove(0);
    assert_eq!(synced(before), 1);

    inbox
        .settle(settlement(job.lease, Outcome::Done, WorkState::Done))
        .await
        .expect("a settlement");
    assert_eq!(synced(before), 2);
}

#[tokio::test]
async fn an_append_that_fails_fails_alone() {
    let folder = Folder::new();
    let inbox = Arc::new(folder.open());
    inbox.append(event(7)).await.expect("an append");

    let other = block(&folder);
    let mut sends = Vec::new();
    for number in 0..20 {
        let inbox = Arc::clone(&inbox);
        let mut sent = event(number + 100);
        if number == 10 {
            // The id of another event: nothing that an inbox can store.
            sent.id = event(7).id;
        }
        sends.push(tokio::spawn(
            async move { inbox.append(sent).await.is_ok() },
        ));
    }

    tokio::task::yield_now().await;
    other
        .execute_batch("COMMIT")
        .expect("the end of the other's write");

    for (number, send) in sends.into_iter().enumerate() {
        assert_eq!(
            send.await.expect("the task ends well"),
            number != 10,
            "append {number}"
        );
    }

    assert_eq!(events(&inbox).await.len(), 20);

    let again = Event {
        id: event(200).id,
        ..event(110)
    };
    assert_eq!(
        inbox.append(again).await.expect("an append"),
        AppendResult::New,
        "what was not stored has claimed no key"
    );
}

#[tokio::test]
async fn an_append_that_finds_the_queue_full_is_refused_at_once_and_taken_later() {
    let folder = Folder::new();
    let options = Options {
        queue_max: 3,
        group_max: 1,
        ..Options::default()
    };
    let inbox = Arc::new(SqliteStore::open(&folder.path(), options).expect("an inbox"));
    let other = block(&folder);
    let sends = (0..10).map(|number| {
        let inbox = Arc::clone(&inbox);
        tokio::spawn(async move { inbox.append(event(number)).await })
    });
    let sends: Vec<_> = sends.collect();
    // One is with the writer, three are in its queue.
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
                let again = inbox.append(event(number as u64)).await;
                assert_eq!(
                    again.expect("an append"),
                    AppendResult::New,
                    "what was refused has claimed no key"
                );
            }
            Err(error) => panic!("{error}"),
        }
    }

    assert_eq!(events(&inbox).await.len(), 10);
}
