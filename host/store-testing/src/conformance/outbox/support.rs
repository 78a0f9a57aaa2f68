//! Helpers for messages and calls.

use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{
    Answer, Attempt, Delivery, DeliveryResult, DestinationRef, Effects, Header, Message, MessageId,
    Next, Outcome, WorkState,
};
use uuid::Uuid;

use crate::conformance::support::{
    LEASE, TestStore, append, at, claim_one, event, message, route_orders_to_ship, settlement,
};
use hookyard_store::{
    ClaimedMessage, MessageLease, MessageRecord, MessageReplay, MessageRequest, MessageSelection,
    MessageSettlement, MessageSummary, Settlement,
};

pub(super) fn id(number: u128) -> MessageId {
    MessageId::from_uuid(Uuid::from_u128(number))
}

/// Returns a message to `shop` with an ordering key.
pub(super) fn keyed(number: u128, ordering_key: &str) -> Message {
    Message {
        ordering_key: Some(ordering_key.into()),
        ..message(number)
    }
}

pub(super) fn to(destination: &str, message: Message) -> Message {
    Message {
        destination: destination.parse().expect("a name"),
        ..message
    }
}

/// Returns the destination `tenant/destination`.
pub(super) fn destination(text: &str) -> DestinationRef {
    let (tenant, destination) = text
        .split_once('/')
        .expect("a destination is written tenant/destination");
    let tenant = tenant.parse().expect("a name");
    DestinationRef {
        tenant,
        name: destination.parse().expect("a name"),
    }
}

/// Handles event `number` with `acme/ship` and commits these messages at that second.
pub(super) async fn commit(
    store: &TestStore,
    number: u64,
    messages: impl IntoIterator<Item = Message>,
) {
    route_orders_to_ship(store).await;
    append(store, [event(number)]).await;

    let job = claim_one(store, 10_000).await;
    let effects = Effects {
        messages: messages.into_iter().collect(),
        ..Effects::default()
    };
    let settlement = settlement(&job.lease, Outcome::Done, Next::Done);
    let started_at = at(i64::try_from(number).expect("tests count low"));
    let attempt = Attempt {
        started_at,
        duration: Duration::ZERO,
        ..settlement.attempt
    };

    store
        .settle(Settlement {
            effects,
            attempt,
            ..settlement
        })
        .await
        .expect("a settlement");
}

pub(super) fn request(text: &str, limit: usize) -> MessageRequest {
    MessageRequest {
        destination: destination(text),
        limit,
    }
}

/// Claims up to `limit` messages to `acme/shop` at second `now`.
pub(super) async fn claim(store: &TestStore, limit: usize, now: i64) -> Vec<ClaimedMessage> {
    claim_of(store, &[request("acme/shop", limit)], now).await
}

pub(super) async fn claim_of(
    store: &TestStore,
    requests: &[MessageRequest],
    now: i64,
) -> Vec<ClaimedMessage> {
    store.set(now);
    store
        .claim_messages(requests, LEASE)
        .await
        .expect("a claim")
}

pub(super) async fn claim_message(store: &TestStore, now: i64) -> ClaimedMessage {
    let [message] = <[_; 1]>::try_from(claim(store, 1, now).await).expect("one message is due");
    message
}

pub(super) fn numbers(claimed: &[ClaimedMessage]) -> Vec<u128> {
    claimed
        .iter()
        .map(|message| message.lease.id.as_uuid().as_u128())
        .collect()
}

pub(super) fn failed() -> DeliveryResult {
    let after = Some(Duration::from_secs(7));
    DeliveryResult::Failed {
        status: Some(503),
        reason: "it answered 503".into(),
        after,
    }
}

/// Returns the settlement of a delivery, with the answer that its result describes.
pub(super) fn end(lease: &MessageLease, result: DeliveryResult, next: Next) -> MessageSettlement {
    let header = Header {
        name: "x-answer".into(),
        value: Bytes::from_static(b"\xff"),
    };
    let answer = Answer {
        headers: vec![header],
        body: Bytes::from_static(b"\0so it is"),
    };
    let delivery = Delivery {
        number: lease.delivery,
        started_at: at(100),
        duration: Duration::from_millis(30),
        result,
        answer: (lease.delivery == 1).then_some(answer),
    };
    MessageSettlement {
        lease: lease.clone(),
        delivery,
        next,
        is_spared: false,
        disable: None,
    }
}

pub(super) async fn settle(
    store: &TestStore,
    lease: &MessageLease,
    result: DeliveryResult,
    next: Next,
) {
    store
        .settle_message(end(lease, result, next))
        .await
        .expect("a settlement");
}

pub(super) async fn sent(store: &TestStore, lease: &MessageLease) {
    settle(
        store,
        lease,
        DeliveryResult::Sent { status: 200 },
        Next::Done,
    )
    .await;
}

pub(super) async fn record(store: &TestStore, number: u128) -> MessageRecord {
    store
        .message(id(number))
        .await
        .expect("a read")
        .expect("the message is stored")
}

pub(super) async fn state(store: &TestStore, number: u128) -> WorkState {
    record(store, number).await.summary.state
}

/// Returns the seconds until a message to `acme/shop` is due.
pub(super) async fn next_due(store: &TestStore) -> Option<u64> {
    let due = store
        .next_message_due(&[destination("acme/shop")])
        .await
        .expect("a time");
    due.map(|left| left.as_secs())
}

pub(super) fn numbers_of(found: &[MessageSummary]) -> Vec<u128> {
    found
        .iter()
        .map(|message| message.id.as_uuid().as_u128())
        .collect()
}

/// Replays a message at second 500.
pub(super) async fn again(store: &TestStore, number: u128) {
    let selection = MessageSelection {
        ids: vec![id(number)],
        ..MessageSelection::default()
    };

    let replay = MessageReplay {
        selection,
        rate: None,
        now: at(500),
        dry_run: false,
    };
    let replayed = store.replay_messages(replay).await.expect("a replay");
    assert_eq!((replayed.replayed, replayed.leased), (1, 0));
}
