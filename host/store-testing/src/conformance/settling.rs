//! Settlements: the end of an attempt.

use std::sync::Arc;
use std::time::Duration;

use hookyard_model::{Limit, Outcome, Revision, TimeLimit, WorkState};

use super::support::{
    append, at, attempt, claim, claim_one, event, failed, jobs, plugin, route_orders_to_ship,
    settle, settlement,
};
use super::{Case, table};
use hookyard_store::{Error, JobLease, Store};

pub(super) const CASES: &[Case] = table![
    settled_job_has_given_state,
    waiting_job_is_due_later,
    lost_lease_settles_nothing,
    expired_unclaimed_lease_still_settles,
    attempt_is_settled_once,
    unknown_lease_settles_nothing,
    every_outcome_is_kept,
];

async fn settled_job_has_given_state(store: Arc<dyn Store>) {
    route_orders_to_ship(&store).await;
    append(&store, (1..=3).map(event)).await;
    let ends = [
        (Outcome::Done, WorkState::Done),
        (
            Outcome::Rejected {
                reason: "no such order".into(),
            },
            WorkState::Dead,
        ),
        (failed(), WorkState::Waiting { until: at(99) }),
    ];
    for (job, (outcome, next)) in claim(&store, 3, 10).await.iter().zip(&ends) {
        settle(&store, &job.lease, outcome.clone(), *next).await;
    }
    for (number, (outcome, next)) in (1..).zip(&ends) {
        let [listed] = <[_; 1]>::try_from(jobs(&store, number).await).expect("one job");
        assert_eq!(listed.state, *next);
        assert_eq!(listed.attempts, 1);
        assert_eq!(listed.revision, Some(Revision::from_sha256([1; 32])));
        assert_eq!(listed.last_outcome, Some(outcome.to_string()));
    }
    assert_eq!(claim(&store, 9, 50).await.len(), 0);
}

async fn waiting_job_is_due_later(store: Arc<dyn Store>) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    for number in 1..=3 {
        let now = i64::from(number) * 100;
        let job = claim_one(&store, now).await;
        assert_eq!(job.lease.attempt, number);
        settle(
            &store,
            &job.lease,
            failed(),
            WorkState::Waiting {
                until: at(now + 100),
            },
        )
        .await;
        assert_eq!(claim(&store, 1, now + 99).await.len(), 0);
    }

    let [listed] = <[_; 1]>::try_from(jobs(&store, 1).await).expect("one job");
    assert_eq!(
        listed.revision,
        Some(Revision::from_sha256([3; 32])),
        "the last attempt's, not the first's"
    );
}

async fn assert_lost(store: &Arc<dyn Store>, lease: &JobLease) {
    let before = jobs(store, 1).await;
    let answer = store
        .settle(settlement(lease, Outcome::Done, WorkState::Done))
        .await;

    assert!(
        matches!(&answer, Err(Error::LeaseLost(lost)) if lost == lease),
        "{answer:?}"
    );
    assert_eq!(jobs(store, 1).await, before);
}

async fn lost_lease_settles_nothing(store: Arc<dyn Store>) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;
    let first = claim_one(&store, 10).await;
    let second = claim_one(&store, 100).await;
    assert_lost(&store, &first.lease).await;
    settle(&store, &second.lease, failed(), WorkState::Dead).await;
    assert_lost(&store, &first.lease).await;
}

async fn expired_unclaimed_lease_still_settles(store: Arc<dyn Store>) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;
    let job = claim_one(&store, 10).await;
    assert_eq!(claim(&store, 0, 500).await.len(), 0);
    settle(&store, &job.lease, Outcome::Done, WorkState::Done).await;
    assert_eq!(jobs(&store, 1).await[0].state, WorkState::Done);
}

async fn attempt_is_settled_once(store: Arc<dyn Store>) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let job = claim_one(&store, 10).await;
    settle(
        &store,
        &job.lease,
        failed(),
        WorkState::Waiting { until: at(50) },
    )
    .await;
    assert_lost(&store, &job.lease).await;
}

async fn unknown_lease_settles_nothing(store: Arc<dyn Store>) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let job = claim_one(&store, 10).await;
    assert_lost(
        &store,
        &JobLease {
            attempt: 2,
            ..job.lease.clone()
        },
    )
    .await;
    assert_lost(
        &store,
        &JobLease {
            attempt: 0,
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
            ..job.lease.clone()
        },
    )
    .await;
    assert_lost(
        &store,
        &JobLease {
            event: event(2).id,
            ..job.lease
        },
    )
    .await;
}

async fn every_outcome_is_kept(store: Arc<dyn Store>) {
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
        let next = WorkState::Waiting { until: at(10) };
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
