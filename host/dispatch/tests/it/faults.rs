//! What fails costs its own attempt, and no more.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hookyard_dispatch::Unrun;
use hookyard_model::{Clock as _, QuarantinePolicy};
use hookyard_store::{Error, JobRequest, Jobs};
use hookyard_store_testing::faulty::Call;
use tokio::time::sleep;

use crate::kit::{Act, HOUR, LEASE, Plan, SECOND, Yard, done_in, plugin, trapped};

#[tokio::test(start_paused = true)]
async fn a_panic_stops_nobody_and_its_job_is_attempted_again() {
    let yard = Yard::start(
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
    yard.route(&["ship"]).await;
    yard.append(0..4).await;
    sleep(5 * SECOND).await;
    assert_eq!(yard.states().await, ["leased", "done", "done", "done"]);
    yard.all_over().await;
    assert_eq!(yard.states().await, ["done"; 4]);
    let again = yard.attempts(0, "ship");
    assert_eq!((again.len(), again[0].number), (1, 2));
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_settlement_that_fails_is_tried_again_and_the_handler_not() {
    let yard = Yard::start(Plan::default(), |_| done_in(SECOND));
    yard.route(&["ship"]).await;
    yard.fail(Call::Settle, 6, || Error::Busy);
    yard.append(0..3).await;
    yard.all_over().await;
    assert_eq!(yard.states().await, ["done"; 3]);
    assert_eq!(yard.runner.runs.load(Ordering::Relaxed), 3);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_settlement_that_never_works_is_left_to_the_lease() {
    let yard = Yard::start(
        Plan {
            active: vec![("ship", 1)],
            ..Plan::default()
        },
        |_| done_in(Duration::ZERO),
    );
    yard.route(&["ship"]).await;
    yard.fail(Call::Settle, usize::MAX, || Error::Busy);
    yard.append(0..1).await;
    sleep(LEASE + SECOND).await;
    assert_eq!(yard.runner.runs.load(Ordering::Relaxed), 1);
    yard.inbox.heal();
    yard.all_over().await;
    assert_eq!(
        yard.attempts(0, "ship").len(),
        1,
        "only the second could be recorded"
    );
    assert_eq!(yard.runner.runs.load(Ordering::Relaxed), 2, "at least once");
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_inbox_that_fails_is_left_alone_for_a_while() {
    let yard = Yard::start(Plan::default(), |_| done_in(Duration::ZERO));
    yard.fail(Call::Claim, 30, || Error::Store("the disk is away".into()));
    yard.route(&["ship"]).await;
    // Each wakes the loop.
    for number in 0..100 {
        yard.append(number..number + 1).await;
        sleep(SECOND / 10).await;
    }
    let claims = yard.inbox.count(Call::Claim);
    assert!((5..=12).contains(&claims), "{claims} claims in ten seconds");
    yard.all_over().await;
    assert_eq!(yard.states().await, ["done"; 100]);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_taken_by_another_settles_nothing_and_stops_nothing() {
    let yard = Yard::start(
        Plan {
            active: vec![("ship", 1)],
            ..Plan::default()
        },
        |_| done_in(10 * SECOND),
    );
    yard.route(&["ship"]).await;
    yard.append(0..1).await;
    sleep(SECOND).await;
    // As if our clock had stood still for longer than the lease.
    let wanted = [JobRequest {
        plugin: plugin("ship"),
        limit: 1,
    }];
    let much_later = yard.clock.now().after(HOUR);
    assert_eq!(
        yard.inbox
            .claim(&wanted, much_later, HOUR)
            .await
            .expect("a claim")
            .len(),
        1
    );
    sleep(20 * SECOND).await;
    assert_eq!(yard.attempts(0, "ship").len(), 0);
    yard.append(1..2).await;
    sleep(20 * SECOND).await;
    assert_eq!(yard.states().await, ["leased", "done"]);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_is_not_there_costs_no_attempt_and_no_spinning() {
    let asked = AtomicUsize::new(0);
    let yard = Yard::start(
        Plan {
            active: vec![("ship", 1), ("audit", 1)],
            ..Plan::default()
        },
        move |job| {
            // It ends at some time, so that a loop that spins fails here rather than hangs.
            let is_away = asked.fetch_add(1, Ordering::Relaxed) < 1000
                && job.lease.plugin.name.as_str() == "ship";
            if is_away {
                Act::Leave(Unrun::Absent)
            } else {
                Act::End(Duration::ZERO, trapped())
            }
        },
    );
    yard.route(&["ship", "audit"]).await;
    yard.append(0..1).await;
    sleep(100 * SECOND).await;
    let runs = yard.runner.runs.load(Ordering::Relaxed);
    assert!(
        (50..=110).contains(&runs),
        "{runs} runs in a hundred seconds"
    );
    let jobs = yard.jobs().await;
    let ship = jobs
        .iter()
        .find(|job| job.plugin.as_str() == "ship")
        .expect("its job");
    assert!(
        ship.attempts <= 1 && ship.last_outcome.is_none(),
        "{ship:?}"
    );
    assert_eq!(
        yard.attempts(0, "audit").len(),
        3,
        "the other one had its attempts"
    );
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_host_that_fails_uses_nothing_up_and_runs_the_job_again_later() {
    let asked = AtomicUsize::new(0);
    let quarantine = Some(QuarantinePolicy {
        events_min: 3,
        ..QuarantinePolicy::default()
    });
    let yard = Yard::start(
        Plan {
            quarantine,
            ..Plan::default()
        },
        move |_| {
            let fails = asked.fetch_add(1, Ordering::Relaxed) < 100;
            if fails {
                Act::Leave(Unrun::HostFault("no memory".into()))
            } else {
                done_in(SECOND)
            }
        },
    );
    yard.route(&["ship"]).await;
    yard.append(0..4).await;
    sleep(10 * SECOND).await;
    assert_eq!(yard.states().await, ["pending"; 4]);
    let runs = yard.runner.runs.load(Ordering::Relaxed);
    assert!(
        (30..=44).contains(&runs),
        "{runs} runs of four jobs in ten seconds"
    );

    yard.all_over().await;
    assert_eq!(yard.states().await, ["done"; 4]);
    let attempts = (0..4).map(|event| yard.attempts(event, "ship"));
    assert!(
        attempts
            .into_iter()
            .all(|attempts| attempts.len() == 1 && attempts[0].number == 1)
    );
    yard.stop().await;
}
