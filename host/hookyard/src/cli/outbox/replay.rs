//! `hookyard outbox replay`: has messages sent again. A host that is running takes them up within moments.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use anyhow::Context;
use clap::Args;
use hookyard_model::{Clock, DestinationRef, MessageId};
use hookyard_store::{MessageReplay, MessageSelection, Outbox};
use hookyard_store_sqlite::SqliteStore;

use super::filters::Filters;
use super::list::{all_disabled, destination, write_disabled};
use crate::cli::Failure;
use crate::cli::shared::id_prefix::IdPrefix;
use crate::cli::shared::ids;
use crate::cli::shared::replay::{self, ReplayOptions, Words};
use crate::clock::SystemClock;
use crate::output;

const WORDS: Words = Words {
    one: "message",
    many: "messages",
    fate: "be sent again",
    asked: "message",
    busy: "sent",
};

/// The arguments of `hookyard outbox replay`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The ids of the messages, or their first digits
    ids: Vec<IdPrefix>,
    #[command(flatten)]
    options: ReplayOptions,
    #[command(flatten)]
    filters: Filters,
}

/// Replays the messages that the ids and the filters select.
pub(super) async fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let Arguments {
        ids,
        options: again,
        filters,
    } = arguments;
    let now = SystemClock.now();
    WORDS.must_name_some(ids.is_empty() && filters.are_none(), again.all)?;
    let stored = replay::open(path, again.dry_run)?;
    let filtered = filters.selection(now, &stored.inbox).await?;
    stored.must_know_names_of_messages(&filtered).await?;
    let inbox = stored.inbox;
    let (ids, named) = messages(&inbox, &ids).await?;
    let selection = MessageSelection { ids, ..filtered };
    let replay = MessageReplay {
        selection: selection.clone(),
        rate: again.rate,
        now,
        dry_run: again.dry_run,
    };
    let replayed = inbox
        .replay_messages(replay)
        .await
        .context("not everything could be made to be sent again")?;
    output::line(WORDS.answer(replayed, &again, ""))?;
    if !again.json {
        // It would be waited for in vain.
        let mut disabled = all_disabled(&inbox).await?;
        disabled.retain(|destination, _| selection.ids.is_empty() || named.contains(destination));
        write_disabled(&selection, &disabled, &mut io::stdout()).map_err(Failure::Output)?;
    }
    Ok(())
}

/// These messages, and where they go. Nothing is done where one of them isn't there.
async fn messages(
    inbox: &SqliteStore,
    prefixes: &[IdPrefix],
) -> anyhow::Result<(Vec<MessageId>, BTreeSet<DestinationRef>)> {
    let (mut ids, mut destinations) = (Vec::new(), BTreeSet::new());
    for prefix in prefixes {
        let id = ids::message(inbox, prefix).await?;
        let found = inbox
            .message(id)
            .await
            .context("the messages can't be read")?;
        let record = found.with_context(|| format!("no message {id} is stored"))?;
        destinations.insert(destination(&record.summary));
        ids.push(id);
    }
    Ok((ids, destinations))
}
