//! Events: lists, one event, its body, replays and discards.

use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json};
use hookyard_model::{EventId, Timestamp};
use hookyard_store::{
    Budget, Discard, EventPage, EventRecord, EventSelection, ListOrder, MessagePage,
    MessageSelection, Place, Replay,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::fault::Fault;
use super::query::{self, Names, Parameters, Sent, value};
use super::{Answer, cursor, selection};
use crate::Shared;
use crate::access::{Grant, Viewer};
use crate::audit::Change;
use crate::pages::body::download;
use crate::views::change::{DiscardedCount, Replayed};
use crate::views::event::{Event, EventDetail};
use crate::views::list::List;

/// The maximum number of items that are counted.
pub(super) const COUNT_MAX: u64 = 10_000;
/// The maximum number of messages that an event shows.
const MESSAGES_MAX: usize = 1_000;
/// The maximum number of ids of a replay or a discard.
pub(super) const IDS_MAX: usize = 1_000;

/// The names of states of jobs and events.
const STATES: [&str; 8] = [
    "pending",
    "leased",
    "waiting",
    "done",
    "dead",
    "held",
    "unrouted",
    "discarded",
];

/// The filters on events. Absent filters exclude nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventFilter {
    /// The tenant.
    pub(crate) tenant: Option<String>,
    /// The name of the source.
    pub(crate) source: Option<String>,
    /// The name of a plugin with a job of the event.
    pub(crate) plugin: Option<String>,
    /// The type, as the sender calls it.
    #[serde(rename = "type")]
    pub(crate) event_type: Option<String>,
    /// States of a job of the event, such as `dead,held`.
    pub(crate) state: Option<String>,
    /// The idempotency key.
    pub(crate) key: Option<String>,
    /// A text that the body contains. Needs `payloads`.
    pub(crate) text: Option<String>,
    /// The earliest time of arrival: a time, or `90m`, `2h` or `7d` for that long ago.
    pub(crate) since: Option<String>,
    /// The time before which the events arrived.
    pub(crate) until: Option<String>,
}

/// The query of a list of events.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventQuery {
    /// The tenant.
    pub(crate) tenant: Option<String>,
    /// The name of the source.
    pub(crate) source: Option<String>,
    /// The name of a plugin with a job of the event.
    pub(crate) plugin: Option<String>,
    /// The type, as the sender calls it.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    pub(crate) event_type: Option<String>,
    /// States of a job of the event, such as `dead,held`.
    pub(crate) state: Option<String>,
    /// The idempotency key.
    pub(crate) key: Option<String>,
    /// A text that the body contains. Needs `payloads`.
    pub(crate) text: Option<String>,
    /// The earliest time of arrival: a time, or `90m`, `2h` or `7d` for that long ago.
    pub(crate) since: Option<String>,
    /// The time before which the events arrived.
    pub(crate) until: Option<String>,
    /// `newest` (the default) or `oldest` first.
    pub(crate) order: Option<String>,
    /// The maximum number of items, from 1 to 200; the default is 50.
    pub(crate) limit: Option<String>,
    /// The `next` of the previous part of the list.
    pub(crate) cursor: Option<String>,
    /// `capped` to count the events that match, up to 10,000.
    pub(crate) count: Option<String>,
}

impl EventQuery {
    fn filter(&self) -> EventFilter {
        EventFilter {
            tenant: self.tenant.clone(),
            source: self.source.clone(),
            plugin: self.plugin.clone(),
            event_type: self.event_type.clone(),
            state: self.state.clone(),
            key: self.key.clone(),
            text: self.text.clone(),
            since: self.since.clone(),
            until: self.until.clone(),
        }
    }
}

impl EventFilter {
    /// Returns the selection. The tenants of the grant apply beside it.
    fn selection(&self, grant: &Grant, now: Timestamp) -> Result<EventSelection, Fault> {
        if self.text.is_some() && !grant.shows_payloads {
            return Err(Fault::no_payloads());
        }
        Ok(EventSelection {
            tenant: selection::tenant(grant, self.tenant.as_deref())?,
            source: value("source", self.source.as_deref())?,
            plugin: value("plugin", self.plugin.as_deref())?,
            event_type: self.event_type.clone(),
            key: self.key.clone(),
            text: self.text.clone(),
            states: selection::states(self.state.as_deref(), &STATES)?,
            since: query::time("since", self.since.as_deref(), now)?,
            until: query::time("until", self.until.as_deref(), now)?,
            ..EventSelection::default()
        })
    }
}

