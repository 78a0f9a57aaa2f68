//! Messages as stored items.

use std::ops::RangeInclusive;

use hookyard_model::MessageId;
use hookyard_store::{Error, MessagePage, MessageSelection, MessageSummary, Outbox};
use hookyard_store_sqlite::SqliteStore;
use uuid::Uuid;

use crate::cli::shared::item::Item;

impl Item for MessageSummary {
    type Id = MessageId;
    type Selection = MessageSelection;

    const NOUN: &'static str = "message";

    fn id_from(uuid: Uuid) -> MessageId {
        MessageId::from_uuid(uuid)
    }

    fn id(&self) -> MessageId {
        self.id
    }

    fn with_ids(ids: Vec<MessageId>) -> MessageSelection {
        MessageSelection {
            ids,
            ..MessageSelection::default()
        }
    }

    fn with_id_range(id_range: RangeInclusive<MessageId>) -> MessageSelection {
        MessageSelection {
            id_range: Some(id_range),
            ..MessageSelection::default()
        }
    }

    fn without_progress(selection: MessageSelection) -> MessageSelection {
        MessageSelection {
            states: Vec::new(),
            ..selection
        }
    }

    fn matches_progress(&self, selection: &MessageSelection) -> bool {
        let states = &selection.states;
        states.is_empty() || states.iter().any(|state| state == self.state.name())
    }

    async fn page(store: &SqliteStore, page: MessagePage) -> Result<Vec<Self>, Error> {
        store.messages(page).await
    }
}
