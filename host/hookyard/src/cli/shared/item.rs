//! The kinds of stored items that commands list: events, messages and refused requests.

use std::fmt::Display;
use std::ops::RangeInclusive;

use hookyard_store::{Error, Page};
use hookyard_store_sqlite::SqliteStore;
use uuid::Uuid;

/// A summary of a stored item.
pub(crate) trait Item: Clone + PartialEq {
    /// The id of an item. Ids sort by age.
    type Id: Copy + Display + PartialEq;
    /// A filter on items.
    type Selection: Clone + Default;

    /// The name of one item, such as `event`.
    const NOUN: &'static str;

    /// Makes an id.
    fn id_from(uuid: Uuid) -> Self::Id;

    /// Returns the id of this item.
    fn id(&self) -> Self::Id;

    /// Returns the filter on these ids.
    fn with_ids(ids: Vec<Self::Id>) -> Self::Selection;

    /// Returns the filter on a range of ids.
    fn with_id_range(id_range: RangeInclusive<Self::Id>) -> Self::Selection;

    /// Returns the selection without the filters whose answer changes while an item is worked on.
    fn without_progress(selection: Self::Selection) -> Self::Selection;

    /// Returns whether this item matches the filters that [`Item::without_progress`] removes.
    fn matches_progress(&self, selection: &Self::Selection) -> bool;

    /// Reads a page of items.
    async fn page(
        store: &SqliteStore,
        page: Page<Self::Selection, Self::Id>,
    ) -> Result<Vec<Self>, Error>;
}
