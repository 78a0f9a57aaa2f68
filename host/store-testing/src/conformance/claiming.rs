//! Claims: which jobs are leased, in which order, and for how long.

use std::collections::BTreeSet;
use std::time::Duration;

use hookyard_model::{Attempt, Event, Next, WorkState};

use super::support::{
    LEASE, append, at, claim, claim_of, claim_one, event, event_of, failed, jobs, keys, next_due,
    plugin, request, route, route_orders_to_ship, secs, settle, settlement,
};
use super::{Case, TestStore, table};
use hookyard_store::{JobLease, Settlement};

pub(super) const CASES: &[Case] = table![
    claim_returns_lease_and_event,
    pending_jobs_are_claimed_by_arrival,
    longest_due_job_is_claimed_first,
    each_request_has_its_limit,
    clock_set_back_delays_no_job,
    clock_of_host_counts_for_nothing,
    leased_job_is_not_claimed,
    concurrent_claims_share_no_job,
    expired_lease_is_claimed_again,
    extended_lease_is_kept,
    extending_never_shortens_lease,
    lost_lease_is_not_extended,
    given_back_attempt_does_not_count,
    lost_lease_is_not_given_back,
    next_due_is_earliest_job,
];

async fn claim_returns_lease_and_event(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let job = claim_one(&store, 10).await;
    assert_eq!(
        job.lease,
        JobLease {
            event: event(1).id,
            plugin: plugin("acme/ship"),
            replays: 0,
            attempt: 1,
            token: job.lease.token,
        }
    );
    assert_eq!(*job.event, event(1));
    assert_eq!(
        (job.since, job.due),
        (event(1).received_at, event(1).received_at)
    );

    let [listed] = <[_; 1]>::try_from(jobs(&store, 1).await).expect("one job");
    assert_eq!(
        (listed.state, listed.attempts),
        (WorkState::Leased { until: at(70) }, 1)
    );
    assert_eq!((listed.revision, listed.last_outcome), (None, None));
}

async fn pending_jobs_are_claimed_by_arrival(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, (1..=5).map(event)).await;
    assert_eq!(keys(&claim(&store, 2, 10).await), ["key-1", "key-2"]);
    assert_eq!(
        keys(&claim(&store, 9, 10).await),
        ["key-3", "key-4", "key-5"]
    );
    assert_eq!(keys(&claim(&store, 9, 10).await), [""; 0]);
}

async fn longest_due_job_is_claimed_first(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1), event(2), event(3), event(4)]).await;

    let claimed = claim(&store, 4, 10).await;
    for (job, until) in claimed.iter().zip([40, 30, 20, 50]) {
        settle(&store, &job.lease, failed(), store.until(until)).await;
    }

    append(&store, [event(25), event(45)]).await;
    let pending = claim(&store, 9, 19).await;
    assert_eq!(
        keys(&pending),
        ["key-25", "key-45"],
        "pending jobs wait for no time"
    );

    let leases: Vec<_> = pending.into_iter().map(|job| job.lease).collect();
    store.give_back(&leases).await.expect("a release");

    let order = ["key-3", "key-25", "key-2", "key-1", "key-45", "key-4"];
    let first = claim(&store, 3, 60).await;
    assert_eq!(keys(&first), order[..3]);
    assert_eq!(
        [first[0].since, first[0].due],
        [event(3).received_at, at(20)],
        "it had to wait until then"
    );
    assert_eq!(keys(&claim(&store, 9, 60).await), order[3..]);
}

async fn each_request_has_its_limit(store: TestStore) {
    route(
        &store,
        &[
            ("acme/orders", &["audit", "ship"]),
            ("acme/payments", &["book"]),
        ],
    )
    .await;
    append(&store, (1..=4).map(event)).await;
    append(
        &store,
        (5..=8).map(|number| event_of("acme/payments", number)),
    )
    .await;

    let requests = [
        request("acme/book", 1),
        request("acme/ship", 3),
        request("acme/audit", 0),
        request("acme/none", 5),
    ];
    let claimed = claim_of(&store, &requests, 10).await;
    let count = |name: &str| {
        claimed
            .iter()
            .filter(|job| job.lease.plugin == plugin(name))
            .count()
    };
    assert_eq!(
        ["acme/book", "acme/ship", "acme/audit", "acme/none"].map(count),
        [1, 3, 0, 0]
    );
}

async fn clock_set_back_delays_no_job(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(500)]).await;
    assert_eq!(keys(&claim(&store, 1, 10).await), ["key-500"]);
}

async fn clock_of_host_counts_for_nothing(store: TestStore) {
    route_orders_to_ship(&store).await;
    const HOUR: i64 = 3_600;

    for (number, host) in [(1, at(HOUR)), (2, at(-HOUR))] {
        let sent = Event {
            received_at: host,
            ..event(number)
        };
        append(&store, [sent]).await;
        assert_eq!(next_due(&store, &["acme/ship"]).await, Some(0));

        let job = claim_one(&store, 10).await;
        assert_eq!(next_due(&store, &["acme/ship"]).await, Some(60));
        store.set(20);
        let leases = std::slice::from_ref(&job.lease);
        store.extend(leases, LEASE).await.expect("an extension");
        assert_eq!(next_due(&store, &["acme/ship"]).await, Some(60));

        let ended = settlement(&job.lease, failed(), store.until(50));
        let attempt = Attempt {
            started_at: host,
            ..ended.attempt
        };
        let ended = Settlement { attempt, ..ended };
        store.settle(ended).await.expect("a settlement");
        assert_eq!(claim(&store, 1, 49).await.len(), 0);

        let job = claim_one(&store, 50).await;
        settle(&store, &job.lease, failed(), Next::Dead).await;
    }
}

