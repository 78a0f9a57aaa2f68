//! Quarantine: a revision that keeps failing is taken out of service, and its events are held.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hookyard_dispatch::RetryPolicies;
use hookyard_model::{Clock as _, Outcome, QuarantinePolicy, Revision, TimeLimit};
use hookyard_store::{ClaimedJob, Error, EventSelection, Events, Quarantine, Replay, Routing};
use hookyard_store_testing::faulty::Call;
use tokio::time::sleep;

use crate::support::{
    Act, FIRST, HOUR, Harness, LEASE, Plan, SECOND, done_in, plugin, policy, trapped,
};

const OTHER: Revision = Revision::from_sha256([4; 32]);

fn plan(attempts_max: u32, concurrency: usize) -> Plan {
    Plan {
        active: vec![("ship", concurrency)],
        quarantine: Some(QuarantinePolicy {
            window: 600 * SECOND,
            rate: 0.5,
            events_min: 4,
        }),
        policies: RetryPolicies {
            fallback: policy(attempts_max, 100 * SECOND),
            ..Default::default()
        },
        ..Plan::default()
    }
}

/// Returns a script that follows `act` until it is repaired, and the switch that repairs it.
fn broken_until_repaired(
    act: Act,
) -> (
    Arc<AtomicBool>,
    impl Fn(&ClaimedJob) -> Act + Send + Sync + 'static,
) {
    let is_good = Arc::new(AtomicBool::new(false));
    let repaired = Arc::clone(&is_good);

    (is_good, move |_| {
        if repaired.load(Ordering::Relaxed) {
            done_in(SECOND)
        } else {
            act.clone()
        }
    })
}

async fn quarantined(harness: &Harness) -> Vec<Quarantine> {
    harness.inbox.quarantined().await.expect("a list")
}

