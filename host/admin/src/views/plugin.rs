//! Plugins, their revisions and the steps of their releases.

use hookyard_store::{ReleaseStep, RevisionRecord};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::host::{PluginDetail, PluginStanding};

/// A plugin in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Plugin {
    /// The tenant.
    pub tenant: String,
    /// The name of the plugin.
    pub plugin: String,
    /// The state in one word, such as `active`, `quarantined` or `refused`.
    pub state: &'static str,
    /// The active revision.
    pub revision: Option<String>,
    /// The time at which that revision became active.
    pub since: Option<String>,
    /// What an operator should know beside the state, each in one line.
    pub notes: Vec<String>,
}

impl From<&PluginStanding> for Plugin {
    fn from(standing: &PluginStanding) -> Self {
        Self {
            tenant: standing.plugin.tenant.to_string(),
            plugin: standing.plugin.name.to_string(),
            state: standing.state,
            revision: standing.active.map(|(revision, _)| revision.to_string()),
            since: standing.active.map(|(_, since)| since.to_string()),
            notes: standing.notes.clone(),
        }
    }
}

/// A whole plugin.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PluginView {
    /// What a list also says.
    #[serde(flatten)]
    pub plugin: Plugin,
    /// Whether the plugin is pinned to a revision.
    pub is_pinned: bool,
    /// Whether the plugin has a quarantine or a block that `release` ends.
    pub can_release: bool,
    /// The sources that the plugin's settings name; `null` for all that it has a handler for.
    pub sources: Option<Vec<String>>,
    /// The most important limits, in words.
    pub limits: Option<String>,
    /// What the plugin may use.
    pub grants: Option<Vec<String>>,
    /// What is wrong with the plugin's settings.
    pub settings_fault: Option<String>,
    /// The revisions, the latest step first.
    pub revisions: Vec<RevisionView>,
}

/// A revision.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RevisionView {
    /// The SHA-256 of the component, in hexadecimal digits.
    pub revision: String,
    /// The last step.
    pub step: &'static str,
    /// The time of the last step.
    pub since: String,
    /// The reason for the last step.
    pub reason: Option<String>,
    /// The last time at which the revision became active.
    pub served_at: Option<String>,
}

/// A step of the release of a revision.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StepView {
    /// The revision; `null` if the file was seen and not yet read.
    pub revision: Option<String>,
    /// The kind of the step.
    pub step: &'static str,
    /// The time of the step.
    pub at: String,
    /// The reason for the step.
    pub reason: Option<String>,
    /// The report of a rehearsal, in lines.
    pub report: Option<String>,
}

/// An order about a plugin.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderBody {
    /// The first digits of the revision: to return to, or to pin.
    pub to: Option<String>,
}

/// What came of an order.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Ordered {
    /// What came of the order, in one line.
    pub result: String,
}

impl From<&PluginDetail> for PluginView {
    fn from(detail: &PluginDetail) -> Self {
        let settings = detail.settings.as_ref().ok();
        Self {
            plugin: Plugin::from(&detail.standing),
            is_pinned: detail.is_pinned,
            can_release: detail.can_clear,
            sources: settings.and_then(|settings| settings.sources.clone()),
            limits: settings.map(|settings| settings.limits.clone()),
            grants: settings.map(|settings| settings.grants.clone()),
            settings_fault: detail.settings.as_ref().err().cloned(),
            revisions: detail.revisions.iter().map(RevisionView::from).collect(),
        }
    }
}

impl From<&RevisionRecord> for RevisionView {
    fn from(record: &RevisionRecord) -> Self {
        Self {
            revision: record.revision.to_string(),
            step: record.step.name(),
            since: record.at.to_string(),
            reason: record.reason.clone(),
            served_at: record.served_at.map(|at| at.to_string()),
        }
    }
}

impl From<&ReleaseStep> for StepView {
    fn from(stepped: &ReleaseStep) -> Self {
        Self {
            revision: stepped.revision.map(|revision| revision.to_string()),
            step: stepped.step.name(),
            at: stepped.at.to_string(),
            reason: stepped.reason.clone(),
            report: stepped.report.clone(),
        }
    }
}
