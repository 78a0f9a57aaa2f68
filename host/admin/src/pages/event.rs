//! An event: what arrived, what each plugin did with it, and what was sent because of it.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State as Part};
use axum::response::Response;
use hookyard_model::{Attempt, AttemptUsage, EventId, Outcome};
use hookyard_store::{
    EventPage as Neighbours, EventRecord, EventSelection, GivenResponse, JobRecord, MessagePage,
    MessageSelection, MessageSummary,
};

use super::body::{self, BodyQuery, BodyShown, Form};
use super::course::{Moment, course};
use super::frame::{Frame, Notice, Section};
use super::report::short_id;
use super::shown::{State, Time, Written, bytes, counted, milliseconds, status_note};
use super::{Page, html};
use crate::Shared;
use crate::access::Viewer;
use crate::problem::Problem;

/// The maximum number of messages that a page names.
const MESSAGES_MAX: usize = 100;

/// The page.
#[derive(Template)]
#[template(path = "event.html")]
struct EventPage {
    frame: Frame,
    id: String,
    event_type: Written,
    source: Written,
    source_path: String,
    provider: Written,
    key: Written,
    ordering_key: Option<Written>,
    received: Time,
    /// The state of an event without jobs.
    state: Option<State>,
    course: Vec<Moment>,
    notes: Vec<Notice>,
    lanes: Vec<Lane>,
    body: BodyShown,
    headers: Vec<(Written, Written)>,
    response: Option<ResponseShown>,
    messages: Vec<MessageLine>,
    earlier: Option<String>,
    later: Option<String>,
    replay: String,
}

/// What one plugin did with the event.
struct Lane {
    plugin: Written,
    path: String,
    state: State,
    note: Written,
    count: String,
    attempts: Vec<AttemptShown>,
    discards: Vec<Written>,
}

/// An attempt.
struct AttemptShown {
    number: String,
    began: Time,
    took: String,
    /// The first digits of the revision.
    revision: String,
    outcome: Written,
    is_failed: bool,
    /// What the attempt used: processor time, memory, calls of the host.
    used: Option<String>,
    log: Vec<LogLine>,
}

/// A line that the plugin wrote.
struct LogLine {
    stream: &'static str,
    text: Written,
}

/// The response of a plugin to the request of the event.
struct ResponseShown {
    plugin: Written,
    status: u16,
    text: Written,
}

/// A message that a plugin sent while it handled the event.
struct MessageLine {
    id: String,
    short: String,
    plugin: Written,
    destination: Written,
    state: State,
    note: Written,
}

/// Shows an event.
pub(super) async fn page(
    Part(shared): Part<Shared>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    Query(query): Query<BodyQuery>,
) -> Page {
    let record = read(&shared, &id).await?;
    let event = &record.event;
    let path = format!("/events/{}", event.id);
    let messages = messages_of(&shared, event.id).await?;
    let response = shared.store.response(event.id).await?;

    let title = event.event_type.as_deref().unwrap_or("(unknown type)");
    let frame = Frame::live(
        &shared,
        &viewer,
        hookyard_model::visible(title),
        Section::Live,
    );
    html(&EventPage {
        id: event.id.to_string(),
        event_type: Written::short(title),
        source: Written::short(&event.source.to_string()),
        source_path: format!("/sources/{}", event.source),
        provider: Written::short(&event.provider),
        key: Written::cut(&event.key, 512),
        ordering_key: event
            .ordering_key
            .as_deref()
            .map(|key| Written::cut(key, 512)),
        received: Time::full(&event.received_at.to_string()),
        state: state_of(&record),
        course: course(&record, &messages),
        notes: notes(&record),
        lanes: record
            .jobs
            .iter()
            .map(|job| Lane::of(&record, job, &frame.now))
            .collect(),
        body: BodyShown::of(
            &event.body,
            Form::named(&query.form),
            &path,
            format!("{path}/body"),
        ),
        headers: event.headers.iter().map(header).collect(),
        response: response.as_ref().map(ResponseShown::of),
        messages: messages.iter().map(MessageLine::of).collect(),
        earlier: neighbour(&shared, event.id, false).await?,
        later: neighbour(&shared, event.id, true).await?,
        replay: format!("/replay/events?id={}", event.id),
        frame,
    })
}

/// Serves the body, byte for byte.
pub(super) async fn download(
    Part(shared): Part<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let record = read(&shared, &id).await?;
    Ok(body::download(
        record.event.body,
        &record.event.id.to_string(),
    ))
}

async fn read(shared: &Shared, id: &str) -> Result<EventRecord, Problem> {
    let unknown = || Problem::unknown("No event with this id is stored.");
    let id: EventId = id.parse().map_err(|_| unknown())?;
    shared.store.read(id).await?.ok_or_else(unknown)
}

async fn messages_of(shared: &Shared, id: EventId) -> Result<Vec<MessageSummary>, Problem> {
    let selection = MessageSelection {
        event: Some(id),
        ..MessageSelection::default()
    };
    let page = MessagePage::first(selection, MESSAGES_MAX);
    Ok(shared.store.messages(page).await?)
}

