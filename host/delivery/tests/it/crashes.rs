//! The host dies at every call of the store in turn, before and after it has its effect; the next host finds the rest.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use hookyard_delivery::{BreakerPolicy, Destination};
use hookyard_model::RetryPolicy;
use hookyard_store_testing::faulty::{Fault, When};

use crate::kit::{Plan, SECOND, Seen, Yard, answer, dice, no_answer, partner};

const MESSAGES: u64 = 6;

/// Two keys.
fn key(number: u64) -> Option<String> {
    Some(format!("key {}", number % 2))
}

/// Every third message is not taken at first.
fn reply(seen: &Seen) -> (Duration, crate::kit::Reply) {
    let is_refused = seen.number().is_multiple_of(3) && seen.at < SECOND;
    (SECOND / 2, answer(if is_refused { 503 } else { 200 }))
}

/// Lets a host live until its nth call, and another one after it. Says whether the first one came so far.
async fn live(nth: usize, when: When) -> bool {
    let first = Yard::start(Plan::default(), reply).await;
    first.send_to("partner", 0..MESSAGES, key).await;
    first.store.at(nth, when, Fault::Crash);
    let has_died = tokio::select! {
        () = first.store.crashed() => true,
        () = tokio::time::sleep(60 * SECOND) => false,
    };
    let Yard {
        inner,
        clock,
        post,
        task,
        ..
    } = first;
    // Whatever it was about to send is not sent.
    task.abort();
    let _ = task.await;
    let second = Yard::over(Arc::clone(&inner), clock, Plan::default(), reply);
    second.all_over().await;
    let told = format!("a crash {when:?} call {nth}");
    assert_eq!(second.states().await, ["done"; MESSAGES as usize], "{told}");
    check(&[post.seen(), second.post.seen()].concat(), &told);
    second.stop().await;
    has_died
}

/// Lets hosts live and die, with a receiver that does as the dice say, until all is sent.
async fn live_by_dice(seed: u64) {
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
    let first = Yard::start(plan(), reply.clone()).await;
    first.send_to("partner", 0..MESSAGES, key).await;
    let (mut yard, mut seen) = (first, Vec::new());
    for _ in 0..below(6) {
        let when = if below(2) == 0 {
            When::Before
        } else {
            When::After
        };
        yard.store.at(1 + below(30) as usize, when, Fault::Crash);
        tokio::select! {
            () = yard.store.crashed() => {}
            () = tokio::time::sleep(60 * SECOND) => {}
        }
        yard.task.abort();
        let _ = (&mut yard.task).await;
        seen.extend(yard.post.seen());
        yard = Yard::over(
            Arc::clone(&yard.inner),
            Arc::clone(&yard.clock),
            plan(),
            reply.clone(),
        );
    }
    yard.all_over().await;
    assert_eq!(
        yard.states().await,
        ["done"; MESSAGES as usize],
        "seed {seed}"
    );
    seen.extend(yard.post.seen());
    check(&seen, &format!("seed {seed}"));
    assert!(
        yard.post.most_of(&destination.url) <= 3,
        "seed {seed}: too many at once"
    );
    yard.stop().await;
}

/// Each message was sent, in the order of its key, and as the same thing each time.
fn check(seen: &[Seen], told: &str) {
    let numbers: BTreeSet<_> = seen.iter().map(Seen::number).collect();
    assert_eq!(numbers.len() as u64, MESSAGES, "{told}: all are sent");
    let (mut last, mut bodies) = (HashMap::new(), HashMap::new());
    for seen in seen {
        let number = seen.number();
        let body = bodies.entry(number).or_insert(&seen.body);
        assert_eq!(*body, &seen.body, "{told}: one id, one body");
        let before = last.insert(key(number), number);
        assert!(
            before.is_none_or(|before| before <= number),
            "{told}: {before:?} before {number}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn no_death_between_two_calls_loses_a_message_or_its_order() {
    for when in [When::Before, When::After] {
        let mut deaths = 0;
        while live(deaths + 1, when).await {
            deaths += 1;
        }
        assert!(deaths > 20, "only {deaths} calls were made");
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_hosts_and_receivers_do_every_message_arrives_in_its_order() {
    for seed in 0..300 {
        live_by_dice(seed).await;
    }
}
