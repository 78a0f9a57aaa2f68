//! What waiting requests learn of attempts: responses, and how the attempts ended.

use std::collections::BTreeMap;
use std::time::Duration;

use hookyard_dispatch::RunError;
use hookyard_model::{Clock as _, Outcome, PluginName, QuarantinePolicy};
use hookyard_store::{Error, Events, JobEnd, Wait, Wanted};
use hookyard_store_testing::faulty::Call;
use tokio::time::sleep;

use crate::support::{Act, HOUR, Harness, Plan, SECOND, done_in, event, plugin, response};

fn responding() -> Plan {
    Plan {
        active: vec![("audit", 4), ("ship", 4)],
        responds: true,
        ..Plan::default()
    }
}

fn any_response() -> Wanted {
    Wanted::Response { of: None }
}

fn name(text: &str) -> PluginName {
    plugin(text).name
}

/// Appends an event for which a request waits.
async fn append(harness: &Harness, number: u64, wanted: Wanted) -> Wait {
    let event = event(number, harness.clock.now());
    let wait = harness.waits.begin(&event, wanted).expect("a wait");
    harness.inbox.append(event).await.expect("an append");
    wait
}

/// Starts a dispatcher with the plugin `ship`, and returns what a request learns of its job.
async fn end_of(plan: Plan, act: Act, fail: Option<fn() -> Error>) -> Option<JobEnd> {
    let harness = Harness::start(plan, move |_| act.clone());
    harness.route(&["ship"]).await;
    if let Some(error) = fail {
        harness.fail(Call::Settle, usize::MAX, error);
    }

    let wait = append(&harness, 1, any_response()).await;
    sleep(2 * SECOND).await;
    wait.reports().ends.remove(&name("ship"))
}

#[tokio::test(start_paused = true)]
async fn response_is_reported_once_it_is_durable() {
    let harness = Harness::start(responding(), |_| done_in(SECOND));
    harness.route(&["ship"]).await;
    let wait = append(&harness, 1, any_response()).await;
    assert!(wait.reports().ends.is_empty());

    wait.changed().await;

    let given = response(&plugin("ship"));
    let ends = BTreeMap::from([(name("ship"), JobEnd::Done(Some(given.clone())))]);
    assert_eq!(wait.reports().ends, ends);
    let id = event(1, harness.clock.now()).id;
    let stored = harness.inbox.response(id).await.expect("a read");
    assert_eq!(stored.expect("a response").response, given);
    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn only_one_response_counts() {
    let harness = Harness::start(responding(), |job| match job.lease.plugin.name.as_str() {
        "audit" => done_in(2 * SECOND),
        _ => done_in(SECOND),
    });
    harness.route(&["audit", "ship"]).await;
    let wait = append(&harness, 1, any_response()).await;
    harness.wait_until_over().await;

    let ends = wait.reports().ends;
    assert_eq!(ends[&name("audit")], JobEnd::Done(None));
    assert!(matches!(ends[&name("ship")], JobEnd::Done(Some(_))));
    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn response_that_nobody_waits_for_is_dropped() {
    let harness = Harness::start(responding(), |_| done_in(SECOND));
    harness.route(&["ship"]).await;
    harness.append(1..2).await;
    let late = append(&harness, 2, any_response()).await;
    drop(late);
    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["done"; 2]);
    for number in 1..3 {
        let id = event(number, harness.clock.now()).id;
        let stored = harness.inbox.response(id).await.expect("a read");
        assert_eq!(stored, None, "event {number}");
    }
    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn attempt_without_response_ends_the_wait() {
    let trapped = || Outcome::Trapped {
        message: "unreachable".into(),
    };
    let rejected = Outcome::Rejected {
        reason: "no".into(),
    };
    let unreadable = || Error::Store("broken".into());

    for (act, fail, end) in [
        (
            Act::End(Duration::ZERO, Outcome::Done),
            None,
            JobEnd::Done(None),
        ),
        (Act::End(Duration::ZERO, trapped()), None, JobEnd::Retried),
        (Act::End(Duration::ZERO, rejected), None, JobEnd::Dead),
        (Act::Refuse(RunError::NotLoaded), None, JobEnd::NotRun),
        (Act::Panic(Duration::ZERO), None, JobEnd::NotRun),
    ] {
        assert_eq!(end_of(Plan::default(), act, fail).await, Some(end));
    }

    let done = Act::End(Duration::ZERO, Outcome::Done);
    let unsettled = end_of(Plan::default(), done, Some(unreadable)).await;
    assert_eq!(unsettled, None, "the store is called again first");
}

#[tokio::test(start_paused = true)]
async fn quarantine_ends_the_waits_of_its_plugin() {
    let policy = QuarantinePolicy {
        window: HOUR,
        rate: 0.5,
        events_min: 1,
    };
    let plan = Plan {
        active: vec![("ship", 1)],
        quarantine: Some(policy),
        ..Plan::default()
    };
    let trapped = Outcome::Trapped {
        message: "unreachable".into(),
    };
    let harness = Harness::start(plan, move |_| Act::End(SECOND, trapped.clone()));
    harness.route(&["ship"]).await;
    let first = append(&harness, 1, Wanted::Outcomes).await;
    let second = append(&harness, 2, Wanted::Outcomes).await;

    sleep(3 * SECOND / 2).await;

    assert!(first.reports().ends.contains_key(&name("ship")));
    assert_eq!(second.reports().ends[&name("ship")], JobEnd::NotRun);
    harness.stop().await;
}
