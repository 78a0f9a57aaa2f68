//! The times of retries, as the command line shows them.
//!
//! The tests check only lower bounds, because a slow machine can be late but never early.

use anyhow::{Context, Result};
use hookyard_model::Timestamp;
use hookyard_testkit::events::Event;
use hookyard_testkit::guests;
use hookyard_testkit::site::Config;
use serde_json::Value;

use crate::rig::{Rig, fresh_payment, stdout_of};

const EVENTS: usize = 4;
const ATTEMPTS: usize = 5;
/// Half of `delay_first`, in milliseconds.
const DELAY_MIN: i64 = 200;

fn failing_five_times() -> Config {
    Config::new()
        .plugins("settle = \"50ms\"")
        .section(
            "retry",
            "attempts_max = 5\ndelay_first = \"400ms\"\ndelay_max = \"400ms\"",
        )
        .section("quarantine", "events_min = 100")
}

/// Returns the start of each attempt of an event, in milliseconds since 1970.
async fn attempt_times(rig: &Rig, event: &Event) -> Result<Vec<i64>> {
    let shown = stdout_of(&rig.site, &["events", "show", &event.id, "--json"]).await?;
    let shown: Value = serde_json::from_str(&shown)?;
    let attempts = shown["plugins"][0]["attempts"]
        .as_array()
        .context("the event has attempts")?;

    let times = attempts.iter().map(|attempt| {
        let started_at = attempt["started_at"]
            .as_str()
            .context("an attempt has a time")?;
        let time = Timestamp::parse_rfc3339(started_at).context("the time is in RFC 3339")?;
        Ok(time.unix_millis())
    });
    times.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_waits_at_least_half_its_delay() -> Result<()> {
    let guest = guests::test("trap")?;
    let rig = Rig::start(failing_five_times(), &[("acme/books", &guest)]).await?;

    for _ in 0..EVENTS {
        rig.deliver("topper", &fresh_payment().1).await?;
    }
    let is_dead = |event: &Event| event.job("books").is_some_and(|job| job.state == "dead");
    let all_dead = |events: &[Event]| events.len() == EVENTS && events.iter().all(is_dead);
    let events = rig
        .host
        .wait_for_events("every event to be given up", all_dead)
        .await?;

    for event in &events {
        let times = attempt_times(&rig, event).await?;
        assert_eq!(times.len(), ATTEMPTS, "{event:?}");
        for pair in times.windows(2) {
            assert!(pair[1] - pair[0] >= DELAY_MIN, "attempts at {times:?}");
        }
    }
    Ok(())
}