#[tokio::test(start_paused = true)]
async fn failing_revision_is_quarantined_until_replaced() {
    let (is_good, script) = broken_until_repaired(Act::End(SECOND, trapped()));
    let harness = Harness::start(plan(3, 1), script);
    harness.route(&["ship"]).await;
    harness.append(0..10).await;
    sleep(HOUR).await;
    assert_eq!(harness.states().await, ["held"; 10]);
    assert_eq!(
        harness.runner.runs.load(Ordering::Relaxed),
        4,
        "no attempt after the quarantine"
    );
    let [quarantine] = <[_; 1]>::try_from(quarantined(&harness).await).expect("one plugin");
    assert_eq!(
        (quarantine.plugin, quarantine.revision),
        (plugin("ship"), FIRST)
    );
    assert!(
        quarantine.reason.contains("4 of 4 events") && quarantine.reason.contains("unreachable"),
        "{}",
        quarantine.reason
    );

    is_good.store(true, Ordering::Relaxed);
    let repaired = harness.clock.now();
    harness.runner.reload("ship", OTHER);
    harness.wait_until_over().await;
    assert_eq!(harness.states().await, ["done"; 10]);
    assert_eq!(quarantined(&harness).await, []);
    assert_eq!(
        harness.attempts(9, "ship")[0].started_at,
        repaired.after(9 * SECOND),
        "the new revision gets the held jobs at once"
    );
    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn running_attempts_are_spared_by_the_quarantine() {
    let undecodable = Outcome::Undecodable {
        path: "$.id".into(),
        message: "a number".into(),
    };
    let (is_good, script) = broken_until_repaired(Act::End(SECOND, undecodable));
    let harness = Harness::start(plan(1, 8), script);
    harness.route(&["ship"]).await;
    harness.append(0..20).await;
    sleep(HOUR).await;
    let states = harness.states().await;
    let count = |state: &str| states.iter().filter(|other| **other == state).count();

    assert_eq!(
        (count("dead"), count("held")),
        (3, 17),
        "only the jobs before the quarantine are dead"
    );
    assert_eq!(harness.runner.runs.load(Ordering::Relaxed), 8);

    is_good.store(true, Ordering::Relaxed);
    harness.runner.reload("ship", OTHER);
    harness.wait_until_over().await;

    assert_eq!(
        harness
            .states()
            .await
            .iter()
            .filter(|state| **state == "done")
            .count(),
        17
    );

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn lifted_quarantine_judges_the_revision_anew() {
    let (is_good, script) = broken_until_repaired(Act::End(SECOND, trapped()));
    let harness = Harness::start(plan(9, 1), script);
    harness.route(&["ship"]).await;
    harness.append(0..10).await;

    for lifts in 1..=3 {
        sleep(HOUR).await;
        assert_eq!(harness.states().await, ["held"; 10]);
        assert_eq!(harness.runner.runs.load(Ordering::Relaxed), 4 * lifts);
        harness.inbox.lift(&plugin("ship")).await.expect("lifted");
    }

    is_good.store(true, Ordering::Relaxed);
    // The plugin may be quarantined once more by then.
    sleep(HOUR).await;
    harness.inbox.lift(&plugin("ship")).await.expect("lifted");
    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["done"; 10]);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn quarantine_leaves_other_plugins_alone() {
    let plan = Plan {
        active: vec![("ship", 2), ("audit", 2)],
        ..plan(3, 2)
    };
    let harness = Harness::start(plan, |job| match job.lease.plugin.name.as_str() {
        "ship" => Act::End(
            SECOND,
            Outcome::TimedOut {
                limit: TimeLimit::Wall,
                max: SECOND,
            },
        ),
        _ => done_in(SECOND),
    });
    harness.route(&["ship", "audit"]).await;
    harness.append(0..20).await;
    sleep(11 * SECOND).await;

    for job in harness.jobs().await {
        let expected = if job.plugin.as_str() == "ship" {
            "held"
        } else {
            "done"
        };
        assert_eq!(job.state.name(), expected, "{job:?}");
    }

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn handler_results_cause_no_quarantine() {
    let harness = Harness::start(plan(9, 4), |job| match job.event.key.as_str() {
        "0" => Act::End(SECOND, trapped()),
        _ if job.lease.attempt < 3 => Act::End(
            SECOND,
            Outcome::Retry {
                reason: "the shop is shut".into(),
                after: None,
            },
        ),
        _ => Act::End(
            SECOND,
            Outcome::Rejected {
                reason: "no".into(),
            },
        ),
    });
    harness.route(&["ship"]).await;
    harness.append(0..10).await;
    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["dead"; 10]);
    assert_eq!(
        (
            harness.attempts(0, "ship").len(),
            harness.attempts(1, "ship").len()
        ),
        (9, 3)
    );

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn previous_revision_faults_do_not_count() {
    let (is_good, script) = broken_until_repaired(Act::End(10 * SECOND, trapped()));
    let harness = Harness::start(plan(3, 8), script);
    harness.route(&["ship"]).await;
    harness.append(0..8).await;
    sleep(5 * SECOND).await;
    is_good.store(true, Ordering::Relaxed);
    harness.runner.reload("ship", OTHER);
    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["done"; 8]);
    assert_eq!(
        harness.attempts(0, "ship").len(),
        2,
        "the job failed and was retried"
    );
    assert_eq!(harness.runner.runs.load(Ordering::Relaxed), 16);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn quarantine_survives_restart_until_replaced() {
    let check = async |revision, expected| {
        let harness = Harness::start(
            Plan {
                active: Vec::new(),
                ..plan(3, 1)
            },
            |_| done_in(SECOND),
        );
        harness.route(&["ship"]).await;
        let quarantine = Quarantine {
            plugin: plugin("ship"),
            revision,
            reason: "it failed".into(),
            since: harness.clock.now(),
        };
        harness
            .inbox
            .quarantine(quarantine)
            .await
            .expect("quarantined");
        harness.append(0..2).await;
        harness.runner.activate(&[("ship", 1)]);
        sleep(HOUR).await;
        assert_eq!(harness.states().await, [expected; 2]);
        harness.stop().await;
    };
    check(FIRST, "held").await;
    check(OTHER, "done").await;
}

#[tokio::test(start_paused = true)]
async fn failed_quarantine_is_stored_again() {
    // The fourth fault causes the quarantine after two seconds, and the quarantine is stored a
    // third of a second later. The fifth job fails in between.
    let harness = Harness::start(plan(1, 2), |job| {
        Act::End(
            if job.event.key == "4" {
                SECOND / 10
            } else {
                SECOND
            },
            trapped(),
        )
    });

    harness.fail(Call::Quarantine, 3, || {
        Error::Store("the disk is away".into())
    });
    harness.route(&["ship"]).await;
    harness.append(0..8).await;
    sleep(HOUR).await;

    assert_eq!(
        harness.states().await,
        [
            "dead", "dead", "dead", "held", "held", "held", "held", "held"
        ]
    );
    assert_eq!(harness.runner.runs.load(Ordering::Relaxed), 6);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn failing_store_holds_no_jobs_forever() {
    let (is_good, script) = broken_until_repaired(Act::End(SECOND, trapped()));
    let harness = Harness::start(plan(3, 1), script);

    harness.fail(Call::Quarantine, usize::MAX, || {
        Error::Store("the disk is away".into())
    });
    harness.route(&["ship"]).await;
    harness.append(0..6).await;
    sleep(LEASE + 4 * SECOND).await;

    assert_eq!(quarantined(&harness).await, []);

    is_good.store(true, Ordering::Relaxed);
    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["done"; 6]);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn replay_on_named_revision_causes_no_quarantine() {
    let harness = Harness::start(plan(2, 1), |job| match job.revision {
        Some(_) => Act::End(SECOND, trapped()),
        None => done_in(SECOND),
    });
    harness.route(&["ship"]).await;
    harness.append(0..10).await;
    harness.wait_until_over().await;
    // The replay names the active revision.
    let order = Replay {
        selection: EventSelection::default(),
        revision: Some(FIRST),
        rate: None,
        now: harness.clock.now(),
        dry_run: false,
    };

    assert_eq!(
        harness
            .inbox
            .replay(order)
            .await
            .expect("a replay")
            .replayed,
        10
    );

    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["dead"; 10]);
    assert_eq!(quarantined(&harness).await, []);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn no_policy_means_no_quarantine() {
    let harness = Harness::start(plan(2, 1), |_| Act::End(Duration::ZERO, trapped()));
    harness.handle.replace_quarantine_policy(None);
    harness.route(&["ship"]).await;
    harness.append(0..10).await;
    harness.wait_until_over().await;
    assert_eq!(harness.states().await, ["dead"; 10]);
    harness.stop().await;
}
