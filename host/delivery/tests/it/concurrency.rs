//! The limits of destinations: concurrency and rate. A slow receiver does not delay other tenants.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hookyard_delivery::{BreakerPolicy, Destination, Destinations};
use tokio::time::sleep;

use crate::support::{HOUR, Harness, Plan, SECOND, Seen, URL, answer, name, partner};

#[tokio::test(start_paused = true)]
async fn destination_concurrency_is_limited() {
    let harness = Harness::start(
        Plan::of(Destination {
            concurrency: 3,
            ..partner()
        }),
        |_| (SECOND, answer(200)),
    )
    .await;
    harness.send(0..20).await;
    sleep(8 * SECOND).await;

    assert_eq!(harness.states().await, ["done"; 20]);
    assert_eq!(harness.post.most_of(URL), 3);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn destination_rate_is_limited() {
    let plan = Plan::of(Destination {
        rate: Some(2.0),
        concurrency: 64,
        ..partner()
    });
    let harness = Harness::start(plan, |_| (Duration::ZERO, answer(200))).await;
    harness.send(0..10).await;
    harness.wait_until_over().await;
    let at: Vec<_> = harness
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

    harness.stop().await;
}

/// Returns destinations with these names. The URL of each is its name.
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

/// The receivers of blue time out, and those of acme answer at once.
fn blue_hangs(seen: &Seen) -> (Duration, crate::support::Reply) {
    if seen.url.starts_with("blue") {
        (HOUR, answer(200))
    } else {
        (SECOND / 10, answer(200))
    }
}

#[tokio::test(start_paused = true)]
async fn dead_receiver_delays_no_other_tenant() {
    // Without a breaker.
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
    let harness = Harness::start(plan, blue_hangs).await;

    for (start, name) in [(0, "blue/one"), (1_000, "blue/two"), (2_000, "blue/three")] {
        harness.send_to(name, start..start + 500, |_| None).await;
    }

    sleep(SECOND).await;

    for number in 5_000..5_020 {
        let before = harness.post.seen().len();
        let came = tokio::time::Instant::now();
        harness
            .send_to("acme/partner", number..number + 1, |_| None)
            .await;
        while !harness.post.seen()[before..]
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

    harness.task.abort();
}

#[tokio::test(start_paused = true)]
async fn destinations_of_a_tenant_share_slots() {
    let plan = Plan {
        destinations: destinations(&["one", "two"], || Destination {
            concurrency: 64,
            ..partner()
        }),
        concurrency_max: 8,
        ..Plan::default()
    };
    let harness = Harness::start(plan, |_| (SECOND, answer(200))).await;
    harness.send_to("one", 0..1_000, |_| None).await;
    harness.send_to("two", 5_000..5_040, |_| None).await;
    sleep(11 * SECOND).await;
    let of = |url: &str| {
        harness
            .post
            .seen()
            .iter()
            .filter(|seen| seen.url == url)
            .count()
    };

    assert_eq!(of("two"), 40, "four at a time: half of the slots");

    harness.task.abort();
}
