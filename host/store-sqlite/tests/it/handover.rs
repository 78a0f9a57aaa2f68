//! Appends hand over new jobs only where that overtakes nothing and loses nothing.

use std::sync::Arc;
use std::time::Duration;

use hookyard_model::{Outcome, Revision, WorkState};
use hookyard_store::{
    AppendResult, Error, EventSelection, Events, Handover, Jobs, Quarantine, Replay, Routing,
};
use hookyard_store_sqlite::SqliteStore;

use crate::support::{Folder, at, claim, event, events, route_orders_to_ship, settlement, ship};

/// Opens a store whose jobs are handed over, with this number of places.
async fn open(folder: &Folder, places: usize) -> (SqliteStore, Arc<Handover>) {
    let store = folder.open();
    route_orders_to_ship(&store).await;
    let handover = Arc::new(Handover::new(Duration::from_secs(60), 1 << 20));
    store.hand_over(Arc::clone(&handover));
    handover.open(&ship(), places);
    learn(&store).await;

    (store, handover)
}

/// Lets the store find out that the plugin has no pending jobs.
async fn learn(store: &SqliteStore) {
    assert_eq!(claim(store, 1, 0).await.len(), 0);
}

async fn append(store: &SqliteStore, number: u64) {
    let answer = store.append(event(number)).await.expect("an append");
    assert_eq!(answer, AppendResult::New);
}

fn keys(handover: &Handover) -> Vec<String> {
    let jobs = handover.take();
    jobs.iter().map(|job| job.event.key.clone()).collect()
}

#[tokio::test]
async fn new_jobs_are_handed_over_and_settled() {
    let folder = Folder::new();
    let (store, handover) = open(&folder, 9).await;

    append(&store, 1).await;
    let job = handover.take().remove(0);
    assert_eq!(*job.event, event(1));
    assert_eq!(job.lease.attempt, 1);
    assert_eq!(claim(&store, 9, 59).await.len(), 0, "it is leased");

    let settlement = settlement(job.lease, Outcome::Done, WorkState::Done);
    store.settle(settlement.clone()).await.expect("an end");
    store.settle(settlement).await.expect("the same end");
    let record = store.read(event(1).id).await.expect("a read");
    let jobs = record.expect("an event").jobs;
    assert_eq!(
        (jobs[0].state, jobs[0].attempts.len()),
        (WorkState::Done, 1)
    );
    assert_eq!(
        jobs[0].attempts[0].1.revision,
        Revision::from_sha256([7; 32])
    );
}

#[tokio::test]
async fn pending_job_is_not_overtaken() {
    let folder = Folder::new();
    let (store, handover) = open(&folder, 0).await;
    append(&store, 1).await;

    handover.open(&ship(), 9);
    append(&store, 2).await;

    assert!(handover.take().is_empty());
    assert_eq!(handover.take_due(), [ship()].into());
    let claimed = claim(&store, 9, 1).await;
    assert_eq!(claimed.len(), 2);
    append(&store, 3).await;
    assert_eq!(keys(&handover), ["3"]);
}

#[tokio::test]
async fn failed_append_gives_place_back() {
    let folder = Folder::new();
    let (store, handover) = open(&folder, 1).await;
    let other = rusqlite::Connection::open(folder.path()).expect("a second connection");
    // The job is leased for the handover before the database fails.
    other
        .execute_batch(
            "CREATE TRIGGER poison AFTER INSERT ON job
             BEGIN SELECT raise(ABORT, 'poisoned'); END",
        )
        .expect("a trigger");
    learn(&store).await;

    let answer = store.append(event(1)).await;
    assert!(matches!(answer, Err(Error::Store(_))), "{answer:?}");
    other
        .execute_batch("DROP TRIGGER poison")
        .expect("the end of the trigger");
    learn(&store).await;

    append(&store, 1).await;
    assert_eq!(keys(&handover), ["1"]);
}

#[tokio::test]
async fn full_handover_leaves_jobs_pending() {
    let folder = Folder::new();
    let (store, handover) = open(&folder, 1).await;

    append(&store, 1).await;
    append(&store, 2).await;
    append(&store, 3).await;

    assert_eq!(keys(&handover), ["1"]);
    assert_eq!(handover.take_due(), [ship()].into());
    assert_eq!(claim(&store, 9, 1).await.len(), 2);
}

#[tokio::test]
async fn handed_over_job_is_due_after_crash() {
    let folder = Folder::new();
    let (store, handover) = open(&folder, 9).await;
    append(&store, 1).await;
    let lost = handover.take().remove(0).lease;
    drop(store);

    let store = folder.open();
    let answer = store
        .settle(settlement(lost, Outcome::Done, WorkState::Done))
        .await;
    assert!(matches!(answer, Err(Error::LeaseLost(_))), "{answer:?}");
    let claimed = claim(&store, 9, 1).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].lease.attempt, 2, "the first attempt counts");
}

#[tokio::test]
async fn lost_job_is_due_when_lease_ends() {
    let folder = Folder::new();
    let (store, handover) = open(&folder, 9).await;
    append(&store, 1).await;
    append(&store, 2).await;
    let second = handover.take().remove(1).lease;
    let next_due = store.next_due(&[ship()]).await.expect("a time");
    assert_eq!(next_due, Some(Duration::from_secs(60)));

    let failed = Outcome::Trapped {
        message: "unreachable".into(),
    };
    let waiting = WorkState::Waiting { until: at(90) };
    store
        .settle(settlement(second, failed, waiting))
        .await
        .expect("an end");

    let claimed = claim(&store, 9, 60).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].event.key, "1");
    assert_eq!(claim(&store, 9, 90).await[0].event.key, "2");
}

#[tokio::test]
async fn other_process_makes_plugin_busy() {
    let folder = Folder::new();
    let (store, handover) = open(&folder, 9).await;
    append(&store, 1).await;
    let job = handover.take().remove(0);
    store
        .settle(settlement(job.lease, Outcome::Done, WorkState::Done))
        .await
        .expect("an end");

    let other = SqliteStore::open_beside(&folder.path()).expect("a store beside its host");
    let replay = Replay {
        selection: EventSelection::default(),
        revision: None,
        rate: None,
        now: at(10),
        dry_run: false,
    };
    let replayed = other.replay(replay).await.expect("a replay").replayed;
    assert_eq!(replayed, 1);
    append(&store, 2).await;

    assert!(handover.take().is_empty());
    let claimed = claim(&store, 9, 20).await;
    let keys: Vec<_> = claimed.iter().map(|job| job.event.key.as_str()).collect();
    assert_eq!(keys, ["1", "2"]);
    let record = store.read(event(1).id).await.expect("a read");
    let jobs = record.expect("an event").jobs;
    assert_eq!(jobs[0].attempts.len(), 1, "the replay keeps the attempt");
}

#[tokio::test]
async fn quarantined_plugin_gets_held_job() {
    let folder = Folder::new();
    let (store, handover) = open(&folder, 9).await;
    let quarantine = Quarantine {
        plugin: ship(),
        revision: Revision::from_sha256([1; 32]),
        reason: "it failed".into(),
        since: at(0),
    };
    store.quarantine(quarantine).await.expect("a quarantine");
    learn(&store).await;

    append(&store, 1).await;

    assert!(handover.take().is_empty());
    assert_eq!(events(&store).await[0].jobs[0].state, WorkState::Held);
}
