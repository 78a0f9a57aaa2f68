//! `hookyard outbox replay`: has messages sent again. A host that is running takes them up within moments.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use anyhow::Context;
use hookyard_inbox::{MessageReplay, MessageSelection, Outbox};
use hookyard_inbox_sqlite::SqliteInbox;
use hookyard_model::{Clock, DestinationRef, MessageId};

use super::list::{all_disabled, destination, write_disabled};
use crate::cli::outbox::Filters;
use crate::cli::{Again, Failure};
use crate::output;
use crate::stored::again::{self, Words};
use crate::system::SystemClock;

const WORDS: Words = Words { one: "message", many: "messages", fate: "be sent again", asked: "message", busy: "sent" };

/// Has what is selected in the inbox that the configuration at `path` names sent again.
pub(super) async fn replay(path: &Path, ids: Vec<MessageId>, filters: Filters, again: Again) -> Result<(), Failure> {
    let now = SystemClock.now();
    let selection = MessageSelection { ids, ..filters.selection(now)? };
    WORDS.must_name_some(selection == MessageSelection::default(), again.all)?;
    let inbox = again::open(path, again.dry_run)?;
    let named = destinations(&inbox, &selection.ids).await?;
    let replay = MessageReplay { selection: selection.clone(), rate: again.rate, now, dry_run: again.dry_run };
    let replayed = inbox.replay_messages(replay).await.context("not everything could be made to be sent again")?;
    output::line(WORDS.answer(replayed, &again, ""))?;
    if !again.json {
        // It would be waited for in vain.
        let mut disabled = all_disabled(&inbox).await?;
        disabled.retain(|destination, _| selection.ids.is_empty() || named.contains(destination));
        write_disabled(&selection, &disabled, &mut io::stdout()).map_err(Failure::Output)?;
    }
    Ok(())
}

/// Where these messages go. Nothing is done where one of them isn't there.
async fn destinations(inbox: &SqliteInbox, ids: &[MessageId]) -> anyhow::Result<BTreeSet<DestinationRef>> {
    let mut destinations = BTreeSet::new();
    for id in ids {
        let found = inbox.message(*id).await.context("the messages can't be read")?;
        let record = found.with_context(|| format!("no message {id} is stored"))?;
        destinations.insert(destination(&record.summary));
    }
    Ok(destinations)
}
