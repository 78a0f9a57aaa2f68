//! Attempts that were lost together with their host count, and too many of them are the end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use hookyard_model::{Clock as _, Outcome};
use hookyard_store::{JobRequest, Jobs};
use tokio::time::sleep;

use crate::kit::{Act, FIRST, Plan, SECOND, Yard, done_in, plugin, trapped};

/// Leases the job and lets the lease run out, as a host does that dies.
async fn lose(yard: &Yard, times: u32) {
    for _ in 0..times {
        let wanted = [JobRequest {
            plugin: plugin("ship"),
            limit: 1,
        }];
        let claimed = yard
            .inbox
            .claim(&wanted, yard.clock.now(), SECOND)
            .await
            .expect("a claim");
        assert_eq!(claimed.len(), 1);
        sleep(2 * SECOND).await;
    }
}

async fn check(act: Act, lost: u32, state: &str, expected: &[(u32, Outcome)]) {
    let yard = Yard::start(
        Plan {
            active: Vec::new(),
            ..Plan::default()
        },
        move |_| act.clone(),
    );
    yard.route(&["ship"]).await;
    yard.append(0..1).await;
    lose(&yard, lost).await;
    yard.runner.activate(&[("ship", 1)]);
    yard.all_over().await;
    let attempts = yard.attempts(0, "ship");
    let ended: Vec<_> = attempts
        .iter()
        .map(|attempt| (attempt.number, attempt.outcome.clone()))
        .collect();
    assert_eq!(
        (ended.as_slice(), yard.states().await.as_slice()),
        (expected, [state].as_slice()),
        "after {lost} lost"
    );
    assert!(attempts.iter().all(|attempt| attempt.revision == FIRST));
    let runs = expected
        .iter()
        .filter(|(_, outcome)| !matches!(outcome, Outcome::Lost { .. }))
        .count();
    assert_eq!(yard.runner.runs.load(Ordering::Relaxed), runs);
    yard.stop().await;
}

/// Three attempts may be made.
#[tokio::test(start_paused = true)]
async fn as_many_lost_as_may_be_made_are_the_end() {
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
async fn what_failed_by_itself_was_not_lost() {
    let yard = Yard::start(Plan::default(), |job| match job.lease.attempt {
        1 | 2 => Act::End(Duration::ZERO, trapped()),
        _ => done_in(Duration::ZERO),
    });
    yard.route(&["ship"]).await;
    yard.append(0..1).await;
    sleep(SECOND / 2).await;
    yard.runner.activate(&[]);
    sleep(10 * SECOND).await;
    assert_eq!(yard.attempts(0, "ship").len(), 1);
    // Two more are lost, and the fourth is made all the same.
    lose(&yard, 2).await;
    yard.runner.activate(&[("ship", 1)]);
    yard.all_over().await;
    assert_eq!(yard.states().await, ["done"]);
    assert_eq!(yard.attempts(0, "ship")[1].number, 4);
    yard.stop().await;
}
