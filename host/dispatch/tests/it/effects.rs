//! What becomes of an attempt whose effects can't be had as they are.

use std::sync::atomic::Ordering;
use std::time::Duration;

use hookyard_dispatch::RetryPolicies;
use hookyard_model::Clock as _;
use hookyard_model::{
    Delivery, DeliveryResult, DestinationRef, Limit, Outcome, QuarantinePolicy, WorkState,
};
use hookyard_store::{
    Error, KvUsage, MessageRequest, MessageSettlement, Outbox, OutboxQuota, OutboxUsage, Routing,
    Values,
};
use hookyard_store_testing::faulty::Call;
use tokio::time::sleep;

use crate::kit::{Act, Plan, SECOND, Yard, count_key, done_in, mark_key, plugin, policy, trapped};

async fn conflicted(conflicts: usize) -> Yard {
    let policies = RetryPolicies {
        fallback: policy(2, 100 * SECOND),
        ..Default::default()
    };
    let yard = Yard::start(
        Plan {
            policies,
            ..Plan::default()
        },
        |_| done_in(Duration::ZERO),
    );
    yard.fail(Call::Settle, conflicts, || Error::Conflict(mark_key("0")));
    yard.route(&["ship"]).await;
    yard.append(0..1).await;
    yard
}

/// Whether the effects of an attempt at the first event are there.
async fn is_marked(yard: &Yard) -> bool {
    yard.inbox
        .value(&plugin("ship"), &mark_key("0"))
        .await
        .expect("a read")
        .is_some()
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_lost_a_key_runs_again_at_once_under_its_lease() {
    let yard = conflicted(5).await;
    let begun = yard.clock.now();
    yard.all_over().await;
    let [attempt] = <[_; 1]>::try_from(yard.attempts(0, "ship")).expect("one attempt");
    assert_eq!((attempt.number, &attempt.outcome), (1, &Outcome::Done));
    assert_eq!(attempt.started_at, begun, "no time passes between them");
    assert_eq!(yard.runner.runs.load(Ordering::Relaxed), 6);
    assert!(is_marked(&yard).await);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_loses_for_ever_fails_without_its_effects() {
    let yard = conflicted(6).await;
    sleep(SECOND).await;
    assert_eq!(
        (yard.states().await, is_marked(&yard).await),
        (vec!["waiting"], false)
    );
    yard.all_over().await;
    let attempts = yard.attempts(0, "ship");
    let reason = "`0` in bucket `handled` was changed by another attempt".to_owned();
    assert_eq!(
        attempts[0].outcome,
        Outcome::Retry {
            reason,
            after: None
        }
    );
    assert_eq!(
        yard.runner.runs.load(Ordering::Relaxed),
        7,
        "six, and one more as the policy says"
    );
    assert_eq!((attempts.len(), &attempts[1].outcome), (2, &Outcome::Done));
    assert!(is_marked(&yard).await);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_over_its_quota_fails_of_that() {
    let policies = RetryPolicies {
        fallback: policy(2, SECOND),
        ..Default::default()
    };
    let quota = KvUsage {
        keys: 0,
        bytes: 1_000,
    };
    let yard = Yard::start(
        Plan {
            policies,
            quota,
            ..Plan::default()
        },
        |_| done_in(Duration::ZERO),
    );
    yard.route(&["ship"]).await;
    yard.append(0..1).await;
    yard.all_over().await;
    assert_eq!(yard.states().await, ["dead"]);
    assert_eq!(
        yard.runner.runs.load(Ordering::Relaxed),
        2,
        "running it at once again would be no use"
    );
    for attempt in yard.attempts(0, "ship") {
        assert_eq!(
            attempt.outcome,
            Outcome::Exceeded {
                limit: Limit::KvKeys,
                max: 0
            }
        );
    }
    assert!(!is_marked(&yard).await);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_finds_the_outbox_full_waits_and_is_not_used_up() {
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
    let yard = Yard::start(
        Plan {
            policies,
            outbox,
            quarantine,
            ..Plan::default()
        },
        |_| done_in(Duration::ZERO),
    );
    yard.route(&["ship"]).await;
    yard.append(0..3).await;
    sleep(60 * SECOND).await;
    let states = yard.states().await;
    assert_eq!(
        states.iter().filter(|state| **state == "waiting").count(),
        1,
        "{states:?}"
    );
    let number = states
        .iter()
        .position(|state| *state == "waiting")
        .expect("one waits") as u64;
    let attempts = yard.attempts(number, "ship");
    assert!(
        attempts.len() > 1,
        "though it may have only one: {attempts:?}"
    );
    let full = Outcome::Exceeded {
        limit: Limit::OutboxWaiting,
        max: 2,
    };
    assert!(
        attempts.iter().all(|attempt| attempt.outcome == full),
        "{attempts:?}"
    );
    assert_eq!(yard.inbox.quarantined().await.expect("a list"), []);

    let shop = DestinationRef {
        tenant: plugin("ship").tenant,
        name: "shop".parse().expect("a name"),
    };
    let wanted = [MessageRequest {
        destination: shop,
        limit: 1,
    }];
    let claimed = yard
        .inbox
        .claim_messages(&wanted, yard.clock.now(), SECOND)
        .await
        .expect("a claim")
        .remove(0);
    let delivery = Delivery {
        number: 1,
        started_at: yard.clock.now(),
        duration: Duration::ZERO,
        result: DeliveryResult::Sent { status: 200 },
        answer: None,
    };
    let settlement = MessageSettlement {
        lease: claimed.lease,
        delivery,
        next: WorkState::Done,
        is_spared: false,
        disable: None,
    };
    yard.inbox
        .settle_message(settlement)
        .await
        .expect("a settlement");
    yard.all_over().await;
    assert_eq!(yard.states().await, ["done"; 3]);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_keeps_losing_runs_alone() {
    let yard = Yard::start(Plan::default(), |job| match job.event.key.as_str() {
        "0" => done_in(SECOND),
        "1" => Act::End(60 * SECOND, trapped()),
        _ => done_in(Duration::ZERO),
    });
    yard.fail(Call::Settle, 3, || Error::Conflict(mark_key("0")));
    yard.route(&["ship"]).await;
    yard.append(0..2).await;
    sleep(10 * SECOND).await;
    assert_eq!(
        yard.runner.runs.load(Ordering::Relaxed),
        4,
        "three of the first and the second, which is under way"
    );
    yard.append(2..3).await;
    sleep(10 * SECOND).await;
    assert_eq!(
        yard.runner.runs.load(Ordering::Relaxed),
        4,
        "who comes later waits as well"
    );
    sleep(50 * SECOND).await;
    let ends = |number| {
        let attempt = yard.attempts(number, "ship").remove(0);
        attempt.started_at.after(attempt.duration)
    };
    assert_eq!(
        ends(0).since(ends(1)),
        SECOND,
        "it ran once the other had ended"
    );
    assert!(yard.attempts(2, "ship")[0].started_at >= ends(0));
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn attempts_beside_each_other_count_each_event_once() {
    let plan = Plan {
        active: vec![("ship", 8)],
        counts: true,
        ..Plan::default()
    };
    let yard = Yard::start(plan, |job| {
        let number: u64 = job.event.key.parse().expect("a number");
        let duration = Duration::from_millis(number * 7919 % 1000);
        let fails = number.is_multiple_of(5) && job.lease.attempt == 1;
        Act::End(duration, if fails { trapped() } else { Outcome::Done })
    });
    yard.fail(Call::Settle, 9, || Error::Busy);
    yard.route(&["ship"]).await;
    yard.append(0..40).await;
    yard.all_over().await;
    assert_eq!(yard.states().await, ["done"; 40]);
    let count = yard
        .inbox
        .value(&plugin("ship"), &count_key())
        .await
        .expect("read")
        .expect("a value");
    assert_eq!(
        &count.value[..],
        b"40",
        "once for each event, and not for what failed"
    );
    for number in 0..40_u64 {
        let expected = if number.is_multiple_of(5) { 2 } else { 1 };
        assert_eq!(
            yard.attempts(number, "ship").len(),
            expected,
            "losing a key costs event {number} no attempt"
        );
    }
    let runs = yard.runner.runs.load(Ordering::Relaxed);
    assert!(runs > 40 + 8, "nobody ever lost a key: {runs} runs");
    yard.stop().await;
}