/// Lists events.
pub(super) async fn list(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
    Parameters(query): Parameters<EventQuery>,
) -> Answer<List<Event>> {
    let (filter, grant) = (query.filter(), &viewer.grant);
    let selection = filter.selection(grant, shared.clock.now())?;
    let is_oldest_first = query::is_oldest_first(query.order.as_deref())?;
    let filters = format!("events {filter:?} {is_oldest_first}");
    let page = EventPage {
        selection: selection.clone(),
        order: order(is_oldest_first),
        after: cursor::read(query.cursor.as_deref(), &filters)?.map(EventId::from_uuid),
        limit: query::limit(query.limit.as_deref())?,
    };
    let limit = page.limit;
    let found = shared
        .store
        .search_events(page, &grant.tenants, Budget::PAGE)
        .await?;
    let count = if query::flag("count", query.count.as_deref(), "capped")? {
        let count = shared
            .store
            .count_events(selection, &grant.tenants, COUNT_MAX, Budget::PAGE);
        Some(count.await?.into())
    } else {
        None
    };

    let is_short = found.items.len() < limit;
    Ok(Json(List {
        next: found
            .next
            .map(|place| cursor::write(place.id.as_uuid(), &filters)),
        searched_to: found
            .next
            .filter(|_| is_short)
            .map(|place: Place<EventId>| place.at.to_string()),
        items: found.items.iter().map(Event::from).collect(),
        count,
    }))
}

/// Returns the order of a list.
pub(super) fn order(is_oldest_first: bool) -> ListOrder {
    if is_oldest_first {
        ListOrder::OldestFirst
    } else {
        ListOrder::NewestFirst
    }
}

/// Shows one event.
pub(super) async fn show(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
    Names(id): Names<String>,
) -> Answer<EventDetail> {
    let record = read(&shared, &viewer.grant, &id).await?;
    let id = record.event.id;
    let response = shared.store.response(id).await?;
    let selection = MessageSelection {
        event: Some(id),
        ..MessageSelection::default()
    };
    let messages = shared
        .store
        .messages(MessagePage::first(selection, MESSAGES_MAX))
        .await?;
    let shows_payloads = viewer.grant.shows_payloads;
    Ok(Json(EventDetail::of(
        &record,
        response.as_ref(),
        &messages,
        shows_payloads,
    )))
}

/// Answers the body of an event.
pub(super) async fn body(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
    Names(id): Names<String>,
) -> Result<Response, Fault> {
    if !viewer.grant.shows_payloads {
        return Err(Fault::no_payloads());
    }
    let record = read(&shared, &viewer.grant, &id).await?;
    Ok(download(
        record.event.body.clone(),
        &record.event.id.to_string(),
    ))
}

async fn read(shared: &Shared, grant: &Grant, id: &str) -> Result<EventRecord, Fault> {
    let found = shared.store.read(event_id(id)?).await?;
    let found = found.filter(|record| grant.sees(&record.event.source.tenant));
    found.ok_or_else(|| Fault::unknown(format!("no event {id} is stored")))
}

fn event_id(text: &str) -> Result<EventId, Fault> {
    uuid("id", text).map(EventId::from_uuid)
}

/// Reads a whole id.
pub(super) fn uuid(name: &str, text: &str) -> Result<Uuid, Fault> {
    let wrong = |_| {
        Fault::parameter(
            name,
            "must be a whole id of 32 hexadecimal digits with hyphens",
        )
    };
    Uuid::try_parse(text).map_err(wrong)
}

/// What to run again.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayBody {
    /// The filter on jobs.
    #[serde(default)]
    filter: EventFilter,
    /// The ids of the events, at most 1,000.
    #[serde(default)]
    ids: Vec<String>,
    /// Must be true if there is neither a filter nor an id.
    #[serde(default)]
    all: bool,
    /// The whole revision to run instead of the active one.
    revision: Option<String>,
    /// The maximum number of jobs a second.
    rate: Option<f64>,
    /// Whether to count only.
    #[serde(default)]
    dry_run: bool,
    /// The `again` of a dry run, which must still be right.
    plan: Option<u64>,
}

/// What to discard.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiscardBody {
    /// The filter on jobs.
    #[serde(default)]
    filter: EventFilter,
    /// The ids of the events, at most 1,000.
    #[serde(default)]
    ids: Vec<String>,
    /// Must be true if there is neither a filter nor an id.
    #[serde(default)]
    all: bool,
    /// The reason to record, in one line.
    reason: String,
    /// Whether to count only.
    #[serde(default)]
    dry_run: bool,
    /// The `discarded` of a dry run, which must still be right.
    plan: Option<u64>,
}

