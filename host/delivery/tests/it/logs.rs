//! The log lines of a delivery.

use std::time::Duration;

use hookyard_delivery::{BreakerPolicy, Destination};
use hookyard_log_capture::Capture;

use crate::support::{Harness, Plan, SECOND, answer, no_answer, partner};

/// Returns the log lines of a message that fails and then arrives, of a message whose receiver is
/// gone, and of a message without a configured destination.
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
    let harness = Harness::start(plan, |seen| {
        let reply = match seen.at {
            at if at < SECOND => no_answer(),
            at if at < 5 * SECOND => answer(200),
            _ => answer(410),
        };
        (Duration::from_millis(12), reply)
    })
    .await;
    harness.send_to("elsewhere", 9..10, |_| None).await;
    harness.send(0..1).await;
    tokio::time::sleep(6 * SECOND).await;
    harness.send(1..2).await;
    tokio::time::sleep(SECOND).await;
    harness
        .handle
        .replace_destinations(crate::support::one(partner()));
    tokio::time::sleep(SECOND).await;
    harness
        .handle
        .replace_destinations(crate::support::one(partner()));
    tokio::time::sleep(SECOND).await;
    harness.stop().await;
    log.take().lines().map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn delivery_log_hides_url_body_and_secret() {
    let lines = lines().await;
    let [
        unconfigured,
        paused,
        failed,
        closed,
        sent,
        _,
        gone,
        disabled,
    ] = lines.as_slice()
    else {
        panic!("expected eight lines: {lines:#?}")
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
            &[if std::ptr::eq(line, unconfigured) {
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
            "delivery=1",
            "result=\"failed\"",
            "state=\"waiting\"",
            "no connection to partner.example",
        ],
    );
    has(
        paused,
        &["WARN", "the receiver accepts nothing", "pause=1s"],
    );
    has(sent, &who);
    has(
        sent,
        &["INFO", "delivery=2", "result=\"sent\"", "state=\"done\""],
    );
    has(closed, &["INFO", "accepts messages again"]);
    has(gone, &["WARN", "result=\"gone\"", "state=\"dead\""]);
    has(
        disabled,
        &[
            "WARN",
            "destination disabled",
            "hookyard outbox enable acme/partner",
        ],
    );
    has(unconfigured, &["WARN", "not configured"]);
}
