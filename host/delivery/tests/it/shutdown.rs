//! Shutdown: the deliverer begins nothing more and waits for running deliveries.

use hookyard_delivery::Destination;
use tokio::time::{Instant, sleep};

use crate::support::{HOUR, Harness, Plan, SECOND, answer, partner};

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_running_deliveries() {
    let plan = Plan::of(Destination {
        concurrency: 2,
        timeout: HOUR,
        ..partner()
    });
    let mut harness = Harness::start(plan, |_| (10 * SECOND, answer(200))).await;
    harness.send(0..5).await;
    sleep(SECOND).await;
    let begun = Instant::now();
    harness.begin_shutdown();
    (&mut harness.task).await.expect("no panic");

    assert_eq!(begun.elapsed().as_secs(), 9);
    assert_eq!(
        harness.states().await,
        ["done", "done", "pending", "pending", "pending"]
    );
    assert_eq!(harness.post.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn shutdown_aborts_slow_deliveries_after_timeout() {
    let plan = Plan {
        shutdown_timeout: 5 * SECOND,
        ..Plan::of(Destination {
            timeout: HOUR,
            ..partner()
        })
    };
    let mut harness = Harness::start(plan, |_| (HOUR, answer(200))).await;
    harness.send(0..1).await;
    sleep(SECOND).await;
    let begun = Instant::now();
    harness.begin_shutdown();
    (&mut harness.task).await.expect("no panic");

    assert_eq!(begun.elapsed().as_secs(), 5);
    assert_eq!(harness.states().await, ["leased"]);
}

#[tokio::test(start_paused = true)]
async fn long_delivery_extends_its_lease() {
    let plan = Plan::of(Destination {
        timeout: HOUR,
        ..partner()
    });
    let harness = Harness::start(plan, |_| (HOUR / 2, answer(200))).await;
    harness.send(0..1).await;
    harness.wait_until_over().await;

    assert_eq!(
        (harness.states().await, harness.post.seen().len()),
        (vec!["done"], 1)
    );

    harness.stop().await;
}
