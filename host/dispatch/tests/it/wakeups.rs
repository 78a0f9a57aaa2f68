//! Wake-ups: the dispatcher looks when something has changed, and rarely otherwise.

use std::sync::atomic::Ordering;
use std::time::Duration;

use hookyard_model::Clock as _;
use hookyard_model::WorkState;
use hookyard_store::Jobs;
use hookyard_store_testing::faulty::Call;
use tokio::time::{Instant, sleep};

use crate::support::{HOUR, Harness, Plan, SECOND, done_in, event_id};

#[tokio::test(start_paused = true)]
async fn new_event_wakes_the_dispatcher() {
    let harness = Harness::start(Plan::default(), |_| done_in(Duration::ZERO));
    harness.route(&["ship"]).await;
    // Not a whole minute, at which the dispatcher looks anyway.
    sleep(HOUR + 7 * SECOND).await;
    let came = harness.clock.now();
    harness.append(0..1).await;
    harness.wait_until_over().await;

    assert_eq!(harness.attempts(0, "ship")[0].started_at, came);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn activated_plugin_gets_waiting_jobs() {
    let harness = Harness::start(
        Plan {
            active: Vec::new(),
            ..Plan::default()
        },
        |_| done_in(Duration::ZERO),
    );
    harness.route(&["ship"]).await;
    harness.append(0..2).await;
    sleep(Duration::from_millis(1_500)).await;

    assert_eq!(harness.states().await, ["pending", "pending"]);

    let came = harness.clock.now();
    harness.runner.activate(&[("ship", 1)]);
    harness.wait_until_over().await;

    assert_eq!(harness.attempts(0, "ship")[0].started_at, came);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn events_run_once_they_are_routed() {
    let harness = Harness::start(Plan::default(), |_| done_in(Duration::ZERO));
    harness.append(0..2).await;
    sleep(SECOND).await;
    harness.route(&["ship"]).await;
    harness.wait_until_over().await;
    assert_eq!(harness.states().await, ["done", "done"]);
    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn expired_lease_is_claimed_again() {
    let harness = Harness::start(
        Plan {
            active: Vec::new(),
            ..Plan::default()
        },
        |_| done_in(Duration::ZERO),
    );
    harness.route(&["ship"]).await;
    harness.append(0..1).await;
    let wanted = [hookyard_store::JobRequest {
        plugin: crate::support::plugin("ship"),
        limit: 1,
    }];
    let lease_end = harness.clock.now().after(100 * SECOND);
    let lost = harness
        .inbox
        .claim(&wanted, 100 * SECOND)
        .await
        .expect("a claim")
        .remove(0);
    harness.runner.activate(&[("ship", 1)]);
    harness.wait_until_over().await;
    let attempts = harness.attempts(0, "ship");

    assert_eq!((attempts.len(), attempts[0].number), (1, 2));

    let late = attempts[0].started_at.since(lease_end);

    assert!(
        attempts[0].started_at >= lease_end && late < SECOND / 10,
        "{late:?} late"
    );
    assert_eq!(lost.lease.event, event_id(0));

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn idle_dispatcher_rarely_claims() {
    let harness = Harness::start(Plan::default(), |_| done_in(Duration::ZERO));
    harness.route(&["ship"]).await;
    sleep(24 * HOUR).await;
    let claims = harness.inbox.count(Call::Claim);
    assert!(claims <= 24 * 60 + 2, "{claims} claims in a day");
    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn plugin_without_slots_causes_no_spinning() {
    let harness = Harness::start(
        Plan {
            active: vec![("ship", 1)],
            ..Plan::default()
        },
        |_| done_in(HOUR),
    );
    harness.route(&["ship"]).await;
    let begun = Instant::now();
    harness.append(0..3).await;
    sleep(HOUR / 2).await;

    assert_eq!(
        harness.runner.runs.load(Ordering::Relaxed),
        1,
        "the other jobs are due, but no slot is free"
    );

    let claims = harness.inbox.count(Call::Claim);

    assert!(claims < 40, "{claims} claims in {:?}", begun.elapsed());

    let states = harness
        .jobs()
        .await
        .iter()
        .filter(|job| job.state == WorkState::Pending)
        .count();

    assert_eq!(states, 2);

    harness.task.abort();
}
