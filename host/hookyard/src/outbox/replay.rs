//! `hookyard outbox replay`: has messages sent again. A host that is running takes them up within moments.

use std::path::Path;

use anyhow::Context;
use hookyard_inbox::{MessageReplay, MessageSelection, Outbox};
use hookyard_inbox_sqlite::SqliteInbox;
use hookyard_model::{Clock, MessageId};

use crate::cli::outbox::Filters;
use crate::cli::{Again, Failure};
use crate::stored::again::{self, Words};
use crate::system::SystemClock;

const WORDS: Words = Words { one: "message", many: "messages", verb: "be sent", asked: "message", busy: "sent" };

/// Has what is selected in the inbox that the configuration at `path` names sent again.
pub(super) async fn replay(path: &Path, ids: Vec<MessageId>, filters: Filters, again: Again) -> Result<(), Failure> {
    let now = SystemClock.now();
    let selection = MessageSelection { ids, ..filters.selection(now)? };
    WORDS.must_name_some(selection == MessageSelection::default(), &again)?;
    let inbox = again::open(path, &again)?;
    must_be_stored(&inbox, &selection.ids).await?;
    let replay = MessageReplay { selection, rate: again.rate, now, dry_run: again.dry_run };
    let replayed = inbox.replay_messages(replay).await.context("not everything could be made to be sent again")?;
    println!("{}", WORDS.answer(replayed, &again, ""));
    Ok(())
}

/// Nothing is done where one of the messages isn't there.
async fn must_be_stored(inbox: &SqliteInbox, ids: &[MessageId]) -> anyhow::Result<()> {
    for id in ids {
        let found = inbox.message(*id).await.context("the messages can't be read")?;
        anyhow::ensure!(found.is_some(), "no message {id} is stored");
    }
    Ok(())
}
