//! A plugin: its standing, its revisions with the steps of each, and its last rehearsal.

use askama::Template;
use axum::extract::{Path, Query, State as Part};
use axum::response::Redirect;
use axum::{Extension, Form};
use hookyard_model::{PluginRef, Revision, Step};
use hookyard_store::{ReleaseStep, RevisionRecord};
use serde::Deserialize;

use super::change::Change;
use super::frame::{Frame, Notice, Section};
use super::plugins::mark_of;
use super::report::ReportShown;
use super::shown::{State, Time, Written, milliseconds};
use super::{Page, html};
use crate::Shared;
use crate::access::Viewer;
use crate::host::{PluginDetail, PluginSettings, Wanted};
use crate::problem::Problem;

/// The steps of a release that lead to service, each with a column.
const COLUMNS: [Step; 6] = [
    Step::Settled,
    Step::Checked,
    Step::Compiled,
    Step::Rehearsed,
    Step::Active,
    Step::Retired,
];

/// The page.
#[derive(Template)]
#[template(path = "plugin.html")]
struct PluginPage {
    frame: Frame,
    tenant: String,
    name: String,
    path: String,
    events: String,
    state: &'static str,
    mark: State,
    revision: String,
    since: Option<Time>,
    handlers: Written,
    sources: Written,
    grants: Written,
    limits: Written,
    notes: Vec<Notice>,
    step_names: Vec<&'static str>,
    revisions: Vec<RevisionRow>,
    choices: Vec<Choice>,
    is_pinned: bool,
    can_clear: bool,
    report: Option<ReportShown>,
    steps: Vec<StepRow>,
    /// The mark of a fixture that is as expected.
    ok: State,
}

/// A revision, with one cell for each step that leads to service.
struct RevisionRow {
    short: String,
    full: String,
    cells: Vec<Option<Cell>>,
    now: &'static str,
    mark: State,
    since: Time,
    reason: Option<Written>,
}

/// A step that a revision reached.
struct Cell {
    mark: State,
    title: String,
    /// The time since the previous step.
    after: String,
}

/// A revision that an operator can choose.
struct Choice {
    full: String,
    short: String,
    now: &'static str,
}

/// A step in the list of all steps.
struct StepRow {
    at: Time,
    name: &'static str,
    mark: State,
    revision: String,
    reason: Written,
}

/// The query of the page.
#[derive(Debug, Deserialize)]
pub(super) struct PluginQuery {
    done: Option<String>,
}

/// The form of an order.
#[derive(Debug, Deserialize)]
pub(super) struct OrderForm {
    /// The revision; empty for the one that the host chooses.
    #[serde(default)]
    to: String,
}

/// Shows a plugin.
pub(super) async fn page(
    Part(shared): Part<Shared>,
    Extension(viewer): Extension<Viewer>,
    Path((tenant, name)): Path<(String, String)>,
    Query(query): Query<PluginQuery>,
) -> Page {
    let plugin = plugin_ref(&tenant, &name)?;
    let detail = shared.host.plugin(&plugin).await?.ok_or_else(unknown)?;
    let steps = shared.store.steps(&plugin).await?;
    let frame = Frame::live(&shared, &viewer, plugin.to_string(), Section::Plugins);
    let frame = frame.with_notice(query.done.as_deref());
    html(&PluginPage::of(frame, &plugin, &detail, &steps))
}

/// Carries out an order, and shows the plugin again.
pub(super) async fn order(
    Part(shared): Part<Shared>,
    Extension(viewer): Extension<Viewer>,
    Path((tenant, name, order)): Path<(String, String, String)>,
    Form(form): Form<OrderForm>,
) -> Result<Redirect, Problem> {
    let plugin = plugin_ref(&tenant, &name)?;
    let to = Some(form.to).filter(|to| !to.is_empty());
    let detail = to.clone();
    let (wanted, action) = match order.as_str() {
        "rollback" => (Wanted::Rollback(to), "plugin.rollback"),
        "pin" => (Wanted::Pin(to), "plugin.pin"),
        "unpin" => (Wanted::Unpin, "plugin.unpin"),
        "clear" => (Wanted::Clear, "plugin.clear"),
        _ => return Err(unknown()),
    };

    let result = shared.host.order(plugin.clone(), wanted).await;
    let result = result.map_err(|error| error.to_string());
    let change = Change {
        action,
        target: plugin.to_string(),
        tenant: Some(plugin.tenant.clone()),
        detail,
    };
    let (Ok(line) | Err(line)) = &result;
    change.record(&shared, &viewer, line).await?;
    result.map_err(Problem::conflict)?;
    Ok(Redirect::to(&format!("/plugins/{plugin}?done={order}")))
}

fn plugin_ref(tenant: &str, name: &str) -> Result<PluginRef, Problem> {
    Ok(PluginRef {
        tenant: tenant.parse().map_err(|_| unknown())?,
        name: name.parse().map_err(|_| unknown())?,
    })
}

fn unknown() -> Problem {
    Problem::unknown("There is no such plugin.")
}

