//! What each answer leads to, and what a receiver sees of one message over several tries.

use std::collections::HashSet;
use std::time::Duration;

use hookyard_delivery::{Destination, Unanswered};
use hookyard_model::{DeliveryResult, RetryPolicy, Timestamp};
use hookyard_store::Outbox;
use tokio::time::sleep;

use crate::kit::{
    HOUR, MINUTE, Plan, SECOND, Yard, answer, answer_with, message_id, name, no_answer, partner,
    signer,
};

const NOW: Duration = Duration::ZERO;

#[tokio::test(start_paused = true)]
async fn an_answer_settles_a_message_or_has_it_sent_again() {
    for (reply, state, tries) in [
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
            Err(Unanswered::Unsendable("allow it by `addresses`".into())),
            "dead",
            1,
        ),
    ] {
        let told = format!("{reply:?}");
        let yard = Yard::start(Plan::default(), move |_| (SECOND, reply.clone())).await;
        yard.send(0..1).await;
        yard.all_over().await;
        assert_eq!(
            (yard.states().await, yard.post.seen().len()),
            (vec![state], tries),
            "{told}"
        );
        assert_eq!(
            yard.results(0).await.len(),
            tries,
            "{told}: each has its record"
        );
        yard.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_sent_again() {
    let yard = Yard::start(Plan::default(), |_| (MINUTE, answer(200))).await;
    yard.send(0..1).await;
    yard.all_over().await;
    assert_eq!(yard.states().await, ["dead"]);
    assert_eq!(
        yard.results(0).await,
        ["failed: no whole answer from partner.example"; 3]
    );
    assert!(
        yard.record(0)
            .await
            .deliveries
            .iter()
            .all(|(_, delivery)| delivery.duration == 10 * SECOND)
    );
    yard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_no_secret_is_live_for_waits_for_one() {
    let from = Timestamp::from_unix_secs(1_700_000_000).after(2 * SECOND);
    let late = Destination {
        signer: signer(Some(from)),
        ..partner()
    };
    let yard = Yard::start(Plan::of(late), |_| (SECOND, answer(200))).await;
    yard.send(0..1).await;
    yard.all_over().await;
    assert_eq!(yard.states().await, ["done"]);
    let results = yard.results(0).await;
    assert!(
        results[0].starts_with("failed: no secret or private key of the destination is live now"),
        "{results:?}"
    );
    assert_eq!(yard.post.seen().len(), 1, "nothing is sent unsigned");
    yard.stop().await;
}

/// The same message as far as the receiver can tell, and fresh as far as the signature can.
#[tokio::test(start_paused = true)]
async fn every_try_has_the_same_id_and_body_and_a_signature_of_its_own() {
    let yard = Yard::start(Plan::default(), |seen| {
        (SECOND, answer(if seen.at < 2 * SECOND { 500 } else { 202 }))
    })
    .await;
    yard.send(7..8).await;
    yard.all_over().await;
    let seen = yard.post.seen();
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
    let tries = yard.record(7).await.deliveries;
    assert_eq!(tries[1].1.result, DeliveryResult::Sent { status: 202 });
    assert_eq!(
        tries[0].1.answer.as_ref().expect("it is kept").body,
        "thanks"
    );
    yard.stop().await;
}

/// When the second try is made after an answer that asks for this.
async fn second_try(retry: RetryPolicy, status: u16, asked: &'static str) -> Duration {
    let plan = Plan::of(Destination { retry, ..partner() });
    let yard = Yard::start(plan, move |_| {
        (NOW, answer_with(status, &[("retry-after", asked)]))
    })
    .await;
    yard.send(0..1).await;
    sleep(2 * HOUR).await;
    let at = yard.post.seen()[1].at;
    yard.stop().await;
    at
}

#[tokio::test(start_paused = true)]
async fn what_the_receiver_asks_for_lengthens_the_delay_and_is_capped() {
    let retry = RetryPolicy {
        attempts_max: 2,
        delay_first: 30 * SECOND,
        delay_max: HOUR,
        ..RetryPolicy::default()
    };
    let check = async |status, asked, expected: Duration| {
        let at = second_try(retry.clone(), status, asked).await;
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
    // 120 s after the clock's first moment.
    check(503, "Tue, 14 Nov 2023 22:15:20 GMT", 2 * MINUTE).await;
    check(503, "Tue, 14 Nov 2023 22:00:00 GMT", 30 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_asks_for_rest_gets_it_for_all_of_its_messages() {
    let asks = |status| {
        move |seen: &crate::kit::Seen| match seen.number() {
            0 => (NOW, answer_with(status, &[("retry-after", "60")])),
            _ => (NOW, answer(200)),
        }
    };
    for (status, expected) in [(429, MINUTE), (503, MINUTE), (500, SECOND)] {
        let yard = Yard::start(Plan::default(), asks(status)).await;
        yard.send(0..1).await;
        sleep(SECOND).await;
        yard.send(1..2).await;
        sleep(2 * MINUTE).await;
        let seen = yard.post.seen();
        let at = seen
            .iter()
            .find(|seen| seen.number() == 1)
            .expect("it is sent")
            .at;
        assert!(
            at.abs_diff(expected) < SECOND / 10,
            "after {status}: {at:?}"
        );
        yard.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_gone_is_sent_nothing_until_the_operator_says_so() {
    let plan = Plan::of(Destination {
        concurrency: 1,
        ..partner()
    });
    let yard = Yard::start(plan, |seen| {
        (SECOND, answer(if seen.number() == 0 { 410 } else { 200 }))
    })
    .await;
    yard.send(0..3).await;
    sleep(HOUR).await;
    assert_eq!(yard.states().await, ["dead", "pending", "pending"]);
    let [disabled] =
        <[_; 1]>::try_from(yard.store.disabled().await.expect("a list")).expect("it is disabled");
    assert_eq!(
        (disabled.destination, disabled.reason.as_str()),
        (name("partner"), "the receiver answered 410 Gone")
    );
    yard.store.enable(&name("partner")).await.expect("enabled");
    yard.all_over().await;
    assert_eq!(yard.states().await, ["dead", "done", "done"]);
    yard.stop().await;
}
