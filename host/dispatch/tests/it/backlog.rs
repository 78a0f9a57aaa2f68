//! Backlogs: jobs without a place in the handover are claimed, in large groups if they are quick.

use std::time::Duration;

use hookyard_model::Clock as _;
use hookyard_store_testing::faulty::Call;
use tokio::time::sleep;

use crate::support::{Harness, Plan, SECOND, done_in, one_at_a_time};

#[tokio::test(start_paused = true)]
async fn jobs_without_a_place_are_claimed_in_order() {
    let harness = Harness::start(one_at_a_time(), |_| done_in(SECOND));
    harness.route(&["ship"]).await;
    sleep(SECOND).await;
    let came = harness.clock.now();
    harness.append(0..200).await;
    harness.wait_until_over().await;

    for number in 0..200 {
        let attempts = harness.attempts(number, "ship");
        assert_eq!(attempts.len(), 1);
        assert_eq!(attempts[0].number, 1, "a wait does not count");
        assert_eq!(attempts[0].started_at, came.after(SECOND * number as u32));
    }

    harness.stop().await;
}

/// Returns the number of claims that a plugin with a backlog of a thousand events needs, and the
/// largest number of leased jobs that was seen.
async fn drain_backlog(duration: Duration, until: Duration) -> (usize, usize) {
    let plan = Plan {
        active: Vec::new(),
        ..Plan::default()
    };
    let harness = Harness::start(plan, move |_| done_in(duration));
    harness.route(&["ship"]).await;
    harness.append(0..1_000).await;
    harness.runner.activate(&[("ship", 4)]);
    let mut leased_most = 0;
    for _ in 0..100 {
        sleep(until / 100).await;
        let states = harness.states().await;
        let leased = states.iter().filter(|state| **state == "leased").count();
        leased_most = leased_most.max(leased);
    }

    let claims = harness.inbox.count(Call::Claim);
    harness.task.abort();
    (claims, leased_most)
}

#[tokio::test(start_paused = true)]
async fn quick_plugin_claims_ahead() {
    let (claims, leased) = drain_backlog(Duration::from_millis(1), SECOND / 2).await;

    assert!(claims < 40, "{claims} claims");
    assert!(leased > 50, "{leased} jobs were leased");
}

#[tokio::test(start_paused = true)]
async fn slow_plugin_claims_few_ahead() {
    let (_, leased) = drain_backlog(3 * SECOND, 300 * SECOND).await;

    assert!((4..=8).contains(&leased), "{leased} jobs were leased");
}
