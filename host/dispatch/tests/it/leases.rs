//! Leases: one call extends those of all attempts, and a job does not wait until its lease ends.

use std::sync::atomic::Ordering;

use hookyard_store_testing::faulty::Call;
use tokio::time::sleep;

use crate::support::{HOUR, Harness, LEASE, Plan, SECOND, done_in, one_at_a_time};

#[tokio::test(start_paused = true)]
async fn job_waits_for_a_third_of_its_lease() {
    let harness = Harness::start(one_at_a_time(), |_| done_in(HOUR));
    harness.route(&["ship"]).await;
    sleep(SECOND).await;
    harness.append(0..2).await;

    sleep(LEASE / 6).await;
    assert_eq!(harness.states().await, ["leased", "leased"]);

    sleep(LEASE / 3 - LEASE / 6 + SECOND).await;
    assert_eq!(harness.states().await, ["leased", "pending"]);

    harness.wait_until_over().await;
    let again = harness.attempts(1, "ship");
    assert_eq!((again.len(), again[0].number), (1, 1));

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn leases_are_extended_in_one_call() {
    let plan = Plan {
        active: vec![("ship", 40)],
        ..Plan::default()
    };
    let harness = Harness::start(plan, |_| done_in(10 * LEASE));
    harness.route(&["ship"]).await;
    sleep(SECOND).await;
    harness.append(0..40).await;
    sleep(5 * LEASE).await;

    assert_eq!(harness.states().await, ["leased"; 40]);
    let calls = harness.inbox.count(Call::Extend);
    assert!((20..=30).contains(&calls), "{calls} calls in five leases");

    harness.wait_until_over().await;
    assert_eq!(harness.runner.runs.load(Ordering::Relaxed), 40);

    harness.stop().await;
}

/// Nothing else wakes the dispatcher between the beginning of the attempt and the end of its lease.
#[tokio::test(start_paused = true)]
async fn lone_long_attempt_keeps_its_lease() {
    let harness = Harness::start(one_at_a_time(), |_| done_in(LEASE + 30 * SECOND));
    harness.route(&["ship"]).await;
    sleep(SECOND).await;
    harness.append(0..1).await;
    sleep(LEASE + 20 * SECOND).await;
    harness.append(1..2).await;
    sleep(20 * SECOND).await;

    let attempts = harness.attempts(0, "ship");
    assert_eq!((attempts.len(), attempts[0].number), (1, 1));

    harness.task.abort();
}
