//! The handover: new jobs that an append leases for the worker, and the jobs that it leaves to a
//! claim.

use std::collections::BTreeSet;
use std::sync::Arc;

use hookyard_model::{Event, Next, Outcome, Revision, WorkState};

use super::support::{
    LEASE, append, at, claim, claim_of, claim_one, event, is, jobs, keys, plugin, request, route,
    route_orders_to_ship, secs, settle, settlement, side_by_side, states,
};
use super::{Case, TestStore, table};
use hookyard_store::{AppendResult, ClaimedJob, Error, Handover, JobLease, Quarantine};

pub(super) const CASES: &[Case] = table![
    new_job_is_handed_over,
    handed_over_attempt_settles,
    job_without_place_is_claimed,
    each_plugin_has_its_places,
    bodies_in_handover_are_bounded,
    new_job_overtakes_no_pending_job,
    held_job_is_not_handed_over,
    first_job_of_key_is_handed_over,
    event_is_handed_over_once,
    handed_over_lease_may_expire,
    handed_over_job_is_given_back,
    later_handover_replaces_earlier,
    closed_handover_gets_no_jobs,
    appends_and_claims_share_no_job,
];

/// A number of bytes that the bodies of a case do not reach.
const BYTES_MAX: usize = 1 << 20;

/// Gives the store a handover with places for `acme/ship`, at a time when no job is pending.
async fn hand_over(store: &TestStore, places: usize) -> Arc<Handover> {
    hand_over_to(store, Handover::new(LEASE, BYTES_MAX), places).await
}

async fn hand_over_to(store: &TestStore, to: Handover, places: usize) -> Arc<Handover> {
    route_orders_to_ship(store).await;

    let handover = Arc::new(to);
    handover.open(&plugin("acme/ship"), places);
    store.hand_over(Arc::clone(&handover));

    // The store knows that nothing is pending once a claim has found nothing.
    let pending = claim(store, 1, 10).await;
    assert_eq!(keys(&pending), [""; 0]);
    handover
}

/// Takes the one job that has arrived.
fn take_one(handover: &Handover) -> ClaimedJob {
    let [job] = <[ClaimedJob; 1]>::try_from(handover.take()).expect("one job has arrived");
    job
}

fn of_key(number: u64, ordering_key: &str) -> Event {
    Event {
        ordering_key: Some(ordering_key.into()),
        ..event(number)
    }
}

async fn new_job_is_handed_over(store: TestStore) {
    let handover = hand_over(&store, 2).await;
    store.set(30);
    append(&store, [event(1)]).await;

    let job = take_one(&handover);
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
    assert_eq!((job.since, job.due), (at(1), at(1)));
    assert_eq!((job.revision, job.spared), (None, 0));

    let [listed] = <[_; 1]>::try_from(jobs(&store, 1).await).expect("one job");
    assert_eq!(
        (listed.state, listed.attempts),
        (WorkState::Leased { until: at(90) }, 1)
    );
    assert_eq!(keys(&claim(&store, 9, 89).await), [""; 0]);
}

async fn handed_over_attempt_settles(store: TestStore) {
    let handover = hand_over(&store, 2).await;
    append(&store, [event(1), event(2)]).await;

    let [first, second] = <[_; 2]>::try_from(handover.take()).expect("two jobs have arrived");
    assert_ne!(first.lease.token, second.lease.token);
    settle(&store, &first.lease, Outcome::Done, Next::Done).await;
    let leases = std::slice::from_ref(&second.lease);
    store.extend(leases, secs(500)).await.expect("an extension");

    assert_eq!(states(&store, 1).await, [is("ship", "done")]);
    assert_eq!(
        jobs(&store, 2).await[0].state,
        WorkState::Leased { until: at(510) }
    );
}

