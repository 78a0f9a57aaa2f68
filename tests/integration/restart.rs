//! Every acknowledged event is handled, whatever ends the host.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use hookyard_testkit::events::Event;
use hookyard_testkit::guests;

use crate::rig::{Rig, quick};

/// Waits until the load has sent this many more events.
async fn burst(rig: &Rig, more: usize) -> Result<()> {
    let before = rig.host.events().await?.len();
    rig.host
        .wait_for_events("the burst to get going", |events| {
            events.len() >= before + more
        })
        .await?;
    Ok(())
}

fn keys(events: &[Event]) -> BTreeSet<String> {
    events.iter().map(|event| event.key.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_during_burst_loses_nothing() -> Result<()> {
    let books = guests::reference("topper")?;
    let mut rig = Rig::start(quick(), &[("acme/books", &books)]).await?;
    let mut accepted = BTreeSet::new();
    for _ in 0..3 {
        let load = rig.load(8, Duration::from_millis(5));
        burst(&rig, 100).await?;
        let Rig {
            senders,
            host,
            site,
            ..
        } = rig;
        host.kill().await?;
        let sent = load.stop().await?;
        assert!(sent.refused.is_empty(), "{:?}", sent.refused);
        accepted.extend(sent.accepted);
        rig = Rig::restarted(site, senders).await?;
    }
    let all_handled = |events: &[Event]| {
        accepted.is_subset(&keys(events)) && events.iter().all(|event| event.is_done_by("books"))
    };
    let events = rig
        .host
        .wait_for_events("every acknowledged event to be handled", all_handled)
        .await?;
    assert_eq!(keys(&events).len(), events.len(), "no key is stored twice");
    assert!(
        accepted.len() >= 300,
        "the burst was only {} events",
        accepted.len()
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_finishes_requests_in_progress() -> Result<()> {
    let books = guests::reference("topper")?;
    let rig = Rig::start(quick(), &[("acme/books", &books)]).await?;
    let load = rig.load(8, Duration::from_millis(5));
    burst(&rig, 100).await?;
    let Rig {
        senders,
        host,
        site,
        ..
    } = rig;
    let (status, log) = host.terminate().await?;
    assert!(status.success(), "{status}: {}", log.tail(20));
    let sent = load.stop().await?;
    assert!(
        sent.refused.is_empty(),
        "the host accepts events until it stops listening: {:?}",
        sent.refused
    );

    let rig = Rig::restarted(site, Arc::clone(&senders)).await?;
    let all_handled = |events: &[Event]| {
        keys(events) == sent.accepted && events.iter().all(|event| event.is_done_by("books"))
    };
    let events = rig
        .host
        .wait_for_events(
            "the acknowledged events, and no others, to be handled",
            all_handled,
        )
        .await?;
    assert!(
        events.iter().all(|event| event.plugins[0].attempts == 1),
        "no attempt was cut off"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn repeat_is_recognized_after_restart() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    let (_, body) = crate::rig::fresh_payment();
    let webhook = rig.deliver("topper", &body).await?;
    let Rig {
        senders,
        host,
        site,
        ..
    } = rig;
    host.kill().await?;
    let rig = Rig::restarted(site, senders).await?;
    let again = rig.post("topper", &webhook).await?;
    assert!(again.is_accepted());
    assert_eq!(again.says("status"), "repeat", "{}", again.text());
    assert_eq!(rig.host.events().await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_compiled_code_is_rebuilt() -> Result<()> {
    let books = guests::reference("topper")?;
    let mut rig = Rig::start(quick(), &[("acme/books", &books)]).await?;
    for damage in [false, true] {
        let cached = files_under(&rig.site.path("data/compiled"))?;
        assert!(!cached.is_empty(), "nothing is kept");
        let Rig {
            senders,
            host,
            site,
            ..
        } = rig;
        host.terminate().await?;
        for file in cached.iter().filter(|_| damage) {
            let length = fs::metadata(file)?.len();
            fs::write(file, vec![0x5a; usize::try_from(length)?])?;
        }
        rig = Rig::restarted(site, senders).await?;
        rig.host
            .wait_for_revision("acme/books", &books.revision())
            .await?;
    }
    rig.deliver("topper", &crate::rig::fresh_payment().1)
        .await?;
    rig.all_done(1).await?;
    Ok(())
}

fn files_under(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_under(&path)?)
        } else {
            files.push(path)
        }
    }
    Ok(files)
}
