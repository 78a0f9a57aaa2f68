//! `hookyard plugins show`: one plugin with its revisions, and the steps of each.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use hookyard_config::plugin_summary::{SettingsSummary, summarize};
use hookyard_config::{self as config, Settings};
use hookyard_model::{PluginRef, Step, one_line, visible};
use hookyard_store::{ReleaseStep, Releases};
use hookyard_store_sqlite::{OpenError, SqliteStore};
use serde::Serialize;

use super::list::{PluginJson, in_words};
use super::standing::{self, Standing};
use crate::cli::Failure;
use crate::output;

/// What is view of a plugin.
struct PluginView<'p> {
    plugin: &'p PluginRef,
    standing: Standing,
    /// The steps of all revisions, the oldest first.
    steps: Vec<ReleaseStep>,
    /// The plugin's settings, or what is wrong with them.
    settings: Result<SettingsSummary, String>,
}

/// Shows a plugin.
pub(super) async fn show(path: &Path, plugin: &PluginRef, json: bool) -> Result<(), Failure> {
    let settings = config::read(path).result?;
    let view = PluginView {
        plugin,
        standing: standing::one(&settings, plugin).await?,
        steps: steps(&settings, plugin).await?,
        settings: summarize(&settings.plugins, &settings.rehearsal, plugin),
    };

    if json {
        let document = Document::of(&view);
        output::line(serde_json::to_string(&document).expect("texts make JSON"))
    } else {
        output::text(text(&view))
    }
}

async fn steps(settings: &Settings, plugin: &PluginRef) -> anyhow::Result<Vec<ReleaseStep>> {
    match SqliteStore::open_read_only(&settings.store.url) {
        Err(OpenError::Missing { .. }) => Ok(Vec::new()),
        opened => opened?
            .steps(plugin)
            .await
            .context("the store cannot be read"),
    }
}

/// The JSON object of a plugin.
#[derive(Serialize)]
struct Document<'p> {
    #[serde(flatten)]
    plugin: PluginJson<'p>,
    handlers: Option<&'p str>,
    sources: Option<&'p [String]>,
    limits: Option<&'p str>,
    grants: Option<&'p [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reuse: Option<&'p str>,
    settings_fault: Option<&'p str>,
    /// The revisions, the latest step first.
    revisions: Vec<DocumentRevision<'p>>,
    /// The steps, the oldest first.
    steps: Vec<DocumentStep<'p>>,
}

#[derive(Serialize)]
struct DocumentRevision<'p> {
    revision: String,
    step: &'static str,
    since: String,
    reason: Option<&'p str>,
    served_at: Option<String>,
}

#[derive(Serialize)]
struct DocumentStep<'p> {
    revision: Option<String>,
    step: &'static str,
    at: String,
    reason: Option<&'p str>,
    report: Option<&'p str>,
}

impl<'p> Document<'p> {
    fn of(view: &'p PluginView<'p>) -> Self {
        let settings = view.settings.as_ref();
        let records = view.standing.revisions.iter();
        let revisions = records.map(|record| DocumentRevision {
            revision: record.revision.to_string(),
            step: record.step.name(),
            since: record.at.to_string(),
            reason: record.reason.as_deref(),
            served_at: record.served_at.map(|served_at| served_at.to_string()),
        });

        let steps = view.steps.iter().map(|stepped| DocumentStep {
            revision: stepped.revision.map(|revision| revision.to_string()),
            step: stepped.step.name(),
            at: stepped.at.to_string(),
            reason: stepped.reason.as_deref(),
            report: stepped.report.as_deref(),
        });

        Self {
            plugin: PluginJson::of(view.plugin, &view.standing),
            handlers: handlers(view),
            sources: settings
                .ok()
                .and_then(|settings| settings.sources.as_deref()),
            limits: settings.ok().map(|settings| settings.limits.as_str()),
            grants: settings.ok().map(|settings| settings.grants.as_slice()),
            reuse: settings.ok().and_then(|settings| settings.reuse.as_deref()),
            settings_fault: settings.err().map(String::as_str),
            revisions: revisions.collect(),
            steps: steps.collect(),
        }
    }
}

