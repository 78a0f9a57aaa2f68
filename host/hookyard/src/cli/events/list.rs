//! `hookyard events list`: what is stored and what became of it. Works while a host runs, and when none does.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use hookyard_model::Clock;
use hookyard_store::{
    Error, EventPage, EventSelection, EventSummary, Events as _, JobSummary, ListOrder,
};
use hookyard_store_sqlite::SqliteStore;
use serde::Serialize;

use super::filters::Filters;
use crate::cli::Failure;
use crate::cli::shared;
use crate::cli::shared::ids::shortened;
use crate::cli::shared::list::{self, Item, Store, write_json};
use crate::cli::shared::listing::Listing;
use crate::cli::shared::table::{terminal_width, write_table};
use crate::cli::shared::text;
use crate::clock::SystemClock;

const HEAD: [&str; 6] = ["ID", "RECEIVED", "SOURCE", "TYPE", "KEY", "PLUGINS"];

/// The arguments of `hookyard events list`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    listing: Listing,
    #[command(flatten)]
    filters: Filters,
}

/// Lists the events that match the filters.
pub(super) async fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let Arguments { listing, filters } = arguments;
    let selection = filters.selection(SystemClock.now())?;
    let stored = shared::open_for_reading(path)?;
    stored.must_know_names_of(&selection).await?;
    let events = Events {
        inbox: stored.inbox,
        selection,
        listing: &listing,
        width_max: terminal_width(),
    };
    list::write(&events, &listing).await
}

/// The events that are meant.
struct Events<'l> {
    inbox: SqliteStore,
    selection: EventSelection,
    listing: &'l Listing,
    width_max: Option<usize>,
}

impl Events<'_> {
    /// The same, whatever has become of them so far.
    fn whatever_became_of_them(&self) -> EventSelection {
        EventSelection {
            plugin: None,
            states: Vec::new(),
            ..self.selection.clone()
        }
    }
}

impl Store<EventSummary> for Events<'_> {
    async fn page(
        &self,
        after: Option<&EventSummary>,
        limit: usize,
    ) -> Result<Vec<EventSummary>, Error> {
        let order = if self.listing.oldest_first {
            ListOrder::OldestFirst
        } else {
            ListOrder::NewestFirst
        };
        let (selection, after) = (self.selection.clone(), after.map(|event| event.id));
        self.inbox
            .events(EventPage {
                selection,
                order,
                after,
                limit,
            })
            .await
    }

    async fn newer(
        &self,
        after: Option<&EventSummary>,
        limit: usize,
    ) -> Result<Vec<EventSummary>, Error> {
        let after = after.map(|event| event.id);
        self.inbox
            .events(EventPage {
                after,
                ..EventPage::first(self.whatever_became_of_them(), limit)
            })
            .await
    }

    async fn newest(&self, limit: usize) -> Result<Vec<EventSummary>, Error> {
        self.inbox
            .events(EventPage::last(self.whatever_became_of_them(), limit))
            .await
    }

    async fn again(&self, events: &VecDeque<EventSummary>) -> Result<Vec<EventSummary>, Error> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let ids = events.iter().map(|event| event.id).collect();
        self.inbox
            .events(EventPage::first(
                EventSelection {
                    ids,
                    ..EventSelection::default()
                },
                events.len(),
            ))
            .await
    }

    fn means(&self, event: &EventSummary) -> bool {
        let EventSelection { plugin, states, .. } = &self.selection;
        let is_wanted = |state: &str| states.is_empty() || self.selection.names_state(state);
        let is_meant = |job: &JobSummary| {
            plugin.as_ref().is_none_or(|plugin| *plugin == job.plugin)
                && is_wanted(job.state.name())
        };
        event.jobs.iter().any(is_meant)
            || (plugin.is_none() && state_without_jobs(event).is_some_and(is_wanted))
    }

    fn nothing(&self) -> &'static str {
        "no event is found"
    }

    fn write(
        &self,
        events: &[EventSummary],
        is_first: bool,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        if self.listing.json {
            return events
                .iter()
                .try_for_each(|event| write_json(&Line::of(event), out));
        }
        let mut ids: Vec<_> = events.iter().map(|event| event.id.to_string()).collect();
        if self.width_max.is_some() {
            ids = shortened(&ids);
        }
        let rows = events.iter().zip(ids).map(|(event, id)| row(id, event));
        write_table(is_first.then_some(HEAD), rows, self.width_max, out)
    }
}

impl Item for EventSummary {
    fn is_same(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

#[derive(Serialize)]
struct Line<'e> {
    id: String,
    tenant: &'e str,
    source: &'e str,
    provider: &'e str,
    #[serde(rename = "type")]
    event_type: Option<&'e str>,
    key: &'e str,
    received_at: String,
    /// Of an event that has no jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    plugins: Vec<Job<'e>>,
}

#[derive(Serialize)]
struct Job<'e> {
    plugin: &'e str,
    revision: Option<String>,
    state: &'static str,
    /// The end of the lease or of the wait.
    until: Option<String>,
    behind: Option<text::Behind>,
    attempts: u32,
    last_outcome: Option<&'e str>,
}

