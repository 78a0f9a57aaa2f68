//! The effects of attempts and the order of keys outlive the host, and idempotency keys are kept as
//! long as they are needed.

use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{
    Effects, Event, Key, Message, MessageId, Outcome, ReadVersion, WorkState, Write,
};
use hookyard_store::{AppendResult, Error, Events, Jobs, KvUsage, Retention, Settlement, Values};
use hookyard_store_sqlite::SqliteStore;
use uuid::Uuid;

use crate::support::{Folder, at, claim, event, messages, route_orders_to_ship, settlement, ship};

fn key() -> Key {
    Key {
        bucket: "b".into(),
        key: "k".into(),
    }
}

fn put(value: Option<&'static str>) -> Effects {
    let write = Write {
        key: key(),
        value: value.map(|text| Bytes::from_static(text.as_bytes())),
    };

    let message = Message {
        id: MessageId::from_uuid(Uuid::from_u128(7)),
        destination: "shop".parse().expect("a name"),
        event_type: None,
        body: Bytes::from_static(b"{}"),
        ordering_key: None,
    };

    Effects {
        writes: vec![write],
        messages: value.map(|_| message).into_iter().collect(),
        ..Effects::default()
    }
}

async fn handle(store: &SqliteStore, number: u64, effects: Effects) -> Result<(), Error> {
    store.append(event(number)).await.expect("an append");
    let job = claim(store, 1, 1).await.remove(0);
    store
        .settle(Settlement {
            effects,
            ..settlement(job.lease, Outcome::Done, WorkState::Done)
        })
        .await
}

#[tokio::test]
async fn values_and_messages_are_there_again() {
    let folder = Folder::new();
    let (before, sent) = {
        let store = folder.open();
        route_orders_to_ship(&store).await;
        handle(&store, 1, put(Some("first")))
            .await
            .expect("a settlement");
        let before = store
            .value(&ship(), &key())
            .await
            .expect("a read")
            .expect("a value");
        (before, messages(&store).await)
    };
    let store = folder.open();
    assert_eq!(
        store.value(&ship(), &key()).await.expect("a read"),
        Some(before.clone())
    );
    assert_eq!(messages(&store).await, sent);
    assert_eq!(sent.len(), 1);
    assert_eq!(
        store.usage(&ship()).await.expect("a usage"),
        KvUsage { keys: 1, bytes: 7 }
    );

    handle(&store, 2, put(None)).await.expect("a settlement");
    drop(store);

    let store = folder.open();
    handle(
        &store,
        3,
        Effects {
            messages: Vec::new(),
            ..put(Some("first"))
        },
    )
    .await
    .expect("a settlement");

    let after = store
        .value(&ship(), &key())
        .await
        .expect("a read")
        .expect("a value");
    assert!(
        after.version > before.version,
        "a restart begins no version anew"
    );

    let stale = Effects {
        reads: vec![ReadVersion {
            key: key(),
            version: Some(before.version),
        }],
        ..put(None)
    };
    assert!(matches!(
        handle(&store, 4, stale).await,
        Err(Error::Conflict(_))
    ));
}

#[tokio::test]
async fn key_order_outlives_host() {
    let folder = Folder::new();
    let ordered = |number| Event {
        ordering_key: Some("a".into()),
        ..event(number)
    };

    let keys = async |store: &SqliteStore, now| {
        let claimed = claim(store, 9, now).await;
        claimed
            .iter()
            .map(|job| job.event.key.clone())
            .collect::<Vec<_>>()
    };

    {
        let store = folder.open();
        route_orders_to_ship(&store).await;
        for number in 1..=3 {
            store.append(ordered(number)).await.expect("an append");
        }
        assert_eq!(keys(&store, 1).await, ["1"]);
    }

    let store = folder.open();
    store.append(ordered(4)).await.expect("an append");

    let job = claim(&store, 9, 2).await.remove(0);
    assert_eq!((job.event.key.as_str(), job.lease.attempt), ("1", 2));

    store
        .settle(settlement(job.lease, Outcome::Done, WorkState::Done))
        .await
        .expect("a settlement");
    assert_eq!(keys(&store, 2).await, ["2"]);
}

#[tokio::test]
async fn expired_keys_are_removed() {
    let folder = Folder::new();
    let store = folder.open();
    for number in 0..1_500 {
        let window = if number < 1_200 { 100 } else { 9_000 };
        store
            .append(Event {
                key_window: Duration::from_secs(window),
                body: Bytes::new(),
                ..event(number)
            })
            .await
            .expect("an append");
    }

    let kept = || {
        let database = rusqlite::Connection::open(folder.path()).expect("a database");
        database
            .query_row("SELECT count(*) FROM dedupe", [], |row| {
                row.get::<_, i64>(0)
            })
            .expect("a count")
    };

    let step = async || {
        store
            .prune(&Retention::default(), at(5_000), 9)
            .await
            .expect("a step")
            .more
    };
    assert_eq!(kept(), 1_500);
    assert!(step().await, "a step is small");
    assert_eq!(kept(), 500);

    while step().await {}
    assert_eq!(kept(), 300);

    let again = Event {
        key: event(1_300).key,
        body: Bytes::new(),
        received_at: at(8_999),
        ..event(5_000)
    };
    assert_eq!(
        store.append(again).await.expect("an append"),
        AppendResult::Repeat(event(1_300).id)
    );
    assert_eq!(
        store.events(page()).await.expect("the events").len(),
        1_500,
        "the events are as they were"
    );
}

fn page() -> hookyard_store::EventPage {
    hookyard_store::EventPage::first(hookyard_store::EventSelection::default(), 10_000)
}

#[tokio::test]
async fn conflicting_settlement_fails_alone() {
    let folder = Folder::new();
    let store = std::sync::Arc::new(folder.open());
    route_orders_to_ship(&store).await;

    for number in 0..40 {
        store.append(event(number)).await.expect("an append");
    }

    // All attempts read the same absence, so only one of them can commit. Many share a transaction.
    let settlements = claim(&store, 40, 1).await.into_iter().map(|job| {
        let went_by = ReadVersion {
            key: key(),
            version: None,
        };
        let id = MessageId::from_uuid(job.lease.event.as_uuid());
        let mut effects = Effects {
            reads: vec![went_by],
            ..put(Some("mine"))
        };
        effects.messages[0].id = id;
        let settlement = Settlement {
            effects,
            ..settlement(job.lease, Outcome::Done, WorkState::Done)
        };
        let store = std::sync::Arc::clone(&store);
        tokio::spawn(async move { store.settle(settlement).await })
    });
    let mut settled = 0;
    for settlement in settlements.collect::<Vec<_>>() {
        match settlement.await.expect("the task ends well") {
            Ok(()) => settled += 1,
            Err(Error::Conflict(at)) => assert_eq!(at, key()),
            Err(error) => panic!("{error}"),
        }
    }

    assert_eq!(settled, 1);
    assert_eq!(messages(&store).await.len(), 1);

    let leased = claim(&store, 99, 1_000).await;
    assert_eq!(leased.len(), 39, "the others are attempted again");
}
