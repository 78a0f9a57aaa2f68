//! `hookyard events replay`: has stored events run again. A host that is running takes them up within moments.

use std::path::Path;

use anyhow::Context;
use hookyard_inbox::{Inbox, Replay, Replayed, Selection};
use hookyard_inbox_sqlite::SqliteInbox;
use hookyard_model::{Clock, EventId, Revision};
use serde::Serialize;

use crate::cli::{Failure, ReplayOptions};
use crate::config;
use crate::system::SystemClock;

/// Replays what is selected in the inbox that the configuration at `path` names.
pub(crate) async fn replay(path: &Path, ids: Vec<EventId>, options: ReplayOptions) -> Result<(), Failure> {
    let ReplayOptions { filters, all, dry_run, rate, revision, json } = options;
    let now = SystemClock.now();
    let selection = Selection { ids, ..filters.selection(now)? };
    if selection == Selection::default() && !all {
        let way_out = "name events, or narrow them down by a filter; --all runs again everything that is stored";
        return Err(Failure::Arguments(format!("this would run every stored event again: {way_out}")));
    }
    let settings = config::read(path).result?;
    let inbox =
        if dry_run { SqliteInbox::open_read_only(&settings.inbox) } else { SqliteInbox::open_beside(&settings.inbox) };
    let inbox = inbox.map_err(anyhow::Error::from)?;
    must_be_stored(&inbox, &selection.ids).await?;
    let replay = Replay { selection, revision, rate, now, dry_run };
    let replayed = inbox.replay(replay).await.context("not everything could be made to run again")?;
    println!("{}", if json { in_json(replayed, dry_run) } else { in_words(replayed, dry_run, revision) });
    Ok(())
}

/// Nothing is done where one of the events isn't there.
async fn must_be_stored(inbox: &SqliteInbox, ids: &[EventId]) -> anyhow::Result<()> {
    for id in ids {
        anyhow::ensure!(
            inbox.read(*id).await.context("the events can't be read")?.is_some(),
            "no event {id} is stored"
        );
    }
    Ok(())
}

#[derive(Serialize)]
struct Answer {
    jobs: u64,
    leased: u64,
    dry_run: bool,
}

fn in_json(Replayed { again: jobs, leased }: Replayed, dry_run: bool) -> String {
    serde_json::to_string(&Answer { jobs, leased, dry_run }).expect("numbers make JSON")
}

fn in_words(Replayed { again: jobs, leased }: Replayed, dry_run: bool, revision: Option<Revision>) -> String {
    let jobs = if jobs == 1 { "1 job".to_owned() } else { format!("{jobs} jobs") };
    let on = revision.map(|revision| format!(" on revision {}", revision.short())).unwrap_or_default();
    let (verb, left) = if dry_run { ("would run", "would be") } else { ("will run", "were") };
    let leased = match leased {
        0 => String::new(),
        leased => format!("; {leased} {left} left alone, being attempted now"),
    };
    format!("{jobs} {verb} again{on}{leased}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_told_in_a_line() {
        let replayed = |again, leased| Replayed { again, leased };
        assert_eq!(in_words(replayed(1, 0), false, None), "1 job will run again");
        let revision = Some(Revision::from_sha256([0xab; 32]));
        assert_eq!(in_words(replayed(0, 0), false, revision), "0 jobs will run again on revision abababababab");
        let expected = "7 jobs would run again; 2 would be left alone, being attempted now";
        assert_eq!(in_words(replayed(7, 2), true, None), expected);
        assert_eq!(in_json(replayed(7, 2), true), r#"{"jobs":7,"leased":2,"dry_run":true}"#);
    }
}
