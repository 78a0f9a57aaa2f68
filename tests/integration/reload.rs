//! The plugin folder while events arrive: files appear, change and disappear, and are never loaded
//! incomplete.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::time::Duration;

use anyhow::{Context, Result};
use hookyard_testkit::events::{
    Event, is_activation, is_any_activation, is_attempt, is_rejection, is_removal,
};
use hookyard_testkit::guests::{self, Guest};
use hookyard_testkit::log::Line;

use crate::rig::{Rig, fresh_payment, quick};

const PLUGIN: &str = "acme/books";

fn books() -> Result<Guest> {
    guests::reference("topper")
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
        .context("the event is not listed")?;
    event.plugins[0]
        .revision
        .clone()
        .context("an attempt has a revision")
}

#[tokio::test(flavor = "multi_thread")]
async fn events_wait_for_returning_plugin() -> Result<()> {
    let (books, rig) = (books()?, Rig::start(quick(), &[]).await?);
    rig.deliver("topper", &fresh_payment().1).await?;
    let early = &rig.host.events().await?[0];
    assert!(
        early.plugins.iter().all(|job| job.attempts == 0),
        "the event is stored and waits for a plugin"
    );

    rig.site.install(PLUGIN, &books)?;
    rig.all_done(1).await?;

    let mark = rig.host.log().mark();
    rig.site.uninstall(PLUGIN)?;
    rig.host
        .wait_for_log_since(mark, "the plugin to be removed", |line| {
            is_removal(line, PLUGIN)
        })
        .await?;
    rig.deliver("topper", &fresh_payment().1).await?;
    let events = rig.host.events().await?;
    assert_eq!(events.len(), 2);
    assert!(
        events[1].plugins.iter().all(|job| job.attempts == 0),
        "{:?}",
        events[1]
    );

    rig.site.install(PLUGIN, &books.tagged("again"))?;
    let events = rig.all_done(2).await?;
    assert_eq!(
        events[1].plugins[0].revision,
        Some(books.tagged("again").revision())
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn copied_or_renamed_component_is_loaded() -> Result<()> {
    let books = books()?;
    let rig = Rig::start(quick(), &[(PLUGIN, &books)]).await?;
    let file = rig.site.plugin_file(PLUGIN);
    let next = |tag: &str| (books.tagged(tag), books.tagged(tag).revision());

    // Replaced by renaming.
    let (guest, revision) = next("renamed");
    rig.site.install(PLUGIN, &guest)?;
    rig.host.wait_for_revision(PLUGIN, &revision).await?;
    assert_eq!(handled_by(&rig).await?, revision);

    // Removed and created again.
    let (guest, revision) = next("recreated");
    fs::remove_file(&file)?;
    fs::write(&file, guest.bytes())?;
    rig.host.wait_for_revision(PLUGIN, &revision).await?;
    assert_eq!(handled_by(&rig).await?, revision);

    // Overwritten in place.
    let (guest, revision) = next("in place");
    fs::write(&file, guest.bytes())?;
    rig.host.wait_for_revision(PLUGIN, &revision).await?;
    assert_eq!(handled_by(&rig).await?, revision);

    // Replaced by a symbolic link, whose target then changes.
    for tag in ["link one", "link two"] {
        let (guest, revision) = next(tag);
        let release = rig
            .site
            .write(&format!("releases/{}.wasm", &revision[..8]), guest.bytes())?;
        let aside = rig.site.path("aside");
        symlink(&release, &aside)?;
        fs::rename(&aside, &file)?;
        rig.host.wait_for_revision(PLUGIN, &revision).await?;
        assert_eq!(handled_by(&rig).await?, revision);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn half_copied_file_is_never_loaded() -> Result<()> {
    let books = books()?;
    let rig = Rig::start(quick(), &[(PLUGIN, &books)]).await?;
    let whole = books.tagged("copied slowly");
    let (file, load) = (
        rig.site.plugin_file(PLUGIN),
        rig.load(2, Duration::from_millis(20)),
    );
    let mut copy = OpenOptions::new().write(true).truncate(true).open(&file)?;
    for part in whole.bytes().chunks(whole.bytes().len() / 12 + 1) {
        copy.write_all(part)?;
        copy.flush()?;
        // Slower than the settling time, so that the host sees incomplete files.
        let _ = handled_by(&rig).await?;
    }
    drop(copy);
    rig.host
        .wait_for_revision(PLUGIN, &whole.revision())
        .await?;
    assert_eq!(handled_by(&rig).await?, whole.revision());
    let sent = load.stop().await?;
    assert!(sent.refused.is_empty() && sent.unanswered == 0, "{sent:?}");

    let events = rig.host.events().await?;
    let known = [books.revision(), whole.revision()];
    let ran: BTreeSet<_> = events
        .iter()
        .filter_map(|event| event.plugins[0].revision.clone())
        .collect();
    assert!(
        ran.iter().all(|revision| known.contains(revision)),
        "{ran:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_file_keeps_last_good_revision() -> Result<()> {
    let books = books()?;
    let rig = Rig::start(quick(), &[(PLUGIN, &books)]).await?;
    let garbage: [(&str, Vec<u8>); 4] = [
        ("no WebAssembly", b"#!/bin/sh\nexit 1\n".to_vec()),
        ("nothing", Vec::new()),
        ("a core module", b"\0asm\x01\0\0\0".to_vec()),
        ("cut off", books.bytes()[..books.bytes().len() / 2].to_vec()),
    ];
    for (name, bytes) in garbage {
        let mark = rig.host.log().mark();
        rig.site.install(PLUGIN, &Guest::from(bytes))?;
        let why = rig
            .host
            .wait_for_log_since(mark, &format!("a line about {name}"), |line| {
                is_rejection(line, PLUGIN)
            })
            .await?;
        assert!(
            why.level() == "WARN" || why.level() == "ERROR",
            "{}",
            why.text
        );
        assert_eq!(handled_by(&rig).await?, books.revision(), "{name}");
    }
    rig.site.install(PLUGIN, &books.tagged("good again"))?;
    rig.host
        .wait_for_revision(PLUGIN, &books.tagged("good again").revision())
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn other_files_in_folder_are_ignored() -> Result<()> {
    let (books, rig) = (books()?, Rig::start(quick(), &[]).await?);
    for name in [
        "acme/precompiled.cwasm",
        "acme/notes.txt",
        "acme/.hidden.wasm",
        "acme/books.wasm~",
        "stray.txt",
    ] {
        rig.site.write(&format!("plugins/{name}"), books.bytes())?;
    }
    // When this plugin is active, the host has seen the other files too.
    rig.site.install(PLUGIN, &books)?;
    rig.host
        .wait_for_revision(PLUGIN, &books.revision())
        .await?;
    rig.deliver("topper", &fresh_payment().1).await?;
    let events = rig.all_done(1).await?;
    assert_eq!(events[0].plugins.len(), 1, "{:?}", events[0].plugins);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_reloads_under_load_lose_nothing() -> Result<()> {
    let books = books()?;
    let revisions: Vec<Guest> = (0..200)
        .map(|number| books.tagged(&format!("{number}")))
        .collect();
    // Two hundred rehearsals would be another test.
    let config = quick()
        .plugins("settle = \"10ms\"")
        .section("rehearsal", "policy = \"off\"");
    let rig = Rig::start(config, &[(PLUGIN, &books)]).await?;
    let load = rig.load(4, Duration::from_millis(40));
    for guest in &revisions {
        let mark = rig.host.log().mark();
        rig.site.install(PLUGIN, guest)?;
        let active = |line: &Line| is_activation(line, PLUGIN, &guest.revision());
        rig.host
            .wait_for_log_since(mark, "the next revision", active)
            .await?;
    }
    let sent = load.stop().await?;
    assert!(
        sent.refused.is_empty() && sent.unanswered == 0,
        "{:?}, {} unanswered",
        sent.refused,
        sent.unanswered
    );
    assert!(
        sent.accepted.len() > 200,
        "only {} events went through",
        sent.accepted.len()
    );

    let events = rig.all_done(sent.accepted.len()).await?;
    let stored: BTreeSet<String> = events.iter().map(|event| event.key.clone()).collect();
    assert_eq!(
        stored, sent.accepted,
        "every acknowledged event is stored, and nothing else"
    );
    for event in &events {
        assert_eq!(event.plugins.len(), 1);
        assert_eq!(
            event.plugins[0].attempts, 1,
            "handled exactly once: {event:?}"
        );
    }
    ran_only_while_live(&rig, &events).await
}

/// Checks that each event had one attempt, on a revision that was active between the event's
/// arrival and the end of the attempt.
async fn ran_only_while_live(rig: &Rig, events: &[Event]) -> Result<()> {
    let mut swaps: Vec<Line> = Vec::new();
    let mut attempts: BTreeMap<String, Vec<(usize, String)>> = BTreeMap::new();
    for line in rig.host.lines().await? {
        if is_any_activation(&line) {
            swaps.push(line);
        } else if is_attempt(&line) {
            attempts
                .entry(line.text_of("event"))
                .or_default()
                .push((swaps.len(), line.text_of("revision")));
        }
    }
    let mut used = BTreeSet::new();
    for event in events {
        let made = attempts.get(&event.id).context("an attempt is logged")?;
        let [(swaps_by_then, revision)] = made.as_slice() else {
            panic!("one attempt: {made:?}")
        };
        let arrived = instant(&event.received_at);
        let before = swaps
            .iter()
            .filter(|line| instant(&line.text_of("timestamp")) <= arrived)
            .count();
        // A swap is logged shortly after it happens. The previous revision may have been active at
        // the beginning, and the next one at the end.
        let last = swaps.len().min(*swaps_by_then + 1);
        let live: Vec<String> = swaps[before.saturating_sub(2)..last]
            .iter()
            .map(|line| line.text_of("revision"))
            .collect();
        assert!(
            live.contains(revision),
            "{revision} ran while {live:?} were live"
        );
        let listed = event.plugins[0].revision.as_deref().unwrap_or_default();
        assert!(
            listed.starts_with(revision.as_str()),
            "the list and the log agree"
        );
        used.insert(revision.clone());
    }
    assert!(
        used.len() > 50,
        "only {} of the revisions handled events",
        used.len()
    );
    Ok(())
}

/// Returns a time in UTC that sorts as text, whatever the number of digits of its seconds.
fn instant(rfc3339: &str) -> &str {
    rfc3339.trim_end_matches('Z')
}