impl PluginPage {
    fn of(frame: Frame, plugin: &PluginRef, detail: &PluginDetail, steps: &[ReleaseStep]) -> Self {
        let standing = &detail.standing;
        let active = standing.active;
        let settings = detail.settings.clone().unwrap_or_default();
        let PluginSettings {
            sources,
            limits,
            grants,
        } = settings;
        let sources = sources.map(|sources| sources.join(", "));
        let handlers = active.and_then(|(revision, _)| handlers(steps, revision));
        let revisions = detail.revisions.iter();

        Self {
            tenant: plugin.tenant.to_string(),
            name: plugin.name.to_string(),
            path: format!("/plugins/{plugin}"),
            events: format!("/?tenant={}&plugin={}", plugin.tenant, plugin.name),
            state: standing.state,
            mark: mark_of(standing.state),
            revision: active
                .map(|(revision, _)| revision.short())
                .unwrap_or_default(),
            since: active.map(|(_, since)| Time::full(&since.to_string())),
            handlers: Written::short(handlers.unwrap_or("not known")),
            sources: Written::short(
                sources
                    .as_deref()
                    .unwrap_or("all that it has a handler for"),
            ),
            grants: Written::short(&grants.join(", ")),
            limits: Written::short(&limits),
            notes: notes(detail),
            step_names: COLUMNS.iter().map(|step| step.name()).collect(),
            choices: revisions
                .clone()
                .filter(|record| is_choice(detail, record))
                .map(Choice::of)
                .collect(),
            revisions: revisions
                .map(|record| RevisionRow::of(record, steps, &frame.now))
                .collect(),
            is_pinned: detail.is_pinned,
            can_clear: detail.can_clear,
            report: last_report(steps),
            steps: steps.iter().rev().map(StepRow::of).collect(),
            ok: State::named("done"),
            frame,
        }
    }
}

/// Returns the handlers of a revision, as they were recorded when it was checked.
fn handlers(steps: &[ReleaseStep], revision: Revision) -> Option<&str> {
    let is_check =
        |step: &&ReleaseStep| step.revision == Some(revision) && step.step == Step::Checked;
    steps.iter().rev().find(is_check)?.reason.as_deref()
}

fn notes(detail: &PluginDetail) -> Vec<Notice> {
    let notes = detail
        .standing
        .notes
        .iter()
        .chain(detail.settings.as_ref().err());
    let notes = notes.map(|note| Notice {
        tone: "warn",
        text: hookyard_model::visible(note),
    });
    notes.collect()
}

/// Returns whether an operator can choose the revision: it served before, and is not blocked.
fn is_choice(detail: &PluginDetail, record: &RevisionRecord) -> bool {
    let is_active = detail
        .standing
        .active
        .is_some_and(|(active, _)| active == record.revision);
    record.served_at.is_some() && record.step != Step::Blocked && !is_active
}

fn last_report(steps: &[ReleaseStep]) -> Option<ReportShown> {
    let step = steps.iter().rev().find(|step| step.report.is_some())?;
    let candidate = step.revision?.to_string();
    Some(ReportShown::of(
        &candidate,
        step.reason.as_deref()?,
        step.report.as_deref()?,
    ))
}

impl Choice {
    fn of(record: &RevisionRecord) -> Self {
        Self {
            full: record.revision.to_string(),
            short: record.revision.short(),
            now: record.step.name(),
        }
    }
}

impl RevisionRow {
    fn of(record: &RevisionRecord, steps: &[ReleaseStep], now: &str) -> Self {
        let own: Vec<_> = steps
            .iter()
            .filter(|step| step.revision == Some(record.revision))
            .collect();
        Self {
            short: record.revision.short(),
            full: record.revision.to_string(),
            cells: COLUMNS
                .iter()
                .map(|column| Cell::of(*column, &own))
                .collect(),
            now: record.step.name(),
            mark: mark_of(record.step.name()),
            since: Time::short(&record.at.to_string(), now),
            reason: record
                .reason
                .as_deref()
                .map(|reason| Written::cut(reason, 1_000)),
        }
    }
}

impl Cell {
    /// Shows the last time that the revision reached a step, and the time since the step before.
    fn of(column: Step, steps: &[&ReleaseStep]) -> Option<Self> {
        let index = steps.iter().rposition(|step| step.step == column)?;
        let reached = steps[index];
        let before = index
            .checked_sub(1)
            .map(|before| reached.at.since(steps[before].at));
        Some(Self {
            mark: State::named("done"),
            title: format!("{} at {}", column.name(), reached.at),
            after: before
                .map(|took| milliseconds(took.as_secs_f64() * 1_000.0))
                .unwrap_or_default(),
        })
    }
}

impl StepRow {
    fn of(step: &ReleaseStep) -> Self {
        Self {
            at: Time::full(&step.at.to_string()),
            name: step.step.name(),
            mark: mark_of(step.step.name()),
            revision: step
                .revision
                .map(|revision| revision.short())
                .unwrap_or_default(),
            reason: Written::cut(step.reason.as_deref().unwrap_or_default(), 1_000),
        }
    }
}
