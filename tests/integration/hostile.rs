//! All hostile guests at once: each affects only its own attempt or release and is reported in one
//! line.

use anyhow::{Context, Result};
use hookyard_hostile::{HostileGuest, RefusedFile, refused, running, truncated, unstartable};
use hookyard_testkit::events::{Event, is_attempt, is_rejection};
use hookyard_testkit::guests::{self, Guest};
use hookyard_testkit::site::{Config, Site};

use crate::rig::{Rig, fresh_payment};

/// Small limits, and one attempt for each event.
fn tight() -> Config {
    Config::new()
        .plugins("settle = \"50ms\"")
        .section("retry", "attempts_max = 1")
        .section("quarantine", "enabled = false")
        .section(
            "plugins.limits",
            "memory_max = \"16MiB\"\ncpu_max = \"300ms\"\nwall_max = \"60s\"\nhost_calls_max = 2000\n\
             host_bytes_max = \"4MiB\"",
        )
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_guest_fails_only_its_attempt() -> Result<()> {
    let books = guests::reference("topper")?;
    let hostile = running();
    let guests: Vec<(String, Guest)> = hostile
        .iter()
        .map(|guest| {
            (
                format!("acme/{}", guest.name),
                Guest::from(guest.component.clone()),
            )
        })
        .collect();
    let mut plugins: Vec<(&str, &Guest)> = guests
        .iter()
        .map(|(name, guest)| (name.as_str(), guest))
        .collect();
    plugins.push(("acme/books", &books));
    // The waiting guest must not be waited for. Computing guests may take their time on a busy
    // machine.
    let waits = |site: &mut Site| {
        site.write(
            "plugins/acme/wait-in-host.toml",
            "limits = { wall_max = \"1s\" }",
        )
        .map(drop)
    };
    let rig = Rig::prepared(tight(), &plugins, waits).await?;

    rig.deliver("topper", &fresh_payment().1).await?;
    let is_over = |events: &[Event]| {
        events.len() == 1
            && events[0]
                .plugins
                .iter()
                .all(|job| ["done", "dead"].contains(&job.state.as_str()))
    };
    let events = rig
        .host
        .wait_for_events("every hostile guest to have had its attempt", is_over)
        .await?;
    assert!(
        events[0].is_done_by("books"),
        "{:?}",
        events[0].job("books")
    );
    for HostileGuest {
        name,
        outcome,
        says,
        ..
    } in &hostile
    {
        let job = events[0]
            .job(name)
            .with_context(|| format!("no job for {name}"))?;
        let last = job.last_outcome.as_deref().unwrap_or_default();
        assert_eq!(
            (job.state.as_str(), job.attempts),
            ("dead", 1),
            "{name}: {last}"
        );
        assert!(
            last.starts_with(outcome) && last.contains(says),
            "{name}: {last}"
        );
        assert!(last.len() < 4_096 && !last.contains('\n'), "{name}: {last}");
        let of_it = |line: &&_| is_attempt(line) && line.text_of("plugin") == *name;
        rig.host
            .wait_for_log(&format!("a line about {name}"), |line| of_it(&line))
            .await?;
        assert_eq!(
            rig.host.lines().await?.iter().filter(of_it).count(),
            1,
            "{name} is reported in one line"
        );
    }
    still_serves(&rig).await
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_component_is_refused_in_one_line() -> Result<()> {
    let books = guests::reference("topper")?;
    let rig = Rig::start(tight(), &[("acme/books", &books)]).await?;
    let bad = refused()
        .into_iter()
        .chain(unstartable())
        .map(|RefusedFile { name, file, says }| (name.to_owned(), file, says));
    let cut = (1..)
        .zip(truncated())
        .map(|(percent, file)| (format!("cut-at-{percent}"), file, ""));
    let all: Vec<_> = bad.chain(cut).collect();
    for (name, file, _) in &all {
        rig.site
            .install(&format!("acme/{name}"), &Guest::from(file.clone()))?;
    }
    for (name, _, says) in &all {
        let plugin = format!("acme/{name}");
        let of_it = |line: &_| is_rejection(line, &plugin);
        let why = rig
            .host
            .wait_for_log(&format!("a line about {name}"), of_it)
            .await?;
        assert!(
            why.text.contains(says) && why.text.len() < 4_096,
            "{name}: {}",
            why.text
        );
        assert_eq!(
            rig.host
                .lines()
                .await?
                .iter()
                .filter(|line| of_it(line))
                .count(),
            1,
            "{name} is reported in one line"
        );
    }
    still_serves(&rig).await
}

/// Checks that the same process handles another event and that none of its threads panicked.
async fn still_serves(rig: &Rig) -> Result<()> {
    let count = rig.host.events().await?.len() + 1;
    rig.deliver("topper", &fresh_payment().1).await?;
    let is_done = |events: &[Event]| {
        events.len() == count && events.iter().all(|event| event.is_done_by("books"))
    };
    rig.host
        .wait_for_events("the good plugin to be given the next event", is_done)
        .await?;
    let panics: Vec<_> = rig
        .host
        .lines()
        .await?
        .into_iter()
        .filter(|line| line.text.contains("panicked"))
        .collect();
    assert!(panics.is_empty(), "{panics:?}");
    Ok(())
}
