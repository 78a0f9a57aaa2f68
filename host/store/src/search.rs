//! Searches: lists for people who wait for the answer, so each has a budget.
//!
//! [`Events::events`](crate::Events::events) reads as far as it must. A search reads as far as its
//! budget allows, says how far it came, and goes on from there when it is asked again.

use std::time::Duration;

use async_trait::async_trait;
use hookyard_model::{EventId, MessageId, SourceRef, Timestamp};

use crate::{
    Count, Error, EventPage, EventSelection, EventSummary, MessagePage, MessageSelection,
    MessageSummary, Tenants,
};

/// The number of sources that [`Search::keyed`] accepts.
pub const KEYED_SOURCES_MAX: usize = 1_000;

/// Searches in the stored events and messages.
#[async_trait]
pub trait Search: Send + Sync + 'static {
    /// Returns the part of a list of events that the budget allows to read. The items are the same
    /// and in the same order as those of [`Events::events`](crate::Events::events), without the
    /// events of other tenants.
    async fn search_events(
        &self,
        page: EventPage,
        tenants: &Tenants,
        budget: Budget,
    ) -> Result<Found<EventSummary, EventId>, Error>;

    /// Returns the part of a list of messages that the budget allows to read, as
    /// [`Search::search_events`] does for events.
    async fn search_messages(
        &self,
        page: MessagePage,
        tenants: &Tenants,
        budget: Budget,
    ) -> Result<Found<MessageSummary, MessageId>, Error>;

    /// Counts the events that a search finds, at most up to `max`, within the budget.
    async fn count_events(
        &self,
        selection: EventSelection,
        tenants: &Tenants,
        max: u64,
        budget: Budget,
    ) -> Result<Count, Error>;

    /// Counts the messages that a search finds, at most up to `max`, within the budget.
    async fn count_messages(
        &self,
        selection: MessageSelection,
        tenants: &Tenants,
        max: u64,
        budget: Budget,
    ) -> Result<Count, Error>;

    /// Returns the events that own an idempotency key in these sources, the newest first: for each
    /// source at most one. An event that lost its key to a later event is not found, and neither is
    /// an event that was pruned. Looks at no more than [`KEYED_SOURCES_MAX`] sources.
    async fn keyed(&self, sources: &[SourceRef], key: &str) -> Result<Vec<EventId>, Error>;
}

/// What a search may cost. A search ends when one of the two is used up, and has then looked at one
/// item at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The number of events or messages that the search may look at.
    pub items: u64,
    /// The time that the search may take.
    pub time: Duration,
}

impl Budget {
    /// The budget of a page of the admin API.
    pub const PAGE: Self = Self {
        items: 20_000,
        time: Duration::from_millis(150),
    };

    /// The budget of a search that must come to its end.
    pub const UNLIMITED: Self = Self {
        items: u64::MAX,
        time: Duration::MAX,
    };
}

/// The result of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T, Id> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// The place at which the search goes on, or `None` if it came to the end of the list.
    pub next: Option<Place<Id>>,
}

/// The place that a search has come to: the last item that it looked at, whether or not that item
/// matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<Id> {
    /// The id of the item: [`Page::after`](crate::Page::after) of the next search.
    pub id: Id,
    /// The time at which the event arrived or the message was committed.
    pub at: Timestamp,
}
