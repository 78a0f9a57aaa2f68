//! Pages: requests for a part of a list of events or messages.

use hookyard_model::{EventId, MessageId, WorkState};

use crate::{EventSelection, MessageSelection};

/// A page of the list of events.
pub type EventPage = Page<EventSelection, EventId>;

/// A page of the list of messages.
pub type MessagePage = Page<MessageSelection, MessageId>;

/// A request for a part of a list: up to `limit` items that `selection` matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<S, Id> {
    /// The filter on the list.
    pub selection: S,
    /// The order of the list.
    pub order: ListOrder,
    /// The id of the item that precedes the page. The id does not have to be stored: the page
    /// begins after the position that the id has, or would have, among the stored ids.
    pub after: Option<Id>,
    /// The maximum number of items.
    pub limit: usize,
}

impl<S, Id> Page<S, Id> {
    /// Returns the first page of the list from the oldest item to the newest.
    pub const fn first(selection: S, limit: usize) -> Self {
        Self {
            selection,
            order: ListOrder::OldestFirst,
            after: None,
            limit,
        }
    }

    /// Returns the first page of the list from the newest item to the oldest.
    pub const fn last(selection: S, limit: usize) -> Self {
        Self {
            selection,
            order: ListOrder::NewestFirst,
            after: None,
            limit,
        }
    }
}

/// The order of a list. Events are ordered by arrival, and messages by commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListOrder {
    /// The oldest item comes first.
    OldestFirst,
    /// The newest item comes first.
    NewestFirst,
}

/// The unfinished item that a job or message waits for, because both have the same ordering key.
///
/// The predecessor is the first item of the ordering key that is not over. Every later item of the
/// key waits until the predecessor is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Predecessor<Id> {
    /// The id of the event or message.
    pub id: Id,
    /// The state of its job, or of the message.
    pub state: WorkState,
}
