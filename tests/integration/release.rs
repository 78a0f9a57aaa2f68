//! A dropped file is a release: probation, automatic rollback, and control by hand, with and
//! without a running host.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hookyard_testkit::events::{Event, is_activation, is_rejection};
use hookyard_testkit::guests::{self, Guest};
use hookyard_testkit::host::{self, Finished};
use hookyard_testkit::log::Line;
use hookyard_testkit::site::{Config, Site};
use serde_json::Value;

use crate::rig::{Rig, fresh_payment};

const PLUGIN: &str = "acme/books";

/// An event is dead after its first failure, so that a missing extra attempt is visible.
fn strict() -> Config {
    with_attempts(1)
}

fn with_attempts(attempts_max: u32) -> Config {
    let retry =
        format!("attempts_max = {attempts_max}\ndelay_first = \"50ms\"\ndelay_max = \"200ms\"");
    Config::new()
        .plugins("settle = \"50ms\"")
        .plugins("removal = \"200ms\"")
        .section("retry", &retry)
        .section("quarantine", "events_min = 6")
        .section("release", "events_min = 3\nfaults_min = 2")
        // Some of these plugins are slow, and so are their rehearsals.
        .section("rehearsal", "events = 5")
}

fn is_rollback(line: &Line) -> bool {
    line.message().starts_with("plugin rolled back")
}

async fn run(site: &Site, arguments: &[&str]) -> Result<Finished> {
    let config = site.config().to_string_lossy().into_owned();
    host::run_with(
        &[arguments, &["--config", &config]].concat(),
        site.environment(),
    )
    .await
}

/// Returns the output of a command, which must succeed.
async fn order(site: &Site, arguments: &[&str]) -> Result<String> {
    let done = run(site, arguments).await?;
    assert_eq!(done.code, Some(0), "{arguments:?}: {}", done.stderr);
    Ok(done.stdout)
}

/// Returns the error of a command, which must fail.
async fn refusal(site: &Site, arguments: &[&str]) -> Result<String> {
    let done = run(site, arguments).await?;
    assert_eq!(done.code, Some(1), "{arguments:?}: {}", done.stdout);
    Ok(done.stderr)
}

async fn shown(site: &Site) -> Result<Value> {
    let answer = order(site, &["plugins", "show", PLUGIN, "--json"]).await?;
    serde_json::from_str(&answer).with_context(|| format!("not JSON: {answer}"))
}

/// Returns the steps of a revision in order.
fn steps(shown: &Value, guest: &Guest) -> Vec<String> {
    let revision = Value::from(guest.revision());
    let steps = shown["steps"].as_array().into_iter().flatten();
    let text = |step: &Value| step["step"].as_str().unwrap_or_default().to_owned();
    // Waiting for other compilations is not part of the release.
    steps
        .filter(|step| step["revision"] == revision)
        .map(text)
        .filter(|step| step != "queued")
        .collect()
}

/// Sends one event and returns the revision that handled it.
async fn handled_by(rig: &Rig) -> Result<String> {
    let (id, body) = fresh_payment();
    rig.deliver("topper", &body).await?;
    let done = |events: &[Event]| {
        events
            .iter()
            .any(|event| event.key == id && event.is_done_by("books"))
    };
    let events = rig
        .host
        .wait_for_events("the event to be handled", done)
        .await?;
    let event = events
        .iter()
        .find(|event| event.key == id)
        .context("the plugin is not listed")?;
    event
        .job("books")
        .and_then(|job| job.revision.clone())
        .context("an attempt has a revision")
}

