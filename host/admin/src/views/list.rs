//! Parts of lists.

use hookyard_store::Count;
use serde::Serialize;
use utoipa::ToSchema;

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct List<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// The value of `cursor` for the next part; absent at the end of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How far the search came, if it ended before it found as many items as asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub searched_to: Option<String>,
    /// How many items match, if the query has `count=capped`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<Counted>,
}

impl<T> List<T> {
    /// Returns a list that is whole.
    pub fn whole(items: Vec<T>) -> Self {
        Self {
            items,
            next: None,
            searched_to: None,
            count: None,
        }
    }
}

/// A number that was counted up to a maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Counted {
    /// The number that was counted.
    pub value: u64,
    /// Whether there are no more than were counted.
    pub is_exact: bool,
}

impl From<Count> for Counted {
    fn from(count: Count) -> Self {
        Self {
            value: count.value,
            is_exact: !count.has_more,
        }
    }
}
