//! Events as stored items.

use std::ops::RangeInclusive;

use hookyard_model::EventId;
use hookyard_store::{Error, EventPage, EventSelection, EventSummary, Events};
use hookyard_store_sqlite::SqliteStore;
use uuid::Uuid;

use super::list::state_without_jobs;
use crate::cli::shared::item::Item;

impl Item for EventSummary {
    type Id = EventId;
    type Selection = EventSelection;

    const NOUN: &'static str = "event";

    fn id_from(uuid: Uuid) -> EventId {
        EventId::from_uuid(uuid)
    }

    fn id(&self) -> EventId {
        self.id
    }

    fn with_ids(ids: Vec<EventId>) -> EventSelection {
        EventSelection {
            ids,
            ..EventSelection::default()
        }
    }

    fn with_id_range(id_range: RangeInclusive<EventId>) -> EventSelection {
        EventSelection {
            id_range: Some(id_range),
            ..EventSelection::default()
        }
    }

    fn without_progress(selection: EventSelection) -> EventSelection {
        // An event can get a job for another plugin later, so the plugin is part of its progress.
        EventSelection {
            plugin: None,
            states: Vec::new(),
            ..selection
        }
    }

    fn matches_progress(&self, selection: &EventSelection) -> bool {
        let EventSelection { plugin, states, .. } = selection;
        let is_selected = |state: &str| states.is_empty() || selection.names_state(state);

        let mut jobs = self.jobs.iter();
        let has_job = jobs.any(|job| {
            plugin.as_ref().is_none_or(|plugin| *plugin == job.plugin)
                && is_selected(job.state.name())
        });
        has_job || (plugin.is_none() && state_without_jobs(self).is_some_and(is_selected))
    }

    async fn page(store: &SqliteStore, page: EventPage) -> Result<Vec<Self>, Error> {
        store.events(page).await
    }
}
