//! Faults of the store and of the host cost only the delivery that they hit.

use std::time::Duration;

use hookyard_delivery::Destination;
use hookyard_store_testing::faulty::{Call, Fault, When};
use tokio::time::sleep;

use crate::support::{HOUR, Harness, LEASE, Plan, SECOND, answer, partner};

fn one_at_a_time() -> Plan {
    Plan::of(Destination {
        concurrency: 1,
        ..partner()
    })
}

#[tokio::test(start_paused = true)]
async fn message_of_a_panic_is_sent_again() {
    let harness = Harness::start(one_at_a_time(), |seen| {
        assert!(seen.number() != 0 || seen.at > SECOND, "scripted");
        (SECOND, answer(200))
    })
    .await;
    harness.send(0..4).await;
    sleep(5 * SECOND).await;

    assert_eq!(harness.states().await, ["leased", "done", "done", "done"]);

    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["done"; 4]);

    let deliveries = harness.record(0).await.deliveries;

    assert_eq!((deliveries.len(), deliveries[0].1.number), (1, 2));

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn failed_settlement_is_repeated_without_sending() {
    let harness = Harness::start(one_at_a_time(), |_| (SECOND, answer(200))).await;

    for nth in 1..=6 {
        harness
            .store
            .on(Call::SettleMessage, nth, When::Before, Fault::Fail);
    }

    harness.send(0..1).await;
    harness.wait_until_over().await;

    assert_eq!(
        (harness.states().await, harness.post.seen().len()),
        (vec!["done"], 1)
    );

    harness.stop().await;
}

/// Delivery is at least once: the receiver sees the same id again.
#[tokio::test(start_paused = true)]
async fn unsettled_message_is_sent_after_its_lease() {
    let harness = Harness::start(one_at_a_time(), |_| (Duration::ZERO, answer(200))).await;

    for nth in 1..=40 {
        harness
            .store
            .on(Call::SettleMessage, nth, When::Before, Fault::Fail);
    }

    harness.send(0..1).await;
    sleep(LEASE).await;

    assert_eq!(harness.post.seen().len(), 1);

    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["done"]);

    let ids: Vec<_> = harness
        .post
        .seen()
        .iter()
        .map(|seen| seen.header("webhook-id").to_owned())
        .collect();

    assert_eq!(ids.len(), 2, "{ids:?}");
    assert_eq!(ids[0], ids[1]);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn failing_outbox_pauses_the_loop() {
    let harness = Harness::start(Plan::default(), |_| (Duration::ZERO, answer(200))).await;
    sleep(SECOND).await;
    let before = harness.store.made().len();

    for nth in 1..=30 {
        harness
            .store
            .on(Call::ClaimMessages, nth, When::Before, Fault::Fail);
    }

    for number in 0..100 {
        harness.send(number..number + 1).await;
        sleep(SECOND / 10).await;
    }

    let claims = harness.store.made()[before..]
        .iter()
        .filter(|call| **call == Call::ClaimMessages)
        .count();

    assert!((5..=12).contains(&claims), "{claims} claims in ten seconds");

    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["done"; 100]);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn idle_deliverer_rarely_calls_the_store() {
    let harness = Harness::start(Plan::default(), |_| (Duration::ZERO, answer(200))).await;
    harness.send(0..1).await;
    sleep(SECOND).await;
    let before = harness.store.made().len();
    sleep(HOUR).await;
    let calls = harness.store.made().len() - before;
    assert!(calls <= 3 * 60, "{calls} calls in an hour");
    harness.stop().await;
}
