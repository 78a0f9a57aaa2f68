//! Events without a plugin, and unwanted events: listed, counted, given to a plugin, discarded.

use anyhow::{Context, Result};
use hookyard_testkit::events::Event;
use hookyard_testkit::eventually;
use hookyard_testkit::guests;
use hookyard_testkit::log::Line;
use serde_json::Value;

use crate::rig::{Rig, fresh_payment, hookyard, quick, stdout_of};

async fn listed(rig: &Rig, state: &str) -> Result<usize> {
    Ok(
        stdout_of(&rig.site, &["events", "list", "--json", "--state", state])
            .await?
            .lines()
            .count(),
    )
}

async fn sent(rig: &Rig, count: usize) -> Result<()> {
    for _ in 0..count {
        rig.deliver("topper", &fresh_payment().1).await?;
    }
    Ok(())
}

fn taken(plugin: &'static str, count: usize) -> impl Fn(&[Event]) -> bool {
    move |events| {
        events
            .iter()
            .filter(|event| event.is_done_by(plugin))
            .count()
            == count
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unrouted_events_are_listed_and_counted() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    sent(&rig, 2).await?;
    assert_eq!(listed(&rig, "unrouted").await?, 2);
    let table = stdout_of(&rig.site, &["events", "list"]).await?;
    assert!(
        table
            .lines()
            .skip(1)
            .all(|line| line.trim_end().ends_with("unrouted")),
        "{table}"
    );

    let warns = |line: &Line| line.message().starts_with("events wait for a plugin");
    let line = rig.host.wait_for_log("the warning", warns).await?;
    assert!(
        line.message()
            .contains("hookyard events discard --source acme/payments --state unrouted"),
        "{}",
        line.text
    );
    eventually("the gauge", || async {
        let gauge = r#"hookyard_events_unrouted{tenant="acme",source="payments"} 2"#;
        Ok(rig
            .metrics()
            .await?
            .lines()
            .any(|line| line == gauge)
            .then_some(()))
    })
    .await?;
    let checked = stdout_of(&rig.site, &["check"]).await?;
    assert!(
        checked.contains(
            "note  source /acme/payments: 2 events wait for a plugin, the oldest since 2"
        ),
        "{checked}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn unrouted_events_have_own_retention() -> Result<()> {
    let config = quick().section("retention", "unrouted_max_age = \"1s\"\nevery = \"100ms\"");
    let rig = Rig::start(config, &[]).await?;
    sent(&rig, 2).await?;
    rig.host
        .wait_for_events("the events to be gone", <[Event]>::is_empty)
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn discard_ends_held_and_unrouted_events() -> Result<()> {
    let echo = guests::test("version-a")?;
    let rig = Rig::start(quick(), &[]).await?;
    sent(&rig, 2).await?;
    let refused = hookyard(&rig.site, &["events", "discard"]).await?;
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("--all"), "{}", refused.stderr);

    let dry = stdout_of(
        &rig.site,
        &["events", "discard", "--state", "unrouted", "--dry-run"],
    )
    .await?;
    assert_eq!(dry, "0 jobs and 2 unrouted events would be discarded\n");
    let done = stdout_of(
        &rig.site,
        &["events", "discard", "--all", "--reason", "a test", "--json"],
    )
    .await?;
    assert_eq!(
        done,
        "{\"jobs\":0,\"unrouted\":2,\"leased\":0,\"dry_run\":false}\n"
    );
    assert_eq!(
        (
            listed(&rig, "unrouted").await?,
            listed(&rig, "discarded").await?
        ),
        (0, 2)
    );

    rig.site.install("acme/books", &echo)?;
    rig.host
        .wait_for_revision("acme/books", &echo.revision())
        .await?;
    sent(&rig, 1).await?;
    rig.host
        .wait_for_events("the new one alone to be handled", taken("books", 1))
        .await?;
    assert_eq!(
        listed(&rig, "discarded").await?,
        2,
        "no plugin is given discarded events"
    );

    let none = hookyard(&rig.site, &["events", "replay", "--state", "discarded"]).await?;
    assert_eq!(
        (none.code, none.stdout.as_str()),
        (Some(0), "0 jobs will run again\n")
    );
    let (_, way_out) = none.stderr.split_once("`hookyard ").context("a way out")?;
    let way_out = way_out
        .trim_end()
        .trim_end_matches('`')
        .replace("<name>", "books");
    let given = hookyard(
        &rig.site,
        &[&way_out.split(' ').collect::<Vec<_>>()[..], &["--dry-run"]].concat(),
    )
    .await?;
    assert!(
        given.stdout.starts_with("1 job would run again"),
        "{}{}",
        given.stdout,
        given.stderr
    );

    rig.site.uninstall("acme/books")?;
    rig.host
        .wait_for_log("the removal", |line| {
            line.message().starts_with("plugin removed")
        })
        .await?;
    stdout_of(
        &rig.site,
        &[
            "events",
            "replay",
            "--plugin",
            "acme/books",
            "--state",
            "done",
        ],
    )
    .await?;
    assert_eq!(listed(&rig, "held").await?, 1);
    let done = stdout_of(
        &rig.site,
        &[
            "events",
            "discard",
            "--plugin",
            "acme/books",
            "--state",
            "held",
        ],
    )
    .await?;
    assert_eq!(done, "1 job was discarded\n");
    let list = stdout_of(
        &rig.site,
        &[
            "events",
            "list",
            "--json",
            "--state",
            "discarded",
            "--plugin",
            "books",
        ],
    )
    .await?;
    let id = serde_json::from_str::<Value>(&list)?["id"]
        .as_str()
        .context("an id")?
        .to_owned();
    let shown = stdout_of(&rig.site, &["events", "show", &id]).await?;
    assert!(
        shown.contains("plugin books: discarded") && shown.contains(": by hand"),
        "{shown}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_gives_new_plugin_earlier_events() -> Result<()> {
    let (echo, books) = (guests::test("version-a")?, guests::reference("topper")?);
    let rig = Rig::start(quick(), &[("acme/books", &books)]).await?;
    sent(&rig, 2).await?;
    rig.all_done(2).await?;
    let unknown = hookyard(
        &rig.site,
        &["events", "replay", "--plugin", "acme/new", "--since", "1h"],
    )
    .await?;
    assert_eq!(unknown.code, Some(1));

    rig.site.install("acme/new", &echo)?;
    rig.host
        .wait_for_revision("acme/new", &echo.revision())
        .await?;
    let replay = [
        "events", "replay", "--plugin", "acme/new", "--since", "1h", "--rate", "50",
    ];
    let dry = stdout_of(&rig.site, &[&replay[..], &["--dry-run"]].concat()).await?;
    assert_eq!(
        dry,
        "2 jobs would run again, 2 of them for events without a job for the plugin\n"
    );
    stdout_of(&rig.site, &replay).await?;
    rig.host
        .wait_for_events("all to be handled by the new plugin", taken("new", 2))
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn first_plugin_takes_backlog_by_settings() -> Result<()> {
    let echo = guests::test("version-a")?;
    let rig = Rig::start(quick().plugins("backlog = \"none\""), &[]).await?;
    sent(&rig, 2).await?;
    rig.site.install("acme/new", &echo)?;
    rig.host
        .wait_for_revision("acme/new", &echo.revision())
        .await?;
    let stay = |line: &Line| {
        line.message()
            .starts_with("earlier events wait, and stay unrouted")
    };
    assert_eq!(
        rig.host
            .wait_for_log("the log line", stay)
            .await?
            .text_of("count"),
        "2"
    );
    sent(&rig, 1).await?;
    let events = rig
        .host
        .wait_for_events("the new one alone to be handled", taken("new", 1))
        .await?;
    assert_eq!(
        events
            .iter()
            .filter(|event| event.plugins.is_empty())
            .count(),
        2,
        "the earlier events stay unrouted"
    );

    rig.site.write(
        "plugins/acme/new.toml",
        "backlog = \"all\"\nbacklog_rate = 20",
    )?;
    let given = |line: &Line| {
        line.message()
            .starts_with("earlier events wait: the plugin is given them")
    };
    rig.host.wait_for_log("the log line", given).await?;
    rig.all_done(3).await?;
    Ok(())
}
