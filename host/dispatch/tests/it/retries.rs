//! Outcomes lead to what the policy says, at the moment that it says.

use std::time::Duration;

use hookyard_dispatch::RetryPolicies;
use hookyard_model::Clock as _;
use hookyard_model::{Outcome, RetryPolicy, Revision, Timestamp};
use hookyard_store::{EventSelection, Events, Replay};

use crate::kit::{Act, Plan, SECOND, Yard, done_in, orders, policy, trapped};

/// The seconds from each attempt's beginning to the next one's.
fn gaps(yard: &Yard, number: u64) -> Vec<f64> {
    let begun: Vec<Timestamp> = yard
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
async fn a_job_is_run_once_and_recorded() {
    let yard = Yard::start(Plan::default(), |_| done_in(3 * SECOND));
    yard.route(&["ship"]).await;
    yard.append(0..1).await;
    let begun = yard.clock.now();
    yard.all_over().await;
    let [attempt] = <[_; 1]>::try_from(yard.attempts(0, "ship")).expect("one attempt");
    assert_eq!((attempt.number, attempt.outcome), (1, Outcome::Done));
    assert_eq!((attempt.started_at, attempt.duration), (begun, 3 * SECOND));
    assert_eq!(attempt.revision, Revision::from_sha256([3; 32]));
    assert_eq!(yard.states().await, ["done"]);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn failures_are_made_again_later_and_later_and_then_no_more() {
    let policies = RetryPolicies {
        fallback: policy(5, 10 * SECOND),
        ..Default::default()
    };
    let yard = Yard::start(
        Plan {
            policies,
            ..Plan::default()
        },
        |_| Act::End(Duration::ZERO, trapped()),
    );
    yard.route(&["ship"]).await;
    yard.append(0..1).await;
    yard.all_over().await;
    assert_eq!(yard.states().await, ["dead"]);
    let numbers: Vec<_> = yard
        .attempts(0, "ship")
        .iter()
        .map(|attempt| attempt.number)
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let expected = [10.0, 20.0, 40.0, 80.0];
    for (gap, expected) in gaps(&yard, 0).into_iter().zip(expected) {
        assert!(
            (expected..expected + 0.02).contains(&gap),
            "{gap} s instead of {expected} s"
        );
    }
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_schedule_is_followed_and_its_deadline_is_the_end() {
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
    let yard = Yard::start(
        Plan {
            policies,
            jitter: 0.0,
            ..Plan::default()
        },
        |_| Act::End(Duration::ZERO, trapped()),
    );
    yard.route(&["ship"]).await;
    yard.append(0..1).await;
    yard.all_over().await;
    assert_eq!(yard.states().await, ["dead"]);
    // The next would have come 110 seconds after the event.
    let gaps = gaps(&yard, 0);
    assert_eq!(gaps.len(), 4);
    for (gap, expected) in gaps.into_iter().zip([10.0, 40.0, 20.0, 20.0]) {
        assert!(
            (expected..expected + 0.02).contains(&gap),
            "{gap} s instead of {expected} s"
        );
    }
    // Long after, a replay has its whole schedule once more.
    tokio::time::sleep(10_000 * SECOND).await;
    let (selection, now) = (EventSelection::default(), yard.clock.now());
    let replay = Replay {
        selection,
        revision: None,
        rate: None,
        now,
        dry_run: false,
    };
    yard.inbox.replay(replay).await.expect("a replay");
    yard.all_over().await;
    assert_eq!(yard.states().await, ["dead"]);
    assert_eq!(yard.attempts(0, "ship").len(), 10);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_heard() {
    let yard = Yard::start(Plan::default(), |job| {
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
    yard.route(&["ship"]).await;
    yard.append(0..2).await;
    yard.all_over().await;
    assert_eq!(yard.states().await, ["done", "dead"]);
    let gap = gaps(&yard, 0)[0];
    assert!((500.0..500.02).contains(&gap), "{gap}");
    assert_eq!(yard.attempts(1, "ship").len(), 1, "rejected is for good");
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn jitter_spreads_the_retries() {
    let policies = RetryPolicies {
        fallback: policy(2, 100 * SECOND),
        ..Default::default()
    };
    let plan = Plan {
        policies,
        jitter: 0.25,
        ..Plan::default()
    };
    let yard = Yard::start(plan, |_| Act::End(Duration::ZERO, trapped()));
    yard.route(&["ship"]).await;
    yard.append(0..1).await;
    yard.all_over().await;
    let gap = gaps(&yard, 0)[0];
    // Half of 100 s is fixed, and a quarter of the other half is added.
    assert!((62.5..62.52).contains(&gap), "{gap}");
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn each_source_has_its_policy_and_it_can_be_replaced() {
    let mut policies = RetryPolicies {
        fallback: policy(9, SECOND),
        ..Default::default()
    };
    policies.by_source.insert(orders(), policy(2, SECOND));
    let yard = Yard::start(
        Plan {
            policies,
            ..Plan::default()
        },
        |_| Act::End(Duration::ZERO, trapped()),
    );
    yard.route(&["ship"]).await;
    yard.append(0..1).await;
    yard.all_over().await;
    assert_eq!(yard.attempts(0, "ship").len(), 2);
    yard.handle.replace(RetryPolicies {
        fallback: policy(4, SECOND),
        ..Default::default()
    });
    yard.append(1..2).await;
    yard.all_over().await;
    assert_eq!(yard.attempts(1, "ship").len(), 4);
    yard.stop().await;
}
