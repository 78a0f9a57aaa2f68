//! A revision that is watched since it is new uses no event up, and is taken back rather than quarantined.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use hookyard_dispatch::{Probation, RetryPolicies};
use hookyard_inbox::{Claimed, Inbox};
use hookyard_model::{Attempt, Outcome, PluginRef, QuarantinePolicy, Revision};
use tokio::time::sleep;

use crate::kit::{Act, FIRST, HOUR, Plan, SECOND, Yard, done_in, plugin, policy};

const BACK: Revision = Revision::from_sha256([4; 32]);

/// Watches over the first revision for as long as it's told to, and takes it back when dispatch asks for that.
#[derive(Default)]
struct Watcher {
    is_open: AtomicBool,
    can_go_back: AtomicBool,
    taken_back: Mutex<Vec<String>>,
}

impl Probation for Watcher {
    fn note(&self, _: &Claimed, attempt: &Attempt) -> bool {
        attempt.revision == FIRST && self.is_open.load(Ordering::Relaxed)
    }

    fn take_back(&self, plugin: &PluginRef, revision: Revision, reason: &str) -> bool {
        let goes = revision == FIRST && self.can_go_back.load(Ordering::Relaxed);
        if goes {
            self.taken_back.lock().expect("unpoisoned").push(format!("{plugin}: {reason}"));
        }
        goes
    }
}

fn undecodable() -> Outcome {
    Outcome::Undecodable { path: "$.id".into(), message: "a number".into() }
}

fn plan(watcher: &Arc<Watcher>, quarantine: Option<QuarantinePolicy>) -> Plan {
    Plan {
        active: vec![("ship", 1)],
        quarantine,
        probation: Arc::clone(watcher) as Arc<dyn Probation>,
        policies: RetryPolicies { fallback: policy(1, 10 * SECOND), ..Default::default() },
        ..Plan::default()
    }
}

/// Fails at everything until it's another revision.
async fn failing(watcher: &Arc<Watcher>, quarantine: Option<QuarantinePolicy>) -> (Yard, Arc<AtomicBool>) {
    let is_good = Arc::new(AtomicBool::new(false));
    let good = Arc::clone(&is_good);
    let act = move |_: &Claimed| match good.load(Ordering::Relaxed) {
        true => done_in(SECOND),
        false => Act::End(SECOND, undecodable()),
    };
    let yard = Yard::start(plan(watcher, quarantine), act);
    yard.route(&["ship"]).await;
    yard.append(0..10).await;
    (yard, is_good)
}

#[tokio::test(start_paused = true)]
async fn a_watched_revision_uses_no_event_up() {
    let watcher = Arc::new(Watcher { is_open: true.into(), ..Watcher::default() });
    let (yard, is_good) = failing(&watcher, None).await;
    sleep(20 * SECOND).await;
    assert!(!yard.states().await.contains(&"dead"), "though none has an attempt left, nor could one help");
    is_good.store(true, Ordering::Relaxed);
    yard.runner.reload("ship", BACK);
    yard.all_over().await;
    assert_eq!(yard.states().await, ["done"; 10]);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn once_it_is_watched_no_more_events_are_given_up_on_as_ever() {
    let watcher = Arc::new(Watcher { is_open: true.into(), ..Watcher::default() });
    let (yard, _) = failing(&watcher, None).await;
    sleep(20 * SECOND).await;
    watcher.is_open.store(false, Ordering::Relaxed);
    yard.all_over().await;
    assert_eq!(yard.states().await, ["dead"; 10]);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_can_be_taken_back_is_not_quarantined() {
    let policy = QuarantinePolicy { window: HOUR, rate: 0.5, events_min: 4 };
    for can_go_back in [true, false] {
        let watcher = Arc::new(Watcher { is_open: true.into(), can_go_back: can_go_back.into(), ..Watcher::default() });
        let (yard, _) = failing(&watcher, Some(policy)).await;
        sleep(5 * SECOND).await;
        let taken_back = watcher.taken_back.lock().expect("unpoisoned").clone();
        let quarantined = yard.inbox.quarantined().await.expect("a list");
        match can_go_back {
            true => {
                assert_eq!(quarantined, []);
                let expected =
                    "acme/ship: it failed at 4 of 4 events; the last time it was undecodable at $.id: a number";
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
