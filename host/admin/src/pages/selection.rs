//! The filters of events in the address of a page, and the selection of the store that they mean.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use hookyard_model::{EventId, Timestamp};
use hookyard_store::EventSelection;
use serde::Deserialize;

use super::filters::Filters;
use crate::problem::Problem;

/// The states that events can be filtered by.
pub(crate) const STATES: [&str; 8] = [
    "pending",
    "leased",
    "waiting",
    "held",
    "dead",
    "unrouted",
    "discarded",
    "done",
];

/// The query of a page about events.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventQuery {
    id: Option<String>,
    tenant: Option<String>,
    source: Option<String>,
    plugin: Option<String>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    state: Option<String>,
    key: Option<String>,
    since: Option<String>,
    until: Option<String>,
    text: Option<String>,
    /// The id of the event that precedes the list.
    cursor: Option<String>,
    /// The name of a notice.
    pub(crate) done: Option<String>,
}

impl EventQuery {
    /// Returns the filters for the form and the links of `page`.
    pub(crate) fn filters(&self, page: &'static str) -> Filters {
        let all = [
            ("id", self.id.as_deref()),
            ("tenant", self.tenant.as_deref()),
            ("source", self.source.as_deref()),
            ("plugin", self.plugin.as_deref()),
            ("type", self.event_type.as_deref()),
            ("state", self.state.as_deref()),
            ("key", self.key.as_deref()),
            ("since", self.since.as_deref()),
            ("until", self.until.as_deref()),
            ("text", self.text.as_deref()),
        ];
        Filters::of(page, &all)
    }

    /// Returns the selection that the filters mean at the time `now`.
    ///
    /// # Errors
    ///
    /// Names the filter that cannot be read.
    pub(crate) fn selection(&self, now: Timestamp) -> Result<EventSelection, Problem> {
        let state = named(self.state.as_deref());
        if let Some(state) = state
            && !STATES.contains(&state)
        {
            let states = STATES.join(", ");
            let detail = format!("`state` is not a state: use one of {states}.");
            return Err(Problem::bad_request(detail));
        }

        let id: Option<EventId> = parsed("id", self.id.as_deref())?;
        Ok(EventSelection {
            ids: id.into_iter().collect(),
            id_range: None,
            tenant: parsed("tenant", self.tenant.as_deref())?,
            source: parsed("source", self.source.as_deref())?,
            plugin: parsed("plugin", self.plugin.as_deref())?,
            event_type: named(self.event_type.as_deref()).map(str::to_owned),
            key: named(self.key.as_deref()).map(str::to_owned),
            text: named(self.text.as_deref()).map(str::to_owned),
            states: state.map(str::to_owned).into_iter().collect(),
            since: moment("since", self.since.as_deref(), now)?,
            until: moment("until", self.until.as_deref(), now)?,
        })
    }

    /// Returns the event that precedes the list.
    pub(crate) fn cursor(&self) -> Result<Option<EventId>, Problem> {
        parsed("cursor", self.cursor.as_deref())
    }
}

/// Returns the value of a filter, unless it is empty.
pub(crate) fn named(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}

/// Reads the value of a filter.
pub(crate) fn parsed<T: FromStr<Err: Display>>(
    name: &str,
    value: Option<&str>,
) -> Result<Option<T>, Problem> {
    let Some(value) = named(value) else {
        return Ok(None);
    };
    let parsed = value.parse().map(Some);
    parsed
        .map_err(|error: T::Err| Problem::bad_request(format!("`{name}` cannot be read: {error}.")))
}

/// Reads a time: `2026-06-02T11:30:00Z`, or `90m`, `2h` or `7d` for that long ago.
pub(crate) fn moment(
    name: &str,
    value: Option<&str>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Problem> {
    let Some(value) = named(value) else {
        return Ok(None);
    };
    let read = || match value.strip_suffix(['s', 'm', 'h', 'd']) {
        Some(number) => {
            let seconds = match value.as_bytes().last() {
                Some(b's') => 1,
                Some(b'm') => 60,
                Some(b'h') => 3_600,
                _ => 86_400,
            };
            let number: u64 = number.parse().ok()?;
            Some(now.before(Duration::from_secs(number.saturating_mul(seconds))))
        }
        None => Timestamp::parse_rfc3339(value),
    };
    read().map(Some).ok_or_else(|| {
        Problem::bad_request(format!(
            "`{name}` is not a time: use 2026-06-02T11:30:00Z, or 90m, 2h or 7d for that long ago."
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_secs(1_780_400_200);

    #[test]
    fn time_is_absolute_or_ago() {
        let at = |text| moment("since", Some(text), NOW).ok().flatten();
        assert_eq!(
            at("2h"),
            Some(Timestamp::from_unix_secs(1_780_400_200 - 7_200))
        );
        assert_eq!(at("2026-06-02T11:36:40Z"), Some(NOW));
        for odd in ["h", "1w", "-1h", "yesterday", "99999999999999999999d"] {
            assert_eq!(at(odd), None, "{odd}");
        }
        assert!(moment("since", Some(""), NOW).is_ok_and(|none| none.is_none()));
    }

    #[test]
    fn filters_become_a_selection() {
        let query = EventQuery {
            source: Some("offers".into()),
            state: Some("dead".into()),
            event_type: Some(String::new()),
            ..EventQuery::default()
        };
        let selection = query.selection(NOW).expect("a selection");
        assert_eq!(selection.states, ["dead"]);
        assert_eq!((selection.event_type, selection.tenant), (None, None));
        assert_eq!(query.filters("/").path(), "/?source=offers&state=dead");
    }

    #[test]
    fn unreadable_filter_is_named() {
        for query in [
            EventQuery {
                state: Some("deadly".into()),
                ..EventQuery::default()
            },
            EventQuery {
                tenant: Some("Not A Name".into()),
                ..EventQuery::default()
            },
            EventQuery {
                since: Some("soon".into()),
                ..EventQuery::default()
            },
            EventQuery {
                id: Some("1".into()),
                ..EventQuery::default()
            },
        ] {
            assert!(query.selection(NOW).is_err(), "{query:?}");
        }
    }
}
