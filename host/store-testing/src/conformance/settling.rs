//! Settlements: the end of an attempt.

use std::time::Duration;

use hookyard_model::{Limit, Next, Outcome, Revision, TimeLimit, WorkState};

use super::support::{
    NO_TOKEN, append, at, attempt, claim, claim_one, event, failed, jobs, plugin,
    route_orders_to_ship, secs, settle, settlement,
};
use super::{Case, TestStore, table};
use hookyard_store::{Error, JobLease};

pub(super) const CASES: &[Case] = table![
    settled_job_has_given_state,
    waiting_job_is_due_later,
    lost_lease_settles_nothing,
    expired_unclaimed_lease_still_settles,
    attempt_is_settled_once,
    late_answer_is_asked_for_again,
    given_back_lease_settles_nothing,
    unknown_lease_settles_nothing,
    every_outcome_is_kept,
];

async fn settled_job_has_given_state(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, (1..=3).map(event)).await;
    let ends = [
        (Outcome::Done, Next::Done, WorkState::Done),
        (
            Outcome::Rejected {
                reason: "no such order".into(),
            },
            Next::Dead,
            WorkState::Dead,
        ),
        (
            failed(),
            Next::Waiting { delay: secs(89) },
            WorkState::Waiting { until: at(99) },
        ),
    ];
    for (job, (outcome, next, _)) in claim(&store, 3, 10).await.iter().zip(&ends) {
        settle(&store, &job.lease, outcome.clone(), *next).await;
    }
    for (number, (outcome, _, state)) in (1..).zip(&ends) {
        let [listed] = <[_; 1]>::try_from(jobs(&store, number).await).expect("one job");
        assert_eq!(listed.state, *state);
        assert_eq!(listed.attempts, 1);
        assert_eq!(listed.revision, Some(Revision::from_sha256([1; 32])));
        assert_eq!(listed.last_outcome, Some(outcome.to_string()));
    }
    assert_eq!(claim(&store, 9, 50).await.len(), 0);
}

async fn waiting_job_is_due_later(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    for number in 1..=3 {
        let now = i64::from(number) * 100;
        let job = claim_one(&store, now).await;
        assert_eq!(job.lease.attempt, number);
        settle(&store, &job.lease, failed(), store.until(now + 100)).await;
        assert_eq!(claim(&store, 1, now + 99).await.len(), 0);
    }

    let [listed] = <[_; 1]>::try_from(jobs(&store, 1).await).expect("one job");
    assert_eq!(
        listed.revision,
        Some(Revision::from_sha256([3; 32])),
        "the last attempt's, not the first's"
    );
}

async fn assert_lost(store: &TestStore, lease: &JobLease) {
    let before = jobs(store, 1).await;
    let answer = store
        .settle(settlement(lease, Outcome::Done, Next::Done))
        .await;

    assert!(
        matches!(&answer, Err(Error::LeaseLost(lost)) if lost == lease),
        "{answer:?}"
    );
    assert_eq!(jobs(store, 1).await, before);
}

async fn lost_lease_settles_nothing(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;
    let first = claim_one(&store, 10).await;
    let second = claim_one(&store, 100).await;
    assert_lost(&store, &first.lease).await;
    settle(&store, &second.lease, failed(), Next::Dead).await;
    assert_lost(&store, &first.lease).await;
}

async fn expired_unclaimed_lease_still_settles(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;
    let job = claim_one(&store, 10).await;
    assert_eq!(claim(&store, 0, 500).await.len(), 0);
    settle(&store, &job.lease, Outcome::Done, Next::Done).await;
    assert_eq!(jobs(&store, 1).await[0].state, WorkState::Done);
}

async fn attempt_is_settled_once(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let job = claim_one(&store, 10).await;
    settle(&store, &job.lease, failed(), store.until(50)).await;
    assert_settled(&store, &job.lease).await;
}

async fn late_answer_is_asked_for_again(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let first = claim_one(&store, 10).await;
    settle(&store, &first.lease, failed(), store.until(10)).await;
    let second = claim_one(&store, 10).await;
    assert_settled(&store, &first.lease).await;

    settle(&store, &second.lease, Outcome::Done, Next::Done).await;
    assert_settled(&store, &first.lease).await;
    assert_settled(&store, &second.lease).await;
}

/// Settles again under a lease under which the attempt was settled, and otherwise than then.
async fn assert_settled(store: &TestStore, lease: &JobLease) {
    let before = store.read(lease.event).await.expect("a read");
    settle(store, lease, Outcome::OutOfMemory { max: 1 }, Next::Dead).await;
    assert_eq!(store.read(lease.event).await.expect("a read"), before);
}

async fn given_back_lease_settles_nothing(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let first = claim_one(&store, 10).await;
    let leases = std::slice::from_ref(&first.lease);
    store.give_back(leases).await.expect("a return");
    assert_lost(&store, &first.lease).await;

    // The second lease is for the same attempt: only the token tells them apart.
    let second = claim_one(&store, 10).await;
    assert_eq!(second.lease.attempt, first.lease.attempt);
    assert_lost(&store, &first.lease).await;
    store.extend(leases, secs(900)).await.expect("no extension");
    store.give_back(leases).await.expect("no return");
    assert_eq!(
        jobs(&store, 1).await[0].state,
        WorkState::Leased { until: at(70) }
    );

    settle(&store, &second.lease, Outcome::Done, Next::Done).await;
    assert_lost(&store, &first.lease).await;
}

async fn unknown_lease_settles_nothing(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let job = claim_one(&store, 10).await;
    assert_lost(
        &store,
        &JobLease {
            token: NO_TOKEN,
            ..job.lease.clone()
        },
    )
    .await;
    assert_lost(
        &store,
        &JobLease {
            plugin: plugin("acme/audit"),
            ..job.lease.clone()
        },
    )
    .await;
    assert_lost(
        &store,
        &JobLease {
            plugin: plugin("umbrella/ship"),
            ..job.lease
        },
    )
    .await;
}

async fn every_outcome_is_kept(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let outcomes = [
        Outcome::Retry {
            reason: "later, \"please\"\n".into(),
            after: None,
        },
        Outcome::Retry {
            reason: String::new(),
            after: Some(Duration::from_millis(1_500)),
        },
        Outcome::Trapped {
            message: "wasm `unreachable`".into(),
        },
        Outcome::TimedOut {
            limit: TimeLimit::Wall,
            max: Duration::from_secs(30),
        },
        Outcome::Exceeded {
            limit: Limit::HostCalls,
            max: 9,
        },
        Outcome::OutOfMemory { max: u64::MAX },
        Outcome::Undecodable {
            path: "$.fees[2]".into(),
            message: "a number, not a text".into(),
        },
        Outcome::Rejected {
            reason: "ça ne va pas \u{1f980}".into(),
        },
        Outcome::Done,
    ];
    for outcome in outcomes {
        let job = claim_one(&store, 10).await;
        let record = attempt(job.lease.attempt, outcome.clone());
        let next = store.until(10);
        store
            .settle(hookyard_store::Settlement {
                lease: job.lease,
                attempt: record,
                next,
                failed_on_probation: false,
                is_spared: false,
                effects: hookyard_model::Effects::default(),
                quota: hookyard_store::KvUsage {
                    keys: u64::MAX,
                    bytes: u64::MAX,
                },
                outbox: hookyard_store::OutboxQuota::default(),
            })
            .await
            .expect("a settlement");
        assert_eq!(
            jobs(&store, 1).await[0].last_outcome,
            Some(outcome.to_string())
        );
    }
}
