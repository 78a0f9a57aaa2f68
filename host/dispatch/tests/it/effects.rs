//! Attempts whose effects the store refuses: conflicts and quotas.

use std::sync::atomic::Ordering;
use std::time::Duration;

use hookyard_dispatch::RetryPolicies;
use hookyard_model::Clock as _;
use hookyard_model::{
    Delivery, DeliveryResult, DestinationRef, Limit, Next, Outcome, QuarantinePolicy,
};
use hookyard_store::{
    Error, KvUsage, MessageRequest, MessageSettlement, Outbox, OutboxQuota, OutboxUsage, Routing,
    Values,
};
use hookyard_store_testing::faulty::Call;
use tokio::time::sleep;

use crate::support::{
    Act, Harness, Plan, SECOND, count_key, done_in, mark_key, plugin, policy, trapped,
};

async fn conflicted(conflicts: usize) -> Harness {
    let policies = RetryPolicies {
        fallback: policy(2, 100 * SECOND),
        ..Default::default()
    };
    let harness = Harness::start(
        Plan {
            policies,
            ..Plan::default()
        },
        |_| done_in(Duration::ZERO),
    );
    harness.fail(Call::Settle, conflicts, || Error::Conflict(mark_key("0")));
    harness.route(&["ship"]).await;
    harness.append(0..1).await;
    harness
}

/// Returns whether the effects of an attempt at the first event were committed.
async fn is_marked(harness: &Harness) -> bool {
    harness
        .inbox
        .value(&plugin("ship"), &mark_key("0"))
        .await
        .expect("a read")
        .is_some()
}

