//! Messages: lists, one message, its body, and sending again.

use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json};
use hookyard_model::{MessageId, Timestamp};
use hookyard_store::{
    Budget, MessagePage, MessageRecord, MessageReplay, MessageSelection, ReplaySummary,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::events::{COUNT_MAX, order, rate, require_choice, require_plan, uuid};
use super::fault::Fault;
use super::query::{self, Names, Parameters, Sent, value};
use super::{Answer, cursor, selection};
use crate::Shared;
use crate::access::{Grant, Viewer};
use crate::audit::Change;
use crate::pages::body::download;
use crate::views::change::Replayed;
use crate::views::list::List;
use crate::views::message::{Message, MessageDetail};

/// The names of states of messages.
const STATES: [&str; 5] = ["pending", "leased", "waiting", "done", "dead"];

/// The filters on messages. Absent filters exclude nothing.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MessageFilter {
    /// The tenant.
    tenant: Option<String>,
    /// The name of the destination.
    destination: Option<String>,
    /// The name of the plugin that sent the message.
    plugin: Option<String>,
    /// The type, as the receiver calls it.
    #[serde(rename = "type")]
    event_type: Option<String>,
    /// States of the message, such as `dead,waiting`.
    state: Option<String>,
    /// The id of the event that the plugin was handling.
    event: Option<String>,
    /// A text that the body contains. Needs `payloads`.
    text: Option<String>,
    /// The earliest time of the commit: a time, or `90m`, `2h` or `7d` for that long ago.
    since: Option<String>,
    /// The time before which the messages were committed.
    until: Option<String>,
}

/// The query of a list of messages.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct MessageQuery {
    /// The tenant.
    tenant: Option<String>,
    /// The name of the destination.
    destination: Option<String>,
    /// The name of the plugin that sent the message.
    plugin: Option<String>,
    /// The type, as the receiver calls it.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    event_type: Option<String>,
    /// States of the message, such as `dead,waiting`.
    state: Option<String>,
    /// The id of the event that the plugin was handling.
    event: Option<String>,
    /// A text that the body contains. Needs `payloads`.
    text: Option<String>,
    /// The earliest time of the commit: a time, or `90m`, `2h` or `7d` for that long ago.
    since: Option<String>,
    /// The time before which the messages were committed.
    until: Option<String>,
    /// `newest` (the default) or `oldest` first.
    order: Option<String>,
    /// The maximum number of items, from 1 to 200; the default is 50.
    limit: Option<String>,
    /// The `next` of the previous part of the list.
    cursor: Option<String>,
    /// `capped` to count the messages that match, up to 10,000.
    count: Option<String>,
}

impl MessageQuery {
    fn filter(&self) -> MessageFilter {
        MessageFilter {
            tenant: self.tenant.clone(),
            destination: self.destination.clone(),
            plugin: self.plugin.clone(),
            event_type: self.event_type.clone(),
            state: self.state.clone(),
            event: self.event.clone(),
            text: self.text.clone(),
            since: self.since.clone(),
            until: self.until.clone(),
        }
    }
}

impl MessageFilter {
    /// Returns the selection. The tenants of the grant apply beside it.
    fn selection(&self, grant: &Grant, now: Timestamp) -> Result<MessageSelection, Fault> {
        if self.text.is_some() && !grant.shows_payloads {
            return Err(Fault::no_payloads());
        }
        let event = self
            .event
            .as_deref()
            .map(|id| uuid("event", id))
            .transpose()?;
        Ok(MessageSelection {
            tenant: selection::tenant(grant, self.tenant.as_deref())?,
            destination: value("destination", self.destination.as_deref())?,
            plugin: value("plugin", self.plugin.as_deref())?,
            event_type: self.event_type.clone(),
            event: event.map(hookyard_model::EventId::from_uuid),
            text: self.text.clone(),
            states: selection::states(self.state.as_deref(), &STATES)?,
            since: query::time("since", self.since.as_deref(), now)?,
            until: query::time("until", self.until.as_deref(), now)?,
            ..MessageSelection::default()
        })
    }
}

