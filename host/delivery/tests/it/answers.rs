//! Answers: what each of them means for the message, and what the receiver sees of a message over
//! several deliveries.

use std::collections::HashSet;
use std::time::Duration;

use hookyard_delivery::{Destination, PostError};
use hookyard_model::{DeliveryResult, RetryPolicy, Timestamp};
use hookyard_store::Outbox;
use tokio::time::sleep;

use crate::support::{
    HOUR, Harness, MINUTE, Plan, SECOND, answer, answer_with, message_id, name, no_answer, partner,
    signer,
};

const NOW: Duration = Duration::ZERO;

#[tokio::test(start_paused = true)]
async fn answer_decides_the_next_state() {
    for (reply, state, deliveries) in [
        (answer(200), "done", 1),
        (answer(299), "done", 1),
        (answer(408), "dead", 3),
        (answer(425), "dead", 3),
        (answer(429), "dead", 3),
        (answer(500), "dead", 3),
        (answer(503), "dead", 3),
        (no_answer(), "dead", 3),
        (answer(301), "dead", 1),
        (answer(307), "dead", 1),
        (answer(400), "dead", 1),
        (answer(401), "dead", 1),
        (answer(404), "dead", 1),
        (answer(410), "dead", 1),
        (
            Err(PostError::Unsendable("allow it by `addresses`".into())),
            "dead",
            1,
        ),
    ] {
        let case = format!("{reply:?}");
        let harness = Harness::start(Plan::default(), move |_| (SECOND, reply.clone())).await;
        harness.send(0..1).await;
        harness.wait_until_over().await;
        assert_eq!(
            (harness.states().await, harness.post.seen().len()),
            (vec![state], deliveries),
            "{case}"
        );
        assert_eq!(
            harness.results(0).await.len(),
            deliveries,
            "{case}: each delivery has a record"
        );
        harness.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn timed_out_delivery_is_retried() {
    let harness = Harness::start(Plan::default(), |_| (MINUTE, answer(200))).await;
    harness.send(0..1).await;
    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["dead"]);
    assert_eq!(
        harness.results(0).await,
        ["failed: no complete response from partner.example"; 3]
    );
    assert!(
        harness
            .record(0)
            .await
            .deliveries
            .iter()
            .all(|(_, delivery)| delivery.duration == 10 * SECOND)
    );

    harness.stop().await;
}

#[tokio::test(start_paused = true)]
async fn message_waits_for_a_live_secret() {
    let from = Timestamp::from_unix_secs(1_700_000_000).after(2 * SECOND);
    let late = Destination {
        signer: signer(Some(from)),
        ..partner()
    };
    let harness = Harness::start(Plan::of(late), |_| (SECOND, answer(200))).await;
    harness.send(0..1).await;
    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["done"]);

    let results = harness.results(0).await;

    assert!(
        results[0].starts_with("failed: no secret or private key of the destination is live now"),
        "{results:?}"
    );
    assert_eq!(harness.post.seen().len(), 1, "nothing is sent unsigned");

    harness.stop().await;
}

/// The receiver recognizes the message, but each signature is new.
#[tokio::test(start_paused = true)]
async fn deliveries_share_id_and_body() {
    let harness = Harness::start(Plan::default(), |seen| {
        (SECOND, answer(if seen.at < 2 * SECOND { 500 } else { 202 }))
    })
    .await;
    harness.send(7..8).await;
    harness.wait_until_over().await;
    let seen = harness.post.seen();

    assert_eq!(seen.len(), 2);

    let distinct = |of: &dyn Fn(usize) -> String| (0..2).map(of).collect::<HashSet<_>>().len();

    assert_eq!(distinct(&|at| seen[at].header("webhook-id").to_owned()), 1);
    assert_eq!(seen[0].header("webhook-id"), message_id(7).to_string());
    assert_eq!(
        distinct(&|at| String::from_utf8_lossy(&seen[at].body).into_owned()),
        1
    );
    assert_eq!(
        distinct(&|at| seen[at].header("webhook-timestamp").to_owned()),
        2
    );
    assert_eq!(
        distinct(&|at| seen[at].header("webhook-signature").to_owned()),
        2
    );

    let deliveries = harness.record(7).await.deliveries;

    assert_eq!(deliveries[1].1.result, DeliveryResult::Sent { status: 202 });
    assert_eq!(
        deliveries[0].1.answer.as_ref().expect("an answer").body,
        "thanks"
    );

    harness.stop().await;
}

