//! A message: its body, every try, and what the receiver answered.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State as Part};
use axum::response::Response;
use hookyard_model::{Answer, Delivery, DeliveryResult, MessageId};
use hookyard_store::MessageRecord;

use super::body::{self, BodyQuery, BodyShown, Form};
use super::frame::{Frame, Section};
use super::shown::{State, Time, Written, milliseconds, status_note};
use super::{Page, html};
use crate::Shared;
use crate::access::Viewer;
use crate::problem::Problem;

/// The page.
#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    frame: Frame,
    id: String,
    title: Written,
    state: State,
    note: Written,
    destination: Written,
    plugin: Written,
    plugin_path: String,
    event: String,
    created: Time,
    ordering_key: Option<Written>,
    tries: Vec<TryShown>,
    body: BodyShown,
    replay: String,
}

/// A delivery of the message.
struct TryShown {
    number: String,
    began: Time,
    took: String,
    result: Written,
    is_failed: bool,
    answer: Option<Written>,
}

/// Shows a message.
pub(super) async fn page(
    Part(shared): Part<Shared>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
    Query(query): Query<BodyQuery>,
) -> Page {
    let record = read(&shared, &id).await?;
    let summary = &record.summary;
    let path = format!("/messages/{}", summary.id);
    let title = summary.event_type.as_deref().unwrap_or("(untyped message)");
    let behind = summary.behind.map(|behind| behind.id.to_string());
    let frame = Frame::live(
        &shared,
        &viewer,
        hookyard_model::visible(title),
        Section::Deliveries,
    );
    let tries = record.deliveries.iter().rev();

    html(&MessagePage {
        id: summary.id.to_string(),
        title: Written::short(title),
        state: State::named(summary.state.name()),
        note: Written::short(&status_note(summary.state, behind)),
        destination: Written::short(&format!(
            "{}/{}",
            summary.plugin.tenant, summary.destination
        )),
        plugin: Written::short(&summary.plugin.to_string()),
        plugin_path: format!("/plugins/{}", summary.plugin),
        event: summary.event.to_string(),
        created: Time::full(&summary.created_at.to_string()),
        ordering_key: record
            .ordering_key
            .as_deref()
            .map(|key| Written::cut(key, 512)),
        tries: tries
            .map(|(replay, delivery)| TryShown::of(*replay, delivery, &frame.now))
            .collect(),
        body: BodyShown::of(
            &record.body,
            Form::named(&query.form),
            &path,
            format!("{path}/body"),
        ),
        replay: format!("/replay/messages?id={}", summary.id),
        frame,
    })
}

/// Serves the body, byte for byte.
pub(super) async fn download(
    Part(shared): Part<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let record = read(&shared, &id).await?;
    Ok(body::download(record.body, &record.summary.id.to_string()))
}

async fn read(shared: &Shared, id: &str) -> Result<MessageRecord, Problem> {
    let unknown = || Problem::unknown("No message with this id is stored.");
    let id: MessageId = id.parse().map_err(|_| unknown())?;
    shared.store.message(id).await?.ok_or_else(unknown)
}

impl TryShown {
    fn of(replay: u32, delivery: &Delivery, now: &str) -> Self {
        let number = match replay {
            0 => format!("#{}", delivery.number),
            replay => format!("replay {replay}, #{}", delivery.number),
        };
        Self {
            number,
            began: Time::short(&delivery.started_at.to_string(), now),
            took: milliseconds(delivery.duration.as_secs_f64() * 1_000.0),
            result: Written::cut(&delivery.result.to_string(), 1_000),
            is_failed: !matches!(delivery.result, DeliveryResult::Sent { .. }),
            answer: delivery.answer.as_ref().map(answer),
        }
    }
}

/// Shows the beginning of an answer: its headers and its body.
fn answer(answer: &Answer) -> Written {
    let mut text = String::new();
    for header in &answer.headers {
        let value = String::from_utf8_lossy(&header.value);
        text.push_str(&format!("{}: {}\n", header.name, value.replace('\n', " ")));
    }
    text.push('\n');
    text.push_str(&String::from_utf8_lossy(&answer.body));
    Written::lines(&text)
}
