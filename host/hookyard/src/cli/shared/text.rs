//! The parts of what `show` and `list` print about one event or message.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hookyard_model::{Header, Timestamp, WorkState, visible};
use hookyard_store::Predecessor;
use serde::Serialize;

/// A body: text if it is UTF-8, and base64 otherwise.
#[derive(Serialize)]
pub(crate) struct Body<'b> {
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    #[serde(skip)]
    length: usize,
}

impl<'b> Body<'b> {
    pub(crate) fn of(bytes: &'b [u8]) -> Self {
        let body = std::str::from_utf8(bytes).ok();
        Self {
            body,
            body_base64: body.is_none().then(|| STANDARD.encode(bytes)),
            length: bytes.len(),
        }
    }

    /// Writes the body below a headline. Each line begins with `indent` and two spaces.
    pub(crate) fn write(&self, name: &str, indent: &str, out: &mut String) {
        let encoding = if self.body.is_none() {
            ", in base64"
        } else {
            ""
        };
        let _ = writeln!(out, "{indent}{name} ({} bytes{encoding})", self.length);

        let encoded = self.body_base64.as_deref().unwrap_or_default();
        for line in self.body.unwrap_or(encoded).lines() {
            let _ = writeln!(out, "{indent}  {}", visible(line));
        }
    }
}

/// Returns the names and values of headers as text.
pub(crate) fn headers(headers: &[Header]) -> Vec<(&str, Cow<'_, str>)> {
    headers
        .iter()
        .map(|header| (header.name.as_str(), String::from_utf8_lossy(&header.value)))
        .collect()
}

/// Writes one header per line, after `indent`.
pub(crate) fn write_headers(headers: &[(&str, Cow<'_, str>)], indent: &str, out: &mut String) {
    for (name, value) in headers {
        let _ = writeln!(out, "{indent}{}: {}", visible(name), visible(value));
    }
}

/// The minimum width of the column with the names of fields.
const NAME_WIDTH_MIN: usize = 10;

/// Writes one field per line, as its name and its value.
pub(crate) fn write_fields(fields: &[(&str, &str)], out: &mut String) {
    let longest = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let width = longest.max(NAME_WIDTH_MIN);

    for (name, value) in fields {
        let _ = writeln!(out, "{name:<width$} {}", visible(value));
    }
}

/// The state of a job or message, and what it waits for.
#[derive(Serialize)]
pub(crate) struct Status {
    state: &'static str,
    /// The end of the lease or of the wait.
    until: Option<String>,
    /// The item of the same ordering key that must be over first.
    behind: Option<Behind>,
}

#[derive(Serialize)]
struct Behind {
    id: String,
    state: &'static str,
    until: Option<String>,
}

impl Status {
    pub(crate) fn of<Id: ToString>(state: WorkState, behind: Option<&Predecessor<Id>>) -> Self {
        Self {
            state: state.name(),
            until: until(state),
            behind: behind.map(|predecessor| Behind {
                id: predecessor.id.to_string(),
                state: predecessor.state.name(),
                until: until(predecessor.state),
            }),
        }
    }

    /// Returns the status as text, and how often the job or message was replayed.
    pub(crate) fn with_replays(&self, replays: u32) -> String {
        match replays {
            0 => self.to_string(),
            1 => format!("{self}, replayed once"),
            times => format!("{self}, replayed {times} times"),
        }
    }
}

/// Writes the status, such as `pending behind 0197…, which is waiting until …`.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_state(self.state, self.until.as_deref(), f)?;

        if let Some(Behind { id, state, until }) = &self.behind {
            write!(f, " behind {id}, which is ")?;
            write_state(state, until.as_deref(), f)?;
        }
        Ok(())
    }
}

fn write_state(state: &str, until: Option<&str>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(state)?;
    match until {
        Some(until) => write!(f, " until {until}"),
        None => Ok(()),
    }
}

/// Returns the end of the lease or of the wait.
fn until(state: WorkState) -> Option<String> {
    match state {
        WorkState::Leased { until } | WorkState::Waiting { until } => Some(until.to_string()),
        WorkState::Pending
        | WorkState::Done
        | WorkState::Dead
        | WorkState::Held
        | WorkState::Discarded => None,
    }
}

/// The number and the time of an attempt or a delivery.
#[derive(Serialize)]
pub(crate) struct Timing {
    /// The number of replays before the attempt or delivery.
    replay: u32,
    /// The number since the last replay, from 1.
    number: u32,
    started_at: String,
    duration_ms: f64,
}

impl Timing {
    pub(crate) fn new(replay: u32, number: u32, started_at: Timestamp, duration: Duration) -> Self {
        Self {
            replay,
            number,
            started_at: started_at.to_string(),
            duration_ms: duration.as_secs_f64() * 1000.0,
        }
    }

    /// Returns a headline, such as `replay 1, attempt 2 at 2026-06-02T11:30:00.000Z, 1.5 ms`.
    pub(crate) fn headline(&self, noun: &str) -> String {
        let Self {
            replay,
            number,
            started_at,
            duration_ms,
        } = self;
        let replay = match replay {
            0 => String::new(),
            replay => format!("replay {replay}, "),
        };

        format!("{replay}{noun} {number} at {started_at}, {duration_ms:.1} ms")
    }
}
