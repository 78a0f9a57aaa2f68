//! Concurrency limits of plugins and of the whole dispatcher.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hookyard_model::Clock as _;
use tokio::time::{Instant, sleep};

use crate::support::{HOUR, Harness, Plan, SECOND, done_in};

#[tokio::test(start_paused = true)]
async fn plugin_concurrency_is_used_and_limited() {
    let harness = Harness::start(
        Plan {
            active: vec![("ship", 3), ("audit", 5)],
            ..Plan::default()
        },
        |_| done_in(SECOND),
    );
    harness.route(&["ship", "audit"]).await;
    let begun = Instant::now();
    harness.append(0..30).await;
    harness.wait_until_over().await;

    assert_eq!(
        (
            harness.runner.most_of("ship"),
            harness.runner.most_of("audit")
        ),
        (3, 5)
    );

    let took = begun.elapsed().as_secs_f64();

    assert!(
        (10.0..11.0).contains(&took),
        "30 jobs in threes take ten seconds, not {took}"
    );

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn total_concurrency_is_limited_fairly() {
    let names = ["a", "b", "c", "d", "e"];
    let plan = Plan {
        active: names.map(|name| (name, 9)).to_vec(),
        concurrency_max: 2,
        ..Plan::default()
    };
    let harness = Harness::start(plan, |_| done_in(SECOND));
    harness.route(&names).await;
    harness.append(0..10).await;
    sleep(Duration::from_millis(2_500)).await;
    let served: BTreeSet<_> = harness
        .runner
        .running
        .lock()
        .expect("a lock")
        .keys()
        .cloned()
        .collect();

    assert_eq!(
        served.len(),
        5,
        "six attempts reach five plugins: {served:?}"
    );

    harness.wait_until_over().await;

    assert_eq!(harness.runner.running_most.load(Ordering::Relaxed), 2);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn slow_plugin_delays_no_other_plugin() {
    let slow = |job: &hookyard_store::ClaimedJob| job.lease.plugin.name.as_str() == "audit";
    let plan = Plan {
        active: vec![("audit", 2), ("ship", 1)],
        ..Plan::default()
    };
    let harness = Harness::start(plan, move |job| {
        done_in(if slow(job) { HOUR } else { SECOND })
    });
    harness.route(&["audit", "ship"]).await;
    harness.append(0..10).await;
    sleep(11 * SECOND).await;
    let jobs = harness.jobs().await;
    let done = |name| {
        jobs.iter()
            .filter(|job| job.plugin.as_str() == name && job.state.name() == "done")
            .count()
    };

    assert_eq!((done("audit"), done("ship")), (0, 10));

    harness.task.abort();
}

#[tokio::test(start_paused = true)]
async fn busy_plugin_uses_idle_slots() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "ship"];
    let plan = Plan {
        active: names.map(|name| (name, 4)).to_vec(),
        concurrency_max: 4,
        ..Plan::default()
    };
    let harness = Harness::start(plan, |_| done_in(SECOND));
    harness.route(&["ship"]).await;
    let came = harness.clock.now();
    harness.append(0..20).await;
    harness.wait_until_over().await;

    for number in 0..20 {
        let waited = harness.attempts(number, "ship")[0].started_at.since(came);
        assert_eq!(
            waited,
            SECOND * (number / 4) as u32,
            "job {number} begins once a slot is free"
        );
    }

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn long_attempt_extends_its_lease() {
    let harness = Harness::start(Plan::default(), |_| done_in(3 * HOUR));
    harness.route(&["ship"]).await;
    harness.append(0..1).await;
    harness.wait_until_over().await;
    assert_eq!(harness.runner.runs.load(Ordering::Relaxed), 1);
    assert_eq!(harness.states().await, ["done"]);
    harness.stop().await;
}
