//! Order of messages: messages to one destination with the same ordering key are sent in the order
//! of their commit.

use hookyard_model::{DeliveryResult, Next, WorkState};

use super::support::{
    again, claim, claim_message, claim_of, commit, failed, id, keyed, next_due, numbers, request,
    sent, settle, to,
};
use crate::conformance::support::{at, message, messages};
use crate::conformance::{Case, TestStore, table};

pub(super) const CASES: &[Case] = table![
    one_message_of_key_is_leased,
    failing_message_blocks_only_its_key,
    dead_message_frees_successor,
    message_keys_are_separate_by_destination,
    given_back_message_keeps_its_position,
    replayed_message_precedes_later_ones,
    replayed_message_waits_for_running_delivery,
    expired_message_lease_keeps_its_position,
    blocked_message_is_not_due,
    blocked_message_names_its_predecessor,
];

async fn blocked_message_names_its_predecessor(store: TestStore) {
    let behind = async || {
        let all = messages(&store).await;
        all.into_iter()
            .map(|message| message.behind.map(|ahead| (ahead.id, ahead.state)))
            .collect::<Vec<_>>()
    };

    commit(
        &store,
        1,
        [
            keyed(1, "a"),
            keyed(2, "a"),
            keyed(3, "a"),
            keyed(4, "b"),
            message(5),
        ],
    )
    .await;

    let first = (id(1), WorkState::Pending);
    assert_eq!(behind().await, [None, Some(first), Some(first), None, None]);

    let claimed = claim(&store, 1, 10).await;
    settle(&store, &claimed[0].lease, failed(), store.until(100)).await;

    let waiting = (id(1), WorkState::Waiting { until: at(100) });
    assert_eq!(
        behind().await,
        [None, Some(waiting), Some(waiting), None, None]
    );

    let record = store
        .message(id(3))
        .await
        .expect("a read")
        .expect("it is stored");
    assert_eq!(record.summary.behind.map(|ahead| ahead.id), Some(id(1)));

    let claimed = claim(&store, 9, 100).await;
    sent(
        &store,
        &claimed
            .iter()
            .find(|claimed| claimed.lease.id == id(1))
            .expect("it is due")
            .lease,
    )
    .await;
    assert_eq!(
        behind().await,
        [None, None, Some((id(2), WorkState::Pending)), None, None]
    );

    again(&store, 1).await;
    assert_eq!(
        behind().await[1].map(|(id, _)| id),
        Some(id(1)),
        "one that is sent again comes first"
    );
}

async fn one_message_of_key_is_leased(store: TestStore) {
    // The ids do not follow the order of the commit.
    commit(&store, 1, [keyed(7, "a"), keyed(3, "a")]).await;
    commit(&store, 2, [keyed(5, "a"), keyed(4, "b"), message(6)]).await;

    let first = claim(&store, 9, 10).await;
    assert_eq!(numbers(&first), [7, 4, 6]);
    assert_eq!(numbers(&claim(&store, 9, 10).await), [0; 0]);

    sent(&store, &first[0].lease).await;

    let second = claim(&store, 9, 10).await;
    assert_eq!(numbers(&second), [3]);

    commit(&store, 3, [keyed(1, "a")]).await;
    sent(&store, &second[0].lease).await;

    for expected in [5, 1] {
        let next = claim_message(&store, 10).await;
        assert_eq!(next.lease.id, id(expected));
        sent(&store, &next.lease).await;
    }

    assert_eq!(
        next_due(&store).await,
        Some(60),
        "what is left is under lease"
    );
}

async fn failing_message_blocks_only_its_key(store: TestStore) {
    commit(
        &store,
        1,
        [keyed(1, "a"), keyed(2, "a"), keyed(3, "b"), keyed(4, "b")],
    )
    .await;

    let claimed = claim(&store, 9, 10).await;
    settle(&store, &claimed[0].lease, failed(), store.until(100)).await;
    sent(&store, &claimed[1].lease).await;
    assert_eq!(numbers(&claim(&store, 9, 99).await), [4]);
    assert_eq!(
        numbers(&claim(&store, 9, 100).await),
        [1],
        "it is tried again before the next"
    );
}

async fn dead_message_frees_successor(store: TestStore) {
    commit(&store, 1, [keyed(1, "a"), keyed(2, "a")]).await;

    let first = claim_message(&store, 10).await;
    settle(
        &store,
        &first.lease,
        DeliveryResult::Refused { status: 400 },
        Next::Dead,
    )
    .await;
    assert_eq!(claim_message(&store, 10).await.lease.id, id(2));
}

async fn message_keys_are_separate_by_destination(store: TestStore) {
    commit(
        &store,
        1,
        [keyed(1, "a"), to("bank", keyed(2, "a")), keyed(3, "")],
    )
    .await;
    let claimed = claim_of(
        &store,
        &[request("acme/shop", 9), request("acme/bank", 9)],
        10,
    )
    .await;
    assert_eq!(numbers(&claimed), [1, 3, 2]);
}

async fn given_back_message_keeps_its_position(store: TestStore) {
    commit(&store, 1, [keyed(1, "a"), keyed(2, "a")]).await;

    let first = claim_message(&store, 10).await;
    store
        .give_back_messages(&[first.lease])
        .await
        .expect("a release");
    assert_eq!(numbers(&claim(&store, 9, 10).await), [1]);
    assert_eq!(
        numbers(&claim(&store, 9, 70).await),
        [1],
        "nor does it lose its turn with its lease"
    );
}

async fn replayed_message_precedes_later_ones(store: TestStore) {
    commit(&store, 1, [keyed(1, "a"), keyed(2, "a"), keyed(3, "a")]).await;
    for _ in 0..2 {
        sent(&store, &claim_message(&store, 10).await.lease).await;
    }

    again(&store, 2).await;
    again(&store, 1).await;

    for expected in [1, 2, 3] {
        let next = claim(&store, 9, 600).await;
        assert_eq!(numbers(&next), [expected]);
        sent(&store, &next[0].lease).await;
    }
}

async fn replayed_message_waits_for_running_delivery(store: TestStore) {
    commit(&store, 1, [keyed(1, "a"), keyed(2, "a")]).await;
    sent(&store, &claim_message(&store, 10).await.lease).await;

    let second = claim_message(&store, 590).await;
    again(&store, 1).await;
    assert_eq!(numbers(&claim(&store, 9, 600).await), [0; 0]);

    settle(&store, &second.lease, failed(), store.until(600)).await;
    assert_eq!(
        numbers(&claim(&store, 9, 600).await),
        [1],
        "the earlier one comes first from then on"
    );
}

async fn expired_message_lease_keeps_its_position(store: TestStore) {
    commit(&store, 1, [keyed(1, "a"), keyed(2, "a")]).await;
    sent(&store, &claim_message(&store, 10).await.lease).await;
    claim_message(&store, 10).await;
    again(&store, 1).await;
    // The message may have been sent, so no other message may be sent next to it.
    let next = claim(&store, 9, 1_000).await;
    assert_eq!((numbers(&next), next[0].lease.delivery), (vec![2], 2));
}

async fn blocked_message_is_not_due(store: TestStore) {
    commit(&store, 1, [keyed(1, "a"), keyed(2, "a")]).await;

    let first = claim_message(&store, 10).await;
    assert_eq!(next_due(&store).await, Some(60));

    settle(&store, &first.lease, failed(), store.until(300)).await;
    assert_eq!(next_due(&store).await, Some(290));

    sent(&store, &claim_message(&store, 300).await.lease).await;
    assert_eq!(next_due(&store).await, Some(0));
}
