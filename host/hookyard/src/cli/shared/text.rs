//! Parts of what is shown of one event or message.

use std::borrow::Cow;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hookyard_model::{Header, WorkState};
use hookyard_store::Predecessor;
use serde::Serialize;

use hookyard_model::visible;

/// Bytes as text, where they are, and in base64 where they aren't.
#[derive(Serialize)]
pub(crate) struct Body<'b> {
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    #[serde(skip)]
    bytes: usize,
}

impl<'b> Body<'b> {
    pub(crate) fn of(bytes: &'b [u8]) -> Self {
        let body = std::str::from_utf8(bytes).ok();
        Self {
            body,
            body_base64: body.is_none().then(|| STANDARD.encode(bytes)),
            bytes: bytes.len(),
        }
    }

    /// Writes it under a headline, each of its lines after `indent` and two spaces.
    pub(crate) fn write(&self, name: &str, indent: &str, out: &mut String) {
        let base64 = if self.body.is_none() {
            ", in base64"
        } else {
            ""
        };
        let _ = writeln!(out, "{indent}{name} ({} bytes{base64})", self.bytes);
        let encoded = self.body_base64.as_deref().unwrap_or_default();
        for line in self.body.unwrap_or(encoded).lines() {
            let _ = writeln!(out, "{indent}  {}", visible(line));
        }
    }
}

/// Names and values of headers.
pub(crate) fn headers(headers: &[Header]) -> Vec<(&str, Cow<'_, str>)> {
    headers
        .iter()
        .map(|header| (header.name.as_str(), String::from_utf8_lossy(&header.value)))
        .collect()
}

/// One on a line, after `indent`.
pub(crate) fn write_headers(headers: &[(&str, Cow<'_, str>)], indent: &str, out: &mut String) {
    for (name, value) in headers {
        let _ = writeln!(out, "{indent}{}: {}", visible(name), visible(value));
    }
}

/// Names with what stands there, one on a line.
pub(crate) fn write_fields(fields: &[(&str, &str)], out: &mut String) {
    let width = fields
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or(0)
        .max(10);
    for (name, value) in fields {
        let _ = writeln!(out, "{name:<width$} {}", visible(value));
    }
}

/// The end of the lease or of the wait.
pub(crate) fn until(state: WorkState) -> Option<String> {
    match state {
        WorkState::Leased { until } | WorkState::Waiting { until } => Some(until.to_string()),
        WorkState::Pending
        | WorkState::Done
        | WorkState::Dead
        | WorkState::Held
        | WorkState::Discarded => None,
    }
}

/// The one that has to be over first.
#[derive(Serialize)]
pub(crate) struct Behind {
    id: String,
    state: &'static str,
    until: Option<String>,
}

impl Behind {
    pub(crate) fn of<I: ToString>(ahead: &Predecessor<I>) -> Self {
        Self {
            id: ahead.id.to_string(),
            state: ahead.state.name(),
            until: until(ahead.state),
        }
    }
}

/// A state with its time and what it waits for, such as `pending behind 0197…, which is waiting until …`.
pub(crate) fn standing(name: &str, until: Option<&str>, behind: Option<&Behind>) -> String {
    let until_text = |until: Option<&str>| {
        until
            .map(|until| format!(" until {until}"))
            .unwrap_or_default()
    };
    let behind = behind.map(|Behind { id, state, until }| {
        format!(
            " behind {id}, which is {state}{}",
            until_text(until.as_deref())
        )
    });
    format!("{name}{}{}", until_text(until), behind.unwrap_or_default())
}

/// The same, and how often it was replayed, such as `waiting until …, replayed once`.
pub(crate) fn state(standing: &str, replays: u32) -> String {
    let replays = match replays {
        0 => String::new(),
        1 => ", replayed once".to_owned(),
        times => format!(", replayed {times} times"),
    };
    format!("{standing}{replays}")
}

/// What an attempt or try is called, such as `replay 1, attempt 2`.
pub(crate) fn numbered(what: &str, replay: u32, number: u32) -> String {
    if replay == 0 {
        format!("{what} {number}")
    } else {
        format!("replay {replay}, {what} {number}")
    }
}