async fn drop_in(rig: &Rig, guest: &Guest) -> Result<Line> {
    let mark = rig.host.log().mark();
    rig.site.install(PLUGIN, guest)?;
    let active = |line: &Line| is_activation(line, PLUGIN, &guest.revision());
    rig.host
        .wait_for_log_since(mark, "the next revision", active)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_release_rolls_back_under_load() -> Result<()> {
    let (good, bad) = (guests::test("version-a")?, guests::test("trap")?);
    let rig = Rig::start(strict(), &[(PLUGIN, &good)]).await?;
    let load = rig.load(3, Duration::from_millis(30));
    handled_by(&rig).await?;
    drop_in(&rig, &bad).await?;
    let line = rig
        .host
        .wait_for_log("the plugin to be rolled back", is_rollback)
        .await?;
    assert_eq!(
        (line.level().as_str(), line.text_of("back")),
        ("WARN", good.revision()[..12].to_owned())
    );
    assert!(
        line.text_of("reason")
            .contains("the previous revision at 0 of"),
        "{}",
        line.text
    );
    assert_eq!(handled_by(&rig).await?, good.revision());

    let sent = load.stop().await?;
    assert!(sent.refused.is_empty() && sent.unanswered == 0, "{sent:?}");
    let events = rig.all_done(sent.accepted.len() + 2).await?;
    let by_good = |event: &Event| {
        event
            .job("books")
            .is_some_and(|job| job.revision == Some(good.revision()))
    };
    assert!(
        events.iter().all(by_good),
        "the previous revision handled every event in the end"
    );
    assert!(
        events
            .iter()
            .any(|event| event.job("books").is_some_and(|job| job.attempts > 1)),
        "the bad revision attempted some events"
    );
    let is_quarantine = |line: &Line| line.target() == "hookyard::quarantine";
    assert!(
        !rig.host.lines().await?.iter().any(is_quarantine),
        "no event was held meanwhile"
    );

    // The same content again, and again after a restart.
    let mark = rig.host.log().mark();
    rig.site.install(PLUGIN, &good)?;
    rig.site.install(PLUGIN, &bad)?;
    let why = rig
        .host
        .wait_for_log_since(mark, "the plugin to be refused", |line| {
            is_rejection(line, PLUGIN)
        })
        .await?;
    assert!(
        why.text_of("reason")
            .contains("hookyard plugins clear acme/books"),
        "{}",
        why.text
    );
    let plugin = shown(&rig.site).await?;
    assert_eq!(plugin["revision"], good.revision());
    assert!(
        plugin["mismatch"]
            .as_str()
            .is_some_and(|why| why.contains("is refused: it failed at")),
        "{plugin}"
    );
    let walked = steps(&plugin, &bad).join(" ");
    assert!(
        walked.contains("settled compiling checked compiled rehearsed active blocked"),
        "{walked}"
    );

    let Rig {
        senders,
        host,
        site,
        ..
    } = rig;
    host.kill().await?;
    let rig = Rig::restarted(site, senders).await?;
    rig.host.wait_for_revision(PLUGIN, &good.revision()).await?;
    assert_eq!(handled_by(&rig).await?, good.revision());

    // Until an operator clears the block.
    order(&rig.site, &["plugins", "clear", PLUGIN]).await?;
    rig.host.wait_for_revision(PLUGIN, &bad.revision()).await?;
    Ok(())
}

/// Each failure counts, and none causes a rollback.
fn watched_for_long() -> Config {
    Config::new()
        .plugins("settle = \"50ms\"")
        .section(
            "retry",
            "attempts_max = 4\ndelay_first = \"20ms\"\ndelay_max = \"50ms\"",
        )
        .section("quarantine", "events_min = 1000")
        .section("release", "events_min = 1000\nfaults_min = 1000")
        .section("rehearsal", "policy = \"off\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn probation_keeps_attempts_max() -> Result<()> {
    let (good, bad, wrong) = (
        guests::test("version-a")?,
        guests::test("trap")?,
        guests::test("topper-wrong-types")?,
    );
    for (release, outcome, expected) in [(bad, "trapped", 4), (wrong, "undecodable", 1)] {
        let rig = Rig::start(watched_for_long(), &[(PLUGIN, &good)]).await?;
        handled_by(&rig).await?;
        drop_in(&rig, &release).await?;
        let sent: BTreeSet<String> = {
            let payments: Vec<_> = (0..5).map(|_| fresh_payment()).collect();
            for (_, body) in &payments {
                rig.deliver("topper", body).await?;
            }
            payments.into_iter().map(|(id, _)| id).collect()
        };
        let is_sent = |event: &&Event| sent.contains(&event.key);
        let is_dead = |event: &Event| event.job("books").is_some_and(|job| job.state == "dead");
        let all_dead = |events: &[Event]| {
            events
                .iter()
                .filter(is_sent)
                .filter(|event| is_dead(event))
                .count()
                == 5
        };
        let events = rig
            .host
            .wait_for_events("the five to be given up on", all_dead)
            .await?;
        for job in events
            .iter()
            .filter(is_sent)
            .filter_map(|event| event.job("books"))
        {
            let last = job.last_outcome.clone().unwrap_or_default();
            assert!(
                job.attempts == expected && last.starts_with(outcome),
                "{} attempts: {last}",
                job.attempts
            );
        }

        // The restored revision attempts each event once more, and a kill in between does not
        // change this.
        order(&rig.site, &["plugins", "rollback", PLUGIN]).await?;
        let Rig {
            senders,
            host,
            site,
            ..
        } = rig;
        host.kill().await?;
        let rig = Rig::restarted(site, senders).await?;
        let events = rig.all_done(6).await?;
        for job in events
            .iter()
            .filter(is_sent)
            .filter_map(|event| event.job("books"))
        {
            // An attempt that the kill ended counts and is made again.
            assert!(
                (expected + 1..=expected + 2).contains(&job.attempts),
                "{} attempts",
                job.attempts
            );
            assert_eq!(job.revision, Some(good.revision()));
        }
        rig.host.terminate().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_during_rollback_changes_no_result() -> Result<()> {
    let (good, bad) = (guests::test("version-a")?, guests::test("trap")?);
    // An attempt that ends with its host counts, whatever happened to its revision.
    let rig = Rig::start(with_attempts(2), &[(PLUGIN, &good)]).await?;
    let load = rig.load(3, Duration::from_millis(20));
    handled_by(&rig).await?;
    rig.site.install(PLUGIN, &bad)?;
    rig.host
        .wait_for_log("the plugin to be rolled back", is_rollback)
        .await?;
    let Rig {
        senders,
        host,
        site,
        ..
    } = rig;
    host.kill().await?;
    let before = load.stop().await?;

    // The result does not depend on what was recorded before the kill.
    let rig = Rig::restarted(site, senders).await?;
    let load = rig.load(3, Duration::from_millis(20));
    rig.host.wait_for_revision(PLUGIN, &good.revision()).await?;
    let after = load.stop().await?;
    let is_over = |events: &[Event]| {
        let job = |event: &Event| {
            event
                .job("books")
                .is_some_and(|job| ["done", "dead"].contains(&&*job.state))
        };
        events.len() > before.accepted.len() + after.accepted.len() && events.iter().all(job)
    };
    let events = rig
        .host
        .wait_for_events("every event to be over", is_over)
        .await?;
    let by_good = |event: &Event| event.is_done_by("books");
    assert!(
        events.iter().all(by_good),
        "{:?}",
        events.iter().find(|event| !by_good(event))
    );
    let stored: BTreeSet<_> = events.iter().map(|event| event.key.clone()).collect();
    assert!(
        before
            .accepted
            .union(&after.accepted)
            .all(|key| stored.contains(key)),
        "one was lost"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_first_release_is_quarantined() -> Result<()> {
    let bad = guests::test("trap")?;
    let rig = Rig::start(strict(), &[(PLUGIN, &bad)]).await?;
    let is_quarantine = |line: &Line| line.message().starts_with("plugin quarantined");
    for _ in 0..8 {
        rig.deliver("topper", &fresh_payment().1).await?;
    }
    rig.host
        .wait_for_log("the plugin to be quarantined", is_quarantine)
        .await?;
    assert!(
        !rig.host.lines().await?.iter().any(is_rollback),
        "there is nothing to go back to"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_activates_last_good_revision() -> Result<()> {
    let (good, garbage) = (
        guests::test("version-a")?,
        Guest::from(b"\0asm\x01\0\0\0".to_vec()),
    );
    let rig = Rig::start(strict(), &[(PLUGIN, &good)]).await?;
    rig.site.install(PLUGIN, &garbage)?;
    rig.host
        .wait_for_log("the plugin to be refused", |line| {
            is_rejection(line, PLUGIN)
        })
        .await?;
    let Rig {
        senders,
        host,
        site,
        ..
    } = rig;
    host.kill().await?;
    let rig = Rig::restarted(site, senders).await?;
    is_back(&rig, &good, &garbage).await?;
    // And once more, because a restored revision is also the last good one.
    let Rig {
        senders,
        host,
        site,
        ..
    } = rig;
    host.terminate().await?;
    is_back(&Rig::restarted(site, senders).await?, &good, &garbage).await
}

async fn is_back(rig: &Rig, good: &Guest, garbage: &Guest) -> Result<()> {
    let back = |line: &Line| {
        line.message().starts_with("plugin brought back") && line.text_of("plugin") == PLUGIN
    };
    rig.host.wait_for_log("a line that says so", back).await?;
    assert_eq!(handled_by(rig).await?, good.revision());
    let listed = order(&rig.site, &["plugins", "list"]).await?;
    let expected = format!(
        "its file ({}) is refused: is a core module",
        &garbage.revision()[..12]
    );
    let row = listed.lines().nth(1).unwrap_or_default();
    let columns: Vec<_> = row.split_whitespace().take(3).collect();
    assert_eq!(
        columns,
        [PLUGIN, "active", &good.revision()[..12]],
        "{listed}"
    );
    assert!(row.contains(&expected), "{listed}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn running_host_follows_orders() -> Result<()> {
    let (a, b) = (guests::test("version-a")?, guests::test("version-b")?);
    let rig = Rig::start(strict(), &[(PLUGIN, &a)]).await?;
    drop_in(&rig, &b).await?;

    let began = Instant::now();
    let answer = order(&rig.site, &["plugins", "rollback", PLUGIN]).await?;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "it took {:?}",
        began.elapsed()
    );
    let (of_a, of_b) = (&a.revision()[..12], &b.revision()[..12]);
    assert_eq!(
        answer,
        format!("{PLUGIN} rolled back from {of_b} to {of_a}: {of_a} serves\n")
    );
    assert_eq!(handled_by(&rig).await?, a.revision());
    let why = refusal(&rig.site, &["plugins", "rollback", PLUGIN]).await?;
    assert!(
        why.contains("has no earlier revision that may serve"),
        "{why}"
    );
    let why = refusal(&rig.site, &["plugins", "pin", PLUGIN, &of_b[..6]]).await?;
    assert!(
        why.contains("rolled back by hand") && why.contains("plugins clear acme/books"),
        "{why}"
    );

    order(&rig.site, &["plugins", "pin", PLUGIN]).await?;
    let began = Instant::now();
    let answer = order(&rig.site, &["plugins", "unpin", PLUGIN]).await?;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "it took {:?}",
        began.elapsed()
    );
    let refused =
        format!("its file ({of_b}) stays blocked until `hookyard plugins clear {PLUGIN}`");
    assert_eq!(
        answer,
        format!("{PLUGIN} unpinned, but {refused}: {of_a} serves\n")
    );

    let answer = order(&rig.site, &["plugins", "clear", PLUGIN]).await?;
    assert_eq!(answer, format!("{PLUGIN} cleared: {of_b} serves\n"));
    assert_eq!(handled_by(&rig).await?, b.revision());

    let answer = order(&rig.site, &["plugins", "pin", PLUGIN, &of_a[..6]]).await?;
    assert_eq!(
        answer,
        format!("{PLUGIN} pinned to {of_a}: {of_a} serves\n")
    );
    let next = b.tagged("next");
    rig.site.install(PLUGIN, &next)?;
    let is_kept_out = |line: &Line| line.message().starts_with("plugin pinned");
    rig.host
        .wait_for_log("the file to be kept out", is_kept_out)
        .await?;
    assert_eq!(handled_by(&rig).await?, a.revision());
    let why = refusal(&rig.site, &["plugins", "rollback", PLUGIN]).await?;
    assert!(why.contains("is pinned to"), "{why}");
    let listed = order(&rig.site, &["plugins", "list"]).await?;
    assert!(listed.contains("waits for `unpin`"), "{listed}");

    let answer = order(&rig.site, &["plugins", "unpin", PLUGIN]).await?;
    assert_eq!(
        answer,
        format!("{PLUGIN} unpinned: {} serves\n", &next.revision()[..12])
    );
    assert_eq!(handled_by(&rig).await?, next.revision());
    Ok(())
}

/// Removes the component of a revision from the archive.
fn remove_archived(site: &Site, guest: &Guest) -> Result<()> {
    let file = format!("data/revisions/acme/books/{}.wasm", guest.revision());
    std::fs::remove_file(site.path(&file)).with_context(|| format!("{file} cannot be removed"))
}

#[tokio::test(flavor = "multi_thread")]
async fn rollback_skips_revision_missing_from_archive() -> Result<()> {
    let (a, b) = (guests::test("version-a")?, guests::test("version-b")?);
    let c = b.tagged("next");
    let rig = Rig::start(strict(), &[(PLUGIN, &a)]).await?;
    drop_in(&rig, &b).await?;
    drop_in(&rig, &c).await?;
    remove_archived(&rig.site, &b)?;

    let (of_a, of_c) = (&a.revision()[..12], &c.revision()[..12]);
    let printed = order(&rig.site, &["plugins", "rollback", PLUGIN]).await?;
    assert_eq!(
        printed,
        format!("{PLUGIN} rolled back from {of_c} to {of_a}: {of_a} serves\n")
    );
    assert_eq!(handled_by(&rig).await?, a.revision());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_skips_revisions_missing_from_archive() -> Result<()> {
    let (a, b) = (guests::test("version-a")?, guests::test("version-b")?);
    let c = b.tagged("next");
    let rig = Rig::start(strict(), &[(PLUGIN, &a)]).await?;
    drop_in(&rig, &b).await?;
    drop_in(&rig, &c).await?;
    let Rig {
        senders,
        host,
        site,
        ..
    } = rig;
    host.terminate().await?;

    // The folder holds nothing that can run, and only the oldest component is left.
    site.install(PLUGIN, &Guest::from(b"\0asm\x01\0\0\0".to_vec()))?;
    remove_archived(&site, &b)?;
    remove_archived(&site, &c)?;
    let rig = Rig::restarted(site, senders).await?;
    rig.host.wait_for_revision(PLUGIN, &a.revision()).await?;
    assert_eq!(handled_by(&rig).await?, a.revision());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn next_host_follows_stored_orders() -> Result<()> {
    let (a, b) = (guests::test("version-a")?, guests::test("version-b")?);
    let rig = Rig::start(strict(), &[(PLUGIN, &a)]).await?;
    drop_in(&rig, &b).await?;
    let Rig {
        senders,
        host,
        site,
        ..
    } = rig;
    host.terminate().await?;

    let answer = order(&site, &["plugins", "rollback", PLUGIN]).await?;
    assert!(
        answer.ends_with("from when a host starts: none is running\n"),
        "{answer}"
    );
    let rig = Rig::restarted(site, senders).await?;
    rig.host.wait_for_revision(PLUGIN, &a.revision()).await?;
    assert_eq!(handled_by(&rig).await?, a.revision());
    let is_b = |line: &Line| is_activation(line, PLUGIN, &b.revision());
    assert!(
        !rig.host.lines().await?.iter().any(is_b),
        "not even for a moment"
    );

    let Rig {
        senders,
        host,
        site,
        ..
    } = rig;
    host.terminate().await?;
    order(&site, &["plugins", "clear", PLUGIN]).await?;
    order(&site, &["plugins", "pin", PLUGIN]).await?;
    let plugin = shown(&site).await?;
    assert_eq!(
        (&plugin["pinned"], &plugin["revision"]),
        (&a.revision().into(), &a.revision().into())
    );
    let rig = Rig::restarted(site, senders).await?;
    rig.host.wait_for_revision(PLUGIN, &a.revision()).await?;
    order(&rig.site, &["plugins", "unpin", PLUGIN]).await?;
    assert_eq!(handled_by(&rig).await?, b.revision());

    let Rig {
        senders,
        host,
        site,
        ..
    } = rig;
    host.terminate().await?;
    order(&site, &["plugins", "pin", PLUGIN, &a.revision()[..8]]).await?;
    let rig = Rig::restarted(site, senders).await?;
    rig.host.wait_for_revision(PLUGIN, &a.revision()).await?;
    assert_eq!(handled_by(&rig).await?, a.revision());
    let plugin = shown(&rig.site).await?;
    assert!(
        plugin["mismatch"]
            .as_str()
            .is_some_and(|why| why.ends_with("waits for `unpin`")),
        "{plugin}"
    );
    assert_eq!(
        steps(&plugin, &b).last().map(String::as_str),
        Some("retired")
    );
    let why = refusal(&rig.site, &["plugins", "pin", PLUGIN, "ffffffffffff"]).await?;
    assert!(
        why.contains("no revision begins with ffffffffffff"),
        "{why}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn release_logs_steps_and_drains_old_revision() -> Result<()> {
    let (slow, next) = (guests::test("slow")?, guests::test("version-b")?);
    // Each attempt takes longer than the pause between events, so some are always in progress.
    let rig = Rig::start(
        strict().section("plugins.limits", "concurrency = 64"),
        &[(PLUGIN, &slow)],
    )
    .await?;
    let load = rig.load(8, Duration::from_millis(25));
    let of_slow = |line: &Line| {
        line.text_of("plugin") == PLUGIN && slow.revision().starts_with(&line.text_of("revision"))
    };
    rig.host
        .wait_for_log("an attempt of the slow revision", |line| {
            line.target() == "hookyard::attempt"
        })
        .await?;
    drop_in(&rig, &next).await?;
    let drains = |line: &Line| line.message() == "plugin draining" && of_slow(line);
    let line = rig
        .host
        .wait_for_log("the slow revision to drain", drains)
        .await?;
    assert!(
        line.text_of("reason").contains("under way"),
        "{}",
        line.text
    );
    let retired = |line: &Line| line.message() == "plugin retired" && of_slow(line);
    rig.host
        .wait_for_log("the slow revision to be retired", retired)
        .await?;
    let sent = load.stop().await?;
    assert!(sent.refused.is_empty() && sent.unanswered == 0, "{sent:?}");
    rig.all_done(sent.accepted.len()).await?;

    let plugin = shown(&rig.site).await?;
    assert_eq!(
        steps(&plugin, &slow),
        [
            "settled",
            "compiling",
            "checked",
            "compiled",
            "active",
            "draining",
            "retired"
        ]
    );
    assert_eq!(
        steps(&plugin, &next),
        [
            "settled",
            "compiling",
            "checked",
            "compiled",
            "rehearsed",
            "active"
        ]
    );
    assert_eq!(plugin["handlers"], "untyped");
    assert!(
        plugin["steps"]
            .as_array()
            .is_some_and(|steps| steps[0]["step"] == "seen"),
        "{plugin}"
    );
    let text = order(&rig.site, &["plugins", "show", PLUGIN]).await?;
    assert!(
        text.contains("draining: ") && text.contains("under way"),
        "{text}"
    );
    Ok(())
}
