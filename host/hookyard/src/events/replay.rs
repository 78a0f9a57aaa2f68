//! `hookyard events replay`: has stored events run again. A host that is running takes them up within moments.

use std::path::Path;

use anyhow::Context;
use hookyard_inbox::{Inbox, Replay, Selection};
use hookyard_inbox_sqlite::SqliteInbox;
use hookyard_model::{Clock, EventId};

use crate::cli::{Failure, ReplayOptions};
use crate::stored::again::{self, Words};
use crate::system::SystemClock;

const WORDS: Words = Words { one: "job", many: "jobs", verb: "run", asked: "event", busy: "attempted" };

/// Replays what is selected in the inbox that the configuration at `path` names.
pub(crate) async fn replay(path: &Path, ids: Vec<EventId>, options: ReplayOptions) -> Result<(), Failure> {
    let ReplayOptions { filters, again, revision } = options;
    let now = SystemClock.now();
    let selection = Selection { ids, ..filters.selection(now)? };
    WORDS.must_name_some(selection == Selection::default(), &again)?;
    let inbox = again::open(path, &again)?;
    must_be_stored(&inbox, &selection.ids).await?;
    let replay = Replay { selection, revision, rate: again.rate, now, dry_run: again.dry_run };
    let replayed = inbox.replay(replay).await.context("not everything could be made to run again")?;
    let on = revision.map(|revision| format!(" on revision {}", revision.short())).unwrap_or_default();
    println!("{}", WORDS.answer(replayed, &again, &on));
    Ok(())
}

/// Nothing is done where one of the events isn't there.
async fn must_be_stored(inbox: &SqliteInbox, ids: &[EventId]) -> anyhow::Result<()> {
    for id in ids {
        let found = inbox.read(*id).await.context("the events can't be read")?;
        anyhow::ensure!(found.is_some(), "no event {id} is stored");
    }
    Ok(())
}
