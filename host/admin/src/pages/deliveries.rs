//! Deliveries: the destinations, and the messages of plugins.

use askama::Template;
use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State as Part};
use axum::response::Redirect;
use hookyard_model::DestinationRef;
use hookyard_store::{Budget, DisabledDestination, Found, MessagePage, MessageSummary};

use super::change::Change;
use super::filters::{Field, Filters};
use super::frame::{Frame, Section};
use super::message_selection::{MessageQuery, STATES};
use super::shown::{State, Time, Written, counted, status_note};
use super::{ITEMS_MAX, Page, html};
use crate::Shared;
use crate::access::Viewer;
use crate::host::DestinationFacts;
use crate::problem::Problem;

/// The page.
#[derive(Template)]
#[template(path = "deliveries.html")]
struct DeliveriesPage {
    frame: Frame,
    destinations: Vec<DestinationCard>,
    fields: Vec<Field>,
    is_filtered: bool,
    messages: Vec<MessageRow>,
    /// How far back a search came that was not completed.
    searched: Option<Time>,
    total: String,
    newest: Option<String>,
    older: Option<String>,
    replay: String,
}

/// A destination.
struct DestinationCard {
    name: Written,
    path: String,
    url: Written,
    /// Since when and why the destination is disabled, if it is.
    disabled: Option<(Time, Written)>,
    enable: String,
}

/// A message in the list.
struct MessageRow {
    id: String,
    created: Time,
    destination: Written,
    event_type: Written,
    plugin: Written,
    state: State,
    last: Written,
}

/// Shows the destinations, and the messages that the filters select.
pub(super) async fn page(
    Part(shared): Part<Shared>,
    Extension(viewer): Extension<Viewer>,
    query: Result<Query<MessageQuery>, QueryRejection>,
) -> Page {
    let Query(query) = query.map_err(|fault| Problem::bad_request(fault.body_text()))?;
    let filters = query.filters("/deliveries");
    let cursor = query.cursor()?;

    let mut page = MessagePage::last(query.selection(shared.clock.now())?, ITEMS_MAX);
    page.after = cursor;
    let found = shared
        .store
        .search_messages(page, &viewer.tenants, Budget::PAGE)
        .await?;
    let Found {
        items: messages,
        next,
    } = found;
    let searched = next.filter(|_| messages.len() < ITEMS_MAX);

    let disabled = shared.store.disabled().await?;
    let destinations = shared.host.destinations();
    let frame = Frame::live(
        &shared,
        &viewer,
        "Deliveries".to_owned(),
        Section::Deliveries,
    );
    let frame = frame.with_notice(query.done.as_deref());
    html(&DeliveriesPage {
        destinations: destinations
            .iter()
            .map(|facts| DestinationCard::of(facts, &disabled))
            .collect(),
        fields: fields(&filters),
        is_filtered: !filters.is_empty(),
        total: format!("{} shown", counted(messages.len() as u64, "message")),
        newest: cursor.map(|_| filters.path()),
        older: next.map(|next| filters.with("cursor", &next.id.to_string())),
        searched: searched.map(|place| Time::short(&place.at.to_string(), &frame.now)),
        replay: filters.path_on("/replay/messages"),
        messages: messages
            .iter()
            .map(|message| MessageRow::of(message, &frame.now))
            .collect(),
        frame,
    })
}

/// Enables a disabled destination.
pub(super) async fn enable(
    Part(shared): Part<Shared>,
    Extension(viewer): Extension<Viewer>,
    Path((tenant, name)): Path<(String, String)>,
) -> Result<Redirect, Problem> {
    let unknown = || Problem::unknown("There is no such destination.");
    let destination = DestinationRef {
        tenant: tenant.parse().map_err(|_| unknown())?,
        name: name.parse().map_err(|_| unknown())?,
    };
    let change = Change {
        action: "destination.enable",
        target: destination.to_string(),
        tenant: Some(destination.tenant.clone()),
        detail: None,
    };
    let entry = change.entry(&shared, &viewer, "enabled");
    if !shared.store.enable(&destination, Some(entry)).await? {
        return Err(Problem::conflict("The destination is not disabled."));
    }
    Ok(Redirect::to("/deliveries?done=enable"))
}

fn fields(filters: &Filters) -> Vec<Field> {
    vec![
        filters.text("tenant", "Tenant", ""),
        filters.text("destination", "Destination", ""),
        filters.text("plugin", "Plugin", ""),
        filters.text("type", "Type", ""),
        filters.choice("state", "State", STATES),
        filters.text("since", "Since", "2h, 7d or a time"),
    ]
}

impl DestinationCard {
    fn of(facts: &DestinationFacts, disabled: &[DisabledDestination]) -> Self {
        let DestinationFacts {
            destination,
            origin,
        } = facts;
        let disabled = disabled
            .iter()
            .find(|disabled| disabled.destination == *destination);
        let DestinationRef { tenant, name } = destination;
        Self {
            name: Written::short(&destination.to_string()),
            path: format!("/deliveries?tenant={tenant}&destination={name}"),
            url: Written::short(origin),
            disabled: disabled.map(|disabled| {
                let since = Time::full(&disabled.since.to_string());
                (since, Written::cut(&disabled.reason, 600))
            }),
            enable: format!("/destinations/{destination}/enable"),
        }
    }
}

impl MessageRow {
    fn of(message: &MessageSummary, now: &str) -> Self {
        let note = status_note(
            message.state,
            message.behind.map(|behind| behind.id.to_string()),
        );
        let parts = [message.last_result.clone().unwrap_or_default(), note];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Self {
            id: message.id.to_string(),
            created: Time::short(&message.created_at.to_string(), now),
            destination: Written::short(&format!(
                "{}/{}",
                message.plugin.tenant, message.destination
            )),
            event_type: Written::short(message.event_type.as_deref().unwrap_or("(untyped)")),
            plugin: Written::short(message.plugin.name.as_str()),
            state: State::named(message.state.name()),
            last: Written::short(&parts.join(", ")),
        }
    }
}
