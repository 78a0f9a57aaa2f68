//! No more at once, and no more a second, than a destination may take; and nobody waits for another's receiver.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hookyard_delivery::{BreakerPolicy, Destination, Destinations};
use tokio::time::sleep;

use crate::kit::{HOUR, Plan, SECOND, Seen, URL, Yard, answer, name, partner};

#[tokio::test(start_paused = true)]
async fn no_more_tries_at_once_than_a_destination_may_have() {
    let yard = Yard::start(
        Plan::of(Destination {
            concurrency: 3,
            ..partner()
        }),
        |_| (SECOND, answer(200)),
    )
    .await;
    yard.send(0..20).await;
    sleep(8 * SECOND).await;
    assert_eq!(yard.states().await, ["done"; 20]);
    assert_eq!(yard.post.most_of(URL), 3);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn no_more_messages_a_second_than_the_rate() {
    let plan = Plan::of(Destination {
        rate: Some(2.0),
        concurrency: 64,
        ..partner()
    });
    let yard = Yard::start(plan, |_| (Duration::ZERO, answer(200))).await;
    yard.send(0..10).await;
    yard.all_over().await;
    let at: Vec<_> = yard
        .post
        .seen()
        .iter()
        .map(|seen| seen.at.as_millis() as i64)
        .collect();
    for (number, at) in at.iter().enumerate() {
        assert!(
            (at - 500 * number as i64).abs() < 100,
            "message {number} after {at} ms"
        );
    }
    yard.stop().await;
}

/// Each destination by its name, with its own name as its URL.
fn destinations(names: &[&str], destination: impl Fn() -> Destination) -> Destinations {
    let one = |text: &&str| {
        (
            name(text),
            Arc::new(Destination {
                url: (*text).into(),
                ..destination()
            }),
        )
    };
    names.iter().map(one).collect::<BTreeMap<_, _>>()
}

/// Receivers of blue's take until the time is over; acme's answer at once.
fn blue_hangs(seen: &Seen) -> (Duration, crate::kit::Reply) {
    if seen.url.starts_with("blue") {
        (HOUR, answer(200))
    } else {
        (SECOND / 10, answer(200))
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_another_tenants_dead_receiver() {
    // No breaker helps here.
    let never = BreakerPolicy {
        failures: u32::MAX,
        ..BreakerPolicy::default()
    };
    let names = ["blue/one", "blue/two", "blue/three", "acme/partner"];
    let plan = Plan {
        destinations: destinations(&names, || Destination {
            concurrency: 8,
            breaker: never,
            ..partner()
        }),
        concurrency_max: 8,
        tenant_concurrency_max: 6,
        ..Plan::default()
    };
    let yard = Yard::start(plan, blue_hangs).await;
    for (start, name) in [(0, "blue/one"), (1_000, "blue/two"), (2_000, "blue/three")] {
        yard.send_to(name, start..start + 500, |_| None).await;
    }
    sleep(SECOND).await;
    for number in 5_000..5_020 {
        let began = yard.post.seen().len();
        let came = tokio::time::Instant::now();
        yard.send_to("acme/partner", number..number + 1, |_| None)
            .await;
        while !yard.post.seen()[began..]
            .iter()
            .any(|seen| seen.number() == number)
        {
            sleep(Duration::from_millis(10)).await;
        }
        assert!(
            came.elapsed() < SECOND / 10,
            "message {number} after {:?}",
            came.elapsed()
        );
        sleep(SECOND).await;
    }
    yard.task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_tenants_places_are_shared_by_its_destinations() {
    let plan = Plan {
        destinations: destinations(&["one", "two"], || Destination {
            concurrency: 64,
            ..partner()
        }),
        concurrency_max: 8,
        ..Plan::default()
    };
    let yard = Yard::start(plan, |_| (SECOND, answer(200))).await;
    yard.send_to("one", 0..1_000, |_| None).await;
    yard.send_to("two", 5_000..5_040, |_| None).await;
    sleep(11 * SECOND).await;
    let of = |url: &str| {
        yard.post
            .seen()
            .iter()
            .filter(|seen| seen.url == url)
            .count()
    };
    assert_eq!(
        of("two"),
        40,
        "four at once, as it would have with half of the places"
    );
    yard.task.abort();
}
