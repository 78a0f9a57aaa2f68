//! A receiver that is down: it is left alone, its messages wait, and all of them arrive once it is back.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use hookyard_delivery::{BreakerPolicy, Destination, default_retry};
use hookyard_model::RetryPolicy;
use tokio::time::sleep;

use crate::kit::{HOUR, MINUTE, Plan, SECOND, Seen, URL, Yard, answer, dice, no_answer, partner};

/// As a configuration has it that says no more than the rate.
fn as_configured() -> Destination {
    Destination {
        rate: Some(20.0),
        retry: default_retry(),
        breaker: BreakerPolicy::default(),
        ..partner()
    }
}

/// Down for the first hour, in whatever way.
fn down_for_an_hour(seen: &Seen) -> (Duration, crate::kit::Reply) {
    match seen.at < HOUR {
        true if seen.number().is_multiple_of(3) => (MINUTE, answer(200)),
        true if seen.number().is_multiple_of(2) => (SECOND / 20, answer(503)),
        true => (Duration::ZERO, no_answer()),
        false => (SECOND / 20, answer(200)),
    }
}

/// Every other message is in one of ten orders.
fn key(number: u64) -> Option<String> {
    number
        .is_multiple_of(2)
        .then(|| format!("key {}", number % 20))
}

/// The most that came within any one second.
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
async fn a_receiver_that_is_down_for_an_hour_gets_everything_in_order_and_without_a_herd() {
    let plan = Plan {
        jitter: dice(1),
        ..Plan::of(as_configured())
    };
    let yard = Yard::start(plan, down_for_an_hour).await;
    yard.send_to("partner", 0..300, key).await;
    for minute in 0..60 {
        yard.send_to("partner", 300 + 5 * minute..305 + 5 * minute, key)
            .await;
        sleep(MINUTE).await;
    }
    let tries = yard.post.seen().len();
    println!("tries in the hour: {tries}");
    assert!((14..=45).contains(&tries), "{tries} tries in the hour");

    sleep(10 * MINUTE).await;
    let after: Vec<_> = yard
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
        "most wait for nothing but the receiver: {}",
        arrived.len()
    );

    yard.all_over().await;
    assert_eq!(yard.states().await, ["done"; 600]);
    let after: Vec<_> = yard
        .post
        .seen()
        .into_iter()
        .filter(|seen| seen.at >= HOUR)
        .collect();
    assert_eq!(after.len(), 600, "each arrives once");
    assert!(peak(&after) <= 22, "{} within a second", peak(&after));
    assert!(
        yard.post.most_of(URL) <= 4,
        "{} at once",
        yard.post.most_of(URL)
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
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_tried_while_the_receiver_is_down_is_not_used_up() {
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
    let yard = Yard::start(plan, |seen| {
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
    yard.send(0..8).await;
    sleep(HOUR).await;
    assert!(
        yard.post.seen().len() > 16,
        "more than all tries of all messages: {}",
        yard.post.seen().len()
    );
    yard.all_over().await;
    let dead = yard
        .states()
        .await
        .into_iter()
        .filter(|state| *state == "dead")
        .count();
    assert_eq!(dead, 0, "{:?}", yard.states().await);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn once_the_receiver_is_back_each_message_has_its_own_tries_still() {
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
    // When it's back, it stumbles once over each message but the first that it gets.
    let known = Mutex::new(HashSet::new());
    let yard = Yard::start(plan, move |seen| match seen.at < HOUR {
        true => (Duration::ZERO, no_answer()),
        false => {
            let mut known = known.lock().expect("nobody panics");
            let stumbles = known.insert(seen.number()) && known.len() > 1;
            (Duration::ZERO, answer(if stumbles { 503 } else { 200 }))
        }
    })
    .await;
    yard.send_to("partner", 0..2, |_| None).await;
    sleep(HOUR - MINUTE).await;
    assert!(
        yard.results(1).await.len() > 3,
        "more than all of its tries"
    );
    yard.all_over().await;
    assert_eq!(yard.states().await, ["done", "done"]);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_no_receiver_could_take_is_used_up_by_its_own_tries() {
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
    let yard = Yard::start(plan, |seen| {
        (
            Duration::ZERO,
            answer(if seen.number() == 0 { 500 } else { 200 }),
        )
    })
    .await;
    yard.send_to("partner", 0..3, |_| Some("all in one order".into()))
        .await;
    yard.all_over().await;
    assert_eq!(yard.states().await, ["dead", "done", "done"]);
    assert_eq!(yard.results(0).await.len(), 5);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn while_it_is_down_one_message_is_tried_after_each_pause() {
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
    let yard = Yard::start(plan, |_| (Duration::ZERO, answer(404))).await;
    yard.send(0..100).await;
    sleep(2 * MINUTE + 35 * SECOND).await;
    let times: Vec<_> = yard
        .post
        .seen()
        .iter()
        .map(|seen| seen.at.as_secs())
        .collect();
    assert_eq!(
        times,
        [0, 0, 0, 10, 30, 70, 110, 150],
        "with the greatest jitter, and for refusals as well"
    );
    yard.stop().await;
}
