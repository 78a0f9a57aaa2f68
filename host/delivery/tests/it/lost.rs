//! Tries that were lost together with their host count, and too many of them are the end.

use std::time::Duration;

use hookyard_delivery::Destinations;

use crate::kit::{Plan, Yard, answer, one, partner};

/// Three tries may be made.
async fn check(status: u16, lost: u32, state: &str, expected: &[(u32, &str)]) {
    let plan = Plan {
        destinations: Destinations::new(),
        ..Plan::default()
    };
    let yard = Yard::start(plan, move |_| (Duration::ZERO, answer(status))).await;
    yard.send(0..1).await;
    yard.lose(lost).await;
    yard.handle.replace(one(partner()));
    yard.all_over().await;
    let tries = yard.record(0).await.deliveries;
    let ended: Vec<_> = tries
        .iter()
        .map(|(_, delivery)| (delivery.number, delivery.result.name()))
        .collect();
    assert_eq!(
        (ended.as_slice(), yard.states().await),
        (expected, vec![state]),
        "{status} after {lost} lost"
    );
    let posts = expected
        .iter()
        .filter(|(_, result)| *result != "lost")
        .count();
    assert_eq!(yard.post.seen().len(), posts);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn as_many_lost_as_may_be_made_are_the_end() {
    check(200, 2, "done", &[(3, "sent")]).await;
    check(200, 3, "dead", &[(4, "lost")]).await;
    check(200, 5, "dead", &[(6, "lost")]).await;
    check(500, 2, "dead", &[(3, "failed")]).await;
}