async fn job_without_place_is_claimed(store: TestStore) {
    let handover = hand_over(&store, 1).await;
    append(&store, [event(1), event(2)]).await;
    assert_eq!(keys(&handover.take()), ["key-1"]);
    assert_eq!(states(&store, 2).await, [is("ship", "pending")]);

    // The place is free, but an older job is pending.
    handover.begun(&plugin("acme/ship"), event(1).body.len());
    append(&store, [event(3)]).await;
    assert_eq!(keys(&handover.take()), [""; 0]);

    assert_eq!(keys(&claim(&store, 9, 10).await), ["key-2", "key-3"]);
    append(&store, [event(4)]).await;
    assert_eq!(keys(&handover.take()), ["key-4"]);
}

async fn each_plugin_has_its_places(store: TestStore) {
    let handover = hand_over(&store, 1).await;
    route(&store, &[("acme/orders", &["audit", "ship"])]).await;
    let both = [request("acme/audit", 1), request("acme/ship", 1)];
    assert_eq!(keys(&claim_of(&store, &both, 10).await), [""; 0]);

    append(&store, [event(1)]).await;
    assert_eq!(take_one(&handover).lease.plugin, plugin("acme/ship"));
    assert_eq!(
        states(&store, 1).await,
        [is("audit", "pending"), is("ship", "leased")]
    );
}

async fn bodies_in_handover_are_bounded(store: TestStore) {
    let body = event(1).body.len();
    let handover = hand_over_to(&store, Handover::new(LEASE, 2 * body), 9).await;
    append(&store, [event(1), event(2), event(3)]).await;
    assert_eq!(keys(&handover.take()), ["key-1", "key-2"]);
    assert_eq!(keys(&claim(&store, 9, 10).await), ["key-3"]);
}

async fn new_job_overtakes_no_pending_job(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let handover = Arc::new(Handover::new(LEASE, BYTES_MAX));
    handover.open(&plugin("acme/ship"), 9);
    store.hand_over(Arc::clone(&handover));
    append(&store, [event(2)]).await;
    assert_eq!(keys(&handover.take()), [""; 0]);
    assert_eq!(keys(&claim(&store, 9, 10).await), ["key-1", "key-2"]);
}

async fn held_job_is_not_handed_over(store: TestStore) {
    let handover = hand_over(&store, 9).await;
    let quarantine = Quarantine {
        plugin: plugin("acme/ship"),
        revision: Revision::from_sha256([1; 32]),
        reason: "it failed".into(),
        since: at(1),
    };
    store.quarantine(quarantine).await.expect("a quarantine");
    append(&store, [event(1)]).await;
    assert_eq!(keys(&handover.take()), [""; 0]);
    assert_eq!(states(&store, 1).await, [is("ship", "held")]);

    // The job that was held comes first.
    store.lift(&plugin("acme/ship")).await.expect("a lift");
    append(&store, [event(2)]).await;
    assert_eq!(keys(&handover.take()), [""; 0]);
    assert_eq!(keys(&claim(&store, 9, 10).await), ["key-1", "key-2"]);
}

async fn first_job_of_key_is_handed_over(store: TestStore) {
    let handover = hand_over(&store, 9).await;
    append(&store, (1..=3).map(|number| of_key(number, "a"))).await;

    let first = take_one(&handover);
    assert_eq!(first.event.key, "key-1");
    assert_eq!(keys(&claim(&store, 9, 10).await), [""; 0]);

    settle(&store, &first.lease, Outcome::Done, Next::Done).await;
    assert_eq!(keys(&handover.take()), [""; 0]);
    assert_eq!(keys(&claim(&store, 9, 10).await), ["key-2"]);

    append(&store, [of_key(4, "b")]).await;
    assert_eq!(keys(&claim(&store, 9, 10).await), [""; 0]);
    assert_eq!(keys(&handover.take()), ["key-4"]);
}

