//! Retries: outcomes lead to the attempts that the retry policy asks for, at the right times.

use std::time::Duration;

use hookyard_dispatch::RetryPolicies;
use hookyard_model::Clock as _;
use hookyard_model::{Outcome, RetryPolicy, Revision, Timestamp};
use hookyard_store::{EventSelection, Events, Replay};

use crate::support::{Act, Harness, Plan, SECOND, done_in, orders, policy, trapped};

/// Returns the seconds between the starts of consecutive attempts.
fn gaps(harness: &Harness, number: u64) -> Vec<f64> {
    let begun: Vec<Timestamp> = harness
        .attempts(number, "ship")
        .iter()
        .map(|attempt| attempt.started_at)
        .collect();

    begun
        .windows(2)
        .map(|pair| pair[1].since(pair[0]).as_secs_f64())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn job_runs_once_and_is_recorded() {
    let harness = Harness::start(Plan::default(), |_| done_in(3 * SECOND));
    harness.route(&["ship"]).await;
    harness.append(0..1).await;
    let begun = harness.clock.now();
    harness.wait_until_over().await;
    let [attempt] = <[_; 1]>::try_from(harness.attempts(0, "ship")).expect("one attempt");

    assert_eq!((attempt.number, attempt.outcome), (1, Outcome::Done));
    assert_eq!((attempt.started_at, attempt.duration), (begun, 3 * SECOND));
    assert_eq!(attempt.revision, Revision::from_sha256([3; 32]));
    assert_eq!(harness.states().await, ["done"]);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn failed_job_is_retried_with_growing_delays() {
    let policies = RetryPolicies {
        fallback: policy(5, 10 * SECOND),
        ..Default::default()
    };
    let harness = Harness::start(
        Plan {
            policies,
            ..Plan::default()
        },
        |_| Act::End(Duration::ZERO, trapped()),
    );
    harness.route(&["ship"]).await;
    harness.append(0..1).await;
    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["dead"]);

    let numbers: Vec<_> = harness
        .attempts(0, "ship")
        .iter()
        .map(|attempt| attempt.number)
        .collect();

    assert_eq!(numbers, [1, 2, 3, 4, 5]);

    let expected = [10.0, 20.0, 40.0, 80.0];

    for (gap, expected) in gaps(&harness, 0).into_iter().zip(expected) {
        assert!(
            (expected..expected + 0.02).contains(&gap),
            "{gap} s instead of {expected} s"
        );
    }

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn retries_follow_schedule_until_deadline() {
    let schedule = Some([10, 40, 20].map(|seconds| seconds * SECOND).into());
    let policy = RetryPolicy {
        schedule,
        deadline: Some(100 * SECOND),
        ..policy(9, SECOND)
    };
    let policies = RetryPolicies {
        fallback: policy,
        ..Default::default()
    };
    let harness = Harness::start(
        Plan {
            policies,
            jitter: 0.0,
            ..Plan::default()
        },
        |_| Act::End(Duration::ZERO, trapped()),
    );
    harness.route(&["ship"]).await;
    harness.append(0..1).await;
    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["dead"]);

    // The next attempt would start 110 seconds after the event, which is beyond the deadline.
    let gaps = gaps(&harness, 0);

    assert_eq!(gaps.len(), 4);

    for (gap, expected) in gaps.into_iter().zip([10.0, 40.0, 20.0, 20.0]) {
        assert!(
            (expected..expected + 0.02).contains(&gap),
            "{gap} s instead of {expected} s"
        );
    }

    // A much later replay gets the whole schedule again.
    tokio::time::sleep(10_000 * SECOND).await;
    let (selection, now) = (EventSelection::default(), harness.clock.now());
    let replay = Replay {
        selection,
        revision: None,
        rate: None,
        now,
        dry_run: false,
    };
    harness.inbox.replay(replay).await.expect("a replay");
    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["dead"]);
    assert_eq!(harness.attempts(0, "ship").len(), 10);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn handler_controls_its_retries() {
    let harness = Harness::start(Plan::default(), |job| {
        match (job.event.key.as_str(), job.lease.attempt) {
            ("0", 1) => {
                let after = Some(500 * SECOND);
                Act::End(
                    Duration::ZERO,
                    Outcome::Retry {
                        reason: "the shop is shut".into(),
                        after,
                    },
                )
            }
            ("1", 1) => Act::End(
                Duration::ZERO,
                Outcome::Rejected {
                    reason: "no such order".into(),
                },
            ),
            _ => done_in(Duration::ZERO),
        }
    });
    harness.route(&["ship"]).await;
    harness.append(0..2).await;
    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["done", "dead"]);

    let gap = gaps(&harness, 0)[0];

    assert!((500.0..500.02).contains(&gap), "{gap}");
    assert_eq!(
        harness.attempts(1, "ship").len(),
        1,
        "a rejected job is not retried"
    );

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn jitter_spreads_retries() {
    let policies = RetryPolicies {
        fallback: policy(2, 100 * SECOND),
        ..Default::default()
    };
    let plan = Plan {
        policies,
        jitter: 0.25,
        ..Plan::default()
    };
    let harness = Harness::start(plan, |_| Act::End(Duration::ZERO, trapped()));
    harness.route(&["ship"]).await;
    harness.append(0..1).await;
    harness.wait_until_over().await;
    let gap = gaps(&harness, 0)[0];

    // Half of 100 s is fixed, and a quarter of the other half is added.
    assert!((62.5..62.52).contains(&gap), "{gap}");

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn sources_have_replaceable_retry_policies() {
    let mut policies = RetryPolicies {
        fallback: policy(9, SECOND),
        ..Default::default()
    };
    policies.by_source.insert(orders(), policy(2, SECOND));
    let harness = Harness::start(
        Plan {
            policies,
            ..Plan::default()
        },
        |_| Act::End(Duration::ZERO, trapped()),
    );
    harness.route(&["ship"]).await;
    harness.append(0..1).await;
    harness.wait_until_over().await;

    assert_eq!(harness.attempts(0, "ship").len(), 2);

    harness.handle.replace_retry_policies(RetryPolicies {
        fallback: policy(4, SECOND),
        ..Default::default()
    });
    harness.append(1..2).await;
    harness.wait_until_over().await;

    assert_eq!(harness.attempts(1, "ship").len(), 4);

    harness.stop().await;
}
