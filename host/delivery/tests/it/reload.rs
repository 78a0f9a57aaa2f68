//! Reloads: destinations change while messages wait.

use std::time::Duration;

use hookyard_delivery::{BreakerPolicy, Destination, Destinations};
use tokio::time::sleep;

use crate::support::{HOUR, Harness, Plan, SECOND, answer, answer_with, no_answer, one, partner};

#[tokio::test(start_paused = true)]
async fn messages_wait_for_their_destination() {
    let plan = Plan {
        destinations: Destinations::new(),
        ..Plan::default()
    };
    let harness = Harness::start(plan, |_| (SECOND, answer(200))).await;
    harness.send(0..2).await;
    sleep(HOUR).await;

    assert_eq!(harness.states().await, ["pending", "pending"]);
    assert!(
        harness
            .messages()
            .await
            .iter()
            .all(|message| message.deliveries == 0)
    );

    harness.handle.replace_destinations(one(partner()));
    sleep(2 * SECOND).await;

    assert_eq!(harness.states().await, ["done", "done"]);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn reload_applies_to_the_next_delivery() {
    let harness = Harness::start(
        Plan::of(Destination {
            concurrency: 1,
            ..partner()
        }),
        |_| (5 * SECOND, answer(200)),
    )
    .await;
    harness.send(0..3).await;
    sleep(SECOND).await;
    harness.handle.replace_destinations(one(Destination {
        url: "https://other.example/".into(),
        concurrency: 1,
        ..partner()
    }));
    sleep(5 * SECOND).await;
    harness.handle.replace_destinations(Destinations::new());
    sleep(HOUR).await;

    assert_eq!(harness.states().await, ["done", "done", "pending"]);

    let urls: Vec<_> = harness
        .post
        .seen()
        .into_iter()
        .map(|seen| seen.url)
        .collect();

    assert_eq!(urls, [partner().url, "https://other.example/".to_owned()]);

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn requested_rest_survives_a_reload() {
    let concurrency = 1;
    let harness = Harness::start(
        Plan::of(Destination {
            concurrency,
            ..partner()
        }),
        |seen| {
            let is_first = seen.number() == 0;
            (
                Duration::ZERO,
                if is_first {
                    answer_with(503, &[("retry-after", "60")])
                } else {
                    answer(200)
                },
            )
        },
    )
    .await;
    harness.send(0..2).await;
    sleep(SECOND).await;
    harness.handle.replace_destinations(one(Destination {
        concurrency,
        rate: Some(9.0),
        ..partner()
    }));
    sleep(50 * SECOND).await;

    assert_eq!(harness.post.seen().len(), 1, "the receiver rests");

    harness.handle.replace_destinations(one(Destination {
        concurrency,
        url: "https://other.example/".into(),
        ..partner()
    }));
    sleep(SECOND).await;

    assert_eq!(
        harness.post.seen().len(),
        2,
        "another receiver did not ask for rest"
    );

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn reload_ends_the_breaker_pause() {
    let breaker = BreakerPolicy {
        failures: 1,
        pause: HOUR,
        pause_max: HOUR,
    };
    let plan = Plan::of(Destination {
        breaker,
        ..partner()
    });
    let harness = Harness::start(plan, |seen| {
        let reply = if seen.url.contains("other") {
            answer(200)
        } else {
            no_answer()
        };
        (Duration::ZERO, reply)
    })
    .await;
    harness.send(0..3).await;
    sleep(10 * SECOND).await;

    assert_eq!(harness.post.seen().len(), 3, "three concurrent deliveries");

    harness.handle.replace_destinations(one(Destination {
        url: "https://other.example/".into(),
        breaker,
        ..partner()
    }));
    sleep(SECOND).await;

    assert_eq!(harness.states().await, ["done"; 3]);

    harness.stop().await;
}
