//! Refused requests as stored items.

use std::ops::RangeInclusive;

use hookyard_model::RefusedId;
use hookyard_store::{Error, RefusedPage, RefusedRequests, RefusedSelection, RefusedSummary};
use hookyard_store_sqlite::SqliteStore;
use uuid::Uuid;

use crate::cli::shared::item::Item;

impl Item for RefusedSummary {
    type Id = RefusedId;
    type Selection = RefusedSelection;

    const NOUN: &'static str = "refused request";

    fn id_from(uuid: Uuid) -> RefusedId {
        RefusedId::from_uuid(uuid)
    }

    fn id(&self) -> RefusedId {
        self.id
    }

    fn with_ids(ids: Vec<RefusedId>) -> RefusedSelection {
        RefusedSelection {
            ids,
            ..RefusedSelection::default()
        }
    }

    fn with_id_range(id_range: RangeInclusive<RefusedId>) -> RefusedSelection {
        RefusedSelection {
            id_range: Some(id_range),
            ..RefusedSelection::default()
        }
    }

    // A refused request never changes.
    fn without_progress(selection: RefusedSelection) -> RefusedSelection {
        selection
    }

    fn matches_progress(&self, _selection: &RefusedSelection) -> bool {
        true
    }

    async fn page(store: &SqliteStore, page: RefusedPage) -> Result<Vec<Self>, Error> {
        store.refused(page).await
    }
}