/// Lists messages.
pub(super) async fn list(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
    Parameters(query): Parameters<MessageQuery>,
) -> Answer<List<Message>> {
    let (filter, grant) = (query.filter(), &viewer.grant);
    let selection = filter.selection(grant, shared.clock.now())?;
    let is_oldest_first = query::is_oldest_first(query.order.as_deref())?;
    let filters = format!("messages {filter:?} {is_oldest_first}");
    let page = MessagePage {
        selection: selection.clone(),
        order: order(is_oldest_first),
        after: cursor::read(query.cursor.as_deref(), &filters)?.map(MessageId::from_uuid),
        limit: query::limit(query.limit.as_deref())?,
    };
    let limit = page.limit;
    let found = shared
        .store
        .search_messages(page, &grant.tenants, Budget::PAGE)
        .await?;
    let count = if query::flag("count", query.count.as_deref(), "capped")? {
        let count = shared
            .store
            .count_messages(selection, &grant.tenants, COUNT_MAX, Budget::PAGE);
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
            .map(|place| place.at.to_string()),
        items: found.items.iter().map(Message::from).collect(),
        count,
    }))
}

/// Shows one message.
pub(super) async fn show(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
    Names(id): Names<String>,
) -> Answer<MessageDetail> {
    let record = read(&shared, &viewer.grant, &id).await?;
    Ok(Json(MessageDetail::of(
        &record,
        viewer.grant.shows_payloads,
    )))
}

/// Answers the body of a message.
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
        record.body.clone(),
        &record.summary.id.to_string(),
    ))
}

async fn read(shared: &Shared, grant: &Grant, id: &str) -> Result<MessageRecord, Fault> {
    let found = shared.store.message(message_id(id)?).await?;
    let found = found.filter(|record| grant.sees(&record.summary.plugin.tenant));
    found.ok_or_else(|| Fault::unknown(format!("no message {id} is stored")))
}

fn message_id(text: &str) -> Result<MessageId, Fault> {
    uuid("id", text).map(MessageId::from_uuid)
}

/// What to send again.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MessageReplayBody)]
pub(crate) struct ReplayBody {
    /// The filter on messages.
    #[serde(default)]
    filter: MessageFilter,
    /// The ids of the messages, at most 1,000.
    #[serde(default)]
    ids: Vec<String>,
    /// Must be true if there is neither a filter nor an id.
    #[serde(default)]
    all: bool,
    /// The maximum number of messages a second.
    rate: Option<f64>,
    /// Whether to count only.
    #[serde(default)]
    dry_run: bool,
    /// The `again` of a dry run, which must still be right.
    plan: Option<u64>,
}

/// Sends messages again.
pub(super) async fn replay(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
    Sent(sent): Sent<ReplayBody>,
) -> Answer<Replayed> {
    let (now, grant) = (shared.clock.now(), &viewer.grant);
    require_choice(&sent.ids, sent.filter == MessageFilter::default(), sent.all)?;
    let ids: Result<_, _> = sent.ids.iter().map(|id| message_id(id)).collect();
    let selection = MessageSelection {
        ids: ids?,
        tenant: selection::tenant_of_change(grant, sent.filter.tenant.as_deref())?,
        ..sent.filter.selection(grant, now)?
    };
    let replay = MessageReplay {
        selection,
        rate: rate(sent.rate)?,
        now,
        dry_run: true,
    };
    let counted = shared.store.replay_messages(replay.clone()).await?;
    if sent.dry_run {
        return Ok(Json(Replayed::of(counted, true)));
    }
    require_plan(sent.plan, counted.replayed)?;

    let change = Change::new(
        "messages.replay",
        replay.selection.tenant.clone(),
        "messages",
    );
    let change = change.with(crate::audit::selected(&sent.filter, &sent.ids));
    let replay = MessageReplay {
        dry_run: false,
        ..replay
    };
    let result = shared.store.replay_messages(replay).await;
    let words = |replayed: &ReplaySummary| format!("{} messages are sent again", replayed.replayed);
    let summary = change.record(&shared, &viewer, result, words).await?;
    Ok(Json(Replayed::of(summary, false)))
}
