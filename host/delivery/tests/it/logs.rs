//! What the log is told of a try, and what it isn't.

use std::time::Duration;

use hookyard_delivery::{BreakerPolicy, Destination};
use hookyard_log_capture::Capture;

use crate::kit::{Plan, SECOND, Yard, answer, no_answer, partner};

/// The log, line by line, of one message that fails, that arrives, and of one whose receiver is gone by then; and of
/// one that nobody knows the destination of.
async fn lines() -> Vec<String> {
    let log = Capture::start();
    let breaker = BreakerPolicy {
        failures: 1,
        pause: SECOND,
        pause_max: SECOND,
    };
    let plan = Plan::of(Destination {
        breaker,
        ..partner()
    });
    let yard = Yard::start(plan, |seen| {
        let reply = match seen.at {
            at if at < SECOND => no_answer(),
            at if at < 5 * SECOND => answer(200),
            _ => answer(410),
        };
        (Duration::from_millis(12), reply)
    })
    .await;
    yard.send_to("elsewhere", 9..10, |_| None).await;
    yard.send(0..1).await;
    tokio::time::sleep(6 * SECOND).await;
    yard.send(1..2).await;
    tokio::time::sleep(SECOND).await;
    yard.handle.replace(crate::kit::one(partner()));
    tokio::time::sleep(SECOND).await;
    yard.handle.replace(crate::kit::one(partner()));
    tokio::time::sleep(SECOND).await;
    yard.stop().await;
    log.take().lines().map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn a_try_is_told_in_one_line_and_neither_url_nor_body_nor_secret() {
    let lines = lines().await;
    let [stray, paused, failed, closed, sent, _, gone, disabled] = lines.as_slice() else {
        panic!("eight lines are due: {lines:#?}")
    };
    let has = |line: &str, parts: &[&str]| {
        for part in parts {
            assert!(line.contains(part), "no {part} in {line}");
        }
    };
    for line in &lines {
        has(line, &["hookyard::delivery", "tenant=acme"]);
        has(
            line,
            &[if std::ptr::eq(line, stray) {
                "destination=elsewhere"
            } else {
                "destination=partner"
            }],
        );
        for hidden in [
            "secret-path",
            "hidden",
            "a body that no log may show",
            "MfKQ9r8",
            "thanks",
        ] {
            assert!(!line.contains(hidden), "{hidden} in {line}");
        }
    }
    let who = [
        "plugin=ship",
        "message_id=00000000-0000-0002-0000-000000000000",
        "event=00000000-0000-0001-0000-000000000000",
        "type=\"offer.accepted\"",
        "duration=12ms",
    ];
    has(failed, &who);
    has(
        failed,
        &[
            "WARN",
            "attempt=1",
            "result=\"failed\"",
            "state=\"waiting\"",
            "no connection to partner.example",
        ],
    );
    has(paused, &["WARN", "the receiver takes nothing", "pause=1s"]);
    has(sent, &who);
    has(
        sent,
        &["INFO", "attempt=2", "result=\"sent\"", "state=\"done\""],
    );
    has(closed, &["INFO", "takes messages again"]);
    has(gone, &["WARN", "result=\"gone\"", "state=\"dead\""]);
    has(
        disabled,
        &[
            "WARN",
            "destination disabled",
            "hookyard outbox enable acme/partner",
        ],
    );
    has(stray, &["WARN", "not configured"]);
}
