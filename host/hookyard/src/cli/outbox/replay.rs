//! `hookyard outbox replay`: delivers messages again. A running host starts the deliveries within
//! moments.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use clap::Args;
use hookyard_model::{Clock, DestinationRef, MessageId};
use hookyard_store::{MessagePage, MessageReplay, MessageSelection, MessageSummary, Outbox};
use hookyard_store_sqlite::SqliteStore;

use super::disabled::{DisabledDestinations, destination};
use super::filters::Filters;
use crate::cli::Failure;
use crate::cli::shared::id_prefix::IdPrefix;
use crate::cli::shared::replay::{ReplayOptions, Words};
use crate::cli::shared::{StoreAccess, UNREADABLE, ids};
use crate::clock::SystemClock;
use crate::output;

const WORDS: Words = Words {
    selected: "message",
    changed: "message",
    verb: "be delivered again",
    leased: "delivered",
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
        options,
        filters,
    } = arguments;
    let now = SystemClock.now();
    WORDS.require_selection(ids.is_empty() && filters.is_empty(), options.all)?;

    let access = StoreAccess::for_change(path, options.dry_run)?;
    let filtered = filters.selection(now, &access.store).await?;
    access.check_message_names(&filtered).await?;
    let store = access.store;
    let selection = MessageSelection {
        ids: ids::find_all::<MessageSummary>(&store, &ids).await?,
        ..filtered
    };
    let replay = MessageReplay {
        selection: selection.clone(),
        rate: options.rate,
        now,
        dry_run: options.dry_run,
    };
    let summary = store
        .replay_messages(replay)
        .await
        .context("not everything could be replayed")?;

    output::line(WORDS.result(summary, &options, ""))?;
    if !options.json {
        report_disabled(&store, &selection).await?;
    }
    Ok(())
}

/// Reports the disabled destinations of the replayed messages, because nothing is delivered to
/// them.
async fn report_disabled(store: &SqliteStore, selection: &MessageSelection) -> Result<(), Failure> {
    let mut disabled = DisabledDestinations::read(store).await?;
    if !selection.ids.is_empty() {
        let destinations = destinations(store, &selection.ids).await?;
        disabled.retain(|destination| destinations.contains(destination));
    }
    disabled.report(selection)
}

/// Returns the destinations of these messages.
async fn destinations(
    store: &SqliteStore,
    ids: &[MessageId],
) -> anyhow::Result<BTreeSet<DestinationRef>> {
    let selection = MessageSelection {
        ids: ids.to_owned(),
        ..MessageSelection::default()
    };
    let page = MessagePage::first(selection, ids.len());
    let messages = store.messages(page).await.context(UNREADABLE)?;
    Ok(messages.iter().map(destination).collect())
}
