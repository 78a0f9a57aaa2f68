//! Settlements of deliveries: a delivery is recorded whole and once, and may disable its
//! destination.

use std::time::Duration;

use hookyard_model::{DeliveryResult, Next, WorkState};

use super::support::{
    claim, claim_message, claim_of, commit, destination, end, failed, id, next_due, numbers,
    record, request, sent, settle, state, to,
};
use crate::conformance::support::{NO_TOKEN, at, message};
use crate::conformance::{Case, TestStore, table};
use hookyard_store::DELIVERIES_MAX;
use hookyard_store::{DisabledDestination, Error, MessageLease, MessageSettlement};

pub(super) const CASES: &[Case] = table![
    deliveries_are_kept_with_answers,
    every_delivery_result_is_kept,
    spared_deliveries_are_counted,
    latest_deliveries_are_kept,
    delivery_is_settled_once,
    lost_message_lease_settles_nothing,
    given_back_message_lease_settles_nothing,
    delivery_may_disable_its_destination,
    disabled_destination_gets_no_messages,
    enabling_is_limited_to_destination,
    disabled_destination_still_settles_deliveries,
];

fn gone(reason: &str, since: i64) -> DisabledDestination {
    DisabledDestination {
        destination: destination("acme/shop"),
        reason: reason.into(),
        since: at(since),
    }
}

async fn deliveries_are_kept_with_answers(store: TestStore) {
    commit(&store, 1, [message(1)]).await;

    let first = claim_message(&store, 10).await;
    let failure = end(&first.lease, failed(), store.until(20));
    store
        .settle_message(failure.clone())
        .await
        .expect("a settlement");
    assert_eq!(
        record(&store, 1).await.summary.last_result.as_deref(),
        Some("failed: it answered 503")
    );

    let second = claim_message(&store, 20).await;
    let success = end(
        &second.lease,
        DeliveryResult::Sent { status: 204 },
        Next::Done,
    );
    store
        .settle_message(success.clone())
        .await
        .expect("a settlement");

    let record = record(&store, 1).await;
    assert_eq!(
        record.deliveries,
        [(0, failure.delivery), (0, success.delivery)]
    );
    assert_eq!(
        (record.summary.state, record.summary.deliveries),
        (WorkState::Done, 2)
    );
    assert_eq!(record.summary.last_result.as_deref(), Some("sent: 204"));
}

async fn spared_deliveries_are_counted(store: TestStore) {
    commit(&store, 1, [message(1)]).await;

    let mut spared = Vec::new();
    for (now, is_spared) in [(10, false), (20, true), (30, true), (40, false), (50, true)] {
        let claimed = claim_message(&store, now).await;
        spared.push((claimed.lease.delivery, claimed.spared));
        let ended = end(&claimed.lease, failed(), store.until(now + 10));
        store
            .settle_message(MessageSettlement { is_spared, ..ended })
            .await
            .expect("a settlement");
    }

    assert_eq!(
        spared,
        [(1, 0), (2, 0), (3, 1), (4, 2), (5, 2)],
        "before each delivery"
    );
}

async fn latest_deliveries_are_kept(store: TestStore) {
    commit(&store, 1, [message(1)]).await;
    for now in 0..DELIVERIES_MAX as i64 + 3 {
        let claimed = claim_message(&store, 10 + now).await;
        settle(&store, &claimed.lease, failed(), store.until(11 + now)).await;
    }

    let numbers: Vec<u32> = record(&store, 1)
        .await
        .deliveries
        .iter()
        .map(|(_, delivery)| delivery.number)
        .collect();
    assert_eq!(numbers, (4..=DELIVERIES_MAX as u32 + 3).collect::<Vec<_>>());
}

async fn every_delivery_result_is_kept(store: TestStore) {
    let reason = || "no route, \"none\"".to_owned();
    let all = [
        DeliveryResult::Sent { status: 200 },
        failed(),
        DeliveryResult::Failed {
            status: None,
            reason: reason(),
            after: None,
        },
        DeliveryResult::Refused { status: 422 },
        DeliveryResult::Gone,
        DeliveryResult::Unsendable { reason: reason() },
        DeliveryResult::Lost { deliveries: 9 },
    ];
    commit(&store, 1, (0..all.len() as u128).map(message)).await;

    for (claimed, result) in claim(&store, 99, 10).await.iter().zip(&all) {
        settle(&store, &claimed.lease, result.clone(), Next::Dead).await;
    }

    for (number, result) in (0..).zip(&all) {
        assert_eq!(record(&store, number).await.deliveries[0].1.result, *result);
    }
}

async fn delivery_is_settled_once(store: TestStore) {
    commit(&store, 1, [message(1)]).await;

    let claimed = claim_message(&store, 10).await;
    sent(&store, &claimed.lease).await;

    let before = record(&store, 1).await;
    let again = MessageSettlement {
        disable: Some("gone".into()),
        ..end(&claimed.lease, failed(), Next::Dead)
    };
    let answer = store.settle_message(again).await;
    answer.expect("it is settled already");
    assert_eq!(record(&store, 1).await, before);
    assert_eq!(store.disabled().await.expect("the disabled"), []);
}

