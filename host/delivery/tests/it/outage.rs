//! Outages: messages wait while the receiver is down, and all of them arrive once it is back.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use hookyard_delivery::{BreakerPolicy, Destination, default_retry};
use hookyard_model::RetryPolicy;
use tokio::time::sleep;

use crate::support::{
    HOUR, Harness, MINUTE, Plan, SECOND, Seen, URL, answer, dice, no_answer, partner,
};

/// Returns a destination with default settings and a rate.
fn default_destination() -> Destination {
    Destination {
        rate: Some(20.0),
        retry: default_retry(),
        breaker: BreakerPolicy::default(),
        ..partner()
    }
}

/// Fails in different ways during the first hour.
fn down_for_an_hour(seen: &Seen) -> (Duration, crate::support::Reply) {
    if seen.at >= HOUR {
        (SECOND / 20, answer(200))
    } else if seen.number().is_multiple_of(3) {
        (MINUTE, answer(200))
    } else if seen.number().is_multiple_of(2) {
        (SECOND / 20, answer(503))
    } else {
        (Duration::ZERO, no_answer())
    }
}

/// Gives every other message one of ten ordering keys.
fn key(number: u64) -> Option<String> {
    number
        .is_multiple_of(2)
        .then(|| format!("key {}", number % 20))
}

/// Returns the maximum number of messages within any second.
fn peak(seen: &[Seen]) -> usize {
    let within = |first: usize| {
        seen[first..]
            .iter()
            .take_while(|next| next.at < seen[first].at + SECOND)
            .count()
    };
    (0..seen.len()).map(within).max().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn outage_of_an_hour_loses_no_message() {
    let plan = Plan {
        jitter: dice(1),
        ..Plan::of(default_destination())
    };
    let harness = Harness::start(plan, down_for_an_hour).await;
    harness.send_to("partner", 0..300, key).await;
    for minute in 0..60 {
        harness
            .send_to("partner", 300 + 5 * minute..305 + 5 * minute, key)
            .await;
        sleep(MINUTE).await;
    }
    let deliveries = harness.post.seen().len();
    println!("deliveries in the hour: {deliveries}");
    assert!(
        (14..=45).contains(&deliveries),
        "{deliveries} deliveries in the hour"
    );

    sleep(10 * MINUTE).await;
    let after: Vec<_> = harness
        .post
        .seen()
        .into_iter()
        .filter(|seen| seen.at >= HOUR)
        .collect();
    let arrived: HashSet<_> = after.iter().map(Seen::number).collect();
    println!(
        "ten minutes later: {} of 600, the most within a second: {}",
        arrived.len(),
        peak(&after)
    );
    assert!(
        arrived.len() > 400,
        "most messages arrive soon after the outage: {}",
        arrived.len()
    );

    harness.wait_until_over().await;
    assert_eq!(harness.states().await, ["done"; 600]);
    let after: Vec<_> = harness
        .post
        .seen()
        .into_iter()
        .filter(|seen| seen.at >= HOUR)
        .collect();
    assert_eq!(after.len(), 600, "each message arrives once");
    assert!(peak(&after) <= 22, "{} within a second", peak(&after));
    assert!(
        harness.post.most_of(URL) <= 4,
        "{} concurrent deliveries",
        harness.post.most_of(URL)
    );
    let mut last = HashMap::new();
    for number in after.iter().map(Seen::number) {
        let Some(key) = key(number) else { continue };
        let before = last.insert(key, number);
        assert!(
            before.is_none_or(|before| before < number),
            "{before:?} before {number}"
        );
    }
    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn deliveries_during_an_outage_are_spared() {
    let retry = RetryPolicy {
        attempts_max: 2,
        delay_first: SECOND,
        delay_max: SECOND,
        ..RetryPolicy::default()
    };
    let breaker = BreakerPolicy {
        failures: 4,
        pause: SECOND,
        pause_max: 10 * SECOND,
    };
    let plan = Plan::of(Destination {
        retry,
        breaker,
        ..partner()
    });
    let harness = Harness::start(plan, |seen| {
        (
            Duration::ZERO,
            if seen.at < HOUR {
                no_answer()
            } else {
                answer(200)
            },
        )
    })
    .await;
    harness.send(0..8).await;
    sleep(HOUR).await;

    assert!(
        harness.post.seen().len() > 16,
        "more than the maximum of all messages: {}",
        harness.post.seen().len()
    );

    harness.wait_until_over().await;
    let dead = harness
        .states()
        .await
        .into_iter()
        .filter(|state| *state == "dead")
        .count();

    assert_eq!(dead, 0, "{:?}", harness.states().await);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn messages_keep_their_deliveries_after_an_outage() {
    let retry = RetryPolicy {
        attempts_max: 3,
        delay_first: SECOND,
        delay_max: SECOND,
        ..RetryPolicy::default()
    };
    let breaker = BreakerPolicy {
        failures: 2,
        pause: SECOND,
        pause_max: 10 * SECOND,
    };
    let plan = Plan::of(Destination {
        retry,
        breaker,
        concurrency: 1,
        ..partner()
    });
    // After the outage, the receiver fails once at each message except the first.
    let known = Mutex::new(HashSet::new());
    let harness = Harness::start(plan, move |seen| {
        if seen.at < HOUR {
            return (Duration::ZERO, no_answer());
        }
        let mut known = known.lock().expect("a lock");
        let fails = known.insert(seen.number()) && known.len() > 1;
        (Duration::ZERO, answer(if fails { 503 } else { 200 }))
    })
    .await;
    harness.send_to("partner", 0..2, |_| None).await;
    sleep(HOUR - MINUTE).await;

    assert!(
        harness.results(1).await.len() > 3,
        "more than the maximum of the message"
    );

    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["done", "done"]);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn undeliverable_message_uses_up_its_deliveries() {
    let retry = RetryPolicy {
        attempts_max: 5,
        delay_first: SECOND,
        ..RetryPolicy::default()
    };
    let breaker = BreakerPolicy {
        failures: 2,
        pause: SECOND,
        pause_max: 10 * SECOND,
    };
    let plan = Plan::of(Destination {
        retry,
        breaker,
        ..partner()
    });
    let harness = Harness::start(plan, |seen| {
        (
            Duration::ZERO,
            answer(if seen.number() == 0 { 500 } else { 200 }),
        )
    })
    .await;

    harness
        .send_to("partner", 0..3, |_| Some("one key".into()))
        .await;
    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["dead", "done", "done"]);
    assert_eq!(harness.results(0).await.len(), 5);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_probe_follows_each_pause() {
    let breaker = BreakerPolicy {
        failures: 3,
        pause: 10 * SECOND,
        pause_max: 40 * SECOND,
    };
    let plan = Plan::of(Destination {
        breaker,
        concurrency: 1,
        ..partner()
    });
    let harness = Harness::start(plan, |_| (Duration::ZERO, answer(404))).await;
    harness.send(0..100).await;
    sleep(2 * MINUTE + 35 * SECOND).await;
    let times: Vec<_> = harness
        .post
        .seen()
        .iter()
        .map(|seen| seen.at.as_secs())
        .collect();

    assert_eq!(
        times,
        [0, 0, 0, 10, 30, 70, 110, 150],
        "with the maximum jitter, and for refusals too"
    );

    harness.stop().await;
}
