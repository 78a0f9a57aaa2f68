//! Who may run how much at once, and that nobody waits for anybody else's slowness.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hookyard_model::Clock as _;
use tokio::time::{Instant, sleep};

use crate::kit::{HOUR, Plan, SECOND, Yard, done_in};

#[tokio::test(start_paused = true)]
async fn a_plugin_runs_no_more_than_it_may_and_no_less_than_it_can() {
    let yard = Yard::start(
        Plan {
            active: vec![("ship", 3), ("audit", 5)],
            ..Plan::default()
        },
        |_| done_in(SECOND),
    );
    yard.route(&["ship", "audit"]).await;
    let begun = Instant::now();
    yard.append(0..30).await;
    yard.all_over().await;
    assert_eq!(
        (yard.runner.most_of("ship"), yard.runner.most_of("audit")),
        (3, 5)
    );
    let took = begun.elapsed().as_secs_f64();
    assert!(
        (10.0..11.0).contains(&took),
        "30 jobs by threes take ten seconds, not {took}"
    );
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn all_plugins_together_keep_to_the_bound_and_take_turns() {
    let names = ["a", "b", "c", "d", "e"];
    let plan = Plan {
        active: names.map(|name| (name, 9)).to_vec(),
        concurrency_max: 2,
        ..Plan::default()
    };
    let yard = Yard::start(plan, |_| done_in(SECOND));
    yard.route(&names).await;
    yard.append(0..10).await;
    sleep(Duration::from_millis(2_500)).await;
    let served: BTreeSet<_> = yard
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
    yard.all_over().await;
    assert_eq!(yard.runner.running_most.load(Ordering::Relaxed), 2);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_plugin_delays_no_other() {
    let slow = |job: &hookyard_store::ClaimedJob| job.lease.plugin.name.as_str() == "audit";
    let plan = Plan {
        active: vec![("audit", 2), ("ship", 1)],
        ..Plan::default()
    };
    let yard = Yard::start(plan, move |job| {
        done_in(if slow(job) { HOUR } else { SECOND })
    });
    yard.route(&["audit", "ship"]).await;
    yard.append(0..10).await;
    sleep(11 * SECOND).await;
    let jobs = yard.jobs().await;
    let done = |name| {
        jobs.iter()
            .filter(|job| job.plugin.as_str() == name && job.state.name() == "done")
            .count()
    };
    assert_eq!((done("audit"), done("ship")), (0, 10));
    yard.task.abort();
}

#[tokio::test(start_paused = true)]
async fn idle_plugins_take_no_places_from_a_busy_one() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "ship"];
    let plan = Plan {
        active: names.map(|name| (name, 4)).to_vec(),
        concurrency_max: 4,
        ..Plan::default()
    };
    let yard = Yard::start(plan, |_| done_in(SECOND));
    yard.route(&["ship"]).await;
    let came = yard.clock.now();
    yard.append(0..20).await;
    yard.all_over().await;
    for number in 0..20 {
        let waited = yard.attempts(number, "ship")[0].started_at.since(came);
        assert_eq!(
            waited,
            SECOND * (number / 4) as u32,
            "job {number} begins as soon as there's a place"
        );
    }
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_long_attempt_keeps_its_lease() {
    let yard = Yard::start(Plan::default(), |_| done_in(3 * HOUR));
    yard.route(&["ship"]).await;
    yard.append(0..1).await;
    yard.all_over().await;
    assert_eq!(yard.runner.runs.load(Ordering::Relaxed), 1);
    assert_eq!(yard.states().await, ["done"]);
    yard.stop().await;
}
