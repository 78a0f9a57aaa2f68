//! Live: the stored events, the newest first, as they arrive.

use askama::Template;
use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as Part};
use hookyard_model::WorkState;
use hookyard_store::{Budget, Count, EventPage, EventSummary, Found, JobSummary};

use super::filters::{Field, Filters, SetFilter};
use super::frame::{Frame, Section};
use super::selection::{EventQuery, STATES};
use super::shown::{State, Time, Written, counted};
use super::{ITEMS_MAX, Page, html};
use crate::Shared;
use crate::access::Viewer;
use crate::problem::Problem;

/// The maximum number of jobs that are counted in each state.
const COUNT_MAX: u64 = 10_000;

/// The page.
#[derive(Template)]
#[template(path = "live.html")]
struct LivePage {
    frame: Frame,
    chips: Vec<Chip>,
    fields: Vec<Field>,
    set: Vec<SetFilter>,
    events: Vec<EventRow>,
    /// How far back a search came that was not completed.
    searched: Option<Time>,
    total: String,
    newest: Option<String>,
    older: Option<String>,
    replay: String,
}

/// The number of jobs in one state, as a link to them.
struct Chip {
    state: State,
    /// The number of jobs, where the store counts them.
    count: Option<String>,
    path: String,
    is_chosen: bool,
}

/// An event in the list.
struct EventRow {
    id: String,
    path: String,
    received: Time,
    source: Written,
    event_type: Written,
    key: Written,
    jobs: Vec<JobMark>,
    /// The state of an event without jobs.
    state: Option<State>,
    last: Written,
}

/// A job of an event in the list.
struct JobMark {
    state: State,
    plugin: Written,
}

/// Shows the events that the filters select.
pub(super) async fn page(
    Part(shared): Part<Shared>,
    Extension(viewer): Extension<Viewer>,
    query: Result<Query<EventQuery>, QueryRejection>,
) -> Page {
    let Query(query) = query.map_err(|fault| Problem::bad_request(fault.body_text()))?;
    let now = shared.clock.now();
    let filters = query.filters("/");
    let cursor = query.cursor()?;

    let mut page = EventPage::last(query.selection(now)?, ITEMS_MAX);
    page.after = cursor;
    let found = shared
        .store
        .search_events(page, &viewer.tenants, Budget::PAGE)
        .await?;
    let Found {
        items: events,
        next,
    } = found;
    let is_searching = next.is_some() && events.len() < ITEMS_MAX;
    let searched = next.filter(|_| is_searching);
    let frame = Frame::live(&shared, &viewer, "Live".to_owned(), Section::Live);
    let frame = frame.with_notice(query.done.as_deref());
    html(&LivePage {
        chips: chips(&shared, &viewer, &filters).await?,
        fields: fields(&shared, &filters),
        set: filters.removable(),
        total: format!("{} shown", counted(events.len() as u64, "event")),
        newest: cursor.map(|_| filters.path()),
        older: next.map(|next| filters.with("cursor", &next.id.to_string())),
        searched: searched.map(|place| Time::short(&place.at.to_string(), &frame.now)),
        replay: filters.path_on("/replay/events"),
        events: events
            .iter()
            .map(|event| EventRow::of(event, &frame.now))
            .collect(),
        frame,
    })
}

/// Returns a link for each state, with the number of jobs in the states that mean work.
async fn chips(shared: &Shared, viewer: &Viewer, filters: &Filters) -> Result<Vec<Chip>, Problem> {
    let counts = shared.store.job_counts(&viewer.tenants, COUNT_MAX).await?;
    let chip = |state: &&'static str| {
        let count = match *state {
            "pending" => Some(counts.pending),
            "leased" => Some(counts.leased),
            "waiting" => Some(counts.waiting),
            "held" => Some(counts.held),
            "dead" => Some(counts.dead),
            "unrouted" => Some(counts.unrouted),
            _ => None,
        };
        let is_chosen = filters.value("state") == Some(state);
        Chip {
            state: State::named(state),
            count: count.filter(|count| count.value > 0).map(in_figures),
            path: if is_chosen {
                filters.without("state")
            } else {
                filters.with("state", state)
            },
            is_chosen,
        }
    };
    Ok(STATES.iter().map(chip).collect())
}

fn in_figures(count: Count) -> String {
    let more = if count.has_more { "+" } else { "" };
    format!("{}{more}", super::shown::count(count.value))
}

fn fields(shared: &Shared, filters: &Filters) -> Vec<Field> {
    let mut tenants: Vec<_> = shared
        .host
        .sources()
        .iter()
        .map(|facts| facts.source.tenant.to_string())
        .collect();
    tenants.dedup();
    vec![
        filters.choice("tenant", "Tenant", tenants),
        filters.text("source", "Source", ""),
        filters.text("plugin", "Plugin", ""),
        filters.text("type", "Type", ""),
        filters.choice("state", "State", STATES),
        filters.text("since", "Since", "2h, 7d or a time"),
        filters.text("text", "Text in the body", ""),
    ]
}

impl EventRow {
    fn of(event: &EventSummary, now: &str) -> Self {
        let state = match (event.is_unrouted(), event.is_discarded) {
            (true, _) => Some(State::named("unrouted")),
            (_, true) => Some(State::named("discarded")),
            _ => None,
        };
        let last = event.jobs.iter().find_map(last_of).unwrap_or_default();
        Self {
            id: event.id.to_string(),
            path: format!("/events/{}", event.id),
            received: Time::short(&event.received_at.to_string(), now),
            source: Written::short(&event.source.to_string()),
            event_type: Written::short(event.event_type.as_deref().unwrap_or("(unknown)")),
            key: Written::short(&event.key),
            jobs: event.jobs.iter().map(JobMark::of).collect(),
            state,
            last: Written::short(&last),
        }
    }
}

impl JobMark {
    fn of(job: &JobSummary) -> Self {
        Self {
            state: State::named(job.state.name()),
            plugin: Written::short(job.plugin.as_str()),
        }
    }
}

/// Returns what a job that is not done last came to, in one line.
fn last_of(job: &JobSummary) -> Option<String> {
    if job.state == WorkState::Done {
        return None;
    }
    let plugin = &job.plugin;
    let behind = job
        .behind
        .as_ref()
        .map(|behind| format!("{plugin} waits for {}", behind.id));
    let outcome = job.last_outcome.as_ref().map(|outcome| {
        let attempts = counted(job.attempts.into(), "attempt");
        format!("{plugin}: {outcome} ({attempts})")
    });
    behind.or(outcome)
}
