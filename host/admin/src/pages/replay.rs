//! Replay: counts what would run again, and asks before anything runs.
//!
//! The form repeats the count that the page showed. If another number is selected by the time the
//! form arrives, nothing runs, and the page shows the new count.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as Part};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use hookyard_store::{MessageReplay, Replay, ReplaySummary};
use http::StatusCode;
use serde::Deserialize;

use super::change::Change;
use super::filters::{Filters, SetFilter};
use super::frame::{Frame, Section};
use super::html;
use super::message_selection::MessageQuery;
use super::selection::EventQuery;
use super::shown::count;
use crate::Shared;
use crate::access::Viewer;
use crate::problem::Problem;

/// The page.
#[derive(Template)]
#[template(path = "replay.html")]
struct ReplayPage {
    frame: Frame,
    title: &'static str,
    back: String,
    selection: Vec<SetFilter>,
    /// The name of what runs: `job` or `message`.
    noun: &'static str,
    /// The number of jobs or messages, as the form repeats it.
    planned: u64,
    again: String,
    leased: String,
    created: String,
    not_routed: String,
    fault: Option<String>,
    action: String,
}

/// The form that confirms a replay.
#[derive(Debug, Deserialize)]
pub(super) struct Confirmation {
    /// The number of jobs or messages that the page showed.
    planned: u64,
    /// The maximum number a second; empty for all at once.
    #[serde(default)]
    rate: String,
}

/// What a replay is about.
#[derive(Clone, Copy)]
enum Kind {
    Events,
    Messages,
}

impl Kind {
    const fn path(self) -> &'static str {
        match self {
            Self::Events => "/replay/events",
            Self::Messages => "/replay/messages",
        }
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Events => ("Run events again", "job"),
            Self::Messages => ("Send messages again", "message"),
        }
    }
}

/// Counts the jobs that would run again.
pub(super) async fn events(
    Part(shared): Part<Shared>,
    Extension(viewer): Extension<Viewer>,
    query: Result<Query<EventQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let query = read(query)?;
    let summary = run_jobs(&shared, &query, None, true).await?;
    shown(
        &shared,
        &viewer,
        Kind::Events,
        &query.filters("/"),
        summary,
        None,
    )
}

/// Runs jobs again if as many are selected as the page showed.
pub(super) async fn run_events(
    Part(shared): Part<Shared>,
    Extension(viewer): Extension<Viewer>,
    query: Result<Query<EventQuery>, QueryRejection>,
    Form(form): Form<Confirmation>,
) -> Result<Response, Problem> {
    let query = read(query)?;
    let rate = rate(&form.rate)?;
    let summary = run_jobs(&shared, &query, rate, true).await?;
    if summary.replayed != form.planned {
        return shown(
            &shared,
            &viewer,
            Kind::Events,
            &query.filters("/"),
            summary,
            Some(form.planned),
        );
    }

    let summary = run_jobs(&shared, &query, rate, false).await?;
    record(
        &shared,
        &viewer,
        "event.replay",
        &query.filters("/"),
        summary,
    )
    .await?;
    Ok(Redirect::to("/?done=events").into_response())
}

/// Counts the messages that would be sent again.
pub(super) async fn messages(
    Part(shared): Part<Shared>,
    Extension(viewer): Extension<Viewer>,
    query: Result<Query<MessageQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let query = read(query)?;
    let summary = run_outbox(&shared, &query, None, true).await?;
    shown(
        &shared,
        &viewer,
        Kind::Messages,
        &query.filters("/deliveries"),
        summary,
        None,
    )
}

