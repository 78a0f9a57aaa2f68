//! Events, their jobs and attempts.

use hookyard_model::Attempt;
use hookyard_store::{
    DifferingRepeats, DiscardRecord, EventRecord, EventSummary, GivenResponse, JobRecord,
    JobSummary, MessageSummary,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::{Body, headers};
use super::status::Status;

/// An event in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Event {
    /// The id of the event.
    pub id: String,
    /// The tenant of the source.
    pub tenant: String,
    /// The name of the source.
    pub source: String,
    /// The provider of the source at the time of arrival.
    pub provider: String,
    /// The sender's name for what happened.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// The idempotency key.
    pub key: String,
    /// The time of arrival.
    pub received_at: String,
    /// `unrouted` or `discarded`; present only for an event without jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// The jobs of the event.
    pub plugins: Vec<Job>,
}

/// A job in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Job {
    /// The name of the plugin.
    pub plugin: String,
    /// The revision that the last attempt ran.
    pub revision: Option<String>,
    /// The state of the job.
    #[serde(flatten)]
    pub status: Status,
    /// The number of attempts since the last replay.
    pub attempts: u32,
    /// The outcome of the last attempt, in one line.
    pub last_outcome: Option<String>,
}

impl From<&EventSummary> for Event {
    fn from(event: &EventSummary) -> Self {
        let state = if event.is_unrouted() {
            Some("unrouted")
        } else {
            event.is_discarded.then_some("discarded")
        };
        Self {
            id: event.id.to_string(),
            tenant: event.source.tenant.to_string(),
            source: event.source.name.to_string(),
            provider: event.provider.clone(),
            event_type: event.event_type.clone(),
            key: event.key.clone(),
            received_at: event.received_at.to_string(),
            state,
            plugins: event.jobs.iter().map(Job::from).collect(),
        }
    }
}

impl From<&JobSummary> for Job {
    fn from(job: &JobSummary) -> Self {
        Self {
            plugin: job.plugin.to_string(),
            revision: job.revision.map(|revision| revision.to_string()),
            status: Status::of(job.state, job.behind.as_ref()),
            attempts: job.attempts,
            last_outcome: job.last_outcome.clone(),
        }
    }
}

/// A whole event.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventDetail {
    /// The id of the event.
    pub id: String,
    /// The tenant of the source.
    pub tenant: String,
    /// The name of the source.
    pub source: String,
    /// The provider of the source at the time of arrival.
    pub provider: String,
    /// The sender's name for what happened.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// The idempotency key.
    pub key: String,
    /// The key that orders the event among the events of its source.
    pub ordering_key: Option<String>,
    /// The time of arrival.
    pub received_at: String,
    /// The size of the body.
    pub bytes: u64,
    /// The headers without credentials; absent without `payloads`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Vec<(String, String)>>,
    /// The body; absent without `payloads`.
    #[serde(flatten)]
    pub body: Option<Body>,
    /// `unrouted` or `discarded`; present only for an event without jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// The discard of an event without jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discarded: Option<Discarded>,
    /// The later requests that had the key of the event and another body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differing_repeats: Option<Repeats>,
    /// The jobs of the event, each with its attempts.
    pub plugins: Vec<JobDetail>,
    /// The response with which a plugin answered the request of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Response>,
    /// The messages that plugins sent while they handled the event.
    pub messages: Vec<SentMessage>,
}

/// A job with its history.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct JobDetail {
    /// The name of the plugin.
    pub plugin: String,
    /// The state of the job.
    #[serde(flatten)]
    pub status: Status,
    /// How often the job was replayed.
    pub replays: u32,
    /// The attempts, the oldest first.
    pub attempts: Vec<AttemptView>,
    /// The discards of the job.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub discards: Vec<Discarded>,
}

/// An attempt.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AttemptView {
    /// The number of replays before the attempt.
    pub replay: u32,
    /// The number since the last replay, from 1.
    pub number: u32,
    /// The time at which the attempt began.
    pub started_at: String,
    /// The duration in milliseconds.
    pub duration_ms: f64,
    /// The revision that ran.
    pub revision: String,
    /// The name of the outcome.
    pub outcome: &'static str,
    /// The outcome with its reason.
    pub description: String,
    /// The lines that the plugin wrote; absent without `payloads`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<Vec<Line>>,
}

/// A line that a plugin wrote.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Line {
    /// `stdout` or `stderr`.
    pub stream: &'static str,
    /// The line.
    pub text: String,
}

/// The discard of a job or event.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Discarded {
    /// The number of replays before the discard.
    pub replay: u32,
    /// The time of the discard.
    pub at: String,
    /// The reason.
    pub reason: String,
}

