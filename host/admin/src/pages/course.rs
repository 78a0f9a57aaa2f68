//! The course of an event: what happened to it, and how long after its arrival.

use std::time::Duration;

use hookyard_model::Timestamp;
use hookyard_store::{EventRecord, MessageSummary};

use super::shown::{State, Written, milliseconds};

/// The maximum number of moments of the course of an event.
const MOMENTS_MAX: usize = 12;

/// Something that happened to the event, and how long after its arrival.
pub(crate) struct Moment {
    pub(crate) after: String,
    pub(crate) what: Written,
    pub(crate) state: Option<State>,
}

/// Returns what happened to the event, in the order of time.
pub(crate) fn course(record: &EventRecord, messages: &[MessageSummary]) -> Vec<Moment> {
    let received = record.event.received_at;
    let mut moments = vec![(received, "received".to_owned(), None)];
    for job in &record.jobs {
        for (_, attempt) in &job.attempts {
            let ended = attempt.started_at.after(attempt.duration);
            let name = attempt.outcome.name();
            let state = if name == "done" { "done" } else { "dead" };
            moments.push((
                ended,
                format!("{} {name}", job.plugin),
                Some(State::named(state)),
            ));
        }
    }
    for message in messages {
        moments.push((
            message.created_at,
            format!("message to {}", message.destination),
            None,
        ));
    }
    moments.sort_by_key(|(at, _, _)| *at);

    let left_out = moments.len().saturating_sub(MOMENTS_MAX);
    let shown = moments.into_iter().take(MOMENTS_MAX);
    let mut course: Vec<_> = shown
        .map(|(at, what, state)| Moment::new(received, at, &what, state))
        .collect();
    if left_out > 0 {
        course.push(Moment {
            after: String::new(),
            what: Written::short(&format!("{left_out} more")),
            state: None,
        });
    }
    course
}

impl Moment {
    fn new(received: Timestamp, at: Timestamp, what: &str, state: Option<State>) -> Self {
        let after: Duration = at.since(received);
        Self {
            after: milliseconds(after.as_secs_f64() * 1_000.0),
            what: Written::short(what),
            state,
        }
    }
}