/// Returns the path of the event that arrived before or after this one.
async fn neighbour(
    shared: &Shared,
    id: EventId,
    is_later: bool,
) -> Result<Option<String>, Problem> {
    let all = EventSelection::default();
    let page = if is_later {
        Neighbours::first(all, 1)
    } else {
        Neighbours::last(all, 1)
    };
    let page = Neighbours {
        after: Some(id),
        ..page
    };
    let found = shared.store.events(page).await?;
    Ok(found.first().map(|event| format!("/events/{}", event.id)))
}

fn state_of(record: &EventRecord) -> Option<State> {
    let state = if record.discarded.is_some() {
        "discarded"
    } else {
        "unrouted"
    };
    record.jobs.is_empty().then(|| State::named(state))
}

fn header(header: &hookyard_model::Header) -> (Written, Written) {
    let value = String::from_utf8_lossy(&header.value);
    (Written::short(&header.name), Written::cut(&value, 2_048))
}

fn notes(record: &EventRecord) -> Vec<Notice> {
    let mut notes = Vec::new();
    if let Some(repeats) = record.differing_repeats {
        let requests = counted(repeats.count, "later request");
        notes.push(Notice {
            tone: "warn",
            text: format!(
                "{requests} had this key and another body, and the host did not store them. The \
                 last arrived at {}.",
                repeats.last
            ),
        });
    }
    if let Some(discard) = &record.discarded {
        notes.push(Notice {
            tone: "warn",
            text: format!(
                "Discarded at {}: {}",
                discard.at,
                hookyard_model::visible(&discard.reason)
            ),
        });
    }
    notes
}

impl Lane {
    fn of(record: &EventRecord, job: &JobRecord, now: &str) -> Self {
        let replays = match job.replays {
            0 => String::new(),
            1 => "replayed once".to_owned(),
            times => format!("replayed {times} times"),
        };
        let note = [
            status_note(job.state, job.behind.map(|behind| behind.id.to_string())),
            replays,
        ];
        let note: Vec<_> = note.into_iter().filter(|note| !note.is_empty()).collect();
        let attempts = job.attempts.iter().rev();
        let discards = job.discards.iter();

        Self {
            plugin: Written::short(job.plugin.as_str()),
            path: format!("/plugins/{}/{}", record.event.source.tenant, job.plugin),
            state: State::named(job.state.name()),
            note: Written::short(&note.join(", ")),
            count: counted(job.attempts.len() as u64, "attempt"),
            attempts: attempts
                .map(|(replay, attempt)| AttemptShown::of(*replay, attempt, now))
                .collect(),
            discards: discards
                .map(|(_, discard)| {
                    Written::cut(
                        &format!("Discarded at {}: {}", discard.at, discard.reason),
                        1_000,
                    )
                })
                .collect(),
        }
    }
}

impl AttemptShown {
    /// Returns whether the attempt has a second row.
    fn has_more(&self) -> bool {
        self.used.is_some() || !self.log.is_empty()
    }

    fn of(replay: u32, attempt: &Attempt, now: &str) -> Self {
        let number = match replay {
            0 => format!("#{}", attempt.number),
            replay => format!("replay {replay}, #{}", attempt.number),
        };
        let log = attempt.log.iter().map(|line| LogLine {
            stream: if line.is_error { "stderr" } else { "stdout" },
            text: Written::cut(&line.text, 2_048),
        });
        Self {
            number,
            began: Time::short(&attempt.started_at.to_string(), now),
            took: milliseconds(attempt.duration.as_secs_f64() * 1_000.0),
            revision: attempt.revision.short(),
            outcome: Written::cut(&attempt.outcome.to_string(), 1_000),
            is_failed: attempt.outcome != Outcome::Done,
            used: attempt.used.map(used),
            log: log.collect(),
        }
    }
}

fn used(used: AttemptUsage) -> String {
    let AttemptUsage {
        cpu,
        memory_bytes,
        host_calls,
    } = used;
    let cpu = milliseconds(cpu.as_secs_f64() * 1_000.0);
    let calls = counted(host_calls, "call");
    format!(
        "Used {cpu} of CPU, {} of memory, {calls} of the host",
        bytes(memory_bytes)
    )
}

impl ResponseShown {
    fn of(given: &GivenResponse) -> Self {
        Self {
            plugin: Written::short(given.plugin.as_str()),
            status: given.response.status,
            text: body::text(&given.response.body),
        }
    }
}

impl MessageLine {
    fn of(message: &MessageSummary) -> Self {
        let id = message.id.to_string();
        Self {
            short: short_id(&id),
            id,
            plugin: Written::short(message.plugin.name.as_str()),
            destination: Written::short(message.destination.as_str()),
            state: State::named(message.state.name()),
            note: Written::short(&status_note(
                message.state,
                message.behind.map(|behind| behind.id.to_string()),
            )),
        }
    }
}
