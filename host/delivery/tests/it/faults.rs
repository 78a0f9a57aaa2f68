//! What fails costs its own try, and no more.

use std::time::Duration;

use hookyard_delivery::Destination;
use hookyard_store_testing::faulty::{Call, Fault, When};
use tokio::time::sleep;

use crate::kit::{HOUR, LEASE, Plan, SECOND, Yard, answer, partner};

fn one_at_once() -> Plan {
    Plan::of(Destination {
        concurrency: 1,
        ..partner()
    })
}

#[tokio::test(start_paused = true)]
async fn a_panic_stops_nobody_and_its_message_is_sent_again() {
    let yard = Yard::start(one_at_once(), |seen| {
        assert!(seen.number() != 0 || seen.at > SECOND, "as the script says");
        (SECOND, answer(200))
    })
    .await;
    yard.send(0..4).await;
    sleep(5 * SECOND).await;
    assert_eq!(yard.states().await, ["leased", "done", "done", "done"]);
    yard.all_over().await;
    assert_eq!(yard.states().await, ["done"; 4]);
    let tries = yard.record(0).await.deliveries;
    assert_eq!((tries.len(), tries[0].1.number), (1, 2));
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_settlement_that_fails_is_tried_again_and_the_message_is_not_sent_again() {
    let yard = Yard::start(one_at_once(), |_| (SECOND, answer(200))).await;
    for nth in 1..=6 {
        yard.store
            .on(Call::SettleMessage, nth, When::Before, Fault::Fail);
    }
    yard.send(0..1).await;
    yard.all_over().await;
    assert_eq!(
        (yard.states().await, yard.post.seen().len()),
        (vec!["done"], 1)
    );
    yard.stop().await;
}

/// At least once: the receiver sees the same id again.
#[tokio::test(start_paused = true)]
async fn what_can_not_be_settled_is_left_to_its_lease_and_sent_again() {
    let yard = Yard::start(one_at_once(), |_| (Duration::ZERO, answer(200))).await;
    for nth in 1..=40 {
        yard.store
            .on(Call::SettleMessage, nth, When::Before, Fault::Fail);
    }
    yard.send(0..1).await;
    sleep(LEASE).await;
    assert_eq!(yard.post.seen().len(), 1);
    yard.all_over().await;
    assert_eq!(yard.states().await, ["done"]);
    let ids: Vec<_> = yard
        .post
        .seen()
        .iter()
        .map(|seen| seen.header("webhook-id").to_owned())
        .collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert_eq!(ids[0], ids[1]);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_outbox_that_fails_is_left_alone_for_a_while() {
    let yard = Yard::start(Plan::default(), |_| (Duration::ZERO, answer(200))).await;
    sleep(SECOND).await;
    let before = yard.store.made().len();
    for nth in 1..=30 {
        yard.store
            .on(Call::ClaimMessages, nth, When::Before, Fault::Fail);
    }
    for number in 0..100 {
        yard.send(number..number + 1).await;
        sleep(SECOND / 10).await;
    }
    let claims = yard.store.made()[before..]
        .iter()
        .filter(|call| **call == Call::ClaimMessages)
        .count();
    assert!((5..=12).contains(&claims), "{claims} claims in ten seconds");
    yard.all_over().await;
    assert_eq!(yard.states().await, ["done"; 100]);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn with_nothing_to_do_nothing_is_done() {
    let yard = Yard::start(Plan::default(), |_| (Duration::ZERO, answer(200))).await;
    yard.send(0..1).await;
    sleep(SECOND).await;
    let before = yard.store.made().len();
    sleep(HOUR).await;
    let calls = yard.store.made().len() - before;
    assert!(calls <= 3 * 60, "{calls} calls in an hour");
    yard.stop().await;
}
