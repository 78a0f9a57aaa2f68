//! A revision that keeps failing is taken out of service, and no event is used up by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hookyard_dispatch::RetryPolicies;
use hookyard_model::{Clock as _, Outcome, QuarantinePolicy, Revision, TimeLimit};
use hookyard_store::{ClaimedJob, Error, EventSelection, Events, Quarantine, Replay, Routing};
use hookyard_store_testing::faulty::Call;
use tokio::time::sleep;

use crate::kit::{Act, FIRST, HOUR, LEASE, Plan, SECOND, Yard, done_in, plugin, policy, trapped};

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

/// What `ship` does until it's repaired, and whether it is.
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

async fn quarantined(yard: &Yard) -> Vec<Quarantine> {
    yard.inbox.quarantined().await.expect("a list")
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_keeps_failing_is_held_off_until_another_is_active() {
    let (is_good, script) = broken_until_repaired(Act::End(SECOND, trapped()));
    let yard = Yard::start(plan(3, 1), script);
    yard.route(&["ship"]).await;
    yard.append(0..10).await;
    sleep(HOUR).await;
    assert_eq!(yard.states().await, ["held"; 10]);
    assert_eq!(
        yard.runner.runs.load(Ordering::Relaxed),
        4,
        "no more than it takes to tell"
    );
    let [quarantine] = <[_; 1]>::try_from(quarantined(&yard).await).expect("one plugin");
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
    let repaired = yard.clock.now();
    yard.runner.reload("ship", OTHER);
    yard.all_over().await;
    assert_eq!(yard.states().await, ["done"; 10]);
    assert_eq!(quarantined(&yard).await, []);
    assert_eq!(
        yard.attempts(9, "ship")[0].started_at,
        repaired.after(9 * SECOND),
        "they are given to it at once"
    );
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_when_it_trips_is_not_used_up_either() {
    let undecodable = Outcome::Undecodable {
        path: "$.id".into(),
        message: "a number".into(),
    };
    let (is_good, script) = broken_until_repaired(Act::End(SECOND, undecodable));
    let yard = Yard::start(plan(1, 8), script);
    yard.route(&["ship"]).await;
    yard.append(0..20).await;
    sleep(HOUR).await;
    let states = yard.states().await;
    let count = |state: &str| states.iter().filter(|other| **other == state).count();
    assert_eq!(
        (count("dead"), count("held")),
        (3, 17),
        "those before it could be told, and no others"
    );
    assert_eq!(yard.runner.runs.load(Ordering::Relaxed), 8);
    is_good.store(true, Ordering::Relaxed);
    yard.runner.reload("ship", OTHER);
    yard.all_over().await;
    assert_eq!(
        yard.states()
            .await
            .iter()
            .filter(|state| **state == "done")
            .count(),
        17
    );
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_operator_can_release_it_and_it_is_judged_anew() {
    let (is_good, script) = broken_until_repaired(Act::End(SECOND, trapped()));
    let yard = Yard::start(plan(9, 1), script);
    yard.route(&["ship"]).await;
    yard.append(0..10).await;
    for releases in 1..=3 {
        sleep(HOUR).await;
        assert_eq!(yard.states().await, ["held"; 10]);
        assert_eq!(yard.runner.runs.load(Ordering::Relaxed), 4 * releases);
        yard.inbox.lift(&plugin("ship")).await.expect("lifted");
    }
    is_good.store(true, Ordering::Relaxed);
    // It may have tripped once more by then.
    sleep(HOUR).await;
    yard.inbox.lift(&plugin("ship")).await.expect("lifted");
    yard.all_over().await;
    assert_eq!(yard.states().await, ["done"; 10]);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn other_plugins_go_on() {
    let plan = Plan {
        active: vec![("ship", 2), ("audit", 2)],
        ..plan(3, 2)
    };
    let yard = Yard::start(plan, |job| match job.lease.plugin.name.as_str() {
        "ship" => Act::End(
            SECOND,
            Outcome::TimedOut {
                limit: TimeLimit::Wall,
                max: SECOND,
            },
        ),
        _ => done_in(SECOND),
    });
    yard.route(&["ship", "audit"]).await;
    yard.append(0..20).await;
    sleep(11 * SECOND).await;
    for job in yard.jobs().await {
        let expected = if job.plugin.as_str() == "ship" {
            "held"
        } else {
            "done"
        };
        assert_eq!(job.state.name(), expected, "{job:?}");
    }
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_nobody_can_take_and_what_handlers_say_trip_nothing() {
    let yard = Yard::start(plan(9, 4), |job| match job.event.key.as_str() {
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
    yard.route(&["ship"]).await;
    yard.append(0..10).await;
    yard.all_over().await;
    assert_eq!(yard.states().await, ["dead"; 10]);
    assert_eq!(
        (
            yard.attempts(0, "ship").len(),
            yard.attempts(1, "ship").len()
        ),
        (9, 3)
    );
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn faults_of_the_revision_before_are_not_held_against_this_one() {
    let (is_good, script) = broken_until_repaired(Act::End(10 * SECOND, trapped()));
    let yard = Yard::start(plan(3, 8), script);
    yard.route(&["ship"]).await;
    yard.append(0..8).await;
    sleep(5 * SECOND).await;
    is_good.store(true, Ordering::Relaxed);
    yard.runner.reload("ship", OTHER);
    yard.all_over().await;
    assert_eq!(yard.states().await, ["done"; 8]);
    assert_eq!(
        yard.attempts(0, "ship").len(),
        2,
        "it failed and was made again"
    );
    assert_eq!(yard.runner.runs.load(Ordering::Relaxed), 16);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_quarantine_outlives_its_host_and_not_its_revision() {
    let check = async |revision, expected| {
        let yard = Yard::start(
            Plan {
                active: Vec::new(),
                ..plan(3, 1)
            },
            |_| done_in(SECOND),
        );
        yard.route(&["ship"]).await;
        let quarantine = Quarantine {
            plugin: plugin("ship"),
            revision,
            reason: "it failed".into(),
            since: yard.clock.now(),
        };
        yard.inbox
            .quarantine(quarantine)
            .await
            .expect("quarantined");
        yard.append(0..2).await;
        yard.runner.activate(&[("ship", 1)]);
        sleep(HOUR).await;
        assert_eq!(yard.states().await, [expected; 2]);
        yard.stop().await;
    };
    check(FIRST, "held").await;
    check(OTHER, "done").await;
}

#[tokio::test(start_paused = true)]
async fn a_quarantine_that_can_not_be_stored_is_tried_again_and_nothing_is_used_up() {
    // The fourth fault trips it at two seconds; a third of a second later it's stored. In between, the fifth fails.
    let yard = Yard::start(plan(1, 2), |job| {
        Act::End(
            if job.event.key == "4" {
                SECOND / 10
            } else {
                SECOND
            },
            trapped(),
        )
    });
    yard.fail(Call::Quarantine, 3, || {
        Error::Store("the disk is away".into())
    });
    yard.route(&["ship"]).await;
    yard.append(0..8).await;
    sleep(HOUR).await;
    assert_eq!(
        yard.states().await,
        [
            "dead", "dead", "dead", "held", "held", "held", "held", "held"
        ]
    );
    assert_eq!(yard.runner.runs.load(Ordering::Relaxed), 6);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_away_holds_nothing_for_ever() {
    let (is_good, script) = broken_until_repaired(Act::End(SECOND, trapped()));
    let yard = Yard::start(plan(3, 1), script);
    yard.fail(Call::Quarantine, usize::MAX, || {
        Error::Store("the disk is away".into())
    });
    yard.route(&["ship"]).await;
    yard.append(0..6).await;
    sleep(LEASE + 4 * SECOND).await;
    assert_eq!(quarantined(&yard).await, []);
    is_good.store(true, Ordering::Relaxed);
    yard.all_over().await;
    assert_eq!(yard.states().await, ["done"; 6]);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_revision_does_that_was_asked_for_by_name_is_not_held_against_the_active_one() {
    let yard = Yard::start(plan(2, 1), |job| match job.revision {
        Some(_) => Act::End(SECOND, trapped()),
        None => done_in(SECOND),
    });
    yard.route(&["ship"]).await;
    yard.append(0..10).await;
    yard.all_over().await;
    // By its name, even the active one.
    let order = Replay {
        selection: EventSelection::default(),
        revision: Some(FIRST),
        rate: None,
        now: yard.clock.now(),
        dry_run: false,
    };
    assert_eq!(
        yard.inbox.replay(order).await.expect("a replay").replayed,
        10
    );
    yard.all_over().await;
    assert_eq!(yard.states().await, ["dead"; 10]);
    assert_eq!(quarantined(&yard).await, []);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_policy_nobody_is_quarantined() {
    let yard = Yard::start(plan(2, 1), |_| Act::End(Duration::ZERO, trapped()));
    yard.handle.replace_quarantine(None);
    yard.route(&["ship"]).await;
    yard.append(0..10).await;
    yard.all_over().await;
    assert_eq!(yard.states().await, ["dead"; 10]);
    yard.stop().await;
}
