//! Shutdown: the dispatcher begins nothing more and waits for running attempts.

use std::sync::atomic::Ordering;

use tokio::time::{Instant, sleep};

use crate::support::{HOUR, Harness, Plan, SECOND, done_in};

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_running_attempts() {
    let mut harness = Harness::start(
        Plan {
            active: vec![("ship", 2)],
            ..Plan::default()
        },
        |_| done_in(10 * SECOND),
    );
    harness.route(&["ship"]).await;
    harness.append(0..5).await;
    sleep(SECOND).await;
    let begun = Instant::now();
    harness.begin_shutdown();
    (&mut harness.task).await.expect("no panic");

    assert_eq!(begun.elapsed().as_secs(), 9);
    assert_eq!(
        harness.states().await,
        ["done", "done", "pending", "pending", "pending"]
    );
    assert_eq!(harness.runner.runs.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn shutdown_aborts_slow_attempts_after_timeout() {
    let plan = Plan {
        shutdown_timeout: 5 * SECOND,
        ..Plan::default()
    };
    let mut harness = Harness::start(plan, |_| done_in(HOUR));
    harness.route(&["ship"]).await;
    harness.append(0..1).await;
    sleep(SECOND).await;
    let begun = Instant::now();
    harness.begin_shutdown();
    (&mut harness.task).await.expect("no panic");

    assert_eq!(begun.elapsed().as_secs(), 5);
    assert_eq!(harness.states().await, ["leased"]);
    assert_eq!(harness.attempts(0, "ship").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn idle_dispatcher_stops_at_once() {
    let mut harness = Harness::start(Plan::default(), |_| done_in(SECOND));
    sleep(SECOND).await;
    let begun = Instant::now();
    harness.begin_shutdown();
    (&mut harness.task).await.expect("no panic");
    assert!(begun.elapsed().is_zero());
}