#[tokio::test(start_paused = true)]
async fn conflicting_attempt_runs_again_at_once() {
    let harness = conflicted(5).await;
    let begun = harness.clock.now();
    harness.wait_until_over().await;
    let [attempt] = <[_; 1]>::try_from(harness.attempts(0, "ship")).expect("one attempt");

    assert_eq!((attempt.number, &attempt.outcome), (1, &Outcome::Done));
    assert_eq!(
        attempt.started_at, begun,
        "the runs follow each other at once"
    );
    assert_eq!(harness.runner.runs.load(Ordering::Relaxed), 6);
    assert!(is_marked(&harness).await);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn repeated_conflicts_fail_the_attempt() {
    let harness = conflicted(6).await;
    sleep(SECOND).await;

    assert_eq!(
        (harness.states().await, is_marked(&harness).await),
        (vec!["waiting"], false)
    );

    harness.wait_until_over().await;
    let attempts = harness.attempts(0, "ship");
    let reason = "`0` in bucket `handled` was changed by another attempt".to_owned();

    assert_eq!(
        attempts[0].outcome,
        Outcome::Retry {
            reason,
            after: None
        }
    );
    assert_eq!(
        harness.runner.runs.load(Ordering::Relaxed),
        7,
        "six runs, and one run of the retry"
    );
    assert_eq!((attempts.len(), &attempts[1].outcome), (2, &Outcome::Done));
    assert!(is_marked(&harness).await);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn attempt_over_quota_fails() {
    let policies = RetryPolicies {
        fallback: policy(2, SECOND),
        ..Default::default()
    };
    let quota = KvUsage {
        keys: 0,
        bytes: 1_000,
    };
    let harness = Harness::start(
        Plan {
            policies,
            quota,
            ..Plan::default()
        },
        |_| done_in(Duration::ZERO),
    );
    harness.route(&["ship"]).await;
    harness.append(0..1).await;
    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["dead"]);
    assert_eq!(
        harness.runner.runs.load(Ordering::Relaxed),
        2,
        "one run for each attempt"
    );

    for attempt in harness.attempts(0, "ship") {
        assert_eq!(
            attempt.outcome,
            Outcome::Exceeded {
                limit: Limit::KvKeys,
                max: 0
            }
        );
    }

    assert!(!is_marked(&harness).await);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn full_outbox_spares_the_attempt() {
    let policies = RetryPolicies {
        fallback: policy(1, SECOND),
        ..Default::default()
    };
    let outbox = OutboxQuota {
        plugin: OutboxUsage {
            messages: 2,
            bytes: 100,
        },
        ..OutboxQuota::default()
    };
    let quarantine = Some(QuarantinePolicy {
        window: 600 * SECOND,
        rate: 0.1,
        events_min: 1,
    });
    let harness = Harness::start(
        Plan {
            policies,
            outbox,
            quarantine,
            ..Plan::default()
        },
        |_| done_in(Duration::ZERO),
    );
    harness.route(&["ship"]).await;
    harness.append(0..3).await;
    sleep(60 * SECOND).await;
    let states = harness.states().await;
    assert_eq!(
        states.iter().filter(|state| **state == "waiting").count(),
        1,
        "{states:?}"
    );
    let number = states
        .iter()
        .position(|state| *state == "waiting")
        .expect("one waits") as u64;
    let attempts = harness.attempts(number, "ship");
    assert!(
        attempts.len() > 1,
        "spared attempts exceed the maximum: {attempts:?}"
    );
    let full = Outcome::Exceeded {
        limit: Limit::OutboxWaiting,
        max: 2,
    };
    assert!(
        attempts.iter().all(|attempt| attempt.outcome == full),
        "{attempts:?}"
    );
    assert_eq!(harness.inbox.quarantined().await.expect("a list"), []);

    let shop = DestinationRef {
        tenant: plugin("ship").tenant,
        name: "shop".parse().expect("a name"),
    };
    let wanted = [MessageRequest {
        destination: shop,
        limit: 1,
    }];
    let claimed = harness
        .inbox
        .claim_messages(&wanted, SECOND)
        .await
        .expect("a claim")
        .remove(0);
    let delivery = Delivery {
        number: 1,
        started_at: harness.clock.now(),
        duration: Duration::ZERO,
        result: DeliveryResult::Sent { status: 200 },
        answer: None,
    };
    let settlement = MessageSettlement {
        lease: claimed.lease,
        delivery,
        next: Next::Done,
        is_spared: false,
        disable: None,
    };
    harness
        .inbox
        .settle_message(settlement)
        .await
        .expect("a settlement");
    harness.wait_until_over().await;
    assert_eq!(harness.states().await, ["done"; 3]);
    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn repeatedly_conflicting_attempt_runs_alone() {
    let harness = Harness::start(Plan::default(), |job| match job.event.key.as_str() {
        "0" => done_in(SECOND),
        "1" => Act::End(60 * SECOND, trapped()),
        _ => done_in(Duration::ZERO),
    });
    harness.fail(Call::Settle, 3, || Error::Conflict(mark_key("0")));
    harness.route(&["ship"]).await;
    harness.append(0..2).await;
    sleep(10 * SECOND).await;

    assert_eq!(
        harness.runner.runs.load(Ordering::Relaxed),
        4,
        "three runs of the first job and one of the second"
    );

    harness.append(2..3).await;
    sleep(10 * SECOND).await;

    assert_eq!(
        harness.runner.runs.load(Ordering::Relaxed),
        4,
        "later attempts wait too"
    );

    sleep(50 * SECOND).await;
    let ends = |number| {
        let attempt = harness.attempts(number, "ship").remove(0);
        attempt.started_at.after(attempt.duration)
    };

    assert_eq!(
        ends(0).since(ends(1)),
        SECOND,
        "it ran alone after the other attempt"
    );
    assert!(harness.attempts(2, "ship")[0].started_at >= ends(0));

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn concurrent_attempts_count_each_event_once() {
    let plan = Plan {
        active: vec![("ship", 8)],
        counts: true,
        ..Plan::default()
    };
    let harness = Harness::start(plan, |job| {
        let number: u64 = job.event.key.parse().expect("a number");
        let duration = Duration::from_millis(number * 7919 % 1000);
        let fails = number.is_multiple_of(5) && job.lease.attempt == 1;
        Act::End(duration, if fails { trapped() } else { Outcome::Done })
    });
    harness.fail(Call::Settle, 9, || Error::Busy);
    harness.route(&["ship"]).await;
    harness.append(0..40).await;
    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["done"; 40]);

    let count = harness
        .inbox
        .value(&plugin("ship"), &count_key())
        .await
        .expect("read")
        .expect("a value");

    assert_eq!(
        &count.value[..],
        b"40",
        "once for each event, and not for failed attempts"
    );

    for number in 0..40_u64 {
        let expected = if number.is_multiple_of(5) { 2 } else { 1 };
        assert_eq!(
            harness.attempts(number, "ship").len(),
            expected,
            "conflicts cost event {number} no attempt"
        );
    }

    let runs = harness.runner.runs.load(Ordering::Relaxed);

    assert!(runs > 40 + 8, "there was no conflict: {runs} runs");

    harness.stop().await;
}
