//! Messages outlive the host, other processes see them, and their cost does not grow with the
//! history.

use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{
    Delivery, DeliveryResult, DestinationRef, Effects, Message, MessageId, Next, Outcome, WorkState,
};
use hookyard_store::{
    ClaimedMessage, DisabledDestination, Error, Events, Jobs, MessageLease, MessageReplay,
    MessageRequest, MessageSelection, MessageSettlement, Outbox, Settlement,
};
use hookyard_store_sqlite::SqliteStore;
use uuid::Uuid;

use crate::support::{Folder, at, claim, clock, event, messages, route_orders_to_ship, settlement};

/// A timeout that is only reached if a change goes unnoticed.
const NEVER: Duration = Duration::from_secs(20);

fn shop() -> DestinationRef {
    DestinationRef {
        tenant: "acme".parse().expect("a name"),
        name: "shop".parse().expect("a name"),
    }
}

fn message(number: u128) -> Message {
    Message {
        id: MessageId::from_uuid(Uuid::from_u128(number)),
        destination: shop().name,
        event_type: None,
        body: Bytes::from(vec![b'm'; 10_000]),
        ordering_key: Some("a".into()),
    }
}

async fn commit(store: &SqliteStore, number: u64, messages: Vec<Message>) {
    route_orders_to_ship(store).await;
    store.append(event(number)).await.expect("an append");

    let job = claim(store, 1, 1).await.remove(0);
    let effects = Effects {
        messages,
        ..Effects::default()
    };

    let settlement = Settlement {
        effects,
        ..settlement(job.lease, Outcome::Done, WorkState::Done)
    };

    store.settle(settlement).await.expect("a settlement");
}

async fn claim_messages(store: &SqliteStore, now: i64) -> Vec<ClaimedMessage> {
    clock().set(at(now));
    let requests = [MessageRequest {
        destination: shop(),
        limit: 9,
    }];
    store
        .claim_messages(&requests, Duration::from_secs(60))
        .await
        .expect("a claim")
}

fn sent(lease: MessageLease) -> MessageSettlement {
    let result = DeliveryResult::Sent { status: 200 };
    let (started_at, duration) = (at(5), Duration::from_millis(1));
    let delivery = Delivery {
        number: lease.delivery,
        started_at,
        duration,
        result,
        answer: None,
    };

    MessageSettlement {
        lease,
        delivery,
        next: Next::Done,
        is_spared: false,
        disable: None,
    }
}

fn disabled() -> DisabledDestination {
    DisabledDestination {
        destination: shop(),
        reason: "it answered 410".into(),
        since: at(3),
    }
}

async fn drain(store: &SqliteStore) {
    loop {
        tokio::select! {
            biased;
            () = store.outbox_changed() => {}
            () = std::future::ready(()) => return,
        }
    }
}

async fn is_told(store: &SqliteStore) {
    tokio::time::timeout(NEVER, store.outbox_changed())
        .await
        .expect("the host notices the change");
}

#[tokio::test]
async fn message_state_outlives_host() {
    let folder = Folder::new();
    let lost = {
        let store = folder.open();
        commit(&store, 1, vec![message(9), message(5), message(7)]).await;
        let first = claim_messages(&store, 1).await.remove(0);
        store
            .settle_message(sent(first.lease))
            .await
            .expect("a settlement");
        claim_messages(&store, 1).await.remove(0).lease
    };
    let store = folder.open();
    let listed: Vec<_> = messages(&store)
        .await
        .into_iter()
        .map(|message| (message.state, message.deliveries))
        .collect();
    assert_eq!(
        listed,
        [
            (WorkState::Done, 1),
            (WorkState::Pending, 1),
            (WorkState::Pending, 0)
        ]
    );

    let answer = store.settle_message(sent(lost.clone())).await;
    assert!(
        matches!(answer, Err(Error::MessageLeaseLost(_))),
        "{answer:?}"
    );

    let again = claim_messages(&store, 1).await;
    assert_eq!(again.len(), 1, "order is kept");
    assert_eq!(
        (again[0].lease.id, again[0].lease.delivery),
        (lost.id, 2),
        "the delivery had begun, so it counts"
    );

    let record = store
        .message(message(9).id)
        .await
        .expect("a read")
        .expect("it is stored");
    assert_eq!((record.deliveries.len(), record.body), (1, message(9).body));
}

#[tokio::test]
async fn disabled_destination_outlives_host() {
    let folder = Folder::new();
    {
        let store = folder.open();
        commit(&store, 1, vec![message(1)]).await;
        store.disable(disabled()).await.expect("a disabling");
    }

    let store = folder.open();
    assert_eq!(store.disabled().await.expect("the disabled"), [disabled()]);
    assert_eq!(claim_messages(&store, 9).await.len(), 0);
}

#[tokio::test]
async fn host_notices_messages_of_other_process() {
    let folder = Folder::new();
    let host = folder.open();
    commit(&host, 1, vec![message(1)]).await;

    let claimed = claim_messages(&host, 1).await.remove(0);
    let settlement = MessageSettlement {
        disable: Some("it answered 410".into()),
        ..sent(claimed.lease)
    };

    host.settle_message(settlement).await.expect("a settlement");

    let other = SqliteStore::open_beside(&folder.path()).expect("a store beside its host");
    drain(&host).await;

    let selection = MessageSelection {
        ids: vec![message(1).id],
        ..MessageSelection::default()
    };

    let replay = MessageReplay {
        selection,
        rate: None,
        now: at(10),
        dry_run: false,
    };
    assert_eq!(
        other
            .replay_messages(replay)
            .await
            .expect("a replay")
            .replayed,
        1
    );

    is_told(&host).await;
    assert_eq!(claim_messages(&host, 20).await.len(), 0, "it is disabled");

    drain(&host).await;
    other.enable(&shop(), None).await.expect("an enabling");
    is_told(&host).await;
    assert_eq!(claim_messages(&host, 20).await.len(), 1);
}

#[tokio::test]
async fn state_change_does_not_rewrite_body() {
    let folder = Folder::new();
    let store = folder.open();
    let large = Message {
        body: Bytes::from(vec![b'm'; 4_000_000]),
        ..message(1)
    };

    commit(&store, 1, vec![large]).await;

    let log = || {
        std::fs::metadata(format!("{}-wal", folder.path().display()))
            .expect("a log of changes")
            .len()
    };
    let before = log();
    let claimed = claim_messages(&store, 1).await.remove(0);
    store
        .settle_message(sent(claimed.lease))
        .await
        .expect("a settlement");
    assert!(log() - before < 200_000, "{} bytes", log() - before);
}

#[tokio::test]
async fn read_only_store_sends_nothing_again() {
    let folder = Folder::new();
    commit(&folder.open(), 1, vec![message(1)]).await;
    let reader = SqliteStore::open_read_only(&folder.path()).expect("a reader");
    let selection = MessageSelection::default();
    let dry = MessageReplay {
        selection,
        rate: None,
        now: at(10),
        dry_run: true,
    };
    assert_eq!(
        reader
            .replay_messages(dry.clone())
            .await
            .expect("a dry run")
            .replayed,
        1
    );
    let answer = reader
        .replay_messages(MessageReplay {
            dry_run: false,
            ..dry
        })
        .await;
    assert!(matches!(answer, Err(Error::Store(_))), "{answer:?}");
    assert!(reader.enable(&shop(), None).await.is_err());
}
