//! Replays of jobs and of messages: a reader finds them and the writer makes them due, one batch at
//! a time, so that nobody waits long for the writer.

use hookyard_store::{Error, Replay, ReplaySummary};

use crate::SqliteStore;
use crate::selection::{self, JobKey};
use crate::write::ReplayBatch;
use crate::writer::{Durability, Terms};

pub(crate) const LAST_SEQ: &str = "SELECT coalesce(max(seq), 0) FROM event";

/// The maximum number of jobs or messages in one batch.
pub(crate) const BATCH_MAX: usize = 500;

/// A job or message that has a number, in the order of arrival or commit.
pub(crate) trait Numbered: Clone {
    /// Returns the number of the event or message.
    fn seq(&self) -> i64;
}

impl Numbered for JobKey {
    fn seq(&self) -> i64 {
        self.seq
    }
}

/// The jobs or messages of a batch, each with its status.
pub(crate) type Candidates<P> = Vec<(P, ReplayStatus)>;

/// The status of a job or message before a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplayStatus {
    /// The item can be replayed.
    Free,
    /// The item is leased.
    Leased,
    /// The job does not exist and can be created.
    Missing,
    /// The job does not exist, and the source of its event is not routed to the plugin.
    NotRouted,
}

impl ReplayStatus {
    pub(crate) fn of_job(is_leased: bool) -> Self {
        if is_leased { Self::Leased } else { Self::Free }
    }
}

pub(crate) async fn replay(store: &SqliteStore, replay: Replay) -> Result<ReplaySummary, Error> {
    let Replay {
        selection,
        revision,
        rate,
        now,
        dry_run,
    } = replay;
    let last = store
        .readers
        .read(|connection| last_seq(connection, LAST_SEQ))
        .await?;
    let find = |after: Option<JobKey>| {
        let selection = selection.clone();
        store.readers.read(move |connection| {
            selection::to_replay(connection, &selection, after.as_ref(), BATCH_MAX)
        })
    };

    let change = |before, jobs| {
        let batch = ReplayBatch {
            jobs,
            revision,
            rate,
            now,
            before,
        };
        async move {
            store
                .writer()?
                .call(Terms::batch(Durability::Synced), move |database| {
                    database.replay(&batch)
                })
                .await
        }
    };

    in_batches(last, dry_run, find, change).await
}

/// Replays the items that `find` returns after an item, up to the number `last`. `change` gets the
/// number of items that were replayed before.
pub(crate) async fn in_batches<P, F, C>(
    last: i64,
    dry_run: bool,
    find: impl Fn(Option<P>) -> F,
    change: impl Fn(u64, Vec<P>) -> C,
) -> Result<ReplaySummary, Error>
where
    P: Numbered,
    F: Future<Output = Result<Candidates<P>, Error>>,
    C: Future<Output = Result<ReplaySummary, Error>>,
{
    let mut all = ReplaySummary::default();
    let mut after = None;

    loop {
        let found = find(after.take()).await?;
        let is_last = found.len() < BATCH_MAX;
        // Items that arrived after the replay began are left out, because otherwise the replay
        // might never end.
        let found: Candidates<P> = found
            .into_iter()
            .filter(|(place, _)| place.seq() <= last)
            .collect();
        let Some((place, _)) = found.last() else {
            return Ok(all);
        };
        after = Some(place.clone());

        let done = if dry_run {
            count(&found)
        } else {
            let items = found.into_iter().map(|(place, _)| place).collect();
            change(all.replayed, items).await?
        };

        all.replayed += done.replayed;
        all.leased += done.leased;
        all.created += done.created;
        all.not_routed += done.not_routed;
        if is_last {
            return Ok(all);
        }
    }
}

fn count<P>(found: &Candidates<P>) -> ReplaySummary {
    let count = |wanted| {
        found
            .iter()
            .filter(|(_, standing)| *standing == wanted)
            .count() as u64
    };
    let made = count(ReplayStatus::Missing);
    let (leased, untaken) = (count(ReplayStatus::Leased), count(ReplayStatus::NotRouted));

    ReplaySummary {
        replayed: count(ReplayStatus::Free) + made,
        leased,
        created: made,
        not_routed: untaken,
    }
}

/// Returns the last number, by the given statement.
pub(crate) fn last_seq(connection: &rusqlite::Connection, statement: &str) -> Result<i64, Error> {
    connection
        .query_row(statement, [], |row| row.get(0))
        .map_err(crate::codec::store)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(seq: i64) -> (JobKey, ReplayStatus) {
        (
            JobKey {
                seq,
                plugin: "ship".parse().expect("a name"),
            },
            ReplayStatus::Free,
        )
    }

    #[tokio::test]
    async fn replay_skips_later_events() {
        // There are far more items than the replay may take.
        let find = async |after: Option<JobKey>| {
            let first = after.map_or(1, |place| place.seq + 1);
            Ok((first..10_000.min(first + BATCH_MAX as i64))
                .map(place)
                .collect())
        };

        let change = async |before, places: Vec<JobKey>| {
            assert_eq!(places[0].seq, before as i64 + 1);
            Ok(ReplaySummary {
                replayed: places.len() as u64,
                ..ReplaySummary::default()
            })
        };
        let last = BATCH_MAX as i64 + 100;
        for dry_run in [true, false] {
            let replayed = in_batches(last, dry_run, find, change)
                .await
                .expect("a replay");
            assert_eq!(
                replayed,
                ReplaySummary {
                    replayed: last as u64,
                    ..ReplaySummary::default()
                }
            );
        }
    }
}
