//! Sending again: messages are found by a reader and made due by the writer, a stretch at a time.

use hookyard_inbox::{Error, MessageReplay, Replayed};

use super::select;
use crate::SqliteInbox;
use crate::sql::outbox as sql;
use crate::write::MessageStretch;
use crate::writer::Durability;

/// Messages that are found and changed at once.
const STRETCH: usize = 500;

pub(super) async fn replay(inbox: &SqliteInbox, replay: MessageReplay) -> Result<Replayed, Error> {
    let mut all = Replayed { again: 0, leased: 0 };
    let last: i64 = inbox.readers.read(last_place).await?;
    let mut after = 0;
    loop {
        let selection = replay.selection.clone();
        let find = move |connection: &rusqlite::Connection| select::places(connection, &selection, after, STRETCH);
        let found = inbox.readers.read(find).await?;
        let is_last = found.len() < STRETCH;
        // What was committed since the replay began is not meant: it could go on for ever.
        let found: Vec<_> = found.into_iter().filter(|(place, _)| *place <= last).collect();
        let Some((place, _)) = found.last() else { return Ok(all) };
        after = *place;
        let done = if replay.dry_run { count(&found) } else { change(inbox, &replay, all.again, found).await? };
        all.again += done.again;
        all.leased += done.leased;
        if is_last {
            return Ok(all);
        }
    }
}

fn count(found: &[(i64, bool)]) -> Replayed {
    let leased = found.iter().filter(|(_, is_leased)| *is_leased).count() as u64;
    Replayed { again: found.len() as u64 - leased, leased }
}

async fn change(
    inbox: &SqliteInbox,
    replay: &MessageReplay,
    before: u64,
    found: Vec<(i64, bool)>,
) -> Result<Replayed, Error> {
    let messages = found.into_iter().map(|(place, _)| place).collect();
    let stretch = MessageStretch { messages, rate: replay.rate, now: replay.now, before };
    inbox.writer()?.call(Durability::Synced, move |store| store.replay_messages(&stretch)).await
}

fn last_place(connection: &rusqlite::Connection) -> Result<i64, Error> {
    connection.query_row(sql::LAST_PLACE, [], |row| row.get(0)).map_err(crate::codec::store)
}