async fn leased_job_is_not_claimed(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;
    claim_one(&store, 10).await;

    assert_eq!(claim(&store, 9, 10).await.len(), 0);

    store.clock.advance(LEASE - Duration::from_millis(1));
    let claimed = store.claim(&[request("acme/ship", 9)], LEASE).await;
    assert_eq!(claimed.expect("a claim").len(), 0);
}

async fn concurrent_claims_share_no_job(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, (0..60).map(event)).await;

    let claims = (0..12).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { claim(&store, 7, 100).await })
    });
    let mut seen = BTreeSet::new();
    for claimed in claims.collect::<Vec<_>>() {
        for job in claimed.await.expect("the task ends well") {
            assert!(
                seen.insert(job.lease.event),
                "{} was leased twice",
                job.event.key
            );
        }
    }

    assert_eq!(seen.len(), 60);
}

async fn expired_lease_is_claimed_again(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;
    assert_eq!(claim_one(&store, 10).await.lease.attempt, 1);
    assert_eq!(claim_one(&store, 70).await.lease.attempt, 2);
    assert_eq!(claim_one(&store, 200).await.lease.attempt, 3);
    assert_eq!(jobs(&store, 1).await[0].attempts, 3);
}

async fn extended_lease_is_kept(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1), event(2)]).await;

    let claimed = claim(&store, 2, 10).await;
    store
        .extend(&[claimed[0].lease.clone()], secs(490))
        .await
        .expect("an extension");
    assert_eq!(keys(&claim(&store, 9, 100).await), ["key-2"]);
    assert_eq!(
        jobs(&store, 1).await[0].state,
        WorkState::Leased { until: at(500) }
    );
    assert_eq!(keys(&claim(&store, 9, 500).await), ["key-2", "key-1"]);
}

async fn extending_never_shortens_lease(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let job = claim_one(&store, 10).await;
    store
        .extend(&[job.lease], secs(10))
        .await
        .expect("an extension");
    assert_eq!(
        jobs(&store, 1).await[0].state,
        WorkState::Leased { until: at(70) }
    );
}

async fn lost_lease_is_not_extended(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let first = claim_one(&store, 10).await;
    let second = claim_one(&store, 100).await;
    store
        .extend(std::slice::from_ref(&first.lease), secs(900))
        .await
        .expect("an extension of nothing");
    assert_eq!(
        jobs(&store, 1).await[0].state,
        WorkState::Leased { until: at(160) }
    );

    settle(
        &store,
        &second.lease,
        hookyard_model::Outcome::Done,
        Next::Done,
    )
    .await;
    store
        .extend(&[second.lease, first.lease], secs(900))
        .await
        .expect("an extension of nothing");
    assert_eq!(jobs(&store, 1).await[0].state, WorkState::Done);
}

async fn given_back_attempt_does_not_count(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;
    let job = claim_one(&store, 10).await;
    store.give_back(&[job.lease]).await.expect("a release");
    let [listed] = <[_; 1]>::try_from(jobs(&store, 1).await).expect("one job");
    assert_eq!((listed.state, listed.attempts), (WorkState::Pending, 0));
    assert_eq!(claim_one(&store, 10).await.lease.attempt, 1);
}

async fn lost_lease_is_not_given_back(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let first = claim_one(&store, 10).await;
    claim_one(&store, 100).await;
    store
        .give_back(&[first.lease])
        .await
        .expect("a release of nothing");

    let [listed] = <[_; 1]>::try_from(jobs(&store, 1).await).expect("one job");
    assert_eq!(
        (listed.state, listed.attempts),
        (WorkState::Leased { until: at(160) }, 2)
    );
}

async fn next_due_is_earliest_job(store: TestStore) {
    route(
        &store,
        &[("acme/orders", &["ship"]), ("acme/payments", &["book"])],
    )
    .await;

    let both = ["acme/book", "acme/ship"];
    assert_eq!(next_due(&store, &both).await, None);

    append(&store, [event(1), event_of("acme/payments", 2)]).await;
    assert_eq!(next_due(&store, &["acme/ship"]).await, Some(0));

    let claimed = claim_of(
        &store,
        &[request("acme/book", 1), request("acme/ship", 1)],
        10,
    )
    .await;
    assert_eq!(
        next_due(&store, &both).await,
        Some(60),
        "a lease may run out"
    );

    settle(&store, &claimed[0].lease, failed(), store.until(40)).await;
    assert_eq!(next_due(&store, &both).await, Some(30));
    assert_eq!(next_due(&store, &["acme/ship"]).await, Some(60));

    settle(&store, &claimed[1].lease, failed(), Next::Dead).await;
    assert_eq!(next_due(&store, &["acme/ship"]).await, None);
    assert_eq!(next_due(&store, &[]).await, None);

    store.set(50);
    assert_eq!(next_due(&store, &both).await, Some(0), "it is due already");
}
