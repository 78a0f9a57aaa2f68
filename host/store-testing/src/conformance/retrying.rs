//! Retries after a rollback: jobs that failed on a revision on probation are due once more when the
//! revision is rolled back.

use hookyard_model::{Next, Revision};

use super::support::{
    append, at, claim, claim_of, claim_one, event, event_of, failed, is, jobs, keys, plugin,
    request, route, route_orders_to_ship, settlement, side_by_side, states,
};
use super::{Case, TestStore, table};
use hookyard_store::{EventSelection, JobLease, Replay, Settlement};

pub(super) const CASES: &[Case] = table![
    job_failed_on_probation_is_retried,
    retry_is_limited_to_one_revision,
    claim_and_replay_forget_failed_revision,
    retried_job_without_route_is_held,
    retried_job_keeps_its_order,
    large_retry_covers_every_job,
    retry_wakes_waiting_task,
];

const ON_PROBATION: Revision = Revision::from_sha256([9; 32]);

/// Settles a failed attempt of the revision on probation.
async fn fail(store: &TestStore, lease: &JobLease, next: Next) {
    fail_at(store, lease, next, ON_PROBATION, true).await;
}

async fn fail_at(
    store: &TestStore,
    lease: &JobLease,
    next: Next,
    revision: Revision,
    failed_on_probation: bool,
) {
    let settlement = settlement(lease, failed(), next);
    let attempt = hookyard_model::Attempt {
        revision,
        ..settlement.attempt
    };

    store
        .settle(Settlement {
            attempt,
            failed_on_probation,
            ..settlement
        })
        .await
        .expect("a settlement");
}

async fn retry(store: &TestStore) -> u64 {
    store
        .retry_failed(&plugin("acme/ship"), ON_PROBATION)
        .await
        .expect("a retry")
}

async fn job_failed_on_probation_is_retried(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, (1..=3).map(event)).await;

    let claimed = claim(&store, 2, 10).await;
    fail(&store, &claimed[0].lease, Next::Dead).await;
    fail(&store, &claimed[1].lease, store.until(5000)).await;
    assert_eq!(retry(&store).await, 2);
    assert_eq!(states(&store, 1).await, [is("ship", "pending")]);

    let claimed = claim(&store, 9, 20).await;
    assert_eq!(keys(&claimed), ["key-1", "key-2", "key-3"]);
    assert_eq!(
        (claimed[0].lease.replays, claimed[0].lease.attempt),
        (0, 2),
        "attempts go on counting"
    );

    fail_at(&store, &claimed[0].lease, Next::Dead, ON_PROBATION, false).await;
    assert_eq!(retry(&store).await, 0, "once");
    assert_eq!(jobs(&store, 1).await[0].attempts, 2);
}

async fn retry_is_limited_to_one_revision(store: TestStore) {
    route(
        &store,
        &[
            ("acme/orders", &["audit", "ship"]),
            ("umbrella/orders", &["ship"]),
        ],
    )
    .await;
    append(
        &store,
        [event(1), event(2), event(3), event_of("umbrella/orders", 4)],
    )
    .await;

    let claimed = claim(&store, 3, 10).await;
    fail_at(&store, &claimed[0].lease, Next::Dead, ON_PROBATION, false).await;
    fail_at(
        &store,
        &claimed[1].lease,
        Next::Dead,
        Revision::from_sha256([8; 32]),
        true,
    )
    .await;

    for of in ["acme/audit", "umbrella/ship"] {
        let other = claim_of(&store, &[request(of, 1)], 10).await;
        fail(&store, &other[0].lease, Next::Dead).await;
    }

    assert_eq!(retry(&store).await, 0);
}

async fn claim_and_replay_forget_failed_revision(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let job = claim_one(&store, 10).await;
    fail(&store, &job.lease, store.until(11)).await;

    let again = claim_one(&store, 12).await;
    assert_eq!(retry(&store).await, 0, "it is being attempted again");

    fail(&store, &again.lease, Next::Dead).await;

    let selection = EventSelection::default();
    store
        .replay(Replay {
            selection,
            revision: None,
            rate: None,
            now: at(20),
            dry_run: false,
        })
        .await
        .expect("a replay");
    assert_eq!(retry(&store).await, 0, "it is to run again anyway");
}

async fn retried_job_without_route_is_held(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let job = claim_one(&store, 10).await;
    fail(&store, &job.lease, Next::Dead).await;
    route(&store, &[]).await;
    assert_eq!(retry(&store).await, 1);
    assert_eq!(states(&store, 1).await, [is("ship", "held")]);

    route_orders_to_ship(&store).await;
    assert_eq!(claim_one(&store, 20).await.lease.attempt, 2);
}

async fn retried_job_keeps_its_order(store: TestStore) {
    route_orders_to_ship(&store).await;

    let of_a_key = |number| hookyard_model::Event {
        ordering_key: Some("a".into()),
        ..event(number)
    };

    append(&store, (1..=3).map(of_a_key)).await;

    let first = claim_one(&store, 10).await;
    fail(&store, &first.lease, Next::Dead).await;

    let second = claim_one(&store, 10).await;
    assert_eq!(retry(&store).await, 1);
    assert_eq!(
        keys(&claim(&store, 9, 20).await),
        [""; 0],
        "after an attempt that is under way"
    );

    fail(&store, &second.lease, Next::Dead).await;
    assert_eq!(
        keys(&claim(&store, 9, 20).await),
        ["key-1"],
        "and before all that is left"
    );
}

async fn large_retry_covers_every_job(store: TestStore) {
    const EVENTS: u64 = 1_203;
    route_orders_to_ship(&store).await;

    let append_one = |number| {
        let store = store.clone();
        async move { append(&store, [event(number)]).await }
    };

    side_by_side((0..EVENTS).map(append_one)).await;

    let claimed = claim(&store, 9999, 2000).await;
    let settle = |job: hookyard_store::ClaimedJob| {
        let store = store.clone();
        async move { fail(&store, &job.lease, Next::Dead).await }
    };

    side_by_side(claimed.into_iter().map(settle)).await;
    assert_eq!(retry(&store).await, EVENTS);
    assert_eq!(claim(&store, 9999, 2000).await.len() as u64, EVENTS);
}

async fn retry_wakes_waiting_task(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;
    let job = claim_one(&store, 10).await;
    fail(&store, &job.lease, Next::Dead).await;
    super::waking::drain(&store).await;
    retry(&store).await;
    super::waking::wakes(&store).await;
}
