//! `hookyard events list`: lists stored events with their jobs.

use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use hookyard_model::Clock;
use hookyard_store::{EventSummary, JobSummary};
use serde::Serialize;

use super::filters::Filters;
use crate::cli::Failure;
use crate::cli::shared::StoreAccess;
use crate::cli::shared::list::{Format, List, ListOptions, write_json};
use crate::cli::shared::text::Status;
use crate::clock::SystemClock;

/// The arguments of `hookyard events list`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    options: ListOptions,
    #[command(flatten)]
    filters: Filters,
}

/// Lists the events that match the filters.
pub(super) async fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let selection = arguments.filters.selection(SystemClock.now())?;
    let access = StoreAccess::read_only(path)?;
    access.check_event_names(&selection).await?;

    let list = List::<EventSummary, _> {
        store: &access.store,
        selection: &selection,
        format: &EventFormat,
        options: arguments.options,
    };
    list.write().await
}

struct EventFormat;

impl Format<EventSummary> for EventFormat {
    const HEADER: [&'static str; 6] = ["ID", "RECEIVED", "SOURCE", "TYPE", "KEY", "PLUGINS"];

    fn row(&self, id: String, event: &EventSummary) -> [String; 6] {
        let event_type = event.event_type.as_deref().unwrap_or("(unknown)");
        let jobs: Vec<_> = event.jobs.iter().map(job_as_text).collect();
        let jobs = state_without_jobs(event).map_or_else(|| jobs.join(", "), str::to_owned);

        [
            id,
            event.received_at.to_string(),
            event.source.to_string(),
            event_type.to_owned(),
            event.key.clone(),
            jobs,
        ]
    }

    fn write_json(&self, event: &EventSummary, out: &mut dyn Write) -> io::Result<()> {
        write_json(&Line::of(event), out)
    }
}

/// An event as JSON.
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
    /// Present only for an event without jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    plugins: Vec<Job<'e>>,
}

/// A job as JSON.
#[derive(Serialize)]
struct Job<'e> {
    plugin: &'e str,
    revision: Option<String>,
    #[serde(flatten)]
    status: Status,
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
            status: Status::of(job.state, job.behind.as_ref()),
            attempts: job.attempts,
            last_outcome: job.last_outcome.as_deref(),
        }
    }
}

/// Returns the state of the event itself, which it has only without jobs.
pub(super) fn state_without_jobs(event: &EventSummary) -> Option<&'static str> {
    if event.is_unrouted() {
        return Some("unrouted");
    }
    event.is_discarded.then_some("discarded")
}

/// Returns a job in a few words, such as `books done` or `books dead after 5 (trapped: …)`.
///
/// The number of attempts and the last outcome are left out if they say no more than the state.
fn job_as_text(job: &JobSummary) -> String {
    let plugin = &job.plugin;
    let status = Status::of(job.state, job.behind.as_ref());

    match (job.attempts, &job.last_outcome) {
        (0 | 1, None) => format!("{plugin} {status}"),
        (1, Some(outcome)) if outcome == job.state.name() => format!("{plugin} {status}"),
        (attempts, None) => format!("{plugin} {status} after {attempts}"),
        (attempts, Some(outcome)) => format!("{plugin} {status} after {attempts} ({outcome})"),
    }
}

#[cfg(test)]
mod tests {
    use hookyard_model::{Revision, SourceRef, Timestamp, WorkState};

    use super::*;

    fn event() -> EventSummary {
        EventSummary {
            id: "0197308f-0000-7000-8000-000000000001"
                .parse()
                .expect("an id"),
            source: SourceRef {
                tenant: "acme".parse().expect("a name"),
                name: "payments".parse().expect("a name"),
            },
            provider: "topper".to_owned(),
            event_type: Some("order:crypto-onramp:completed".to_owned()),
            key: "k-1".to_owned(),
            received_at: Timestamp::from_unix_millis(1_780_400_200_250),
            jobs: vec![JobSummary {
                plugin: "books".parse().expect("a name"),
                state: WorkState::Waiting {
                    until: Timestamp::from_unix_secs(1),
                },
                behind: None,
                attempts: 2,
                revision: Some(Revision::from_sha256([0xab; 32])),
                last_outcome: Some("retry: later".to_owned()),
                ended_at: None,
            }],
            is_discarded: false,
        }
    }

    fn json(event: &EventSummary) -> String {
        serde_json::to_string(&Line::of(event)).expect("JSON")
    }

    #[test]
    fn json_line_of_an_event() {
        let expected = format!(
            "{{\"id\":\"0197308f-0000-7000-8000-000000000001\",\"tenant\":\"acme\",\
             \"source\":\"payments\",\"provider\":\"topper\",\
             \"type\":\"order:crypto-onramp:completed\",\"key\":\"k-1\",\
             \"received_at\":\"2026-06-02T11:36:40.250Z\",\
             \"plugins\":[{{\"plugin\":\"books\",\"revision\":\"{}\",\"state\":\"waiting\",\
             \"until\":\"1970-01-01T00:00:01.000Z\",\"behind\":null,\"attempts\":2,\
             \"last_outcome\":\"retry: later\"}}]}}",
            "ab".repeat(32)
        );
        assert_eq!(json(&event()), expected);
    }

    #[test]
    fn table_row_of_an_event() {
        let row = EventFormat.row("0197308f".to_owned(), &event());
        assert_eq!(
            row.join("|"),
            "0197308f|2026-06-02T11:36:40.250Z|acme/payments|order:crypto-onramp:completed|k-1|\
             books waiting until 1970-01-01T00:00:01.000Z after 2 (retry: later)"
        );
    }

    #[test]
    fn event_without_jobs_has_a_state() {
        for (is_discarded, state) in [(false, "unrouted"), (true, "discarded")] {
            let event = EventSummary {
                jobs: Vec::new(),
                is_discarded,
                ..event()
            };
            assert_eq!(EventFormat.row(String::new(), &event)[5], state);
            assert!(json(&event).contains(&format!(r#""state":"{state}","plugins":[]"#)));
        }
    }
}
