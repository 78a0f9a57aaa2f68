//! The loop looks when there's something to see, and hardly otherwise.

use std::sync::atomic::Ordering;
use std::time::Duration;

use hookyard_model::Clock as _;
use hookyard_model::WorkState;
use hookyard_store::Jobs;
use hookyard_store_testing::faulty::Call;
use tokio::time::{Instant, sleep};

use crate::kit::{HOUR, Plan, SECOND, Yard, done_in, event_id};

#[tokio::test(start_paused = true)]
async fn an_event_is_run_when_it_comes() {
    let yard = Yard::start(Plan::default(), |_| done_in(Duration::ZERO));
    yard.route(&["ship"]).await;
    // Not a whole minute, at which it would look by itself.
    sleep(HOUR + 7 * SECOND).await;
    let came = yard.clock.now();
    yard.append(0..1).await;
    yard.all_over().await;
    assert_eq!(yard.attempts(0, "ship")[0].started_at, came);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_comes_finds_its_jobs() {
    let yard = Yard::start(
        Plan {
            active: Vec::new(),
            ..Plan::default()
        },
        |_| done_in(Duration::ZERO),
    );
    yard.route(&["ship"]).await;
    yard.append(0..2).await;
    sleep(Duration::from_millis(1_500)).await;
    assert_eq!(yard.states().await, ["pending", "pending"]);
    let came = yard.clock.now();
    yard.runner.activate(&[("ship", 1)]);
    yard.all_over().await;
    assert_eq!(yard.attempts(0, "ship")[0].started_at, came);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn events_stored_before_the_route_are_run_after_it() {
    let yard = Yard::start(Plan::default(), |_| done_in(Duration::ZERO));
    yard.append(0..2).await;
    sleep(SECOND).await;
    yard.route(&["ship"]).await;
    yard.all_over().await;
    assert_eq!(yard.states().await, ["done", "done"]);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_of_somebody_who_is_gone_is_taken_over_when_it_ends() {
    let yard = Yard::start(
        Plan {
            active: Vec::new(),
            ..Plan::default()
        },
        |_| done_in(Duration::ZERO),
    );
    yard.route(&["ship"]).await;
    yard.append(0..1).await;
    let wanted = [hookyard_store::JobRequest {
        plugin: crate::kit::plugin("ship"),
        limit: 1,
    }];
    let lost = yard
        .inbox
        .claim(&wanted, yard.clock.now(), 100 * SECOND)
        .await
        .expect("a claim")
        .remove(0);
    yard.runner.activate(&[("ship", 1)]);
    yard.all_over().await;
    let attempts = yard.attempts(0, "ship");
    assert_eq!((attempts.len(), attempts[0].number), (1, 2));
    let late = attempts[0].started_at.since(lost.until);
    assert!(
        attempts[0].started_at >= lost.until && late < SECOND / 10,
        "{late:?} late"
    );
    assert_eq!(lost.lease.event, event_id(0));
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_dispatcher_hardly_looks() {
    let yard = Yard::start(Plan::default(), |_| done_in(Duration::ZERO));
    yard.route(&["ship"]).await;
    sleep(24 * HOUR).await;
    let claims = yard.inbox.count(Call::Claim);
    assert!(claims <= 24 * 60 + 2, "{claims} claims in a day");
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_full_plugin_makes_nobody_spin() {
    let yard = Yard::start(
        Plan {
            active: vec![("ship", 1)],
            ..Plan::default()
        },
        |_| done_in(HOUR),
    );
    yard.route(&["ship"]).await;
    let begun = Instant::now();
    yard.append(0..3).await;
    sleep(HOUR / 2).await;
    assert_eq!(
        yard.runner.runs.load(Ordering::Relaxed),
        1,
        "the others are due, and have no place"
    );
    let claims = yard.inbox.count(Call::Claim);
    assert!(claims < 40, "{claims} claims in {:?}", begun.elapsed());
    let states = yard
        .jobs()
        .await
        .iter()
        .filter(|job| job.state == WorkState::Pending)
        .count();
    assert_eq!(states, 2);
    yard.task.abort();
}
