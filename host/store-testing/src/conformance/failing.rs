//! Faults: whichever call fails, and wherever the host crashes, nothing is lost and nothing happens
//! twice.

use std::sync::Arc;

use bytes::Bytes;
use hookyard_model::{
    Effects, Event, Key, Message, MessageId, Next, Outcome, ReadVersion, WorkState, Write,
};
use uuid::Uuid;

use super::support::{
    LEASE, at, event, messages, plugin, request, route_orders_to_ship, settlement, summaries,
};
use super::{Case, TestStore, table};
use crate::faulty::{Fault, FaultyStore, When};
use hookyard_store::{ClaimedJob, Error, Settlement};

pub(super) const CASES: &[Case] = table![
    effects_survive_every_failing_call,
    effects_survive_every_crash,
];

/// A number of calls that a round with one fault never needs.
const CALLS_MAX: usize = 60;

async fn effects_survive_every_failing_call(store: TestStore) {
    route_orders_to_ship(&store).await;

    let mut rounds = 0;
    for when in [When::Before, When::After] {
        for nth in 1..=CALLS_MAX {
            let faulty = Arc::new(FaultyStore::new(Arc::clone(&store.store)));
            faulty.at(nth, when, Fault::Fail);
            rounds += 1;
            handle(&store.behind(faulty.clone()), rounds, 0).await;
            assert_once(&store, rounds, &format!("the {nth}. call fails {when:?}")).await;
            if faulty.has_plan() {
                break;
            }
            assert!(nth < CALLS_MAX, "a round has an end");
        }
    }

    assert!(rounds > 8, "only {rounds} rounds had a call to fail");
}

async fn effects_survive_every_crash(store: TestStore) {
    route_orders_to_ship(&store).await;

    let mut rounds = 0;
    for when in [When::Before, When::After] {
        for nth in 1..=CALLS_MAX {
            let faulty = Arc::new(FaultyStore::new(Arc::clone(&store.store)));
            faulty.at(nth, when, Fault::Crash);
            rounds += 1;
            let host = store.behind(faulty.clone());
            tokio::select! {
                () = handle(&host, rounds, 0) => {}
                () = faulty.crashed() => {
                    // The sender got no answer and sends again. A new host takes over when the old
                    // leases end.
                    let next = Arc::new(FaultyStore::new(Arc::clone(&store.store)));
                    handle(&store.behind(next), rounds, 1_000_000).await;
                }
            }
            assert_once(
                &store,
                rounds,
                &format!("the host dies {when:?} the {nth}. call"),
            )
            .await;
            if faulty.has_plan() {
                break;
            }
            assert!(nth < CALLS_MAX, "a round has an end");
        }
    }

    assert!(rounds > 8, "only {rounds} rounds had a call to die at");
}

/// Sends one event until it is acknowledged, and attempts it until it is done, like a sender and a
/// host.
async fn handle(store: &TestStore, number: u64, mut now: i64) {
    let sent = Event {
        received_at: at(0),
        ..event(number)
    };

    if store.append(sent.clone()).await.is_err() {
        store
            .append(sent)
            .await
            .expect("no more than one call fails");
    }

    for _ in 0..CALLS_MAX {
        // The leases of attempts without an end have expired by then.
        now += 1_000;
        store.set(now);
        let claimed = store
            .claim(&[request("acme/ship", 9)], LEASE)
            .await
            .unwrap_or_default();
        for job in &claimed {
            attempt(store, job).await;
        }
        let due = store.next_due(&[plugin("acme/ship")]).await;
        if matches!(due, Ok(None)) {
            return;
        }
    }

    panic!("event {number} is not done after {CALLS_MAX} claims");
}

/// Makes one attempt, which adds one to a counter and sends a message, like the runner.
async fn attempt(store: &TestStore, job: &ClaimedJob) {
    let key = Key {
        bucket: "b".into(),
        key: "count".into(),
    };

    let Ok(found) = store.value(&job.lease.plugin, &key).await else {
        return;
    };
    let count = found.as_ref().map_or(0, |found| count_of(&found.value));
    let effects = Effects {
        reads: vec![ReadVersion {
            key: key.clone(),
            version: found.map(|found| found.version),
        }],
        writes: vec![Write {
            key,
            value: Some(Bytes::from((count + 1).to_string())),
        }],
        messages: vec![message(job)],
        ..Effects::default()
    };

    let settlement = Settlement {
        effects,
        ..settlement(&job.lease, Outcome::Done, Next::Done)
    };

    match store.settle(settlement).await {
        Ok(()) | Err(Error::LeaseLost(_) | Error::Store(_) | Error::Unknown(_)) => {}
        Err(error) => panic!("{error}"),
    }
}

/// Each attempt sends a message with a new id.
fn message(job: &ClaimedJob) -> Message {
    let id = Uuid::from_u64_pair(
        u64::from(job.lease.attempt),
        job.event.id.as_uuid().as_u64_pair().1,
    );
    Message {
        id: MessageId::from_uuid(id),
        destination: "shop".parse().expect("a name"),
        event_type: None,
        body: job.event.body.clone(),
        ordering_key: None,
    }
}

fn count_of(value: &[u8]) -> u64 {
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .expect("a number")
}

async fn assert_once(store: &TestStore, rounds: u64, context: &str) {
    let events = summaries(store).await;
    assert_eq!(
        events.len() as u64,
        rounds,
        "{context}: each event is stored once"
    );
    assert!(
        events
            .iter()
            .all(|event| event.jobs[0].state == WorkState::Done),
        "{context}: each event is handled"
    );

    let key = Key {
        bucket: "b".into(),
        key: "count".into(),
    };

    let found = store
        .value(&plugin("acme/ship"), &key)
        .await
        .expect("a read")
        .expect("a value");
    assert_eq!(
        count_of(&found.value),
        rounds,
        "{context}: each counts once"
    );
    assert_eq!(
        messages(store).await.len() as u64,
        rounds,
        "{context}: each sends once"
    );
}
