//! A revision that is watched since it is new has as many attempts as any other, and is taken back rather than
//! quarantined; what failed at it is attempted once more then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use hookyard_dispatch::{Probation, RetryPolicies};
use hookyard_model::{Attempt, Outcome, PluginRef, QuarantinePolicy, Revision};
use hookyard_store::{ClaimedJob, Jobs, Routing};
use tokio::time::sleep;

use crate::kit::{Act, FIRST, HOUR, Plan, SECOND, Yard, done_in, plugin, policy, trapped};

const BACK: Revision = Revision::from_sha256([4; 32]);

/// Watches over the first revision for as long as it's told to, and takes it back when dispatch asks for that.
#[derive(Default)]
struct Watcher {
    is_open: AtomicBool,
    /// Whether the first revision is out of service again.
    taken_back_first: AtomicBool,
    /// Whether what runs now is good.
    is_back: AtomicBool,
    can_go_back: AtomicBool,
    taken_back: Mutex<Vec<String>>,
}

impl Watcher {
    fn go_back(&self, yard: &Yard) {
        self.taken_back_first.store(true, Ordering::Relaxed);
        self.is_back.store(true, Ordering::Relaxed);
        yard.runner.reload("ship", BACK);
    }
}

impl Probation for Watcher {
    fn note(&self, _: &ClaimedJob, attempt: &Attempt) -> bool {
        attempt.revision == FIRST && self.is_open.load(Ordering::Relaxed)
    }

    fn is_taken_back(&self, _: &PluginRef, revision: Revision) -> bool {
        revision == FIRST && self.taken_back_first.load(Ordering::Relaxed)
    }

    fn take_back(&self, plugin: &PluginRef, revision: Revision, reason: &str) -> bool {
        let goes = revision == FIRST && self.can_go_back.load(Ordering::Relaxed);
        if goes {
            self.taken_back
                .lock()
                .expect("unpoisoned")
                .push(format!("{plugin}: {reason}"));
        }
        goes
    }
}

fn undecodable() -> Outcome {
    Outcome::Undecodable {
        path: "$.id".into(),
        message: "a number".into(),
    }
}

fn plan(watcher: &Arc<Watcher>, quarantine: Option<QuarantinePolicy>) -> Plan {
    Plan {
        active: vec![("ship", 1)],
        quarantine,
        probation: Arc::clone(watcher) as Arc<dyn Probation>,
        ..Plan::default()
    }
}

/// Where the first revision fails at everything, and any other at nothing; each run takes a second.
async fn failing(
    watcher: &Arc<Watcher>,
    quarantine: Option<QuarantinePolicy>,
    attempts_max: u32,
) -> Yard {
    failing_with(watcher, quarantine, attempts_max, undecodable()).await
}

async fn failing_with(
    watcher: &Arc<Watcher>,
    quarantine: Option<QuarantinePolicy>,
    attempts_max: u32,
    outcome: Outcome,
) -> Yard {
    let is_back = Arc::clone(watcher);
    let act = move |_: &ClaimedJob| match is_back.is_back.load(Ordering::Relaxed) {
        true => done_in(SECOND),
        false => Act::End(SECOND, outcome.clone()),
    };
    let policies = RetryPolicies {
        fallback: policy(attempts_max, 10 * SECOND),
        ..Default::default()
    };
    let yard = Yard::start(
        Plan {
            policies,
            ..plan(watcher, quarantine)
        },
        act,
    );
    yard.route(&["ship"]).await;
    yard.append(0..10).await;
    yard
}

/// How many attempts there were at each of the events.
fn attempts(yard: &Yard) -> Vec<usize> {
    (0..10)
        .map(|number| yard.attempts(number, "ship").len())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_watched_revision_has_no_more_attempts_than_any_other() {
    for (outcome, expected) in [(undecodable(), 1), (trapped(), 4)] {
        let watcher = Arc::new(Watcher {
            is_open: true.into(),
            ..Watcher::default()
        });
        let yard = failing_with(&watcher, None, 4, outcome).await;
        yard.all_over().await;
        sleep(HOUR).await;
        assert_eq!(
            (yard.states().await, attempts(&yard)),
            (vec!["dead"; 10], vec![expected; 10])
        );
        yard.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_failed_at_a_revision_that_is_taken_back_is_attempted_once_more() {
    for attempts_max in [1, 4] {
        let watcher = Arc::new(Watcher {
            is_open: true.into(),
            ..Watcher::default()
        });
        let yard = failing(&watcher, None, attempts_max).await;
        yard.all_over().await;
        watcher.go_back(&yard);
        assert_eq!(
            yard.inbox
                .retry_failed(&plugin("ship"), FIRST)
                .await
                .expect("a retry"),
            10
        );
        yard.all_over().await;
        assert_eq!(
            (yard.states().await, attempts(&yard)),
            (vec!["done"; 10], vec![2; 10])
        );
        assert_eq!(
            yard.inbox
                .retry_failed(&plugin("ship"), FIRST)
                .await
                .expect("a retry"),
            0
        );
        yard.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_when_it_is_taken_back_is_attempted_once_more_too() {
    let watcher = Arc::new(Watcher {
        is_open: true.into(),
        ..Watcher::default()
    });
    let yard = failing(&watcher, None, 1).await;
    sleep(SECOND / 2).await;
    // The attempt that was begun fails after this.
    watcher.go_back(&yard);
    assert_eq!(
        yard.inbox
            .retry_failed(&plugin("ship"), FIRST)
            .await
            .expect("a retry"),
        0
    );
    yard.all_over().await;
    assert_eq!(yard.states().await, ["done"; 10]);
    assert_eq!(attempts(&yard), [2, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_fails_at_a_revision_that_nobody_watches_is_not_attempted_again() {
    let watcher = Arc::new(Watcher::default());
    let yard = failing(&watcher, None, 1).await;
    yard.all_over().await;
    watcher.go_back(&yard);
    assert_eq!(
        yard.inbox
            .retry_failed(&plugin("ship"), FIRST)
            .await
            .expect("a retry"),
        0
    );
    assert_eq!(yard.states().await, ["dead"; 10]);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_can_be_taken_back_is_not_quarantined() {
    let policy = QuarantinePolicy {
        window: HOUR,
        rate: 0.5,
        events_min: 4,
    };
    for can_go_back in [true, false] {
        let watcher = Arc::new(Watcher {
            is_open: true.into(),
            can_go_back: can_go_back.into(),
            ..Watcher::default()
        });
        let yard = failing(&watcher, Some(policy), 1).await;
        sleep(5 * SECOND).await;
        let taken_back = watcher.taken_back.lock().expect("unpoisoned").clone();
        let quarantined = yard.inbox.quarantined().await.expect("a list");
        match can_go_back {
            true => {
                assert_eq!(quarantined, []);
                let expected = "acme/ship: it failed at 4 of 4 events; the last time it was undecodable at $.id: a number";
                assert_eq!(taken_back, [expected]);
            }
            false => {
                assert_eq!(quarantined.len(), 1);
                assert_eq!(quarantined[0].plugin, plugin("ship"));
                assert_eq!(taken_back, [""; 0]);
            }
        }
        yard.stop().await;
    }
}
