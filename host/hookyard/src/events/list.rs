//! `hookyard events list`: what is stored and what became of it. Works while a host runs, and when none does.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

use anyhow::Context;
use hookyard_inbox::{EventSummary, Inbox, JobSummary, Page, Selection};
use hookyard_inbox_sqlite::SqliteInbox;
use hookyard_model::Clock;
use serde::Serialize;

use crate::cli::Failure;
use crate::cli::filters::Filters;
use crate::config;
use crate::explain::visible;
use crate::system::SystemClock;

const PAGE: usize = 500;

/// Lists the events that the filters leave, up to `limit`, of the inbox that the configuration at `path` names.
pub(crate) async fn list(path: &Path, filters: Filters, limit: Option<usize>, json: bool) -> Result<(), Failure> {
    let selection = filters.selection(SystemClock.now())?;
    let settings = config::read(path).result?;
    let inbox = SqliteInbox::open_read_only(&settings.inbox).map_err(anyhow::Error::from)?;
    let mut out = BufWriter::new(io::stdout().lock());
    match write_all(&inbox, &selection, limit.unwrap_or(usize::MAX), json, &mut out).await {
        // Whoever read the list has seen enough.
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe) => {
            Ok(())
        }
        result => Ok(result?),
    }
}

async fn write_all(
    inbox: &dyn Inbox,
    selection: &Selection,
    mut left: usize,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut after = None;
    while left > 0 {
        let page = Page { selection: selection.clone(), after, limit: left.min(PAGE) };
        let events = inbox.events(page).await.context("the events can't be read")?;
        let Some(last) = events.last() else { break };
        match json {
            true => events.iter().try_for_each(|event| write_json(event, out))?,
            false => write_table(&events, after.is_none(), out)?,
        }
        after = Some(last.id);
        left -= events.len();
    }
    Ok(out.flush()?)
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

fn write_json(event: &EventSummary, out: &mut impl Write) -> io::Result<()> {
    let line = Line {
        id: event.id.to_string(),
        tenant: event.source.tenant.as_str(),
        source: event.source.source.as_str(),
        provider: &event.provider,
        event_type: event.event_type.as_deref(),
        key: &event.key,
        received_at: event.received_at.to_string(),
        plugins: event.jobs.iter().map(Job::of).collect(),
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
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

/// Columns are as wide as this stretch of the list needs.
fn write_table(events: &[EventSummary], with_head: bool, out: &mut impl Write) -> io::Result<()> {
    let mut rows: Vec<[String; 6]> = events.iter().map(row).collect();
    if with_head {
        rows.insert(0, ["ID", "RECEIVED", "SOURCE", "TYPE", "KEY", "PLUGINS"].map(str::to_owned));
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3, 4].map(width);
    for [id, received, source, kind, key, jobs] in &rows {
        let [a, b, c, d, e] = widths;
        writeln!(out, "{id:<a$}  {received:<b$}  {source:<c$}  {kind:<d$}  {key:<e$}  {jobs}")?;
    }
    Ok(())
}

fn row(event: &EventSummary) -> [String; 6] {
    let jobs: Vec<_> = event.jobs.iter().map(told).collect();
    let jobs = if jobs.is_empty() { "(none yet)".to_owned() } else { jobs.join(", ") };
    let kind = event.event_type.clone().unwrap_or_else(|| "(unknown)".to_owned());
    // Types and keys are a sender's words, outcomes a guest's.
    let (id, received, source) = (event.id.to_string(), event.received_at.to_string(), event.source.to_string());
    let texts = [id, received, source, kind, event.key.clone(), jobs];
    texts.map(|text| visible(&text))
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
        }
    }

    #[test]
    fn a_line_of_json_says_all_there_is() {
        let mut out = Vec::new();
        write_json(&event(), &mut out).expect("written");
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
        write_table(&[event()], true, &mut out).expect("written");
        let text = String::from_utf8(out).expect("text");
        assert_eq!(text.lines().count(), 2);
        assert!(text.lines().all(|line| line.starts_with("ID ") || line.starts_with("0197308f-")), "{text}");
        assert!(text.ends_with("books waiting after 2 (retry: later)\n"), "{text}");
    }
}
