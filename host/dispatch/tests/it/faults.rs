//! Faults of the store, the host and plugins cost only the attempt that they hit.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hookyard_dispatch::RunError;
use hookyard_model::QuarantinePolicy;
use hookyard_store::{Error, JobRequest, Jobs};
use hookyard_store_testing::faulty::Call;
use tokio::time::sleep;

use crate::support::{Act, HOUR, Harness, LEASE, Plan, SECOND, done_in, plugin, trapped};

#[tokio::test(start_paused = true)]
async fn job_of_a_panic_is_attempted_again() {
    let harness = Harness::start(
        Plan {
            active: vec![("ship", 1)],
            ..Plan::default()
        },
        |job| {
            let panics = job.event.key == "0" && job.lease.attempt == 1;
            if panics {
                Act::Panic(SECOND)
            } else {
                done_in(SECOND)
            }
        },
    );
    harness.route(&["ship"]).await;
    harness.append(0..4).await;
    sleep(5 * SECOND).await;

    assert_eq!(harness.states().await, ["leased", "done", "done", "done"]);

    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["done"; 4]);

    let again = harness.attempts(0, "ship");

    assert_eq!((again.len(), again[0].number), (1, 2));

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn failed_settlement_is_repeated_without_the_handler() {
    let harness = Harness::start(Plan::default(), |_| done_in(SECOND));
    harness.route(&["ship"]).await;
    harness.fail(Call::Settle, 6, || Error::Busy);
    harness.append(0..3).await;
    harness.wait_until_over().await;
    assert_eq!(harness.states().await, ["done"; 3]);
    assert_eq!(harness.runner.runs.load(Ordering::Relaxed), 3);
    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn unsettled_job_is_attempted_after_its_lease() {
    let harness = Harness::start(
        Plan {
            active: vec![("ship", 1)],
            ..Plan::default()
        },
        |_| done_in(Duration::ZERO),
    );
    harness.route(&["ship"]).await;
    harness.fail(Call::Settle, usize::MAX, || Error::Busy);
    harness.append(0..1).await;
    sleep(LEASE + SECOND).await;

    assert_eq!(harness.runner.runs.load(Ordering::Relaxed), 1);

    harness.inbox.heal();
    harness.wait_until_over().await;

    assert_eq!(
        harness.attempts(0, "ship").len(),
        1,
        "only the second attempt was recorded"
    );
    assert_eq!(
        harness.runner.runs.load(Ordering::Relaxed),
        2,
        "at least once"
    );

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn failing_inbox_pauses_the_loop() {
    let harness = Harness::start(Plan::default(), |_| done_in(Duration::ZERO));
    harness.fail(Call::Claim, 30, || Error::Store("the disk is away".into()));
    harness.route(&["ship"]).await;

    // Each append wakes the loop.
    for number in 0..100 {
        harness.append(number..number + 1).await;
        sleep(SECOND / 10).await;
    }

    let claims = harness.inbox.count(Call::Claim);

    assert!((5..=12).contains(&claims), "{claims} claims in ten seconds");

    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["done"; 100]);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn lost_lease_settles_nothing() {
    let harness = Harness::start(
        Plan {
            active: vec![("ship", 1)],
            ..Plan::default()
        },
        |job| {
            done_in(if job.event.key == "0" {
                100 * SECOND
            } else {
                SECOND
            })
        },
    );
    harness.fail(Call::Extend, usize::MAX, || Error::Busy);
    harness.route(&["ship"]).await;
    harness.append(0..1).await;
    sleep(LEASE + SECOND).await;
    let wanted = [JobRequest {
        plugin: plugin("ship"),
        limit: 1,
    }];
    let claimed = harness.inbox.claim(&wanted, HOUR).await.expect("a claim");
    assert_eq!(claimed.len(), 1, "the lease has run out");

    sleep(LEASE).await;

    assert_eq!(harness.attempts(0, "ship").len(), 0);

    harness.append(1..2).await;
    sleep(20 * SECOND).await;

    assert_eq!(harness.states().await, ["leased", "done"]);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn unloaded_plugin_is_skipped_for_a_second() {
    let asked = AtomicUsize::new(0);
    let harness = Harness::start(
        Plan {
            active: vec![("ship", 1), ("audit", 1)],
            ..Plan::default()
        },
        move |job| {
            // Bounded, so that a loop that spins fails the test rather than hangs.
            let is_away = asked.fetch_add(1, Ordering::Relaxed) < 1000
                && job.lease.plugin.name.as_str() == "ship";
            if is_away {
                Act::Refuse(RunError::NotLoaded)
            } else {
                Act::End(Duration::ZERO, trapped())
            }
        },
    );
    harness.route(&["ship", "audit"]).await;
    harness.append(0..1).await;
    sleep(100 * SECOND).await;
    let runs = harness.runner.runs.load(Ordering::Relaxed);

    assert!(
        (50..=110).contains(&runs),
        "{runs} runs in a hundred seconds"
    );

    let jobs = harness.jobs().await;
    let ship = jobs
        .iter()
        .find(|job| job.plugin.as_str() == "ship")
        .expect("its job");

    assert!(
        ship.attempts <= 1 && ship.last_outcome.is_none(),
        "{ship:?}"
    );
    assert_eq!(
        harness.attempts(0, "audit").len(),
        3,
        "the other plugin had its attempts"
    );

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn host_fault_does_not_count_as_attempt() {
    let asked = AtomicUsize::new(0);
    let quarantine = Some(QuarantinePolicy {
        events_min: 3,
        ..QuarantinePolicy::default()
    });
    let harness = Harness::start(
        Plan {
            quarantine,
            ..Plan::default()
        },
        move |_| {
            let fails = asked.fetch_add(1, Ordering::Relaxed) < 100;
            if fails {
                Act::Refuse(RunError::HostFault("no memory".into()))
            } else {
                done_in(SECOND)
            }
        },
    );
    harness.route(&["ship"]).await;
    harness.append(0..4).await;
    sleep(10 * SECOND).await;
    assert_eq!(harness.states().await, ["pending"; 4]);
    let runs = harness.runner.runs.load(Ordering::Relaxed);
    assert!(
        (30..=44).contains(&runs),
        "{runs} runs of four jobs in ten seconds"
    );

    harness.wait_until_over().await;
    assert_eq!(harness.states().await, ["done"; 4]);
    let attempts = (0..4).map(|event| harness.attempts(event, "ship"));
    assert!(
        attempts
            .into_iter()
            .all(|attempts| attempts.len() == 1 && attempts[0].number == 1)
    );
    harness.stop().await;
}
