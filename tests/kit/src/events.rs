//! The lines of `hookyard events list --json`, and predicates for the log lines that tests wait
//! for.

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::log::Line;

/// A stored event.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// The host's id of the event.
    pub id: String,
    /// The tenant.
    pub tenant: String,
    /// The name of the source.
    pub source: String,
    /// The provider of the source.
    pub provider: String,
    /// The sender's name of the event type.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The idempotency key.
    pub key: String,
    /// The time of arrival.
    pub received_at: String,
    /// The jobs, one for each plugin.
    pub plugins: Vec<Job>,
}

/// A job of an event.
#[derive(Debug, Clone, Deserialize)]
pub struct Job {
    /// The name of the plugin.
    pub plugin: String,
    /// The revision of the last ended attempt.
    pub revision: Option<String>,
    /// The state, such as `done` or `waiting`.
    pub state: String,
    /// The number of attempts begun.
    pub attempts: u32,
    /// The outcome of the last ended attempt.
    pub last_outcome: Option<String>,
}

impl Event {
    pub(crate) fn parse(line: &str) -> Result<Self> {
        serde_json::from_str(line).with_context(|| {
            format!("`events list --json` wrote a line that is not an event: {line}")
        })
    }

    /// Returns the job of this plugin.
    pub fn job(&self, plugin: &str) -> Option<&Job> {
        self.plugins.iter().find(|job| job.plugin == plugin)
    }

    /// Returns whether the plugin has handled the event.
    pub fn is_done_by(&self, plugin: &str) -> bool {
        self.job(plugin).is_some_and(|job| job.state == "done")
    }

    /// Returns the source as `tenant/source`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.tenant, self.source)
    }
}

/// Returns whether the line reports that a plugin has a new active revision.
pub fn is_any_activation(line: &Line) -> bool {
    line.message() == "plugin active"
}

/// Returns whether the line reports that this revision of the plugin (`tenant/name`) is active.
pub fn is_activation(line: &Line, plugin: &str, revision: &str) -> bool {
    let given = line.text_of("revision");
    is_any_activation(line)
        && line.text_of("plugin") == plugin
        && !given.is_empty()
        && revision.starts_with(&given)
}

/// Returns whether the line reports that the plugin was removed.
pub fn is_removal(line: &Line, plugin: &str) -> bool {
    line.message().starts_with("plugin removed") && line.text_of("plugin") == plugin
}

/// Returns whether the line reports that the host refused the plugin's file.
pub fn is_rejection(line: &Line, plugin: &str) -> bool {
    line.message() == "plugin refused" && line.text_of("plugin") == plugin
}

/// Returns whether the line reports the end of an attempt.
pub fn is_attempt(line: &Line) -> bool {
    line.target() == "hookyard::attempt"
}

/// Returns whether a guest wrote the line.
pub fn is_guest(line: &Line) -> bool {
    line.target() == "hookyard::guest"
}
