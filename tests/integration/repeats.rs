//! Failures that repeat give some log lines and then a sum.

use anyhow::Result;
use hookyard_testkit::guests;
use hookyard_testkit::http::Webhook;
use hookyard_testkit::log::Line;
use hookyard_testkit::site::Site;

use crate::rig::{Rig, fresh_payment, quick};

const REQUESTS: usize = 30;

/// Starts a host with a plugin that always fails, lets it refuse and handle requests, ends it, and
/// returns its log.
async fn log_of_failures(level: Option<&str>) -> Result<Vec<Line>> {
    let trap = guests::test("trap")?;
    let config = quick().section("quarantine", "events_min = 1000\nwindow = \"1h\"");
    let set_level = |site: &mut Site| {
        if let Some(level) = level {
            site.set_variable("RUST_LOG", level);
        }
        Ok(())
    };
    let rig = Rig::prepared(config, &[("acme/books", &trap)], set_level).await?;
    for _ in 0..REQUESTS {
        assert_eq!(rig.post("topper", &Webhook::json("{}")).await?.status, 401);
        rig.deliver("topper", &fresh_payment().1).await?;
    }
    let all_dead = |events: &[hookyard_testkit::events::Event]| {
        let is_dead = |event: &hookyard_testkit::events::Event| {
            event.job("books").is_some_and(|job| job.state == "dead")
        };
        events.len() == REQUESTS && events.iter().all(is_dead)
    };
    rig.host
        .wait_for_events("all jobs to be dead", all_dead)
        .await?;

    let (status, log) = rig.host.terminate().await?;
    assert!(status.success(), "{status}");
    Ok(log.lines())
}

fn lines_of<'l>(log: &'l [Line], message: &str) -> Vec<&'l Line> {
    let is_of = |line: &&Line| line.message() == message && line.level() == "WARN";
    log.iter().filter(is_of).collect()
}

/// Returns the number of lines that were left out, from the sums with this field.
fn left_out(log: &[Line], field: &str, value: &str) -> usize {
    let sums = log
        .iter()
        .filter(|line| line.target() == "hookyard::repeats" && line.text_of(field) == value);
    sums.map(|line| line.text_of("more").parse().unwrap_or(0))
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_failures_are_summed_up() -> Result<()> {
    let log = log_of_failures(None).await?;
    let refused = lines_of(&log, "refused");
    assert!((10..REQUESTS).contains(&refused.len()), "{}", refused.len());
    let more = left_out(&log, "reason", "missing-header");
    assert_eq!(refused.len() + more, REQUESTS);

    let dead: Vec<_> = lines_of(&log, "attempt ended")
        .into_iter()
        .filter(|line| line.text_of("state") == "dead")
        .collect();
    assert!((10..REQUESTS).contains(&dead.len()), "{}", dead.len());
    assert_eq!(dead.len() + left_out(&log, "state", "dead"), REQUESTS);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn debug_level_keeps_every_line() -> Result<()> {
    let log = log_of_failures(Some("info,hookyard::ingress=debug")).await?;
    assert_eq!(lines_of(&log, "refused").len(), REQUESTS);
    assert_eq!(left_out(&log, "reason", "missing-header"), 0);
    Ok(())
}