/// Returns the time of the second delivery after an answer with this `Retry-After`.
async fn second_delivery(retry: RetryPolicy, status: u16, asked: &'static str) -> Duration {
    let plan = Plan::of(Destination { retry, ..partner() });
    let harness = Harness::start(plan, move |_| {
        (NOW, answer_with(status, &[("retry-after", asked)]))
    })
    .await;
    harness.send(0..1).await;
    sleep(2 * HOUR).await;
    let at = harness.post.seen()[1].at;
    harness.stop().await;
    at
}

#[tokio::test(start_paused = true)]
async fn retry_after_lengthens_the_delay() {
    let retry = RetryPolicy {
        attempts_max: 2,
        delay_first: 30 * SECOND,
        delay_max: HOUR,
        ..RetryPolicy::default()
    };
    let check = async |status, asked, expected: Duration| {
        let at = second_delivery(retry.clone(), status, asked).await;
        assert!(
            at.abs_diff(expected) < SECOND,
            "{status}, Retry-After: {asked}: after {at:?}"
        );
    };
    check(503, "120", 2 * MINUTE).await;
    check(429, "120", 2 * MINUTE).await;
    check(500, "120", 2 * MINUTE).await;
    check(503, "1", 30 * SECOND).await;
    check(503, "", 30 * SECOND).await;
    check(503, "999999", HOUR).await;
    // 120 seconds after the start of the clock.
    check(503, "Tue, 14 Nov 2023 22:15:20 GMT", 2 * MINUTE).await;
    check(503, "Tue, 14 Nov 2023 22:00:00 GMT", 30 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn retry_after_rests_the_whole_destination() {
    let asks = |status| {
        move |seen: &crate::support::Seen| match seen.number() {
            0 => (NOW, answer_with(status, &[("retry-after", "60")])),
            _ => (NOW, answer(200)),
        }
    };

    for (status, expected) in [(429, MINUTE), (503, MINUTE), (500, SECOND)] {
        let harness = Harness::start(Plan::default(), asks(status)).await;
        harness.send(0..1).await;
        sleep(SECOND).await;
        harness.send(1..2).await;
        sleep(2 * MINUTE).await;
        let seen = harness.post.seen();
        let at = seen
            .iter()
            .find(|seen| seen.number() == 1)
            .expect("the message")
            .at;
        assert!(
            at.abs_diff(expected) < SECOND / 10,
            "after {status}: {at:?}"
        );
        harness.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn gone_destination_is_disabled_until_enabled() {
    let plan = Plan::of(Destination {
        concurrency: 1,
        ..partner()
    });
    let harness = Harness::start(plan, |seen| {
        (SECOND, answer(if seen.number() == 0 { 410 } else { 200 }))
    })
    .await;
    harness.send(0..3).await;
    sleep(HOUR).await;

    assert_eq!(harness.states().await, ["dead", "pending", "pending"]);

    let [disabled] = <[_; 1]>::try_from(harness.store.disabled().await.expect("a list"))
        .expect("one disabled destination");

    assert_eq!(
        (disabled.destination, disabled.reason.as_str()),
        (name("partner"), "the receiver answered 410 Gone")
    );

    harness
        .store
        .enable(&name("partner"), None)
        .await
        .expect("enabled");
    harness.wait_until_over().await;

    assert_eq!(harness.states().await, ["dead", "done", "done"]);

    harness.stop().await;
}
