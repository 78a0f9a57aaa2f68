//! The lines of `hookyard events list --json`, and the host's log lines that tests wait for.

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::log::Line;

/// One stored event.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// The host's id of it.
    pub id: String,
    /// Whose it is.
    pub tenant: String,
    /// Where it came in.
    pub source: String,
    /// The source's provider.
    pub provider: String,
    /// The sender's name of what happened.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The idempotency key.
    pub key: String,
    /// When it came in.
    pub received_at: String,
    /// One for each plugin that it is for.
    pub plugins: Vec<Job>,
}

/// Where an event stands with one plugin.
#[derive(Debug, Clone, Deserialize)]
pub struct Job {
    /// The plugin's name.
    pub plugin: String,
    /// The code that the last ended attempt ran.
    pub revision: Option<String>,
    /// Such as `done` or `waiting`.
    pub state: String,
    /// Attempts begun.
    pub attempts: u32,
    /// What the last ended attempt came to.
    pub last_outcome: Option<String>,
}

impl Event {
    pub(crate) fn parse(line: &str) -> Result<Self> {
        serde_json::from_str(line)
            .with_context(|| format!("`events list --json` wrote a line that is no event: {line}"))
    }

    /// The job for this plugin.
    pub fn job(&self, plugin: &str) -> Option<&Job> {
        self.plugins.iter().find(|job| job.plugin == plugin)
    }

    /// Whether the plugin has handled it.
    pub fn is_done_by(&self, plugin: &str) -> bool {
        self.job(plugin).is_some_and(|job| job.state == "done")
    }

    /// Where it came in, as `tenant/source`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.tenant, self.source)
    }
}

/// Whether the line says that some plugin now runs other code.
pub fn is_any_activation(line: &Line) -> bool {
    line.message() == "plugin active"
}

/// Whether the line says that the plugin (`tenant/name`) now runs that code.
pub fn is_activation(line: &Line, plugin: &str, revision: &str) -> bool {
    let given = line.text_of("revision");
    is_any_activation(line)
        && line.text_of("plugin") == plugin
        && !given.is_empty()
        && revision.starts_with(&given)
}

/// Whether the line says that the plugin is gone.
pub fn is_removal(line: &Line, plugin: &str) -> bool {
    line.message().starts_with("plugin removed") && line.text_of("plugin") == plugin
}

/// Whether the line says why the plugin's file was not taken.
pub fn is_rejection(line: &Line, plugin: &str) -> bool {
    line.message() == "plugin refused" && line.text_of("plugin") == plugin
}

/// Whether the line tells of an ended attempt.
pub fn is_attempt(line: &Line) -> bool {
    line.target() == "hookyard::attempt"
}

/// Whether the line was written by a guest.
pub fn is_guest(line: &Line) -> bool {
    line.target() == "hookyard::guest"
}
