//! A replay, of jobs or of messages: they are found by a reader and made due by the writer, a stretch at a time, so that
//! nobody waits long.

use hookyard_store::{Error, Replay, ReplaySummary};

use crate::SqliteStore;
use crate::selection::{self, JobPlace};
use crate::write::Stretch;
use crate::writer::{Durability, Terms};

pub(crate) const LAST_PLACE: &str = "SELECT coalesce(max(seq), 0) FROM event";

/// Jobs or messages that are found and changed at once.
pub(crate) const STRETCH: usize = 500;

/// A job or message, by its place in the order of arrival or commit.
pub(crate) trait Place: Clone {
    /// The number of the event or message.
    fn seq(&self) -> i64;
}

impl Place for JobPlace {
    fn seq(&self) -> i64 {
        self.seq
    }
}

/// What is found, each with how it stands.
pub(crate) type Found<P> = Vec<(P, Standing)>;

/// How a job or message stands to a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It can run again.
    Free,
    /// It is under lease.
    Leased,
    /// There is no such job, and one can be made.
    Missing,
    /// There is no such job, and its plugin isn't given the events of the source.
    Untaken,
}

impl Standing {
    pub(crate) fn of_lease(is_leased: bool) -> Self {
        if is_leased { Self::Leased } else { Self::Free }
    }
}

pub(crate) async fn replay(inbox: &SqliteStore, replay: Replay) -> Result<ReplaySummary, Error> {
    let Replay {
        selection,
        revision,
        rate,
        now,
        dry_run,
    } = replay;
    let last = inbox
        .readers
        .read(|connection| last_place(connection, LAST_PLACE))
        .await?;
    let find = |after: Option<JobPlace>| {
        let selection = selection.clone();
        inbox.readers.read(move |connection| {
            selection::to_replay(connection, &selection, after.as_ref(), STRETCH)
        })
    };
    let change = |before, jobs| {
        let stretch = Stretch {
            jobs,
            revision,
            rate,
            now,
            before,
        };
        async move {
            inbox
                .writer()?
                .call(Terms::stretch(Durability::Synced), move |store| {
                    store.replay(&stretch)
                })
                .await
        }
    };
    in_stretches(last, dry_run, find, change).await
}

/// Goes through what `find` finds after a place, up to the place `last`. `change` is told how many came before.
pub(crate) async fn in_stretches<P, F, C>(
    last: i64,
    dry_run: bool,
    find: impl Fn(Option<P>) -> F,
    change: impl Fn(u64, Vec<P>) -> C,
) -> Result<ReplaySummary, Error>
where
    P: Place,
    F: Future<Output = Result<Found<P>, Error>>,
    C: Future<Output = Result<ReplaySummary, Error>>,
{
    let mut all = ReplaySummary::default();
    let mut after = None;
    loop {
        let found = find(after.take()).await?;
        let is_last = found.len() < STRETCH;
        // What came in since the replay began is not meant: it could go on for ever.
        let found: Found<P> = found
            .into_iter()
            .filter(|(place, _)| place.seq() <= last)
            .collect();
        let Some((place, _)) = found.last() else {
            return Ok(all);
        };
        after = Some(place.clone());
        let done = match dry_run {
            true => count(&found),
            false => {
                change(
                    all.replayed,
                    found.into_iter().map(|(place, _)| place).collect(),
                )
                .await?
            }
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

fn count<P>(found: &Found<P>) -> ReplaySummary {
    let count = |wanted| {
        found
            .iter()
            .filter(|(_, standing)| *standing == wanted)
            .count() as u64
    };
    let made = count(Standing::Missing);
    let (leased, untaken) = (count(Standing::Leased), count(Standing::Untaken));
    ReplaySummary {
        replayed: count(Standing::Free) + made,
        leased,
        created: made,
        not_routed: untaken,
    }
}

/// By a statement that asks for it.
pub(crate) fn last_place(connection: &rusqlite::Connection, statement: &str) -> Result<i64, Error> {
    connection
        .query_row(statement, [], |row| row.get(0))
        .map_err(crate::codec::store)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(seq: i64) -> (JobPlace, Standing) {
        (
            JobPlace {
                seq,
                plugin: "ship".parse().expect("a name"),
            },
            Standing::Free,
        )
    }

    #[tokio::test]
    async fn what_comes_in_meanwhile_is_not_meant() {
        // There is far more than there was.
        let find = async |after: Option<JobPlace>| {
            let first = after.map_or(1, |place| place.seq + 1);
            Ok((first..10_000.min(first + STRETCH as i64))
                .map(place)
                .collect())
        };
        let change = async |before, places: Vec<JobPlace>| {
            assert_eq!(places[0].seq, before as i64 + 1);
            Ok(ReplaySummary {
                replayed: places.len() as u64,
                ..ReplaySummary::default()
            })
        };
        let last = STRETCH as i64 + 100;
        for dry_run in [true, false] {
            let replayed = in_stretches(last, dry_run, find, change)
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
