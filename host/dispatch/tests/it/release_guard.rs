//! Revisions on probation: they get as many attempts as others, they are rolled back rather than
//! quarantined, and a rollback retries the jobs that failed on them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use hookyard_dispatch::{ReleaseGuard, RetryPolicies};
use hookyard_model::{Attempt, Outcome, PluginRef, QuarantinePolicy, Revision};
use hookyard_store::{ClaimedJob, Jobs, Routing};
use tokio::time::sleep;

use crate::support::{Act, FIRST, HOUR, Harness, Plan, SECOND, done_in, plugin, policy, trapped};

const BACK: Revision = Revision::from_sha256([4; 32]);

/// A guard whose probation and rollbacks a test controls.
#[derive(Default)]
struct TestGuard {
    /// Whether the first revision is on probation.
    on_probation: AtomicBool,
    /// Whether the first revision was rolled back.
    is_first_rolled_back: AtomicBool,
    /// Whether the active revision succeeds.
    is_healthy: AtomicBool,
    /// Whether a rollback is possible.
    can_roll_back: AtomicBool,
    /// The requested rollbacks.
    rollbacks: Mutex<Vec<String>>,
}

impl TestGuard {
    fn activate_previous(&self, harness: &Harness) {
        self.is_first_rolled_back.store(true, Ordering::Relaxed);
        self.is_healthy.store(true, Ordering::Relaxed);
        harness.runner.reload("ship", BACK);
    }
}

impl ReleaseGuard for TestGuard {
    fn record(&self, _: &ClaimedJob, attempt: &Attempt) -> bool {
        attempt.revision == FIRST && self.on_probation.load(Ordering::Relaxed)
    }

    fn is_rolled_back(&self, _: &PluginRef, revision: Revision) -> bool {
        revision == FIRST && self.is_first_rolled_back.load(Ordering::Relaxed)
    }

    fn roll_back(&self, plugin: &PluginRef, revision: Revision, reason: &str) -> bool {
        let rolls_back = revision == FIRST && self.can_roll_back.load(Ordering::Relaxed);
        if rolls_back {
            self.rollbacks
                .lock()
                .expect("a lock")
                .push(format!("{plugin}: {reason}"));
        }
        rolls_back
    }
}

fn undecodable() -> Outcome {
    Outcome::Undecodable {
        path: "$.id".into(),
        message: "a number".into(),
    }
}

fn plan(guard: &Arc<TestGuard>, quarantine: Option<QuarantinePolicy>) -> Plan {
    Plan {
        active: vec![("ship", 1)],
        quarantine,
        release_guard: Arc::clone(guard) as Arc<dyn ReleaseGuard>,
        ..Plan::default()
    }
}

/// Starts a harness whose first revision fails at every event, while others succeed. Each run takes
/// a second.
async fn failing(
    guard: &Arc<TestGuard>,
    quarantine: Option<QuarantinePolicy>,
    attempts_max: u32,
) -> Harness {
    failing_with(guard, quarantine, attempts_max, undecodable()).await
}

async fn failing_with(
    guard: &Arc<TestGuard>,
    quarantine: Option<QuarantinePolicy>,
    attempts_max: u32,
    outcome: Outcome,
) -> Harness {
    let state = Arc::clone(guard);
    let act = move |_: &ClaimedJob| {
        if state.is_healthy.load(Ordering::Relaxed) {
            done_in(SECOND)
        } else {
            Act::End(SECOND, outcome.clone())
        }
    };
    let policies = RetryPolicies {
        fallback: policy(attempts_max, 10 * SECOND),
        ..Default::default()
    };
    let harness = Harness::start(
        Plan {
            policies,
            ..plan(guard, quarantine)
        },
        act,
    );
    harness.route(&["ship"]).await;
    harness.append(0..10).await;
    harness
}

/// Returns the number of attempts at each event.
fn attempts(harness: &Harness) -> Vec<usize> {
    (0..10)
        .map(|number| harness.attempts(number, "ship").len())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn probation_adds_no_attempts() {
    for (outcome, expected) in [(undecodable(), 1), (trapped(), 4)] {
        let guard = Arc::new(TestGuard {
            on_probation: true.into(),
            ..TestGuard::default()
        });
        let harness = failing_with(&guard, None, 4, outcome).await;
        harness.wait_until_over().await;
        sleep(HOUR).await;
        assert_eq!(
            (harness.states().await, attempts(&harness)),
            (vec!["dead"; 10], vec![expected; 10])
        );
        harness.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn rollback_retries_failed_jobs_once() {
    for attempts_max in [1, 4] {
        let guard = Arc::new(TestGuard {
            on_probation: true.into(),
            ..TestGuard::default()
        });
        let harness = failing(&guard, None, attempts_max).await;
        harness.wait_until_over().await;
        guard.activate_previous(&harness);
        assert_eq!(
            harness
                .inbox
                .retry_failed(&plugin("ship"), FIRST)
                .await
                .expect("a retry"),
            10
        );
        harness.wait_until_over().await;
        assert_eq!(
            (harness.states().await, attempts(&harness)),
            (vec!["done"; 10], vec![2; 10])
        );
        assert_eq!(
            harness
                .inbox
                .retry_failed(&plugin("ship"), FIRST)
                .await
                .expect("a retry"),
            0
        );
        harness.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn rollback_retries_running_jobs_once() {
    let guard = Arc::new(TestGuard {
        on_probation: true.into(),
        ..TestGuard::default()
    });
    let harness = failing(&guard, None, 1).await;
    sleep(SECOND / 2).await;
    // The running attempt fails after the rollback.
    guard.activate_previous(&harness);

    assert_eq!(
        harness
            .inbox
            .retry_failed(&plugin("ship"), FIRST)
            .await
            .expect("a retry"),
        0
    );

    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["done"; 10]);
    assert_eq!(attempts(&harness), [2, 1, 1, 1, 1, 1, 1, 1, 1, 1]);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn jobs_failed_outside_probation_are_not_retried() {
    let guard = Arc::new(TestGuard::default());
    let harness = failing(&guard, None, 1).await;
    harness.wait_until_over().await;
    guard.activate_previous(&harness);

    assert_eq!(
        harness
            .inbox
            .retry_failed(&plugin("ship"), FIRST)
            .await
            .expect("a retry"),
        0
    );
    assert_eq!(harness.states().await, ["dead"; 10]);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn rolled_back_revision_is_not_quarantined() {
    let policy = QuarantinePolicy {
        window: HOUR,
        rate: 0.5,
        events_min: 4,
    };

    for can_roll_back in [true, false] {
        let guard = Arc::new(TestGuard {
            on_probation: true.into(),
            can_roll_back: can_roll_back.into(),
            ..TestGuard::default()
        });
        let harness = failing(&guard, Some(policy), 1).await;
        sleep(5 * SECOND).await;
        let rollbacks = guard.rollbacks.lock().expect("a lock").clone();
        let quarantined = harness.inbox.quarantined().await.expect("a list");
        if can_roll_back {
            assert_eq!(quarantined, []);
            let expected = "acme/ship: it failed at 4 of 4 events; the last outcome was undecodable at $.id: a number";
            assert_eq!(rollbacks, [expected]);
        } else {
            assert_eq!(quarantined.len(), 1);
            assert_eq!(quarantined[0].plugin, plugin("ship"));
            assert_eq!(rollbacks, [""; 0]);
        }
        harness.stop().await;
    }
}