/// Requests that had the key of a stored event and another body.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Repeats {
    /// The number of the requests.
    pub count: u64,
    /// The time of the last one.
    pub last_at: String,
}

/// The response of a plugin.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Response {
    /// The plugin that answered.
    pub plugin: String,
    /// The status of the answer.
    pub status: u16,
    /// The headers; absent without `payloads`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Vec<(String, String)>>,
    /// The body; absent without `payloads`.
    #[serde(flatten)]
    pub body: Option<Body>,
}

/// A message of an event.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SentMessage {
    /// The id of the message.
    pub id: String,
    /// The plugin that sent the message.
    pub plugin: String,
    /// The name of the destination.
    pub destination: String,
    /// The state of the message.
    #[serde(flatten)]
    pub status: Status,
}

impl EventDetail {
    /// Returns an event with its history. Without `shows_payloads`, it has no headers, bodies and
    /// log lines.
    pub fn of(
        record: &EventRecord,
        response: Option<&GivenResponse>,
        messages: &[MessageSummary],
        shows_payloads: bool,
    ) -> Self {
        let event = &record.event;
        let state = match (record.jobs.is_empty(), &record.discarded) {
            (false, _) => None,
            (true, None) => Some("unrouted"),
            (true, Some(_)) => Some("discarded"),
        };
        let discarded = record.discarded.as_ref();
        let jobs = record.jobs.iter();

        Self {
            id: event.id.to_string(),
            tenant: event.source.tenant.to_string(),
            source: event.source.name.to_string(),
            provider: event.provider.clone(),
            event_type: event.event_type.clone(),
            key: event.key.clone(),
            ordering_key: event.ordering_key.clone(),
            received_at: event.received_at.to_string(),
            bytes: event.body.len() as u64,
            headers: shows_payloads.then(|| headers(&event.headers)),
            body: shows_payloads.then(|| Body::of(&event.body)),
            state,
            discarded: discarded.map(|discard| Discarded::of(0, discard)),
            differing_repeats: record.differing_repeats.map(Repeats::from),
            plugins: jobs.map(|job| JobDetail::of(job, shows_payloads)).collect(),
            response: response.map(|given| Response::of(given, shows_payloads)),
            messages: messages.iter().map(SentMessage::from).collect(),
        }
    }
}

impl JobDetail {
    fn of(job: &JobRecord, shows_payloads: bool) -> Self {
        let (attempts, discards) = (job.attempts.iter(), job.discards.iter());
        Self {
            plugin: job.plugin.to_string(),
            status: Status::of(job.state, job.behind.as_ref()),
            replays: job.replays,
            attempts: attempts
                .map(|(replay, attempt)| AttemptView::of(*replay, attempt, shows_payloads))
                .collect(),
            discards: discards
                .map(|(replay, discard)| Discarded::of(*replay, discard))
                .collect(),
        }
    }
}

impl AttemptView {
    fn of(replay: u32, attempt: &Attempt, shows_payloads: bool) -> Self {
        let line = |line: &hookyard_model::LogLine| Line {
            stream: if line.is_error { "stderr" } else { "stdout" },
            text: line.text.clone(),
        };
        Self {
            replay,
            number: attempt.number,
            started_at: attempt.started_at.to_string(),
            duration_ms: attempt.duration.as_secs_f64() * 1000.0,
            revision: attempt.revision.to_string(),
            outcome: attempt.outcome.name(),
            description: attempt.outcome.to_string(),
            log: shows_payloads.then(|| attempt.log.iter().map(line).collect()),
        }
    }
}

impl Discarded {
    fn of(replay: u32, discard: &DiscardRecord) -> Self {
        Self {
            replay,
            at: discard.at.to_string(),
            reason: discard.reason.clone(),
        }
    }
}

impl From<DifferingRepeats> for Repeats {
    fn from(repeats: DifferingRepeats) -> Self {
        Self {
            count: repeats.count,
            last_at: repeats.last.to_string(),
        }
    }
}

impl Response {
    fn of(given: &GivenResponse, shows_payloads: bool) -> Self {
        let GivenResponse { plugin, response } = given;
        Self {
            plugin: plugin.to_string(),
            status: response.status,
            headers: shows_payloads.then(|| headers(&response.headers)),
            body: shows_payloads.then(|| Body::of(&response.body)),
        }
    }
}

impl From<&MessageSummary> for SentMessage {
    fn from(message: &MessageSummary) -> Self {
        Self {
            id: message.id.to_string(),
            plugin: message.plugin.name.to_string(),
            destination: message.destination.to_string(),
            status: Status::of(message.state, message.behind.as_ref()),
        }
    }
}
