//! A quarantined plugin's events wait for a better revision or for the operator.

use anyhow::{Context, Result};
use hookyard_testkit::events::Event;
use hookyard_testkit::guests;
use hookyard_testkit::host;
use hookyard_testkit::log::Line;
use hookyard_testkit::site::Config;

use crate::rig::{Rig, fresh_payment};

/// Enough attempts that the plugin is quarantined before any job is dead.
fn strict() -> Config {
    Config::new()
        .plugins("settle = \"50ms\"")
        .section(
            "retry",
            "attempts_max = 1000\ndelay_first = \"50ms\"\ndelay_max = \"200ms\"",
        )
        .section("quarantine", "events_min = 3\nwindow = \"1h\"")
}

fn is_quarantine(line: &Line) -> bool {
    line.target() == "hookyard::quarantine" && line.message().starts_with("plugin quarantined")
}

fn all_in(events: &[Event], count: usize, state: &str) -> bool {
    let is_there = |event: &Event| event.job("books").is_some_and(|job| job.state == state);
    events.len() == count && events.iter().all(is_there)
}

/// Sends events one after the other until the plugin is quarantined, and then some more. All jobs
/// are held in the end.
async fn fail(rig: &Rig) -> Result<Vec<Event>> {
    for _ in 0..6 {
        rig.deliver("topper", &fresh_payment().1).await?;
    }
    rig.host
        .wait_for_log("the plugin to be quarantined", is_quarantine)
        .await?;
    rig.host
        .wait_for_events("six events to be held", |events| all_in(events, 6, "held"))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn quarantined_events_survive_restart() -> Result<()> {
    let (bad, good) = (guests::test("trap")?, guests::test("version-a")?);
    let audit = guests::test("untyped-echo")?;
    let rig = Rig::start(strict(), &[("acme/books", &bad), ("acme/audit", &audit)]).await?;
    let held = fail(&rig).await?;
    let attempts: u32 = held
        .iter()
        .filter_map(|event| Some(event.job("books")?.attempts))
        .sum();
    let done = |events: &[Event]| events.iter().all(|event| event.is_done_by("audit"));
    rig.host
        .wait_for_events("the other plugin to be through", done)
        .await?;

    let Rig {
        senders,
        host,
        site,
        ..
    } = rig;
    host.kill().await?;
    let rig = Rig::restarted(site, senders).await?;
    rig.host
        .wait_for_revision("acme/books", &bad.revision())
        .await?;
    rig.deliver("topper", &fresh_payment().1).await?;
    let done = |events: &[Event]| {
        events.len() == 7 && events.iter().all(|event| event.is_done_by("audit"))
    };
    let events = rig
        .host
        .wait_for_events("the seventh to be through elsewhere", done)
        .await?;
    assert!(all_in(&events, 7, "held"), "{events:?}");
    let now: u32 = events
        .iter()
        .filter_map(|event| Some(event.job("books")?.attempts))
        .sum();
    assert_eq!(now, attempts, "a restart does not repeat the job");

    rig.site.install("acme/books", &good)?;
    let events = rig.all_done(7).await?;
    for event in &events {
        let job = event.job("books").context("its job")?;
        assert_eq!(job.revision.as_deref(), Some(&*good.revision()), "{job:?}");
    }
    let is_lifted = |line: &Line| line.message().starts_with("quarantine lifted");
    rig.host
        .wait_for_log("a line that says so", is_lifted)
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_sees_and_clears_quarantine() -> Result<()> {
    let bad = guests::test("trap")?;
    let rig = Rig::start(strict(), &[("acme/books", &bad)]).await?;
    fail(&rig).await?;
    let listed = hookyard(&rig, &["plugins", "list", "--json"]).await?;
    assert!(
        listed.contains(&bad.revision()) && listed.contains("it failed at 3 of 3 events"),
        "{listed}"
    );

    let mark = rig.host.log().mark();
    hookyard(&rig, &["plugins", "clear", "acme/books"]).await?;
    // The revision fails again, but it got another chance, and no event was lost.
    rig.host
        .wait_for_log_since(mark, "the plugin to be quarantined again", is_quarantine)
        .await?;
    rig.host
        .wait_for_events("the events to be held again", |events| {
            all_in(events, 6, "held")
        })
        .await?;
    Ok(())
}

/// Returns the output of the command, which must succeed.
async fn hookyard(rig: &Rig, arguments: &[&str]) -> Result<String> {
    let config = rig.site.config().to_string_lossy().into_owned();
    let done = host::run_with(
        &[arguments, &["--config", &config]].concat(),
        rig.site.environment(),
    )
    .await?;
    assert_eq!(done.code, Some(0), "{arguments:?}: {}", done.stderr);
    Ok(done.stdout)
}
