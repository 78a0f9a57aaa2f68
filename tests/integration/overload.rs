//! Events that arrive faster than a plugin handles them: the log warns, and with a limit, senders
//! are asked to come back later.

use std::time::Duration;

use anyhow::Result;
use hookyard_testkit::eventually;
use hookyard_testkit::guests;
use hookyard_testkit::log::Line;
use hookyard_testkit::site::Config;

use crate::rig::{Rig, fresh_payment, quick};

/// Returns a configuration in which the slow plugin handles about ten events per second.
fn one_at_a_time(ingress: &str) -> Config {
    quick()
        .ingress(ingress)
        .section("plugins.limits", "concurrency = 1")
}

fn is_overload(line: &Line) -> bool {
    line.target() == "hookyard::overload"
}

#[tokio::test(flavor = "multi_thread")]
async fn limit_of_unhandled_events_slows_senders() -> Result<()> {
    let slow = guests::test("slow")?;
    let rig = Rig::start(one_at_a_time("unhandled_max = 20"), &[("acme/slow", &slow)]).await?;

    let mut accepted = 0;
    let refusal = loop {
        let webhook = rig.senders.sign("topper", &fresh_payment().1)?;
        let answer = rig.post("topper", &webhook).await?;
        if !answer.is_accepted() {
            break answer;
        }
        accepted += 1;
        assert!(accepted < 200, "the limit is not applied");
    };
    assert!(accepted >= 20, "only {accepted} events were accepted");
    assert_eq!(refusal.status, 503);
    assert_eq!(refusal.headers["retry-after"], "5");
    let line = rig
        .host
        .wait_for_log("the refusal", |line| {
            line.text_of("reason") == "unhandled-max"
        })
        .await?;
    assert_eq!(line.target(), "hookyard::ingress");

    rig.all_done(accepted).await?;
    eventually("the gauge to be zero", || async {
        let zero = r#"hookyard_jobs_unhandled{tenant="acme"} 0"#;
        let metrics = rig.metrics().await?;
        Ok(metrics.lines().any(|line| line == zero).then_some(()))
    })
    .await?;
    rig.deliver("topper", &fresh_payment().1).await?;
    let metrics = rig.metrics().await?;
    assert!(
        metrics.contains(r#"hookyard_requests_total{status="503",reason="unhandled-max"} "#),
        "{metrics}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn full_tenant_is_logged_and_opens_again() -> Result<()> {
    let slow = guests::test("slow")?;
    let rig = Rig::start(one_at_a_time("unhandled_max = 30"), &[("acme/slow", &slow)]).await?;

    let load = rig.load(4, Duration::from_millis(5));
    let is_full = |line: &Line| is_overload(line) && line.level() == "WARN";
    let full = rig.host.wait_for_log("the warning", is_full).await?;
    assert!(full.message().contains("`unhandled_max`"), "{}", full.text);
    let sent = load.stop().await?;
    assert!(
        !sent.refused.is_empty() && sent.refused.iter().all(|answer| answer.starts_with("503 ")),
        "{:?}",
        sent.refused
    );

    let is_over = |line: &Line| is_overload(line) && line.level() == "INFO";
    rig.host.wait_for_log("the end", is_over).await?;
    rig.all_done(sent.accepted.len()).await?;
    rig.deliver("topper", &fresh_payment().1).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn lasting_overload_without_limit_is_warned_of() -> Result<()> {
    let slow = guests::test("slow")?;
    let config = one_at_a_time("overload_time = \"2s\"");
    let rig = Rig::start(config, &[("acme/slow", &slow)]).await?;

    let load = rig.load(4, Duration::from_millis(10));
    let line = rig.host.wait_for_log("the warning", is_overload).await?;
    assert!(
        line.message().contains("set `unhandled_max`"),
        "{}",
        line.text
    );
    let sent = load.stop().await?;
    assert!(sent.refused.is_empty(), "{:?}", sent.refused);
    Ok(())
}
