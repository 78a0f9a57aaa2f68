//! Replays of messages: messages are sent again under their old ids, and the records of earlier
//! deliveries are kept.

use hookyard_model::{DeliveryResult, Next, WorkState};

use super::support::{
    claim, claim_message, commit, end, failed, id, next_due, numbers, record, sent, settle, state,
};
use crate::conformance::support::{at, message};
use crate::conformance::{Case, TestStore, table};
use hookyard_store::{Error, MessageReplay, MessageSelection, MessageSettlement};

pub(super) const CASES: &[Case] = table![
    replay_leaves_leased_messages,
    replay_counts_deliveries_from_one,
    rate_spreads_message_replay,
    dry_run_replays_no_message,
    message_lease_before_replay_is_lost,
    large_replay_covers_every_message,
];

fn replay(ids: impl IntoIterator<Item = u128>) -> MessageReplay {
    let selection = MessageSelection {
        ids: ids.into_iter().map(id).collect(),
        ..MessageSelection::default()
    };

    MessageReplay {
        selection,
        rate: None,
        now: at(500),
        dry_run: false,
    }
}

/// Returns the numbers of messages that are sent again and that were leased.
async fn run(store: &TestStore, replay: MessageReplay) -> (u64, u64) {
    let replayed = store.replay_messages(replay).await.expect("a replay");
    (replayed.replayed, replayed.leased)
}

async fn replay_leaves_leased_messages(store: TestStore) {
    commit(&store, 1, (1..=5).map(message)).await;

    let claimed = claim(&store, 4, 490).await;
    sent(&store, &claimed[0].lease).await;
    settle(
        &store,
        &claimed[1].lease,
        DeliveryResult::Refused { status: 400 },
        Next::Dead,
    )
    .await;
    settle(&store, &claimed[2].lease, failed(), store.until(9_000)).await;
    assert_eq!(run(&store, replay(1..=6)).await, (4, 1));

    for number in [1, 2, 3, 5] {
        assert_eq!(state(&store, number).await, WorkState::Pending, "{number}");
    }

    assert_eq!(state(&store, 4).await, WorkState::Leased { until: at(550) });
    assert_eq!(numbers(&claim(&store, 9, 500).await), [1, 2, 3, 5]);
}

async fn replay_counts_deliveries_from_one(store: TestStore) {
    commit(&store, 1, [message(1)]).await;

    let first = end(&claim_message(&store, 10).await.lease, failed(), Next::Dead);
    let first = MessageSettlement {
        is_spared: true,
        ..first
    };

    store
        .settle_message(first.clone())
        .await
        .expect("a settlement");
    assert_eq!(run(&store, replay([1])).await, (1, 0));
    assert_eq!(record(&store, 1).await.summary.deliveries, 0);

    let again = claim_message(&store, 510).await;
    assert_eq!(
        (again.lease.id, again.lease.replays, again.lease.delivery),
        (id(1), 1, 1)
    );
    assert_eq!(
        (again.since, again.spared),
        (at(500), 0),
        "its schedule begins anew"
    );

    let second = end(
        &again.lease,
        DeliveryResult::Sent { status: 200 },
        Next::Done,
    );
    store
        .settle_message(second.clone())
        .await
        .expect("a settlement");

    let record = record(&store, 1).await;
    assert_eq!(
        record.deliveries,
        [(0, first.delivery), (1, second.delivery)]
    );
    assert_eq!(
        (
            record.replays,
            record.summary.deliveries,
            record.summary.created_at
        ),
        (1, 1, at(1))
    );
}

async fn rate_spreads_message_replay(store: TestStore) {
    commit(&store, 1, (1..=3).map(message)).await;
    for claimed in claim(&store, 9, 10).await {
        sent(&store, &claimed.lease).await;
    }

    assert_eq!(
        run(
            &store,
            MessageReplay {
                rate: Some(0.1),
                ..replay(1..=3)
            }
        )
        .await,
        (3, 0)
    );
    assert_eq!(numbers(&claim(&store, 9, 509).await), [1]);
    assert_eq!(next_due(&store).await, Some(1));

    let second = claim(&store, 9, 519).await;
    assert_eq!((numbers(&second), second[0].since), (vec![2], at(510)));
    assert_eq!(numbers(&claim(&store, 9, 520).await), [3]);
}

async fn dry_run_replays_no_message(store: TestStore) {
    commit(&store, 1, (1..=3).map(message)).await;

    let claimed = claim(&store, 2, 490).await;
    sent(&store, &claimed[0].lease).await;

    let before = (
        record(&store, 1).await,
        record(&store, 2).await,
        record(&store, 3).await,
    );
    assert_eq!(
        run(
            &store,
            MessageReplay {
                dry_run: true,
                ..replay([])
            }
        )
        .await,
        (2, 1)
    );
    assert_eq!(
        (
            record(&store, 1).await,
            record(&store, 2).await,
            record(&store, 3).await
        ),
        before
    );
}

async fn message_lease_before_replay_is_lost(store: TestStore) {
    commit(&store, 1, [message(1)]).await;

    let first = claim_message(&store, 10).await;
    store
        .give_back_messages(std::slice::from_ref(&first.lease))
        .await
        .expect("a release");
    assert_eq!(run(&store, replay([1])).await, (1, 0));

    let again = claim_message(&store, 510).await;
    assert_eq!(
        again.lease.delivery, first.lease.delivery,
        "only the number of replays differs"
    );

    let answer = store
        .settle_message(end(&first.lease, failed(), Next::Dead))
        .await;
    assert!(
        matches!(answer, Err(Error::MessageLeaseLost(_))),
        "{answer:?}"
    );

    sent(&store, &again.lease).await;
}

async fn large_replay_covers_every_message(store: TestStore) {
    commit(&store, 1, (0..1_200).map(message)).await;

    let leased = claim(&store, 100, 490).await;
    assert_eq!(
        run(
            &store,
            MessageReplay {
                dry_run: true,
                ..replay([])
            }
        )
        .await,
        (1_100, 100)
    );
    assert_eq!(
        run(
            &store,
            MessageReplay {
                rate: Some(1.0),
                ..replay([])
            }
        )
        .await,
        (1_100, 100)
    );
    assert_eq!(leased.len(), 100);

    let last = record(&store, 1_199).await.summary.state;
    assert_eq!(
        last,
        WorkState::Waiting {
            until: at(500 + 1_099)
        },
        "each message has its due time, across all batches"
    );
}
