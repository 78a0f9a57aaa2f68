//! Lost attempts: attempts during which the host stopped.

use std::sync::atomic::Ordering;
use std::time::Duration;

use hookyard_model::Outcome;
use hookyard_store::{JobRequest, Jobs};
use tokio::time::sleep;

use crate::support::{Act, FIRST, Harness, Plan, SECOND, done_in, plugin, trapped};

/// Leases the job and lets the lease run out, like a host that stops.
async fn lose(harness: &Harness, times: u32) {
    for _ in 0..times {
        let wanted = [JobRequest {
            plugin: plugin("ship"),
            limit: 1,
        }];
        let claimed = harness.inbox.claim(&wanted, SECOND).await.expect("a claim");
        assert_eq!(claimed.len(), 1);
        sleep(2 * SECOND).await;
    }
}

async fn check(act: Act, lost: u32, state: &str, expected: &[(u32, Outcome)]) {
    let harness = Harness::start(
        Plan {
            active: Vec::new(),
            ..Plan::default()
        },
        move |_| act.clone(),
    );
    harness.route(&["ship"]).await;
    harness.append(0..1).await;
    lose(&harness, lost).await;
    harness.runner.activate(&[("ship", 1)]);
    harness.wait_until_over().await;
    let attempts = harness.attempts(0, "ship");
    let ended: Vec<_> = attempts
        .iter()
        .map(|attempt| (attempt.number, attempt.outcome.clone()))
        .collect();

    assert_eq!(
        (ended.as_slice(), harness.states().await.as_slice()),
        (expected, [state].as_slice()),
        "after {lost} lost"
    );
    assert!(attempts.iter().all(|attempt| attempt.revision == FIRST));

    let runs = expected
        .iter()
        .filter(|(_, outcome)| !matches!(outcome, Outcome::Lost { .. }))
        .count();

    assert_eq!(harness.runner.runs.load(Ordering::Relaxed), runs);

    harness.stop().await;
}

/// The policy allows three attempts.
#[tokio::test(start_paused = true)]
async fn job_dies_after_too_many_lost_attempts() {
    let done = || done_in(Duration::ZERO);
    check(done(), 2, "done", &[(3, Outcome::Done)]).await;
    check(done(), 3, "dead", &[(4, Outcome::Lost { attempts: 3 })]).await;
    check(done(), 5, "dead", &[(6, Outcome::Lost { attempts: 5 })]).await;
    check(
        Act::End(Duration::ZERO, trapped()),
        2,
        "dead",
        &[(3, trapped())],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn failed_attempts_are_not_lost_attempts() {
    let harness = Harness::start(Plan::default(), |job| match job.lease.attempt {
        1 | 2 => Act::End(Duration::ZERO, trapped()),
        _ => done_in(Duration::ZERO),
    });
    harness.route(&["ship"]).await;
    harness.append(0..1).await;
    sleep(SECOND / 2).await;
    harness.runner.activate(&[]);
    sleep(10 * SECOND).await;

    assert_eq!(harness.attempts(0, "ship").len(), 1);

    // Two more attempts are lost. The fourth attempt is made, because only two of three were lost.
    lose(&harness, 2).await;
    harness.runner.activate(&[("ship", 1)]);
    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["done"]);
    assert_eq!(harness.attempts(0, "ship")[1].number, 4);

    harness.stop().await;
}
