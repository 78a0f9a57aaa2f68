//! A replay: jobs are found by a reader and made due by the writer, a stretch at a time, so that nobody waits long.

use hookyard_inbox::{Error, Replay, Replayed};

use crate::select::{self, JobPlace};
use crate::write::Stretch;
use crate::writer::Durability;
use crate::{SqliteInbox, sql};

/// Jobs that are found and changed at once.
const STRETCH: usize = 500;

pub(crate) async fn replay(inbox: &SqliteInbox, replay: Replay) -> Result<Replayed, Error> {
    let mut all = Replayed { again: 0, leased: 0 };
    let last = inbox.readers.read(last_place).await?;
    let mut after = None;
    loop {
        let (selection, from) = (replay.selection.clone(), after.clone());
        let found =
            inbox.readers.read(move |connection| select::jobs(connection, &selection, from.as_ref(), STRETCH)).await?;
        let is_last = found.len() < STRETCH;
        // What came in since the replay began is not meant: it could go on for ever.
        let found: Vec<_> = found.into_iter().filter(|(place, _)| place.seq <= last).collect();
        let Some((place, _)) = found.last() else { return Ok(all) };
        after = Some(place.clone());
        let done = if replay.dry_run { count(&found) } else { change(inbox, &replay, all.again, found).await? };
        all.again += done.again;
        all.leased += done.leased;
        if is_last {
            return Ok(all);
        }
    }
}

fn count(found: &[(JobPlace, bool)]) -> Replayed {
    let leased = found.iter().filter(|(_, is_leased)| *is_leased).count() as u64;
    Replayed { again: found.len() as u64 - leased, leased }
}

async fn change(
    inbox: &SqliteInbox,
    replay: &Replay,
    before: u64,
    found: Vec<(JobPlace, bool)>,
) -> Result<Replayed, Error> {
    let stretch = Stretch {
        jobs: found.into_iter().map(|(place, _)| place).collect(),
        revision: replay.revision,
        rate: replay.rate,
        now: replay.now,
        before,
    };
    inbox.writer()?.call(Durability::Synced, move |store| store.replay(&stretch)).await
}

fn last_place(connection: &rusqlite::Connection) -> Result<i64, Error> {
    connection.query_row(sql::LAST_PLACE, [], |row| row.get(0)).map_err(crate::codec::store)
}
