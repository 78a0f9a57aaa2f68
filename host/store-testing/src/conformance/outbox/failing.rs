//! Faults: whichever call fails, and wherever the host crashes, each message is sent under one id,
//! and its end is stored once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use hookyard_model::{DeliveryResult, MessageId, Next, WorkState};

use super::support::{commit, destination, end, keyed, numbers_of, request};
use crate::conformance::support::{LEASE, messages};
use crate::conformance::{Case, TestStore, table};
use crate::faulty::{Fault, FaultyStore, When};

pub(super) const CASES: &[Case] = table![
    messages_survive_every_failing_call,
    messages_survive_every_crash
];

/// A number of calls that a round with one fault never needs.
const CALLS_MAX: usize = 60;

/// The receiver: the number of deliveries of each id.
#[derive(Default)]
struct Receiver(Mutex<BTreeMap<MessageId, u32>>);

async fn messages_survive_every_failing_call(store: TestStore) {
    each_round(&store, Fault::Fail).await;
}

async fn messages_survive_every_crash(store: TestStore) {
    each_round(&store, Fault::Crash).await;
}

async fn each_round(store: &TestStore, fault: Fault) {
    let receiver = Receiver::default();
    let mut rounds = 0;
    for when in [When::Before, When::After] {
        for nth in 1..=CALLS_MAX {
            rounds += 1;
            commit(
                store,
                rounds,
                [
                    keyed(2 * u128::from(rounds), "a"),
                    keyed(2 * u128::from(rounds) + 1, "a"),
                ],
            )
            .await;
            let faulty = Arc::new(FaultyStore::new(Arc::clone(&store.store)));
            faulty.at(nth, when, fault.clone());
            let host = store.behind(faulty.clone());
            tokio::select! {
                () = send_all(&host, &receiver, 0) => {}
                () = faulty.crashed() => {
                    // A new host takes over when the old leases end.
                    let next = Arc::new(FaultyStore::new(Arc::clone(&store.store)));
                    send_all(&store.behind(next), &receiver, 1_000_000).await;
                }
            }
            assert_sent(
                store,
                &receiver,
                rounds,
                &format!("the {nth}. call, {when:?}"),
            )
            .await;
            if faulty.has_plan() {
                break;
            }
            assert!(nth < CALLS_MAX, "a round has an end");
        }
    }

    assert!(rounds > 6, "only {rounds} rounds had a call to fail");
}

/// Sends until nothing is left, like a host.
async fn send_all(store: &TestStore, receiver: &Receiver, mut now: i64) {
    for _ in 0..CALLS_MAX {
        // The leases of deliveries without an end have expired by then.
        now += 1_000;
        store.set(now);
        let claimed = store
            .claim_messages(&[request("acme/shop", 9)], LEASE)
            .await
            .unwrap_or_default();
        for message in claimed {
            receiver.take(message.lease.id);
            let sent = end(
                &message.lease,
                DeliveryResult::Sent { status: 200 },
                Next::Done,
            );
            // If this fails, the message is sent again.
            drop(store.settle_message(sent).await);
        }
        if matches!(
            store.next_message_due(&[destination("acme/shop")]).await,
            Ok(None)
        ) {
            return;
        }
    }

    panic!("something is not sent after {CALLS_MAX} claims");
}

async fn assert_sent(store: &TestStore, receiver: &Receiver, rounds: u64, context: &str) {
    let stored = messages(store).await;
    assert_eq!(
        numbers_of(&stored),
        (2..2 * u128::from(rounds) + 2).collect::<Vec<_>>(),
        "{context}"
    );

    let received = receiver
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    assert_eq!(
        received.keys().copied().collect::<Vec<_>>(),
        stored.iter().map(|it| it.id).collect::<Vec<_>>()
    );

    let twice = received.values().filter(|times| **times > 1).count() as u64;
    assert!(
        twice <= rounds,
        "{context}: one fault costs one sending: {received:?}"
    );

    for message in stored {
        assert_eq!(message.state, WorkState::Done, "{context}");
        let record = store
            .message(message.id)
            .await
            .expect("a read")
            .expect("it is stored");
        assert_eq!(
            record.deliveries.len(),
            1,
            "{context}: its end is kept once"
        );
    }
}

impl Receiver {
    fn take(&self, id: MessageId) {
        *self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(id)
            .or_default() += 1;
    }
}
