//! The handover: new jobs begin without a claim, wait within bounds, and are given back if they
//! cannot begin.

use std::sync::atomic::Ordering;
use std::time::Duration;

use hookyard_dispatch::RunError;
use hookyard_model::{Clock as _, Event, SourceRef};
use hookyard_store::{Error, Events, Routes, Routing};
use hookyard_store_testing::faulty::{Call, Fault, When};
use tokio::time::sleep;

use crate::support::{Act, Harness, LEASE, Plan, SECOND, done_in, event, one_at_a_time, plugin};

/// The calls that a dispatcher needs to find jobs in the store.
fn finding_calls(harness: &Harness) -> usize {
    harness.inbox.count(Call::Claim) + harness.inbox.count(Call::NextDue)
}

#[tokio::test(start_paused = true)]
async fn handed_over_jobs_need_no_claim() {
    let harness = Harness::start(Plan::default(), |_| done_in(Duration::from_millis(1)));
    harness.route(&["ship"]).await;
    sleep(SECOND).await;
    let calls = finding_calls(&harness);

    for number in 0..500 {
        harness.append(number..number + 1).await;
        sleep(Duration::from_millis(1)).await;
    }
    harness.wait_until_over().await;

    assert_eq!(harness.runner.runs.load(Ordering::Relaxed), 500);
    assert_eq!(finding_calls(&harness), calls);
    assert_eq!(harness.inbox.count(Call::Extend), 0);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn shutdown_gives_back_jobs_that_wait() {
    let mut harness = Harness::start(one_at_a_time(), |_| done_in(10 * SECOND));
    harness.route(&["ship"]).await;
    sleep(SECOND).await;
    harness.append(0..3).await;
    sleep(SECOND).await;
    assert_eq!(harness.states().await, ["leased"; 3]);

    harness.begin_shutdown();
    harness.append(3..4).await;
    (&mut harness.task).await.expect("no panic");

    assert_eq!(
        harness.states().await,
        ["done", "pending", "pending", "pending"]
    );
    let attempts: Vec<_> = harness
        .jobs()
        .await
        .iter()
        .map(|job| job.attempts)
        .collect();
    assert_eq!(attempts, [1, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn skipped_plugin_gets_no_jobs() {
    let harness = Harness::start(one_at_a_time(), |job| match job.event.key.as_str() {
        "0" => Act::Refuse(RunError::NotLoaded),
        _ => done_in(Duration::ZERO),
    });
    harness.route(&["ship"]).await;
    sleep(SECOND).await;
    harness.append(0..1).await;
    sleep(SECOND / 10).await;
    harness.append(1..3).await;
    sleep(SECOND / 10).await;

    assert_eq!(harness.states().await, ["pending"; 3]);

    harness.task.abort();
}

#[tokio::test(start_paused = true)]
async fn next_call_begins_before_the_settlement() {
    let harness = Harness::start(one_at_a_time(), |_| done_in(Duration::ZERO));
    harness.route(&["ship"]).await;
    sleep(SECOND).await;
    harness.fail(Call::Settle, 8, || Error::Busy);
    harness.append(0..8).await;
    sleep(Duration::from_millis(1)).await;

    assert_eq!(harness.runner.runs.load(Ordering::Relaxed), 8);
    assert_eq!(harness.states().await, ["leased"; 8]);

    harness.wait_until_over().await;
    assert_eq!(harness.runner.runs.load(Ordering::Relaxed), 8);
    assert_eq!(harness.runner.most_of("ship"), 1);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn unsettled_attempts_are_bounded() {
    let harness = Harness::start(Plan::default(), |_| done_in(Duration::ZERO));
    harness.route(&["ship"]).await;
    sleep(SECOND).await;
    harness.fail(Call::Settle, usize::MAX, || Error::Busy);
    harness.append(0..1_500).await;
    sleep(LEASE / 2).await;

    assert_eq!(
        harness.runner.runs.load(Ordering::Relaxed),
        4 + 1024,
        "the concurrency, and the most places of a quick plugin"
    );

    harness.inbox.heal();
    harness.wait_until_over().await;
    assert_eq!(harness.states().await, ["done"; 1_500]);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn attempt_that_reads_keeps_its_slot() {
    let plan = Plan {
        counts: true,
        ..one_at_a_time()
    };
    let harness = Harness::start(plan, |_| done_in(Duration::ZERO));
    harness.route(&["ship"]).await;
    sleep(SECOND).await;
    harness.fail(Call::Settle, 1, || Error::Busy);
    harness.append(0..8).await;
    sleep(Duration::from_millis(1)).await;

    assert_eq!(harness.runner.runs.load(Ordering::Relaxed), 1);

    harness.wait_until_over().await;
    assert_eq!(
        harness.runner.runs.load(Ordering::Relaxed),
        8,
        "no attempt met a conflict"
    );

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn settlement_without_an_answer_is_repeated() {
    let harness = Harness::start(Plan::default(), |_| done_in(Duration::ZERO));
    harness.route(&["ship"]).await;
    harness.inbox.on_next(
        Call::Settle,
        2,
        When::After,
        Fault::Answer(|| Error::Unknown("the connection is gone".into())),
    );
    harness.append(0..2).await;
    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["done"; 2]);
    assert_eq!(harness.runner.runs.load(Ordering::Relaxed), 2);
    assert_eq!(harness.inbox.count(Call::Settle), 4);

    harness.stop().await;
}

/// A thousand plugins of fifty tenants, and events for one of them.
#[tokio::test(start_paused = true)]
async fn idle_plugins_are_left_alone() {
    let names: Vec<&'static str> = (0..1_000)
        .map(|number| &*format!("t{}/p{number}", number % 50).leak())
        .collect();
    let plan = Plan {
        active: names.iter().map(|name| (*name, 8)).collect(),
        ..Plan::default()
    };
    let harness = Harness::start(plan, |_| done_in(Duration::ZERO));
    let busy = plugin(names[7]);
    let source = SourceRef {
        tenant: busy.tenant.clone(),
        name: "orders".parse().expect("a name"),
    };
    harness
        .inbox
        .route(Routes([(source.clone(), [busy.name].into())].into()))
        .await
        .expect("a route");
    sleep(SECOND).await;
    let reads = harness.runner.reads_of_active.load(Ordering::Relaxed);
    let calls = finding_calls(&harness);
    assert!(calls < 50, "{calls} calls to look at all plugins");

    for number in 0..500 {
        let event = Event {
            source: source.clone(),
            ..event(number, harness.clock.now())
        };
        harness.inbox.append(event).await.expect("an append");
        sleep(Duration::from_millis(1)).await;
    }
    harness.wait_until_over().await;

    assert_eq!(harness.runner.runs.load(Ordering::Relaxed), 500);
    assert_eq!(
        harness.runner.reads_of_active.load(Ordering::Relaxed),
        reads
    );
    assert_eq!(finding_calls(&harness), calls);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn handed_over_jobs_follow_the_shares() {
    let plan = Plan {
        active: vec![("acme/ship", 8), ("blue/ship", 8)],
        concurrency_max: 2,
        ..Plan::default()
    };
    let harness = Harness::start(plan, |_| done_in(SECOND));
    let tenants = ["acme", "blue"];
    let source = |tenant: &str| SourceRef {
        tenant: tenant.parse().expect("a name"),
        name: "orders".parse().expect("a name"),
    };
    let routes = tenants.map(|tenant| (source(tenant), [plugin("ship").name].into()));
    harness
        .inbox
        .route(Routes(routes.into()))
        .await
        .expect("routes");
    sleep(SECOND).await;

    for (first, tenant) in [(0, "acme"), (100, "blue")] {
        for number in first..first + 10 {
            let event = Event {
                source: source(tenant),
                ..event(number, harness.clock.now())
            };
            harness.inbox.append(event).await.expect("an append");
        }
    }
    sleep(6 * SECOND + SECOND / 2).await;
    let done = |first: u64| {
        (first..first + 10)
            .filter(|number| !harness.attempts(*number, "ship").is_empty())
            .count()
    };

    // The first two slots were free before the second tenant had events.
    assert!(
        done(0).abs_diff(done(100)) <= 2,
        "{} {}",
        done(0),
        done(100)
    );
    assert_eq!(done(0) + done(100), 12);

    harness.task.abort();
}
