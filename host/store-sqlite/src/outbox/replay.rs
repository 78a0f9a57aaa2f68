//! Replays of messages.

use hookyard_store::{Error, MessageReplay, ReplaySummary};

use super::selection;
use crate::SqliteStore;
use crate::replay::{BATCH_MAX, Numbered, in_batches, last_seq};
use crate::write::MessageBatch;
use crate::writer::{Durability, Terms};

pub(crate) const LAST_SEQ: &str = "SELECT coalesce(max(seq), 0) FROM message";

/// A message, by the number of its commit.
impl Numbered for i64 {
    fn seq(&self) -> i64 {
        *self
    }
}

pub(super) async fn replay(
    store: &SqliteStore,
    replay: MessageReplay,
) -> Result<ReplaySummary, Error> {
    let MessageReplay {
        selection,
        rate,
        now,
        dry_run,
    } = replay;
    let last = store
        .readers
        .read(|connection| last_seq(connection, LAST_SEQ))
        .await?;
    let find = |after: Option<i64>| {
        let selection = selection.clone();
        store.readers.read(move |connection| {
            selection::to_replay(connection, &selection, after.unwrap_or(0), BATCH_MAX)
        })
    };

    let change = |before, messages| {
        let batch = MessageBatch {
            messages,
            rate,
            now,
            before,
        };
        async move {
            store
                .writer()?
                .call(Terms::batch(Durability::Synced), move |database| {
                    database.replay_messages(&batch)
                })
                .await
        }
    };

    in_batches(last, dry_run, find, change).await
}
