//! Messages and their deliveries.

use hookyard_model::Delivery;
use hookyard_store::{MessageRecord, MessageSummary};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::{Body, headers};
use super::status::Status;

/// A message in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Message {
    /// The id of the message.
    pub id: String,
    /// The tenant of the plugin and of the destination.
    pub tenant: String,
    /// The name of the destination.
    pub destination: String,
    /// The plugin that sent the message.
    pub plugin: String,
    /// The event that the plugin was handling.
    pub event: String,
    /// The receiver's name for what happened.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// The time of the commit.
    pub committed_at: String,
    /// The state of the message.
    #[serde(flatten)]
    pub status: Status,
    /// The number of deliveries since the last replay.
    pub deliveries: u32,
    /// The result of the last delivery, in one line.
    pub last_result: Option<String>,
    /// The size of the body.
    pub bytes: u64,
}

impl From<&MessageSummary> for Message {
    fn from(message: &MessageSummary) -> Self {
        Self {
            id: message.id.to_string(),
            tenant: message.plugin.tenant.to_string(),
            destination: message.destination.to_string(),
            plugin: message.plugin.name.to_string(),
            event: message.event.to_string(),
            event_type: message.event_type.clone(),
            committed_at: message.created_at.to_string(),
            status: Status::of(message.state, message.behind.as_ref()),
            deliveries: message.deliveries,
            last_result: message.last_result.clone(),
            bytes: message.body_bytes,
        }
    }
}

/// A whole message.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MessageDetail {
    /// What a list also says.
    #[serde(flatten)]
    pub message: MessageHead,
    /// The key that orders the message among the messages of its destination.
    pub ordering_key: Option<String>,
    /// How often the message was replayed.
    pub replays: u32,
    /// The body; absent without `payloads`.
    #[serde(flatten)]
    pub body: Option<Body>,
    /// The recorded deliveries, the oldest first.
    pub deliveries: Vec<DeliveryView>,
}

/// The part of a whole message that does not depend on its deliveries.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MessageHead {
    /// The id of the message.
    pub id: String,
    /// The tenant of the plugin and of the destination.
    pub tenant: String,
    /// The name of the destination.
    pub destination: String,
    /// The plugin that sent the message.
    pub plugin: String,
    /// The event that the plugin was handling.
    pub event: String,
    /// The receiver's name for what happened.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// The time of the commit.
    pub committed_at: String,
    /// The state of the message.
    #[serde(flatten)]
    pub status: Status,
    /// The size of the body.
    pub bytes: u64,
}

/// A delivery.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeliveryView {
    /// The number of replays before the delivery.
    pub replay: u32,
    /// The number since the last replay, from 1.
    pub number: u32,
    /// The time at which the delivery began.
    pub started_at: String,
    /// The duration in milliseconds.
    pub duration_ms: f64,
    /// The name of the result.
    pub result: &'static str,
    /// The result with its reason.
    pub description: String,
    /// The answer of the receiver; absent without `payloads`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerView>,
}

/// The answer of a receiver. The host stores the beginning of the body.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AnswerView {
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(flatten)]
    pub body: Body,
}

impl MessageDetail {
    /// Returns a message with its history. Without `shows_payloads`, it has no body and no answers.
    pub fn of(record: &MessageRecord, shows_payloads: bool) -> Self {
        let message = &record.summary;
        let deliveries = record.deliveries.iter();
        Self {
            message: MessageHead {
                id: message.id.to_string(),
                tenant: message.plugin.tenant.to_string(),
                destination: message.destination.to_string(),
                plugin: message.plugin.name.to_string(),
                event: message.event.to_string(),
                event_type: message.event_type.clone(),
                committed_at: message.created_at.to_string(),
                status: Status::of(message.state, message.behind.as_ref()),
                bytes: message.body_bytes,
            },
            ordering_key: record.ordering_key.clone(),
            replays: record.replays,
            body: shows_payloads.then(|| Body::of(&record.body)),
            deliveries: deliveries
                .map(|(replay, delivery)| DeliveryView::of(*replay, delivery, shows_payloads))
                .collect(),
        }
    }
}

impl DeliveryView {
    fn of(replay: u32, delivery: &Delivery, shows_payloads: bool) -> Self {
        let answer = delivery.answer.as_ref().filter(|_| shows_payloads);
        Self {
            replay,
            number: delivery.number,
            started_at: delivery.started_at.to_string(),
            duration_ms: delivery.duration.as_secs_f64() * 1000.0,
            result: delivery.result.name(),
            description: delivery.result.to_string(),
            answer: answer.map(|answer| AnswerView {
                headers: headers(&answer.headers),
                body: Body::of(&answer.body),
            }),
        }
    }
}