async fn event_is_handed_over_once(store: TestStore) {
    let handover = hand_over(&store, 2).await;
    let repeat = Event {
        key: event(1).key,
        body: event(1).body,
        ..event(2)
    };

    append(&store, [event(1)]).await;
    let again = store.append(event(1)).await.expect("an append");
    assert_eq!(again, AppendResult::New);
    let repeated = store.append(repeat).await.expect("an append");
    assert_eq!(repeated, AppendResult::Repeat(event(1).id));
    assert_eq!(keys(&handover.take()), ["key-1"]);

    // Neither of them has taken a place.
    append(&store, [event(3)]).await;
    assert_eq!(keys(&handover.take()), ["key-3"]);
}

async fn handed_over_lease_may_expire(store: TestStore) {
    let handover = hand_over(&store, 9).await;
    append(&store, [event(1)]).await;

    let lost = take_one(&handover);
    let job = claim_one(&store, 70).await;
    assert_eq!(job.lease.attempt, 2);
    assert_ne!(job.lease.token, lost.lease.token);

    let late = settlement(&lost.lease, Outcome::Done, Next::Done);
    let answer = store.settle(late).await;
    assert!(matches!(answer, Err(Error::LeaseLost(_))), "{answer:?}");
    settle(&store, &job.lease, Outcome::Done, Next::Done).await;
}

async fn handed_over_job_is_given_back(store: TestStore) {
    let handover = hand_over(&store, 9).await;
    append(&store, [event(1)]).await;

    let job = take_one(&handover);
    store.give_back(&[job.lease]).await.expect("a return");
    handover.begun(&plugin("acme/ship"), event(1).body.len());
    let [listed] = <[_; 1]>::try_from(jobs(&store, 1).await).expect("one job");
    assert_eq!((listed.state, listed.attempts), (WorkState::Pending, 0));

    append(&store, [event(2)]).await;
    assert_eq!(keys(&handover.take()), [""; 0], "an older job is pending");
    let claimed = claim(&store, 9, 10).await;
    assert_eq!(keys(&claimed), ["key-1", "key-2"]);
    assert_eq!(claimed[0].lease.attempt, 1);
}

async fn later_handover_replaces_earlier(store: TestStore) {
    let earlier = hand_over(&store, 9).await;
    append(&store, [event(1)]).await;
    let later = hand_over(&store, 9).await;
    append(&store, [event(2)]).await;
    assert_eq!(keys(&earlier.take()), ["key-1"]);
    assert_eq!(keys(&later.take()), ["key-2"]);
}

async fn closed_handover_gets_no_jobs(store: TestStore) {
    let handover = hand_over(&store, 9).await;
    append(&store, [event(1)]).await;
    handover.close();
    append(&store, [event(2)]).await;
    assert_eq!(keys(&handover.take()), ["key-1"]);
    assert_eq!(keys(&claim(&store, 9, 10).await), ["key-2"]);
}

async fn appends_and_claims_share_no_job(store: TestStore) {
    const EVENTS: u64 = 300;
    let handover = hand_over(&store, 20).await;

    let shared = (store.clone(), Arc::clone(&handover));
    let append_one = move |number| {
        let (store, handover) = shared.clone();
        async move {
            append(&store, [event(number)]).await;
            if number % 8 == 0 {
                handover.begun(&plugin("acme/ship"), event(number).body.len());
            }
        }
    };
    let claims = tokio::spawn({
        let store = store.clone();
        async move {
            let mut claimed = Vec::new();
            for _ in 0..30 {
                claimed.extend(claim(&store, 7, 10).await);
                tokio::task::yield_now().await;
            }
            claimed
        }
    });
    side_by_side((0..EVENTS).map(append_one)).await;

    let mut all = claims.await.expect("the task ends well");
    all.extend(claim(&store, usize::MAX >> 1, 10).await);
    let arrived = handover.take();
    assert!(!arrived.is_empty(), "nothing was handed over");
    all.extend(arrived);

    let events: BTreeSet<_> = all.iter().map(|job| job.lease.event).collect();
    let tokens: BTreeSet<_> = all.iter().map(|job| job.lease.token.as_u128()).collect();
    assert_eq!((all.len(), events.len(), tokens.len()), (300, 300, 300));
}