async fn lost_message_lease_settles_nothing(store: TestStore) {
    commit(&store, 1, [message(1)]).await;

    let lost = claim_message(&store, 10).await.lease;
    let held = claim_message(&store, 1_000).await.lease;
    let strange = MessageLease {
        id: id(2),
        ..held.clone()
    };

    let unknown = MessageLease {
        token: NO_TOKEN,
        ..held.clone()
    };
    let before = record(&store, 1).await;
    for lease in [lost, strange, unknown] {
        let settlement = end(&lease, DeliveryResult::Gone, Next::Dead);
        let settlement = MessageSettlement {
            disable: Some("it answered 410".into()),
            ..settlement
        };
        let answer = store.settle_message(settlement).await;
        assert!(
            matches!(answer, Err(Error::MessageLeaseLost(_))),
            "{answer:?}"
        );
    }

    assert_eq!(record(&store, 1).await, before);
    assert_eq!(store.disabled().await.expect("the disabled"), []);

    sent(&store, &held).await;
}

async fn given_back_message_lease_settles_nothing(store: TestStore) {
    commit(&store, 1, [message(1)]).await;

    let first = claim_message(&store, 10).await.lease;
    let leases = std::slice::from_ref(&first);
    store.give_back_messages(leases).await.expect("a return");

    // The second lease is for the same delivery: only the token tells them apart.
    let second = claim_message(&store, 10).await.lease;
    assert_eq!(second.delivery, first.delivery);
    let answer = store
        .settle_message(end(&first, failed(), Next::Dead))
        .await;
    assert!(
        matches!(&answer, Err(Error::MessageLeaseLost(lost)) if *lost == first),
        "{answer:?}"
    );
    store.give_back_messages(leases).await.expect("no return");
    assert_eq!(state(&store, 1).await, WorkState::Leased { until: at(70) });

    sent(&store, &second).await;
    assert_eq!(state(&store, 1).await, WorkState::Done);
}

async fn delivery_may_disable_its_destination(store: TestStore) {
    commit(&store, 1, [message(1), message(2), to("bank", message(3))]).await;

    let claimed = claim_message(&store, 10).await;
    let settlement = end(&claimed.lease, DeliveryResult::Gone, Next::Dead);
    let settlement = MessageSettlement {
        disable: Some("it answered 410".into()),
        ..settlement
    };

    store
        .settle_message(settlement)
        .await
        .expect("a settlement");

    let since = at(100).after(Duration::from_millis(30));
    assert_eq!(
        store.disabled().await.expect("the disabled"),
        [DisabledDestination {
            since,
            ..gone("it answered 410", 0)
        }]
    );
    assert_eq!(
        numbers(
            &claim_of(
                &store,
                &[request("acme/shop", 9), request("acme/bank", 9)],
                20
            )
            .await
        ),
        [3]
    );
}

async fn disabled_destination_gets_no_messages(store: TestStore) {
    commit(&store, 1, [message(1), message(2)]).await;
    let first = claim_message(&store, 10).await;
    settle(&store, &first.lease, failed(), store.until(20)).await;
    store.disable(gone("first", 1)).await.expect("a disabling");
    store.disable(gone("second", 2)).await.expect("another");
    assert_eq!(
        store.disabled().await.expect("the disabled"),
        [gone("second", 2)]
    );
    commit(&store, 2, [message(3)]).await;
    assert_eq!(numbers(&claim(&store, 9, 50).await), [0; 0]);
    assert_eq!(next_due(&store).await, None, "time alone makes nothing due");
    store
        .enable(&destination("acme/shop"), None)
        .await
        .expect("an enabling");
    assert_eq!(store.disabled().await.expect("the disabled"), []);
    assert_eq!(next_due(&store).await, Some(0));
    assert_eq!(numbers(&claim(&store, 9, 50).await), [2, 3, 1]);
}

async fn enabling_is_limited_to_destination(store: TestStore) {
    store.disable(gone("gone", 1)).await.expect("a disabling");
    for other in ["acme/bank", "umbrella/shop"] {
        store
            .enable(&destination(other), None)
            .await
            .expect("nothing is done");
    }

    assert_eq!(
        store.disabled().await.expect("the disabled"),
        [gone("gone", 1)]
    );
}

async fn disabled_destination_still_settles_deliveries(store: TestStore) {
    commit(&store, 1, [message(1)]).await;
    let claimed = claim_message(&store, 10).await;
    store.disable(gone("gone", 1)).await.expect("a disabling");
    sent(&store, &claimed.lease).await;
    assert_eq!(record(&store, 1).await.summary.state, WorkState::Done);
}