/// Sends messages again if as many are selected as the page showed.
pub(super) async fn run_messages(
    Part(shared): Part<Shared>,
    Extension(viewer): Extension<Viewer>,
    query: Result<Query<MessageQuery>, QueryRejection>,
    Form(form): Form<Confirmation>,
) -> Result<Response, Problem> {
    let query = read(query)?;
    let rate = rate(&form.rate)?;
    let summary = run_outbox(&shared, &query, rate, true).await?;
    if summary.replayed != form.planned {
        return shown(
            &shared,
            &viewer,
            Kind::Messages,
            &query.filters("/deliveries"),
            summary,
            Some(form.planned),
        );
    }

    let summary = run_outbox(&shared, &query, rate, false).await?;
    record(
        &shared,
        &viewer,
        "message.replay",
        &query.filters("/deliveries"),
        summary,
    )
    .await?;
    Ok(Redirect::to("/deliveries?done=messages").into_response())
}

fn read<Q>(query: Result<Query<Q>, QueryRejection>) -> Result<Q, Problem> {
    let query = query.map_err(|fault| Problem::bad_request(fault.body_text()))?;
    Ok(query.0)
}

fn rate(text: &str) -> Result<Option<f64>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let rate = text
        .parse()
        .ok()
        .filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.map(Some)
        .ok_or_else(|| Problem::bad_request("The rate must be a number above zero."))
}

async fn run_jobs(
    shared: &Shared,
    query: &EventQuery,
    rate: Option<f64>,
    dry_run: bool,
) -> Result<ReplaySummary, Problem> {
    let now = shared.clock.now();
    let selection = query.selection(now)?;
    if selection.names_unrouted() && selection.plugin.is_none() {
        return Err(Problem::bad_request(
            "Unrouted events have no job that could run again: name the plugin that must handle \
             them in the filter Plugin.",
        ));
    }
    let replay = Replay {
        selection,
        revision: None,
        rate,
        now,
        dry_run,
    };
    Ok(shared.store.replay(replay).await?)
}

async fn run_outbox(
    shared: &Shared,
    query: &MessageQuery,
    rate: Option<f64>,
    dry_run: bool,
) -> Result<ReplaySummary, Problem> {
    let now = shared.clock.now();
    let replay = MessageReplay {
        selection: query.selection(now)?,
        rate,
        now,
        dry_run,
    };
    Ok(shared.store.replay_messages(replay).await?)
}

/// Adds a replay to the audit log.
async fn record(
    shared: &Shared,
    viewer: &Viewer,
    action: &'static str,
    filters: &Filters,
    summary: ReplaySummary,
) -> Result<(), Problem> {
    let change = Change {
        action,
        target: filters.path(),
        tenant: filters
            .value("tenant")
            .and_then(|tenant| tenant.parse().ok()),
        detail: None,
    };
    let result = format!("{} again", count(summary.replayed));
    change.record(shared, viewer, &result).await
}

/// Shows the count of a dry run. `confirmed` is the number that a form confirmed instead.
fn shown(
    shared: &Shared,
    viewer: &Viewer,
    kind: Kind,
    filters: &Filters,
    summary: ReplaySummary,
    confirmed: Option<u64>,
) -> Result<Response, Problem> {
    let (title, noun) = kind.words();
    let section = match kind {
        Kind::Events => Section::Live,
        Kind::Messages => Section::Deliveries,
    };
    let positive = |number: u64| {
        if number > 0 {
            count(number)
        } else {
            String::new()
        }
    };
    let fault = confirmed.map(|confirmed| {
        format!(
            "The selection has changed: {} were confirmed. Nothing ran. Look at the new number.",
            count(confirmed)
        )
    });
    let status = if fault.is_some() {
        StatusCode::CONFLICT
    } else {
        StatusCode::OK
    };

    let page = html(&ReplayPage {
        frame: Frame::still(shared, viewer, title.to_owned(), section),
        title,
        back: filters.path(),
        selection: filters.removable(),
        noun,
        planned: summary.replayed,
        again: count(summary.replayed),
        leased: positive(summary.leased),
        created: positive(summary.created),
        not_routed: positive(summary.not_routed),
        fault,
        action: filters.path_on(kind.path()),
    })?;
    Ok((status, page).into_response())
}
