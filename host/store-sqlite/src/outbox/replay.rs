//! Sending again.

use hookyard_store::{Error, MessageReplay, ReplaySummary};

use super::selection;
use crate::SqliteStore;
use crate::replay::{Place, STRETCH, in_stretches, last_place};
use crate::write::MessageStretch;
use crate::writer::{Durability, Terms};

pub(crate) const LAST_PLACE: &str = "SELECT coalesce(max(seq), 0) FROM message";

/// A message, by its number.
impl Place for i64 {
    fn seq(&self) -> i64 {
        *self
    }
}

pub(super) async fn replay(
    inbox: &SqliteStore,
    replay: MessageReplay,
) -> Result<ReplaySummary, Error> {
    let MessageReplay {
        selection,
        rate,
        now,
        dry_run,
    } = replay;
    let last = inbox
        .readers
        .read(|connection| last_place(connection, LAST_PLACE))
        .await?;
    let find = |after: Option<i64>| {
        let selection = selection.clone();
        inbox.readers.read(move |connection| {
            selection::places(connection, &selection, after.unwrap_or(0), STRETCH)
        })
    };
    let change = |before, messages| {
        let stretch = MessageStretch {
            messages,
            rate,
            now,
            before,
        };
        async move {
            inbox
                .writer()?
                .call(Terms::stretch(Durability::Synced), move |store| {
                    store.replay_messages(&stretch)
                })
                .await
        }
    };
    in_stretches(last, dry_run, find, change).await
}