/// Returns the selection of a change, which has one tenant unless the token has all.
fn selection_of_change(
    grant: &Grant,
    now: Timestamp,
    (filter, ids, all): (&EventFilter, &[String], bool),
) -> Result<EventSelection, Fault> {
    require_choice(ids, *filter == EventFilter::default(), all)?;
    let ids: Result<_, _> = ids.iter().map(|id| event_id(id)).collect();
    Ok(EventSelection {
        ids: ids?,
        tenant: selection::tenant_of_change(grant, filter.tenant.as_deref())?,
        ..filter.selection(grant, now)?
    })
}

/// Refuses a change that selects nothing in particular, or too much by id.
pub(super) fn require_choice(ids: &[String], is_unfiltered: bool, all: bool) -> Result<(), Fault> {
    if ids.len() > IDS_MAX {
        return Err(Fault::parameter(
            "ids",
            format!("at most {IDS_MAX} ids are allowed"),
        ));
    }
    if ids.is_empty() && is_unfiltered && !all {
        let detail = "give `ids` or a `filter`, or `all: true` if you mean everything";
        return Err(Fault::parameter("filter", detail));
    }
    Ok(())
}

/// Checks the rate of a replay.
pub(super) fn rate(rate: Option<f64>) -> Result<Option<f64>, Fault> {
    if rate.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
        return Err(Fault::parameter("rate", "must be a number above zero"));
    }
    Ok(rate)
}

/// Fails unless the plan of a change is what is selected now.
pub(super) fn require_plan(plan: Option<u64>, selected: u64) -> Result<(), Fault> {
    match plan {
        Some(plan) if plan == selected => Ok(()),
        Some(plan) => Err(Fault::count_changed(selected, plan)),
        None => {
            let detail =
                format!("make a dry run, and repeat its count: {selected} are selected now");
            Err(Fault::parameter("plan", detail))
        }
    }
}

/// Runs jobs again.
pub(super) async fn replay(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
    Sent(sent): Sent<ReplayBody>,
) -> Answer<Replayed> {
    let (now, grant) = (shared.clock.now(), &viewer.grant);
    let selection = selection_of_change(grant, now, (&sent.filter, &sent.ids, sent.all))?;
    if selection.names_unrouted() && !selection.creates_jobs() {
        let detail = "unrouted events have no job: name the plugin, and no other state";
        return Err(Fault::parameter("state", detail));
    }
    let replay = Replay {
        selection,
        revision: value("revision", sent.revision.as_deref())?,
        rate: rate(sent.rate)?,
        now,
        dry_run: true,
    };
    let counted = shared.store.replay(replay.clone()).await?;
    if sent.dry_run {
        return Ok(Json(Replayed::of(counted, true)));
    }
    require_plan(sent.plan, counted.replayed)?;

    let change = Change::new("events.replay", replay.selection.tenant.clone(), "events");
    let change = change.with(crate::audit::selected(&sent.filter, &sent.ids));
    let replay = Replay {
        dry_run: false,
        ..replay
    };
    let result = shared.store.replay(replay).await;
    let words =
        |replayed: &hookyard_store::ReplaySummary| format!("{} jobs run again", replayed.replayed);
    let summary = change.record(&shared, &viewer, result, words).await?;
    Ok(Json(Replayed::of(summary, false)))
}

/// Discards jobs and unrouted events.
pub(super) async fn discard(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
    Sent(sent): Sent<DiscardBody>,
) -> Answer<DiscardedCount> {
    let (now, grant) = (shared.clock.now(), &viewer.grant);
    let selection = selection_of_change(grant, now, (&sent.filter, &sent.ids, sent.all))?;
    let discard = Discard {
        selection,
        reason: reason(&sent.reason)?,
        now,
        dry_run: true,
    };
    let counted = shared.store.discard(discard.clone()).await?;
    if sent.dry_run {
        return Ok(Json(DiscardedCount::of(counted, true)));
    }
    require_plan(sent.plan, counted.jobs + counted.events)?;

    let change = Change::new("events.discard", discard.selection.tenant.clone(), "events");
    let change = change.with(discard.reason.clone());
    let discard = Discard {
        dry_run: false,
        ..discard
    };
    let result = shared.store.discard(discard).await;
    let words = |discarded: &hookyard_store::DiscardSummary| {
        format!("{} discarded", discarded.jobs + discarded.events)
    };
    let summary = change.record(&shared, &viewer, result, words).await?;
    Ok(Json(DiscardedCount::of(summary, false)))
}

fn reason(text: &str) -> Result<String, Fault> {
    const CHARS_MAX: usize = 500;
    let is_line = !text.trim().is_empty()
        && text.chars().count() <= CHARS_MAX
        && !text.chars().any(char::is_control);
    if !is_line {
        let detail = format!("must be one line of at most {CHARS_MAX} characters");
        return Err(Fault::parameter("reason", detail));
    }
    Ok(text.to_owned())
}
