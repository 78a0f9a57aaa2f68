//! What is known of a job that is over: when it ended, and what its attempts used.

use hookyard_model::{Next, Outcome, Timestamp};

use super::support::{
    append, at, attempt, claim, event, failed, jobs, route_orders_to_ship, settle, settlement,
};
use super::{Case, TestStore, table};
use hookyard_store::{Discard, EventSelection, Replay};

pub(super) const CASES: &[Case] = table![end_of_job_is_known, use_of_attempt_is_kept];

/// Returns the time at which the job of event `number` ended.
async fn ended_at(store: &TestStore, number: u64) -> Option<Timestamp> {
    jobs(store, number).await.remove(0).ended_at
}

async fn end_of_job_is_known(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, (1..=4).map(event)).await;
    let claimed = claim(&store, 3, 10).await;
    let ends = [
        (Outcome::Done, Next::Done),
        (failed(), Next::Dead),
        (failed(), store.until(99)),
    ];
    for (job, (outcome, next)) in claimed.iter().zip(ends) {
        settle(&store, &job.lease, outcome, next).await;
    }

    let end = attempt(1, Outcome::Done).ended_at();
    assert_eq!(ended_at(&store, 1).await, Some(end));
    assert_eq!(ended_at(&store, 2).await, Some(end));
    assert_eq!(ended_at(&store, 3).await, None);
    assert_eq!(ended_at(&store, 4).await, None);

    let discard = Discard {
        selection: EventSelection {
            ids: vec![event(2).id, event(4).id],
            ..EventSelection::default()
        },
        reason: "not needed".into(),
        now: at(77),
        dry_run: false,
    };
    store.discard(discard).await.expect("a discard");
    assert_eq!(ended_at(&store, 2).await, Some(at(77)));
    assert_eq!(ended_at(&store, 4).await, Some(at(77)));
}

async fn use_of_attempt_is_kept(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, (1..=3).map(event)).await;
    let claimed = claim(&store, 3, 10).await;
    let used = attempt(1, Outcome::Done).used;
    for (number, job) in claimed.iter().enumerate() {
        let mut end = settlement(&job.lease, Outcome::Done, Next::Done);
        // An attempt without log lines may be stored in another way.
        if number > 0 {
            end.attempt.log.clear();
        }
        if number == 2 {
            end.attempt.used = None;
        }
        store.settle(end).await.expect("a settlement");
    }
    let again = Replay {
        selection: EventSelection {
            ids: vec![event(2).id],
            ..EventSelection::default()
        },
        revision: None,
        rate: None,
        now: at(20),
        dry_run: false,
    };

    for is_replayed in [false, true] {
        if is_replayed {
            store.replay(again.clone()).await.expect("a replay");
        }
        for (number, expected) in [(1, used), (2, used), (3, None)] {
            let record = store.read(event(number).id).await.expect("a read");
            let record = record.expect("the event exists");
            let (_, attempt) = &record.jobs[0].attempts[0];
            assert_eq!(attempt.used, expected, "{number}, replayed: {is_replayed}");
        }
    }
}
