//! Dead events can be found and replayed; finished events are kept for a while and backed up.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use hookyard_testkit::events::{Event, is_attempt};
use hookyard_testkit::eventually;
use hookyard_testkit::guests;
use hookyard_testkit::log::Line;
use hookyard_testkit::samples;
use hookyard_testkit::site::Site;
use serde_json::Value;

use crate::rig::{Rig, fresh_payment, hookyard, quick, stdout_of};

/// Returns the number of events in a list with these arguments.
async fn listed(site: &Site, filters: &[&str]) -> Result<usize> {
    Ok(
        stdout_of(site, &[&["events", "list", "--json"], filters].concat())
            .await?
            .lines()
            .count(),
    )
}

async fn shown(site: &Site, id: &str) -> Result<Value> {
    Ok(serde_json::from_str(
        &stdout_of(site, &["events", "show", id, "--json"]).await?,
    )?)
}

fn all(state: &'static str) -> impl Fn(&[Event]) -> bool {
    move |events| {
        events
            .iter()
            .all(|event| event.plugins.iter().all(|job| job.state == state))
    }
}

/// Sends this many events, waits until they are in this state, and returns their ids.
async fn sent(rig: &Rig, count: usize, state: &'static str) -> Result<Vec<String>> {
    for _ in 0..count {
        rig.deliver("topper", &fresh_payment().1).await?;
    }
    let are_there = |events: &[Event]| events.len() == count && all(state)(events);
    let events = rig
        .host
        .wait_for_events(&format!("{count} events, all {state}"), are_there)
        .await?;
    Ok(events.into_iter().map(|event| event.id).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_event_is_replayed_on_fixed_plugin() -> Result<()> {
    let (bad, good) = (guests::test("reject")?, guests::test("version-a")?);
    let rig = Rig::start(quick(), &[("acme/books", &bad)]).await?;
    let body = fresh_payment().1;
    rig.deliver("topper", &body).await?;
    let first = rig
        .host
        .wait_for_events("a dead event", |events| {
            events.len() == 1 && all("dead")(events)
        })
        .await?;
    let ids = [vec![first[0].id.clone()], sent_more(&rig).await?].concat();

    let site = &rig.site;
    for (filters, expected) in [
        (&[][..], 3),
        (&["--state", "dead"], 3),
        (
            &[
                "--state",
                "dead",
                "--plugin",
                "acme/books",
                "--tenant",
                "acme",
                "--since",
                "1h",
            ],
            3,
        ),
        (&["--state", "done"], 0),
        (&["--until", "1h"], 0),
        (&["--type", "no.such"], 0),
        (&["--type", first[0].kind.as_deref().context("a type")?], 3),
        (&["--source", &first[0].path()], 3),
        (&["--limit", "2"], 2),
    ] {
        assert_eq!(listed(site, filters).await?, expected, "{filters:?}");
    }

    let record = shown(site, &ids[0]).await?;
    assert_eq!(record["body"], body);
    let attempt = &record["plugins"][0]["attempts"][0];
    assert_eq!(
        (&attempt["outcome"], &attempt["replay"]),
        (&"rejected".into(), &0.into())
    );
    assert_eq!(attempt["revision"], bad.revision());
    let text = stdout_of(site, &["events", "show", &ids[0]]).await?;
    assert!(
        text.contains("rejected: not for me") && text.contains(&body),
        "{text}"
    );

    refuse_what_is_wrong(site, &ids).await?;
    rig.site.install("acme/books", &good)?;
    rig.host
        .wait_for_revision("acme/books", &good.revision())
        .await?;
    assert_eq!(
        stdout_of(site, &["events", "replay", &ids[1]]).await?,
        "1 job will run again\n"
    );
    let only_that = |events: &[Event]| {
        events
            .iter()
            .all(|event| event.is_done_by("books") == (event.id == ids[1]))
    };
    rig.host
        .wait_for_events("that event to be handled", only_that)
        .await?;
    let answer = stdout_of(
        site,
        &[
            "events", "replay", "--state", "dead", "--rate", "50", "--json",
        ],
    )
    .await?;
    assert_eq!(answer, "{\"jobs\":2,\"leased\":0,\"dry_run\":false}\n");
    rig.host
        .wait_for_events("the others to be handled", all("done"))
        .await?;

    let record = shown(site, &ids[0]).await?;
    let attempts = record["plugins"][0]["attempts"]
        .as_array()
        .context("attempts")?;
    let history: Vec<_> = attempts
        .iter()
        .map(|attempt| (&attempt["replay"], &attempt["number"]))
        .collect();
    assert_eq!(
        history,
        [(&0.into(), &1.into()), (&1.into(), &1.into())],
        "the old attempts stay, and the new attempts count from one"
    );
    assert_eq!(attempts[1]["revision"], good.revision());
    assert!(
        attempts[1]["log"][0]["text"]
            .as_str()
            .is_some_and(|line| line.starts_with("handled by A")),
        "{attempts:?}"
    );
    Ok(())
}

async fn sent_more(rig: &Rig) -> Result<Vec<String>> {
    for _ in 0..2 {
        rig.deliver("topper", &fresh_payment().1).await?;
    }
    let events = rig
        .host
        .wait_for_events("three dead", |events| {
            events.len() == 3 && all("dead")(events)
        })
        .await?;
    Ok(events.into_iter().skip(1).map(|event| event.id).collect())
}

async fn refuse_what_is_wrong(site: &Site, ids: &[String]) -> Result<()> {
    let nothing_named = hookyard(site, &["events", "replay"]).await?;
    assert_eq!(nothing_named.code, Some(2));
    assert!(
        nothing_named.stderr.contains("--all"),
        "{}",
        nothing_named.stderr
    );
    let unknown = "00000000-0000-7000-8000-000000000000";
    for command in [
        &["events", "show", unknown][..],
        &["events", "replay", &ids[0], unknown],
    ] {
        let done = hookyard(site, command).await?;
        assert_eq!(done.code, Some(1), "{command:?}");
        assert!(
            done.stderr
                .contains(&format!("no event {unknown} is stored")),
            "{}",
            done.stderr
        );
    }
    let counted = stdout_of(site, &["events", "replay", "--all", "--dry-run"]).await?;
    assert_eq!(counted, "3 jobs would run again\n");
    let counted = stdout_of(
        site,
        &["events", "replay", "--until", "1h", "--dry-run", "--json"],
    )
    .await?;
    assert_eq!(counted, "{\"jobs\":0,\"leased\":0,\"dry_run\":true}\n");
    assert_eq!(
        listed(site, &["--state", "dead"]).await?,
        3,
        "neither a refusal nor a dry run changes anything"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_can_name_a_revision() -> Result<()> {
    let (before, after) = (guests::test("version-a")?, guests::test("version-b")?);
    let rig = Rig::start(quick(), &[("acme/books", &before)]).await?;
    let ids = sent(&rig, 1, "done").await?;
    rig.site.install("acme/books", &after)?;
    rig.host
        .wait_for_revision("acme/books", &after.revision())
        .await?;
    for (revision, expected) in [
        (Some(before.revision()), before.revision()),
        (None, after.revision()),
    ] {
        let named: Vec<_> = revision
            .iter()
            .flat_map(|revision| ["--revision", revision])
            .collect();
        let attempts = shown(&rig.site, &ids[0]).await?["plugins"][0]["attempts"]
            .as_array()
            .map_or(0, Vec::len);
        stdout_of(
            &rig.site,
            &[&["events", "replay", &ids[0]], &named[..]].concat(),
        )
        .await?;
        let last = eventually("the replay to be made", || async {
            let record = shown(&rig.site, &ids[0]).await?;
            let made = record["plugins"][0]["attempts"]
                .as_array()
                .context("attempts")?
                .clone();
            Ok((made.len() > attempts).then(|| made[attempts].clone()))
        })
        .await?;
        assert_eq!(
            (&last["revision"], &last["outcome"]),
            (&expected.into(), &"done".into())
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn quarantined_plugin_is_listed_and_cleared() -> Result<()> {
    let trap = guests::test("trap")?;
    let config = quick().section("quarantine", "events_min = 3");
    let rig = Rig::start(config, &[("acme/books", &trap)]).await?;
    let table = stdout_of(&rig.site, &["plugins", "list"]).await?;
    let words: Vec<_> = table.split_whitespace().take(7).collect();
    assert_eq!(
        words,
        [
            "PLUGIN",
            "STATE",
            "REVISION",
            "SINCE",
            "NOTES",
            "acme/books",
            "active"
        ],
        "{table}"
    );
    assert_eq!(
        hookyard(&rig.site, &["plugins", "clear", "acme/books"])
            .await?
            .code,
        Some(1)
    );
    for _ in 0..6 {
        rig.deliver("topper", &fresh_payment().1).await?;
    }
    let quarantine = eventually("the plugin to be quarantined", || async {
        let plugin: Value =
            serde_json::from_str(&stdout_of(&rig.site, &["plugins", "list", "--json"]).await?)?;
        Ok(Some(plugin["quarantine"].clone()).filter(|quarantine| !quarantine.is_null()))
    })
    .await?;
    assert_eq!(quarantine["revision"], trap.revision());
    rig.host
        .wait_for_events("its events to be held", |events| {
            events.len() == 6 && !events.iter().all(|event| event.plugins[0].state == "dead")
        })
        .await?;
    let held = eventually("the running attempts to end", || async {
        let held = listed(&rig.site, &["--state", "held"]).await?;
        let over = listed(&rig.site, &["--state", "dead"]).await?;
        Ok((held + over == 6).then_some(held))
    })
    .await?;
    assert!(held > 0, "not all is burnt");
    let mark = rig.host.log().mark();
    let cleared = stdout_of(&rig.site, &["plugins", "clear", "acme/books"]).await?;
    assert!(
        cleared.starts_with("acme/books cleared, and its held events go on"),
        "{cleared}"
    );
    rig.host
        .wait_for_log_since(mark, "held events to go on", is_attempt)
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_under_load_restores() -> Result<()> {
    let books = guests::reference("topper")?;
    let rig = Rig::start(quick(), &[("acme/books", &books)]).await?;
    let load = rig.load(4, Duration::from_millis(5));
    let before = rig
        .host
        .wait_for_events("some events", |events| events.len() >= 50)
        .await?;
    let copy = rig.site.path("copy.db");
    let copy_text = copy.to_string_lossy().into_owned();
    let written = stdout_of(&rig.site, &["backup", &copy_text, "--json"]).await?;
    assert_eq!(
        serde_json::from_str::<Value>(&written)?["bytes"],
        fs::metadata(&copy)?.len()
    );
    let again = hookyard(&rig.site, &["backup", &copy_text]).await?;
    assert_eq!(again.code, Some(1));
    assert!(
        again.stderr.contains("overwrites nothing"),
        "{}",
        again.stderr
    );
    let sent = load.stop().await?;
    assert!(
        sent.refused.is_empty(),
        "the host accepts events meanwhile: {:?}",
        sent.refused
    );

    // The steps of docs/operations.md.
    let Rig {
        senders,
        host,
        site,
        ..
    } = rig;
    host.terminate().await?;
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(site.path(&format!("data/hookyard.db{suffix}")));
    }
    fs::copy(&copy, site.path("data/hookyard.db"))?;
    let rig = Rig::restarted(site, senders).await?;
    let events = rig
        .host
        .wait_for_events("all that was copied to be handled", all("done"))
        .await?;
    let keys = |events: &[Event]| {
        events
            .iter()
            .map(|event| event.key.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        keys(&events)[..before.len()],
        keys(&before),
        "the copy contains all earlier events"
    );
    rig.deliver("topper", &fresh_payment().1).await?;
    rig.all_done(events.len() + 1).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_removes_only_finished_events() -> Result<()> {
    let books = guests::reference("topper")?;
    let config = quick().section("retention", "age_max = \"1s\"\nevery = \"100ms\"");
    let rig = Rig::start(config, &[("acme/books", &books)]).await?;
    rig.deliver("topi", &samples::one("topi", "order-created")?.body)
        .await?;
    for _ in 0..3 {
        rig.deliver("topper", &fresh_payment().1).await?;
    }
    let is_reported = |line: &Line| line.message().starts_with("events past their retention");
    rig.host
        .wait_for_log("the expired events to be removed", is_reported)
        .await?;
    let only_what_waits = |events: &[Event]| events.len() == 1 && events[0].plugins.is_empty();
    rig.host
        .wait_for_events(
            "the expired events to be gone, and the unrouted event to remain",
            only_what_waits,
        )
        .await?;
    let handled = rig
        .host
        .lines()
        .await?
        .iter()
        .filter(|line| is_attempt(line) && line.text_of("outcome") == "done")
        .count();
    assert_eq!(handled, 3, "each was handled first");
    Ok(())
}
