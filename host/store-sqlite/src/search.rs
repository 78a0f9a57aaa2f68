//! Searches in the events and messages.
//!
//! A search walks the numbers of the items that may match, in the order of the list (`walk`), reads
//! a stretch of them at a time, and keeps those that match. Which numbers may match is decided by
//! the most selective part of the selection (`events` and `messages`): the ids, then the states,
//! then the tenant with its source and type. What no index knows, such as a text in the body, is
//! found by looking at every item of the walk, until the budget is used up.

mod walk;
mod events;
mod messages;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use hookyard_model::{EventId, MessageId, SourceRef};
use hookyard_store::{
    Budget, Count, Error, EventPage, EventSelection, EventSummary, Found, KEYED_SOURCES_MAX,
    MessagePage, MessageSelection, MessageSummary, Search, Tenants,
};
use rusqlite::Connection;

use crate::SqliteStore;
use walk::Walk;

/// The number of items of the first stretch of a search.
const STRETCH_MIN: usize = 16;
/// The maximum number of items of a stretch.
const STRETCH_MAX: usize = 512;
/// The time that a stretch should take: much less than the time of a budget, and much more than the
/// cost of a statement.
const STRETCH_TIME: Duration = Duration::from_millis(5);

#[async_trait]
impl Search for SqliteStore {
    async fn search_events(
        &self,
        page: EventPage,
        tenants: &Tenants,
        budget: Budget,
    ) -> Result<Found<EventSummary, EventId>, Error> {
        let tenants = tenants.clone();
        self.readers
            .read(move |connection| events::search(connection, &page, &tenants, budget))
            .await
    }

    async fn search_messages(
        &self,
        page: MessagePage,
        tenants: &Tenants,
        budget: Budget,
    ) -> Result<Found<MessageSummary, MessageId>, Error> {
        let tenants = tenants.clone();
        self.readers
            .read(move |connection| messages::search(connection, &page, &tenants, budget))
            .await
    }

    async fn count_events(
        &self,
        selection: EventSelection,
        tenants: &Tenants,
        max: u64,
        budget: Budget,
    ) -> Result<Count, Error> {
        let (page, tenants) = (EventPage::last(selection, limit(max)), tenants.clone());
        self.readers
            .read(move |connection| {
                events::numbers(connection, &page, &tenants, budget).map(|found| found.count())
            })
            .await
    }

    async fn count_messages(
        &self,
        selection: MessageSelection,
        tenants: &Tenants,
        max: u64,
        budget: Budget,
    ) -> Result<Count, Error> {
        let (page, tenants) = (MessagePage::last(selection, limit(max)), tenants.clone());
        self.readers
            .read(move |connection| {
                messages::numbers(connection, &page, &tenants, budget).map(|found| found.count())
            })
            .await
    }

    async fn keyed(&self, sources: &[SourceRef], key: &str) -> Result<Vec<EventId>, Error> {
        let sources: Vec<_> = sources.iter().take(KEYED_SOURCES_MAX).cloned().collect();
        let key = key.to_owned();
        self.readers
            .read(move |connection| events::keyed(connection, &sources, &key))
            .await
    }
}

fn limit(max: u64) -> usize {
    usize::try_from(max).unwrap_or(usize::MAX)
}

/// The numbers of the items that a search found.
pub(crate) struct Numbers {
    pub(crate) found: Vec<i64>,
    /// The number of the item after which the search goes on.
    pub(crate) next: Option<i64>,
}

impl Numbers {
    fn count(&self) -> Count {
        Count {
            value: self.found.len() as u64,
            has_more: self.next.is_some(),
        }
    }
}

/// Returns up to `limit` numbers of a walk that `matching` keeps, within the budget. `matching` gets
/// numbers in the order of the walk, and returns those that match in the same order.
fn run(
    connection: &Connection,
    walk: &mut Walk,
    limit: usize,
    budget: Budget,
    matching: impl Fn(&[i64]) -> Result<Vec<i64>, Error>,
) -> Result<Numbers, Error> {
    let begun = Instant::now();
    let (mut found, mut looked_at) = (Vec::new(), 0_u64);
    let mut stretch = limit.saturating_add(1).clamp(STRETCH_MIN, STRETCH_MAX);
    loop {
        let left = budget.items.saturating_sub(looked_at).max(1);
        let count = stretch.min(usize::try_from(left).unwrap_or(usize::MAX));
        let stretch_begun = Instant::now();
        let numbers = walk.next(connection, count)?;
        let Some(last) = numbers.last().copied() else {
            return Ok(Numbers { found, next: None });
        };

        found.extend(matching(&numbers)?);
        looked_at += numbers.len() as u64;
        if found.len() > limit {
            found.truncate(limit);
            let next = found.last().copied();
            return Ok(Numbers { found, next });
        }
        if looked_at >= budget.items || begun.elapsed() >= budget.time {
            let next = Some(last);
            return Ok(Numbers { found, next });
        }
        stretch = next_stretch(stretch, stretch_begun.elapsed());
    }
}

/// Returns the length of the stretch after one that took this time.
fn next_stretch(stretch: usize, took: Duration) -> usize {
    let next = if took < STRETCH_TIME {
        stretch * 2
    } else {
        stretch / 2
    };

    next.clamp(STRETCH_MIN, STRETCH_MAX)
}