impl<'e> Line<'e> {
    fn of(event: &'e EventSummary) -> Self {
        Self {
            id: event.id.to_string(),
            tenant: event.source.tenant.as_str(),
            source: event.source.name.as_str(),
            provider: &event.provider,
            event_type: event.event_type.as_deref(),
            key: &event.key,
            received_at: event.received_at.to_string(),
            state: state_without_jobs(event),
            plugins: event.jobs.iter().map(Job::of).collect(),
        }
    }
}

impl<'e> Job<'e> {
    fn of(job: &'e JobSummary) -> Self {
        Self {
            plugin: job.plugin.as_str(),
            revision: job.revision.map(|revision| revision.to_string()),
            state: job.state.name(),
            until: text::until(job.state),
            behind: job.behind.as_ref().map(text::Behind::of),
            attempts: job.attempts,
            last_outcome: job.last_outcome.as_deref(),
        }
    }
}

/// The state of an event itself, while it has no jobs.
fn state_without_jobs(event: &EventSummary) -> Option<&'static str> {
    if event.is_unrouted() {
        return Some("unrouted");
    }
    event.is_discarded.then_some("discarded")
}

fn row(id: String, event: &EventSummary) -> [String; 6] {
    let jobs: Vec<_> = event.jobs.iter().map(told).collect();
    let jobs = state_without_jobs(event).map_or_else(|| jobs.join(", "), str::to_owned);
    let kind = event
        .event_type
        .clone()
        .unwrap_or_else(|| "(unknown)".to_owned());
    let (received, source) = (event.received_at.to_string(), event.source.to_string());
    [id, received, source, kind, event.key.clone(), jobs]
}

/// A job in a few words, such as `books done`, or with its number of attempts where that says something.
fn told(job: &JobSummary) -> String {
    let (plugin, state) = (&job.plugin, job.state.name());
    let behind = job.behind.as_ref().map(text::Behind::of);
    let standing = text::standing(state, text::until(job.state).as_deref(), behind.as_ref());
    match (job.attempts, &job.last_outcome) {
        (0 | 1, None) => format!("{plugin} {standing}"),
        (1, Some(outcome)) if outcome == state => format!("{plugin} {standing}"),
        (attempts, None) => format!("{plugin} {standing} after {attempts}"),
        (attempts, Some(outcome)) => format!("{plugin} {standing} after {attempts} ({outcome})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookyard_model::{
        PluginName, Revision, SourceName, SourceRef, TenantName, Timestamp, WorkState,
    };

    fn event() -> EventSummary {
        EventSummary {
            id: "0197308f-0000-7000-8000-000000000001"
                .parse()
                .expect("an id"),
            source: SourceRef {
                tenant: TenantName::new("acme").expect("valid"),
                name: SourceName::new("payments").expect("valid"),
            },
            provider: "topper".to_owned(),
            event_type: Some("order:crypto-onramp:completed".to_owned()),
            key: "k-1".to_owned(),
            received_at: Timestamp::from_unix_millis(1_780_400_200_250),
            jobs: vec![JobSummary {
                plugin: PluginName::new("books").expect("valid"),
                state: WorkState::Waiting {
                    until: Timestamp::from_unix_secs(1),
                },
                behind: None,
                attempts: 2,
                revision: Some(Revision::from_sha256([0xab; 32])),
                last_outcome: Some("retry: later".to_owned()),
            }],
            is_discarded: false,
        }
    }

    fn json(event: &EventSummary) -> String {
        serde_json::to_string(&Line::of(event)).expect("JSON")
    }

    #[test]
    fn a_line_of_json_says_all_there_is() {
        let expected = format!(
            "{{\"id\":\"0197308f-0000-7000-8000-000000000001\",\"tenant\":\"acme\",\"source\":\"payments\",\
             \"provider\":\"topper\",\"type\":\"order:crypto-onramp:completed\",\"key\":\"k-1\",\
             \"received_at\":\"2026-06-02T11:36:40.250Z\",\"plugins\":[{{\"plugin\":\"books\",\"revision\":\"{}\",\
             \"state\":\"waiting\",\"until\":\"1970-01-01T00:00:01.000Z\",\"behind\":null,\"attempts\":2,\"last_outcome\":\"retry: later\"}}]}}",
            "ab".repeat(32)
        );
        assert_eq!(json(&event()), expected);
    }

    #[test]
    fn a_row_says_what_became_of_it() {
        assert_eq!(
            row("0197308f".to_owned(), &event()).join("|"),
            "0197308f|2026-06-02T11:36:40.250Z|acme/payments|order:crypto-onramp:completed|k-1|\
             books waiting until 1970-01-01T00:00:01.000Z after 2 (retry: later)"
        );
    }

    #[test]
    fn events_without_jobs_have_a_state() {
        let check = |is_discarded, state: &str| {
            let event = EventSummary {
                jobs: Vec::new(),
                is_discarded,
                ..event()
            };
            assert_eq!(row(String::new(), &event)[5], state);
            assert!(json(&event).contains(&format!(r#""state":"{state}","plugins":[]"#)));
        };
        check(false, "unrouted");
        check(true, "discarded");
    }
}
