//! Drops a broken file, and then edits, builds and replaces a plugin while events arrive.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use hookyard_testkit::events::{Event, is_activation, is_guest, is_rejection};
use hookyard_testkit::guests::{self, Guest};
use hookyard_testkit::load::{Load, Sent};
use hookyard_testkit::log::Line;

use crate::paper::{Paper, cut, plain, quiet, verdict};
use crate::stage::Stage;

const PLUGIN: &str = "acme/topper";
const FROM: &str = "println!(\"{line}\");";
const TO: &str = "println!(\"second edition: {line}\");";

pub(crate) async fn show(stage: &Stage, paper: &mut Paper) -> Result<String> {
    paper.section("A plugin is replaced while events flow");
    let first = guests::reference("topper")?;
    paper.say("the second edition of plugins/topper, built from a copy with one line changed");
    paper.table(&[
        vec![verdict(format!("- {FROM}"), false)],
        vec![verdict(format!("+ {TO}"), true)],
    ]);
    let second = tokio::task::spawn_blocking(|| guests::edited("topper", FROM, TO)).await??;
    paper.gap();

    let load = Load::start(
        &stage.senders,
        stage.host.address(),
        4,
        Duration::from_millis(20),
    );
    let before = stage.host.events().await?.len();
    flow(stage, before + 150).await?;
    paper.say("events flow; somebody drops a file that is broken off in the middle");
    let why = drop_broken(stage, &second).await?;
    paper.table(&[vec![verdict("refused", true), quiet(cut(&why, 110))]]);
    flow(stage, before + 300).await?;
    paper.say("events flow; the whole file is renamed over the old one");
    let swap = drop_whole(stage, &second).await?;
    paper.table(&[vec![verdict("active", true), plain(swap)]]);
    flow(stage, before + 600).await?;
    let sent = load.stop().await?;
    tell(stage, paper, &sent, [&first, &second]).await
}

/// Waits until this many events are stored.
async fn flow(stage: &Stage, count: usize) -> Result<()> {
    stage
        .host
        .wait_for_events("events to flow", |events| events.len() >= count)
        .await
        .map(drop)
}

async fn drop_broken(stage: &Stage, guest: &Guest) -> Result<String> {
    let half = guest.bytes()[..guest.bytes().len() / 2].to_vec();
    let mark = stage.host.log().mark();
    stage.site.install(PLUGIN, &Guest::from(half))?;
    let line = stage
        .host
        .wait_for_log_since(mark, "the broken file to be refused", |line| {
            is_rejection(line, PLUGIN)
        })
        .await?;
    Ok(line.text_of("reason"))
}

async fn drop_whole(stage: &Stage, guest: &Guest) -> Result<String> {
    let (mark, began) = (stage.host.log().mark(), std::time::Instant::now());
    stage.site.install(PLUGIN, guest)?;
    let is_active = |line: &Line| is_activation(line, PLUGIN, &guest.revision());
    stage
        .host
        .wait_for_log_since(mark, "the second edition to be active", is_active)
        .await?;
    Ok(format!(
        "{} after {:.0?}: noticed, settled, checked, compiled, swapped",
        short(guest),
        began.elapsed()
    ))
}

async fn tell(
    stage: &Stage,
    paper: &mut Paper,
    sent: &Sent,
    editions: [&Guest; 2],
) -> Result<String> {
    let is_ours = |event: &&Event| sent.accepted.contains(&event.key);
    let all_done = |events: &[Event]| {
        events
            .iter()
            .filter(is_ours)
            .filter(|event| event.is_done_by("topper"))
            .count()
            == sent.accepted.len()
    };
    let events = stage
        .host
        .wait_for_events("every event to be handled", all_done)
        .await?;
    let mut by_revision: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events.iter().filter(is_ours) {
        let revision = event
            .job("topper")
            .and_then(|job| job.revision.as_deref())
            .context("a handled event has a revision")?;
        by_revision.entry(revision).or_default().push(event);
    }
    paper.gap();
    let mut rows = Vec::new();
    for (edition, guest) in ["first edition", "second edition"]
        .into_iter()
        .zip(editions)
    {
        let handled = by_revision
            .remove(guest.revision().as_str())
            .unwrap_or_default();
        paper.expect(!handled.is_empty(), || {
            format!("the {edition} handled nothing")
        });
        let line = handled
            .first()
            .map(|event| wrote(stage, &event.id))
            .unwrap_or_default();
        rows.push(vec![
            plain(edition),
            quiet(short(guest)),
            plain(format!("{:>4} events", handled.len())),
            quiet(cut(&line, 80)),
        ]);
    }
    paper.table(&rows);
    paper.expect(by_revision.is_empty(), || {
        "some other revision handled events".into()
    });
    let refused = sent.refused.len() + sent.unanswered;
    paper.expect(refused == 0, || {
        format!(
            "{refused} requests were not answered 2xx: {:?}",
            sent.refused.first()
        )
    });
    let twice = events
        .iter()
        .filter(is_ours)
        .filter(|event| event.job("topper").is_some_and(|job| job.attempts != 1))
        .count();
    paper.expect(twice == 0, || {
        format!("{twice} events were attempted more than once")
    });
    let total = sent.accepted.len();
    paper.gap();
    paper.table(&[vec![
        plain(format!("{} sent", total + refused)),
        verdict(format!("{total} answered 2xx"), true),
        verdict(format!("{refused} answered anything else"), refused == 0),
        verdict("0 lost", true),
        verdict(format!("{twice} handled twice"), twice == 0),
    ]]);
    Ok(format!(
        "1 plugin replaced under {total} events, after 1 broken file was refused: none refused, lost or handled twice."
    ))
}

fn wrote(stage: &Stage, event: &str) -> String {
    let lines = stage.host.log().lines();
    let line = lines
        .iter()
        .find(|line| is_guest(line) && line.text_of("event") == event);
    line.map(Line::guest_text).unwrap_or_default()
}

fn short(guest: &Guest) -> String {
    guest.revision().chars().take(12).collect()
}
