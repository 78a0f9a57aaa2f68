//! Retention of messages: finished messages are kept as long as the events of their tenant, and
//! unfinished ones until they are finished.

use std::time::Duration;

use hookyard_model::{DeliveryResult, Next, Outcome};

use super::support::{claim, claim_of, commit, failed, id, numbers_of, request, sent, settle};
use crate::conformance::support::{
    append, at, claim_of as claim_jobs, event_of, message, messages, request as job_request, route,
    settlement,
};
use crate::conformance::{Case, TestStore, table};
use hookyard_store::{PruneSummary, Retention, RetentionLimits};

pub(super) const CASES: &[Case] = table![
    finished_messages_are_kept_by_age,
    unsent_messages_are_kept,
    message_prune_step_respects_limit,
    each_tenant_has_message_limits,
    messages_outlive_their_event,
];

fn keep(secs: u64) -> RetentionLimits {
    RetentionLimits {
        age_max: Some(Duration::from_secs(secs)),
        bytes_max: None,
        ..RetentionLimits::default()
    }
}

fn for_all(keep: RetentionLimits) -> Retention {
    Retention {
        fallback: keep,
        ..Retention::default()
    }
}

async fn prune(store: &TestStore, limits: &Retention, now: i64, limit: usize) -> PruneSummary {
    store
        .prune_messages(limits, at(now), limit)
        .await
        .expect("a step")
}

async fn all_sent(store: &TestStore) {
    for claimed in claim(store, 99, 100).await {
        sent(store, &claimed.lease).await;
    }
}

async fn left(store: &TestStore) -> Vec<u128> {
    numbers_of(&messages(store).await)
}

async fn finished_messages_are_kept_by_age(store: TestStore) {
    commit(&store, 10, [message(1), message(2)]).await;
    commit(&store, 20, [message(3)]).await;

    let claimed = claim(&store, 9, 100).await;
    sent(&store, &claimed[0].lease).await;
    settle(&store, &claimed[1].lease, DeliveryResult::Gone, Next::Dead).await;
    sent(&store, &claimed[2].lease).await;
    assert_eq!(
        prune(&store, &for_all(RetentionLimits::default()), 99_999, 99).await,
        PruneSummary::default(),
        "without end"
    );
    assert_eq!(
        prune(&store, &for_all(keep(100)), 109, 99).await,
        PruneSummary::default()
    );
    assert_eq!(
        prune(&store, &for_all(keep(100)), 110, 99).await,
        PruneSummary {
            count: 2,
            bytes: 6,
            more: false
        }
    );
    assert_eq!(left(&store).await, [3]);
    assert_eq!(store.message(id(1)).await.expect("a read"), None);
}

async fn unsent_messages_are_kept(store: TestStore) {
    commit(&store, 10, (1..=4).map(message)).await;

    let claimed = claim(&store, 3, 100).await;
    settle(&store, &claimed[0].lease, failed(), store.until(99_999)).await;
    sent(&store, &claimed[1].lease).await;
    assert_eq!(prune(&store, &for_all(keep(0)), 5_000, 99).await.count, 1);
    assert_eq!(left(&store).await, [1, 3, 4]);
}

async fn message_prune_step_respects_limit(store: TestStore) {
    commit(&store, 30, [message(1)]).await;
    commit(&store, 10, [message(2)]).await;
    commit(&store, 20, [message(3)]).await;
    all_sent(&store).await;

    assert_eq!(
        prune(&store, &for_all(keep(0)), 500, 2).await,
        PruneSummary {
            count: 2,
            bytes: 6,
            more: true
        }
    );
    assert_eq!(left(&store).await, [1], "the oldest go first");
    assert_eq!(
        prune(&store, &for_all(keep(0)), 500, 2).await,
        PruneSummary {
            count: 1,
            bytes: 3,
            more: false
        }
    );
}

async fn each_tenant_has_message_limits(store: TestStore) {
    commit(&store, 10, [message(1)]).await;
    route(&store, &[("umbrella/orders", &["ship"])]).await;
    append(&store, [event_of("umbrella/orders", 11)]).await;

    let job = claim_jobs(&store, &[job_request("umbrella/ship", 1)], 10)
        .await
        .remove(0);
    let mut settlement = settlement(&job.lease, Outcome::Done, Next::Done);
    settlement.effects.messages = vec![message(2)];
    store.settle(settlement).await.expect("a settlement");

    for claimed in claim_of(
        &store,
        &[request("acme/shop", 9), request("umbrella/shop", 9)],
        20,
    )
    .await
    {
        sent(&store, &claimed.lease).await;
    }

    let by_tenant = [("acme".parse().expect("a name"), keep(100_000))].into();
    assert_eq!(
        prune(
            &store,
            &Retention {
                fallback: keep(1),
                by_tenant
            },
            5_000,
            99
        )
        .await
        .count,
        1
    );
    assert_eq!(left(&store).await, [1]);
}

async fn messages_outlive_their_event(store: TestStore) {
    commit(&store, 10, [message(1)]).await;
    assert_eq!(
        store
            .prune(&for_all(keep(0)), at(500), 99)
            .await
            .expect("a step")
            .count,
        1
    );
    assert_eq!(left(&store).await, [1]);

    all_sent(&store).await;
    assert_eq!(
        prune(&store, &for_all(keep(0)), 500, 99).await.count,
        1,
        "the tenant is known still"
    );
}
