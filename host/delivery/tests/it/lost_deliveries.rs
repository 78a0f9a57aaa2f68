//! Lost deliveries: deliveries during which the host stopped.

use std::time::Duration;

use hookyard_delivery::Destinations;

use crate::support::{Harness, Plan, answer, one, partner};

/// The policy allows three deliveries.
async fn check(status: u16, lost: u32, state: &str, expected: &[(u32, &str)]) {
    let plan = Plan {
        destinations: Destinations::new(),
        ..Plan::default()
    };
    let harness = Harness::start(plan, move |_| (Duration::ZERO, answer(status))).await;
    harness.send(0..1).await;
    harness.lose(lost).await;
    harness.handle.replace_destinations(one(partner()));
    harness.wait_until_over().await;
    let deliveries = harness.record(0).await.deliveries;
    let ended: Vec<_> = deliveries
        .iter()
        .map(|(_, delivery)| (delivery.number, delivery.result.name()))
        .collect();

    assert_eq!(
        (ended.as_slice(), harness.states().await),
        (expected, vec![state]),
        "{status} after {lost} lost"
    );

    let posts = expected
        .iter()
        .filter(|(_, result)| *result != "lost")
        .count();

    assert_eq!(harness.post.seen().len(), posts);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn message_dies_after_too_many_lost_deliveries() {
    check(200, 2, "done", &[(3, "sent")]).await;
    check(200, 3, "dead", &[(4, "lost")]).await;
    check(200, 5, "dead", &[(6, "lost")]).await;
    check(500, 2, "dead", &[(3, "failed")]).await;
}
