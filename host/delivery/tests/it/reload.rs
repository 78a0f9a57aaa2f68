//! Destinations come and go while messages wait.

use std::time::Duration;

use hookyard_delivery::{BreakerPolicy, Destination, Destinations};
use tokio::time::sleep;

use crate::kit::{HOUR, Plan, SECOND, Yard, answer, answer_with, no_answer, one, partner};

#[tokio::test(start_paused = true)]
async fn messages_without_a_destination_are_kept_until_it_is_there() {
    let plan = Plan {
        destinations: Destinations::new(),
        ..Plan::default()
    };
    let yard = Yard::start(plan, |_| (SECOND, answer(200))).await;
    yard.send(0..2).await;
    sleep(HOUR).await;
    assert_eq!(yard.states().await, ["pending", "pending"]);
    assert!(
        yard.messages()
            .await
            .iter()
            .all(|message| message.deliveries == 0)
    );
    yard.handle.replace(one(partner()));
    sleep(2 * SECOND).await;
    assert_eq!(yard.states().await, ["done", "done"]);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_try_ends_as_it_began_and_the_next_one_goes_by_what_is_new() {
    let yard = Yard::start(
        Plan::of(Destination {
            concurrency: 1,
            ..partner()
        }),
        |_| (5 * SECOND, answer(200)),
    )
    .await;
    yard.send(0..3).await;
    sleep(SECOND).await;
    yard.handle.replace(one(Destination {
        url: "https://other.example/".into(),
        concurrency: 1,
        ..partner()
    }));
    sleep(5 * SECOND).await;
    yard.handle.replace(Destinations::new());
    sleep(HOUR).await;
    assert_eq!(yard.states().await, ["done", "done", "pending"]);
    let urls: Vec<_> = yard.post.seen().into_iter().map(|seen| seen.url).collect();
    assert_eq!(urls, [partner().url, "https://other.example/".to_owned()]);
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_rest_that_the_receiver_asked_for_outlasts_a_reload_but_not_the_receiver() {
    let concurrency = 1;
    let yard = Yard::start(
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
    yard.send(0..2).await;
    sleep(SECOND).await;
    yard.handle.replace(one(Destination {
        concurrency,
        rate: Some(9.0),
        ..partner()
    }));
    sleep(50 * SECOND).await;
    assert_eq!(yard.post.seen().len(), 1, "it's left alone");
    yard.handle.replace(one(Destination {
        concurrency,
        url: "https://other.example/".into(),
        ..partner()
    }));
    sleep(SECOND).await;
    assert_eq!(yard.post.seen().len(), 2, "another one asked for nothing");
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_reload_ends_the_pause_of_a_breaker() {
    let breaker = BreakerPolicy {
        failures: 1,
        pause: HOUR,
        pause_max: HOUR,
    };
    let plan = Plan::of(Destination {
        breaker,
        ..partner()
    });
    let yard = Yard::start(plan, |seen| {
        let reply = if seen.url.contains("other") {
            answer(200)
        } else {
            no_answer()
        };
        (Duration::ZERO, reply)
    })
    .await;
    yard.send(0..3).await;
    sleep(10 * SECOND).await;
    assert_eq!(yard.post.seen().len(), 3, "which were under way together");
    yard.handle.replace(one(Destination {
        url: "https://other.example/".into(),
        breaker,
        ..partner()
    }));
    sleep(SECOND).await;
    assert_eq!(yard.states().await, ["done"; 3]);
    yard.stop().await;
}
