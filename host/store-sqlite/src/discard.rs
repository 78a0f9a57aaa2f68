//! Discards of jobs and unrouted events: a reader finds them and the writer ends them, one batch at
//! a time, so that nobody waits long for the writer.

use hookyard_store::{Discard, DiscardSummary, Error, EventSelection};

use crate::SqliteStore;
use crate::replay::LAST_SEQ;
use crate::replay::{BATCH_MAX, last_seq};
use crate::selection::{self, JobKey};
use crate::write::{DiscardBatch, Discarded};
use crate::writer::{Durability, Terms};

pub(crate) async fn discard(
    store: &SqliteStore,
    discard: Discard,
) -> Result<DiscardSummary, Error> {
    // Events that arrive from now on are left out, because otherwise the discard might never end.
    let last = store
        .readers
        .read(|connection| last_seq(connection, LAST_SEQ))
        .await?;
    let mut all = DiscardSummary::default();
    if discard.selection.states != ["unrouted"] {
        discard_jobs(store, &discard, last, &mut all).await?;
    }

    if discard.selection.matches_unrouted() {
        discard_events(store, &discard, last, &mut all).await?;
    }

    Ok(all)
}

async fn discard_jobs(
    store: &SqliteStore,
    discard: &Discard,
    last: i64,
    all: &mut DiscardSummary,
) -> Result<(), Error> {
    let mut after: Option<JobKey> = None;
    loop {
        let (selection, from) = (discard.selection.clone(), after.take());
        let found = find(store, selection, move |connection, selection| {
            selection::unfinished(connection, selection, from.as_ref(), BATCH_MAX)
        });
        let mut found = found.await?;
        let is_last = found.len() < BATCH_MAX;
        found.retain(|(place, _)| place.seq <= last);
        let Some((place, _)) = found.last() else {
            return Ok(());
        };
        after = Some(place.clone());

        if discard.dry_run {
            let leased = found.iter().filter(|(_, is_leased)| *is_leased).count() as u64;
            all.leased += leased;
            all.jobs += found.len() as u64 - leased;
        } else {
            let places = found.into_iter().map(|(place, _)| place).collect();
            end(store, discard, Discarded::Jobs(places), all).await?;
        }
        if is_last {
            return Ok(());
        }
    }
}

async fn discard_events(
    store: &SqliteStore,
    discard: &Discard,
    last: i64,
    all: &mut DiscardSummary,
) -> Result<(), Error> {
    let mut after = 0;
    loop {
        let selection = discard.selection.clone();
        let found = find(store, selection, move |connection, selection| {
            selection::unrouted(connection, selection, after, BATCH_MAX)
        });
        let mut found = found.await?;
        let is_last = found.len() < BATCH_MAX;
        found.retain(|event| *event <= last);
        let Some(event) = found.last() else {
            return Ok(());
        };
        after = *event;

        if discard.dry_run {
            all.events += found.len() as u64;
        } else {
            end(store, discard, Discarded::Events(found), all).await?;
        }
        if is_last {
            return Ok(());
        }
    }
}

async fn find<T: Send + 'static>(
    store: &SqliteStore,
    selection: EventSelection,
    find: impl FnOnce(&rusqlite::Connection, &EventSelection) -> Result<Vec<T>, Error> + Send + 'static,
) -> Result<Vec<T>, Error> {
    store
        .readers
        .read(move |connection| find(connection, &selection))
        .await
}

async fn end(
    store: &SqliteStore,
    discard: &Discard,
    ended: Discarded,
    all: &mut DiscardSummary,
) -> Result<(), Error> {
    let batch = DiscardBatch {
        ended,
        record: discard.record(),
    };

    let done = store
        .writer()?
        .call(Terms::batch(Durability::Synced), move |database| {
            database.discard(&batch)
        })
        .await?;
    all.jobs += done.jobs;
    all.events += done.events;
    all.leased += done.leased;

    Ok(())
}