/// Returns the handlers of the active revision, as they were recorded when it was checked.
fn handlers<'s>(view: &'s PluginView<'_>) -> Option<&'s str> {
    let active = view.standing.active()?.revision;
    let is_check =
        |stepped: &&ReleaseStep| stepped.revision == Some(active) && stepped.step == Step::Checked;
    view.steps.iter().rev().find(is_check)?.reason.as_deref()
}

/// Returns the text for a terminal.
fn text(view: &PluginView<'_>) -> String {
    let mut out = format!("{}\n\n", in_words(view.plugin, &view.standing));
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "{name:<10}{}", visible(value));
    };
    line("handlers", handlers(view).unwrap_or("not known"));
    match &view.settings {
        Ok(settings) => {
            let sources = settings.sources.as_ref().map(|sources| sources.join(", "));
            line(
                "sources",
                sources
                    .as_deref()
                    .unwrap_or("all that it has a handler for"),
            );
            line("limits", &settings.limits);
            line("grants", &settings.grants.join(", "));
            if let Some(reuse) = &settings.reuse {
                line("reuse", reuse);
            }
        }
        Err(faults) => line("settings", &one_line(faults)),
    }

    out.push_str("\nrevisions\n");
    for known in &view.standing.revisions {
        let _ = writeln!(
            out,
            "  {}  {:<11} since {}{}",
            known.revision.short(),
            known.step.name(),
            known.at,
            because(known.reason.as_deref().map(one_line).as_deref())
        );
    }

    out.push_str("\nsteps\n");
    for stepped in &view.steps {
        let revision = stepped
            .revision
            .map_or_else(|| "-".to_owned(), |revision| revision.short());
        let _ = writeln!(
            out,
            "  {}  {revision:<12}  {}{}",
            stepped.at,
            stepped.step,
            because(stepped.reason.as_deref())
        );
        for line in stepped.report.iter().flat_map(|report| report.lines()) {
            let _ = writeln!(out, "      {}", visible(line));
        }
    }
    out
}

/// Returns a reason for the end of a line. Further lines of the reason are indented.
fn because(reason: Option<&str>) -> String {
    let lines = |reason: &str| {
        reason
            .lines()
            .map(visible)
            .collect::<Vec<_>>()
            .join("\n      ")
    };

    reason
        .map(|reason| format!(": {}", lines(reason)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::standing::tests::{at, plugin, revision, serving};
    use super::*;

    #[test]
    fn text_has_revisions_and_steps() {
        let step = |number: Option<u8>, step, reason: Option<&str>| ReleaseStep {
            revision: number.map(revision),
            step,
            at: at(1),
            reason: reason.map(str::to_owned),
            report: (step == Step::Rehearsed)
                .then(|| "12 events\nall as before\u{1b}[1m".to_owned()),
        };
        let plugin = plugin();
        let view = PluginView {
            plugin: &plugin,
            standing: serving(),
            steps: vec![
                step(None, Step::Seen, None),
                step(Some(2), Step::Checked, Some("untyped")),
                step(Some(2), Step::Rehearsed, Some("as before")),
            ],
            settings: Ok(SettingsSummary {
                sources: None,
                limits: "64 MiB".into(),
                grants: vec!["keyvalue".into(), "logging".into()],
                reuse: Some("reuses an instance".into()),
            }),
        };
        let expected = "\
acme/books active 020202020202 since 2026-06-02T11:36:45.000Z

handlers  untyped
sources   all that it has a handler for
limits    64 MiB
grants    keyvalue, logging
reuse     reuses an instance

revisions
  020202020202  active      since 2026-06-02T11:36:49.000Z
  010101010101  retired     since 2026-06-02T11:36:49.000Z

steps
  2026-06-02T11:36:41.000Z  -             seen
  2026-06-02T11:36:41.000Z  020202020202  checked: untyped
  2026-06-02T11:36:41.000Z  020202020202  rehearsed: as before
      12 events
      all as before\\u{1b}[1m
";
        assert_eq!(text(&view), expected);
        let json = serde_json::to_value(Document::of(&view)).expect("JSON");
        assert_eq!(
            (&json["handlers"], &json["steps"][2]["step"]),
            (&"untyped".into(), &"rehearsed".into())
        );
        assert_eq!(json["revisions"][0]["revision"], revision(2).to_string());
    }
}
