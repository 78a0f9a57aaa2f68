//! A discard of jobs and unrouted events: they are found by a reader and ended by the writer, a stretch at a time, so
//! that nobody waits long.

use hookyard_store::{Discard, DiscardSummary, Error, EventSelection};

use crate::SqliteStore;
use crate::replay::LAST_PLACE;
use crate::replay::{STRETCH, last_place};
use crate::selection::{self, JobPlace};
use crate::write::{DiscardStretch, Ended};
use crate::writer::{Durability, Terms};

pub(crate) async fn discard(
    inbox: &SqliteStore,
    discard: Discard,
) -> Result<DiscardSummary, Error> {
    // What comes in from now on is not meant: it could go on for ever.
    let last = inbox
        .readers
        .read(|connection| last_place(connection, LAST_PLACE))
        .await?;
    let mut all = DiscardSummary::default();
    if discard.selection.states != ["unrouted"] {
        discard_jobs(inbox, &discard, last, &mut all).await?;
    }
    if discard.selection.matches_unrouted() {
        discard_events(inbox, &discard, last, &mut all).await?;
    }
    Ok(all)
}

async fn discard_jobs(
    inbox: &SqliteStore,
    discard: &Discard,
    last: i64,
    all: &mut DiscardSummary,
) -> Result<(), Error> {
    let mut after: Option<JobPlace> = None;
    loop {
        let (selection, from) = (discard.selection.clone(), after.take());
        let found = find(inbox, selection, move |connection, selection| {
            selection::unfinished(connection, selection, from.as_ref(), STRETCH)
        });
        let mut found = found.await?;
        let is_last = found.len() < STRETCH;
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
            end(inbox, discard, Ended::Jobs(places), all).await?;
        }
        if is_last {
            return Ok(());
        }
    }
}

async fn discard_events(
    inbox: &SqliteStore,
    discard: &Discard,
    last: i64,
    all: &mut DiscardSummary,
) -> Result<(), Error> {
    let mut after = 0;
    loop {
        let selection = discard.selection.clone();
        let found = find(inbox, selection, move |connection, selection| {
            selection::unrouted(connection, selection, after, STRETCH)
        });
        let mut found = found.await?;
        let is_last = found.len() < STRETCH;
        found.retain(|event| *event <= last);
        let Some(event) = found.last() else {
            return Ok(());
        };
        after = *event;

        if discard.dry_run {
            all.events += found.len() as u64;
        } else {
            end(inbox, discard, Ended::Events(found), all).await?;
        }
        if is_last {
            return Ok(());
        }
    }
}

async fn find<T: Send + 'static>(
    inbox: &SqliteStore,
    selection: EventSelection,
    find: impl FnOnce(&rusqlite::Connection, &EventSelection) -> Result<Vec<T>, Error> + Send + 'static,
) -> Result<Vec<T>, Error> {
    inbox
        .readers
        .read(move |connection| find(connection, &selection))
        .await
}

async fn end(
    inbox: &SqliteStore,
    discard: &Discard,
    ended: Ended,
    all: &mut DiscardSummary,
) -> Result<(), Error> {
    let stretch = DiscardStretch {
        ended,
        record: discard.record(),
    };
    let done = inbox
        .writer()?
        .call(Terms::stretch(Durability::Synced), move |store| {
            store.discard(&stretch)
        })
        .await?;
    all.jobs += done.jobs;
    all.events += done.events;
    all.leased += done.leased;
    Ok(())
}
