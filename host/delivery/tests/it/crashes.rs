//! Crashes: the host crashes at every call of the store in turn, before or after the call takes
//! effect. The next host delivers the rest.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use hookyard_delivery::{BreakerPolicy, Destination};
use hookyard_model::RetryPolicy;
use hookyard_store_testing::faulty::{Fault, When};

use crate::support::{Harness, Plan, SECOND, Seen, answer, dice, no_answer, partner};

const MESSAGES: u64 = 6;

/// Returns one of two ordering keys.
fn key(number: u64) -> Option<String> {
    Some(format!("key {}", number % 2))
}

/// Refuses every third message at first.
fn reply(seen: &Seen) -> (Duration, crate::support::Reply) {
    let is_refused = seen.number().is_multiple_of(3) && seen.at < SECOND;
    (SECOND / 2, answer(if is_refused { 503 } else { 200 }))
}

/// Runs a host that crashes at its nth call, and then another host. Returns whether the first host
/// made that many calls.
async fn crash_at(nth: usize, when: When) -> bool {
    let first = Harness::start(Plan::default(), reply).await;
    first.send_to("partner", 0..MESSAGES, key).await;
    first.store.at(nth, when, Fault::Crash);
    let has_crashed = tokio::select! {
        () = first.store.crashed() => true,
        () = tokio::time::sleep(60 * SECOND) => false,
    };
    let Harness {
        inner,
        clock,
        post,
        task,
        ..
    } = first;
    // The crashed host sends nothing more.
    task.abort();
    let _ = task.await;
    let second = Harness::over(Arc::clone(&inner), clock, Plan::default(), reply);
    second.wait_until_over().await;
    let case = format!("a crash {when:?} call {nth}");

    assert_eq!(second.states().await, ["done"; MESSAGES as usize], "{case}");

    check(&[post.seen(), second.post.seen()].concat(), &case);
    second.stop().await;
    has_crashed
}

/// Runs hosts that crash at random calls, with a receiver that answers at random, until all
/// messages are sent.
async fn crash_at_random(seed: u64) {
    let dice = dice(seed);
    let below = |most: u64| (dice() * most as f64) as u64;
    let retry = RetryPolicy {
        attempts_max: 1_000,
        delay_first: SECOND,
        delay_max: 10 * SECOND,
        ..RetryPolicy::default()
    };
    let breaker = BreakerPolicy {
        failures: 3,
        pause: SECOND,
        pause_max: 4 * SECOND,
    };
    let destination = Destination {
        retry,
        breaker,
        concurrency: 3,
        rate: Some(5.0),
        ..partner()
    };
    let plan = || Plan {
        jitter: Arc::clone(&dice),
        ..Plan::of(destination.clone())
    };
    let replies = Arc::clone(&dice);
    let reply = move |_: &Seen| match replies() {
        roll if roll < 0.2 => (SECOND / 2, answer(503)),
        roll if roll < 0.3 => (Duration::ZERO, no_answer()),
        roll if roll < 0.35 => (60 * SECOND, answer(200)),
        roll => (SECOND.mul_f64(roll), answer(200)),
    };
    let first = Harness::start(plan(), reply.clone()).await;
    first.send_to("partner", 0..MESSAGES, key).await;
    let (mut harness, mut seen) = (first, Vec::new());

    for _ in 0..below(6) {
        let when = if below(2) == 0 {
            When::Before
        } else {
            When::After
        };
        harness.store.at(1 + below(30) as usize, when, Fault::Crash);
        tokio::select! {
            () = harness.store.crashed() => {}
            () = tokio::time::sleep(60 * SECOND) => {}
        }
        harness.task.abort();
        let _ = (&mut harness.task).await;
        seen.extend(harness.post.seen());
        harness = Harness::over(
            Arc::clone(&harness.inner),
            Arc::clone(&harness.clock),
            plan(),
            reply.clone(),
        );
    }

    harness.wait_until_over().await;

    assert_eq!(
        harness.states().await,
        ["done"; MESSAGES as usize],
        "seed {seed}"
    );

    seen.extend(harness.post.seen());
    check(&seen, &format!("seed {seed}"));

    assert!(
        harness.post.most_of(&destination.url) <= 3,
        "seed {seed}: too many at once"
    );

    harness.stop().await;
}

/// Checks that each message was sent, in the order of its key, and always with the same body.
fn check(seen: &[Seen], case: &str) {
    let numbers: BTreeSet<_> = seen.iter().map(Seen::number).collect();
    assert_eq!(numbers.len() as u64, MESSAGES, "{case}: all are sent");

    let (mut last, mut bodies) = (HashMap::new(), HashMap::new());

    for seen in seen {
        let number = seen.number();
        let body = bodies.entry(number).or_insert(&seen.body);
        assert_eq!(*body, &seen.body, "{case}: one id, one body");
        let before = last.insert(key(number), number);
        assert!(
            before.is_none_or(|before| before <= number),
            "{case}: {before:?} before {number}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn crash_at_any_call_loses_no_message() {
    for when in [When::Before, When::After] {
        let mut crashes = 0;
        while crash_at(crashes + 1, when).await {
            crashes += 1;
        }
        assert!(crashes > 20, "only {crashes} calls were made");
    }
}

#[tokio::test(start_paused = true)]
async fn random_crashes_keep_messages_and_order() {
    for seed in 0..300 {
        crash_at_random(seed).await;
    }
}
