//! The filters of messages in the address of a page, and the selection of the store that they mean.

use hookyard_model::{MessageId, Timestamp};
use hookyard_store::MessageSelection;
use serde::Deserialize;

use super::filters::Filters;
use super::selection::{moment, named, parsed};
use crate::problem::Problem;

/// The states that messages can be filtered by.
pub(crate) const STATES: [&str; 6] = ["pending", "leased", "waiting", "dead", "done", "discarded"];

/// The query of a page about messages.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MessageQuery {
    id: Option<String>,
    tenant: Option<String>,
    destination: Option<String>,
    plugin: Option<String>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    state: Option<String>,
    since: Option<String>,
    until: Option<String>,
    /// The id of the message that precedes the list.
    cursor: Option<String>,
    /// The name of a notice.
    pub(crate) done: Option<String>,
}

impl MessageQuery {
    /// Returns the filters for the form and the links of `page`.
    pub(crate) fn filters(&self, page: &'static str) -> Filters {
        let all = [
            ("id", self.id.as_deref()),
            ("tenant", self.tenant.as_deref()),
            ("destination", self.destination.as_deref()),
            ("plugin", self.plugin.as_deref()),
            ("type", self.event_type.as_deref()),
            ("state", self.state.as_deref()),
            ("since", self.since.as_deref()),
            ("until", self.until.as_deref()),
        ];
        Filters::of(page, &all)
    }

    /// Returns the selection that the filters mean at the time `now`.
    ///
    /// # Errors
    ///
    /// Names the filter that cannot be read.
    pub(crate) fn selection(&self, now: Timestamp) -> Result<MessageSelection, Problem> {
        let state = named(self.state.as_deref());
        if let Some(state) = state
            && !STATES.contains(&state)
        {
            let states = STATES.join(", ");
            let detail = format!("`state` is not a state of messages: use one of {states}.");
            return Err(Problem::bad_request(detail));
        }

        let id: Option<MessageId> = parsed("id", self.id.as_deref())?;
        Ok(MessageSelection {
            ids: id.into_iter().collect(),
            tenant: parsed("tenant", self.tenant.as_deref())?,
            destination: parsed("destination", self.destination.as_deref())?,
            plugin: parsed("plugin", self.plugin.as_deref())?,
            event_type: named(self.event_type.as_deref()).map(str::to_owned),
            states: state.map(str::to_owned).into_iter().collect(),
            since: moment("since", self.since.as_deref(), now)?,
            until: moment("until", self.until.as_deref(), now)?,
            ..MessageSelection::default()
        })
    }

    /// Returns the message that precedes the list.
    pub(crate) fn cursor(&self) -> Result<Option<MessageId>, Problem> {
        parsed("cursor", self.cursor.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_become_a_selection() {
        let query = MessageQuery {
            destination: Some("partner".into()),
            state: Some("dead".into()),
            ..MessageQuery::default()
        };
        let selection = query
            .selection(Timestamp::from_unix_secs(0))
            .expect("a selection");
        assert_eq!(selection.states, ["dead"]);
        assert_eq!(
            selection.destination.map(|name| name.to_string()),
            Some("partner".into())
        );
        assert_eq!(
            query.filters("/deliveries").path(),
            "/deliveries?destination=partner&state=dead"
        );
    }

    #[test]
    fn state_of_events_is_refused() {
        let query = MessageQuery {
            state: Some("held".into()),
            ..MessageQuery::default()
        };
        assert!(query.selection(Timestamp::from_unix_secs(0)).is_err());
    }
}
