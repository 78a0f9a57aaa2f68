//! `hookyard events list`: what is stored and what became of it. Works while a host runs, and when none does.

use std::io::{self, Write};
use std::path::Path;

use hookyard_inbox::{EventSummary, Inbox, JobSummary, Page};
use hookyard_model::Clock;
use serde::Serialize;

use crate::cli::Failure;
use crate::cli::filters::Filters;
use crate::output::table::{terminal_width, write_table};
use crate::stored;
use crate::stored::list::{pages, write_json};
use crate::system::SystemClock;

const HEAD: [&str; 6] = ["ID", "RECEIVED", "SOURCE", "TYPE", "KEY", "PLUGINS"];

/// Lists the events that the filters leave, up to `limit`, of the inbox that the configuration at `path` names.
pub(crate) async fn list(path: &Path, filters: Filters, limit: Option<usize>, json: bool) -> Result<(), Failure> {
    let selection = filters.selection(SystemClock.now())?;
    let inbox = stored::to_read(path)?;
    let page = async |last: Option<EventSummary>, limit| {
        let after = last.map(|event| event.id);
        inbox.events(Page { selection: selection.clone(), after, limit }).await
    };
    pages(limit, page, |events, is_first, out| write(events, is_first, json, out)).await
}

fn write(events: &[EventSummary], is_first: bool, json: bool, out: &mut dyn Write) -> io::Result<()> {
    match json {
        true => events.iter().try_for_each(|event| write_json(&Line::of(event), out)),
        false => write_table(is_first.then_some(HEAD), events.iter().map(row), terminal_width(), out),
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
    attempts: u32,
    last_outcome: Option<&'e str>,
}

impl<'e> Line<'e> {
    fn of(event: &'e EventSummary) -> Self {
        Self {
            id: event.id.to_string(),
            tenant: event.source.tenant.as_str(),
            source: event.source.source.as_str(),
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

fn row(event: &EventSummary) -> [String; 6] {
    let jobs: Vec<_> = event.jobs.iter().map(told).collect();
    let jobs = state_without_jobs(event).map_or_else(|| jobs.join(", "), str::to_owned);
    let kind = event.event_type.clone().unwrap_or_else(|| "(unknown)".to_owned());
    let (id, received, source) = (event.id.to_string(), event.received_at.to_string(), event.source.to_string());
    [id, received, source, kind, event.key.clone(), jobs]
}

/// A job in a few words, such as `books done`, or with its number of attempts where that says something.
fn told(job: &JobSummary) -> String {
    let (plugin, state) = (&job.plugin, job.state.name());
    match (job.attempts, &job.last_outcome) {
        (0 | 1, None) => format!("{plugin} {state}"),
        (1, Some(outcome)) if outcome == state => format!("{plugin} {state}"),
        (attempts, None) => format!("{plugin} {state} after {attempts}"),
        (attempts, Some(outcome)) => format!("{plugin} {state} after {attempts} ({outcome})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookyard_model::{JobState, PluginName, Revision, SourceName, SourceRef, TenantName, Timestamp};

    fn event() -> EventSummary {
        EventSummary {
            id: "0197308f-0000-7000-8000-000000000001".parse().expect("an id"),
            source: SourceRef {
                tenant: TenantName::new("acme").expect("valid"),
                source: SourceName::new("payments").expect("valid"),
            },
            provider: "topper".to_owned(),
            event_type: Some("order:crypto-onramp:completed".to_owned()),
            key: "k-1".to_owned(),
            received_at: Timestamp::from_unix_millis(1_780_400_200_250),
            jobs: vec![JobSummary {
                plugin: PluginName::new("books").expect("valid"),
                state: JobState::Waiting { until: Timestamp::from_unix_secs(1) },
                attempts: 2,
                revision: Some(Revision::from_sha256([0xab; 32])),
                last_outcome: Some("retry: later".to_owned()),
            }],
            is_discarded: false,
        }
    }

    #[test]
    fn a_line_of_json_says_all_there_is() {
        let mut out = Vec::new();
        write(&[event()], true, true, &mut out).expect("written");
        let expected = format!(
            "{{\"id\":\"0197308f-0000-7000-8000-000000000001\",\"tenant\":\"acme\",\"source\":\"payments\",\
             \"provider\":\"topper\",\"type\":\"order:crypto-onramp:completed\",\"key\":\"k-1\",\
             \"received_at\":\"2026-06-02T11:36:40.250Z\",\"plugins\":[{{\"plugin\":\"books\",\"revision\":\"{}\",\
             \"state\":\"waiting\",\"attempts\":2,\"last_outcome\":\"retry: later\"}}]}}\n",
            "ab".repeat(32)
        );
        assert_eq!(String::from_utf8(out), Ok(expected));
    }

    #[test]
    fn a_line_of_the_table_says_what_became_of_it() {
        let mut out = Vec::new();
        write(&[event()], true, false, &mut out).expect("written");
        let text = String::from_utf8(out).expect("text");
        assert_eq!(text.lines().count(), 2);
        assert!(text.lines().all(|line| line.starts_with("ID ") || line.starts_with("0197308f-")), "{text}");
        assert!(text.ends_with("books waiting after 2 (retry: later)\n"), "{text}");
    }

    #[test]
    fn events_without_jobs_have_a_state() {
        let check = |is_discarded, state: &str| {
            let event = EventSummary { jobs: Vec::new(), is_discarded, ..event() };
            let (mut table, mut json) = (Vec::new(), Vec::new());
            write(std::slice::from_ref(&event), true, false, &mut table).expect("written");
            write(&[event], true, true, &mut json).expect("written");
            assert!(String::from_utf8(table).expect("text").ends_with(&format!("{state}\n")));
            assert!(String::from_utf8(json).expect("text").contains(&format!(r#""state":"{state}","plugins":[]"#)));
        };
        check(false, "unrouted");
        check(true, "discarded");
    }
}
