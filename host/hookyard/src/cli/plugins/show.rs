//! `hookyard plugins show`: one plugin with its revisions, each with the steps that it took.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use hookyard_model::{PluginRef, Step};
use hookyard_store::{ReleaseStep, Releases};
use hookyard_store_sqlite::{OpenError, SqliteStore};
use serde::Serialize;

use super::list::{Line, in_words};
use super::standing::{self, Standing};
use crate::cli::Failure;
use crate::output;
use hookyard_config::plugin_summary::{Told, told};
use hookyard_config::{self as config, Settings};
use hookyard_model::{one_line, visible};

/// All that is shown.
struct Shown<'p> {
    plugin: &'p PluginRef,
    standing: Standing,
    steps: Vec<ReleaseStep>,
    settings: Result<Told, String>,
}

/// Shows a plugin.
pub(crate) async fn show(path: &Path, plugin: &PluginRef, json: bool) -> Result<(), Failure> {
    let settings = config::read(path).result?;
    let standing = standing::one(&settings, plugin).await?;
    let steps = steps(&settings, plugin).await?;
    let shown = Shown {
        plugin,
        standing,
        steps,
        settings: told(&settings.plugins, &settings.rehearsal, plugin),
    };
    match json {
        true => output::line(
            serde_json::to_string(&Document::of(&shown)).context("the plugin can't be told")?,
        ),
        false => output::text(text(&shown)),
    }
}

async fn steps(settings: &Settings, plugin: &PluginRef) -> anyhow::Result<Vec<ReleaseStep>> {
    match SqliteStore::open_read_only(&settings.store.url) {
        Err(OpenError::Missing { .. }) => Ok(Vec::new()),
        opened => opened?
            .steps(plugin)
            .await
            .context("the store can't be read"),
    }
}

#[derive(Serialize)]
struct Document<'p> {
    #[serde(flatten)]
    line: Line<'p>,
    handlers: Option<&'p str>,
    sources: Option<&'p [String]>,
    limits: Option<&'p str>,
    grants: Option<&'p [String]>,
    settings_fault: Option<&'p str>,
    /// The latest first.
    revisions: Vec<DocumentRevision<'p>>,
    /// The first first.
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
    fn of(shown: &'p Shown<'p>) -> Self {
        let told = shown.settings.as_ref();
        let revisions = shown
            .standing
            .revisions
            .iter()
            .map(|known| DocumentRevision {
                revision: known.revision.to_string(),
                step: known.step.name(),
                since: known.at.to_string(),
                reason: known.reason.as_deref(),
                served_at: known.served_at.map(|served_at| served_at.to_string()),
            });
        let steps = shown.steps.iter().map(|stepped| DocumentStep {
            revision: stepped.revision.map(|revision| revision.to_string()),
            step: stepped.step.name(),
            at: stepped.at.to_string(),
            reason: stepped.reason.as_deref(),
            report: stepped.report.as_deref(),
        });
        Self {
            line: Line::of(shown.plugin, &shown.standing),
            handlers: handlers(shown),
            sources: told.ok().and_then(|told| told.sources.as_deref()),
            limits: told.ok().map(|told| told.limits.as_str()),
            grants: told.ok().map(|told| told.grants.as_slice()),
            settings_fault: told.err().map(String::as_str),
            revisions: revisions.collect(),
            steps: steps.collect(),
        }
    }
}

/// What the revision that serves can be given, as it was found when it was checked.
fn handlers<'s>(shown: &'s Shown<'_>) -> Option<&'s str> {
    let active = shown.standing.active()?.revision;
    let is_check =
        |stepped: &&ReleaseStep| stepped.revision == Some(active) && stepped.step == Step::Checked;
    shown.steps.iter().rev().find(is_check)?.reason.as_deref()
}

/// It all as text.
fn text(shown: &Shown<'_>) -> String {
    let mut out = format!("{}\n\n", in_words(shown.plugin, &shown.standing));
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "{name:<10}{}", visible(value));
    };
    line("handlers", handlers(shown).unwrap_or("not known"));
    match &shown.settings {
        Ok(told) => {
            let sources = told.sources.as_ref().map(|sources| sources.join(", "));
            line(
                "sources",
                sources
                    .as_deref()
                    .unwrap_or("all that it has a handler for"),
            );
            line("limits", &told.limits);
            line("grants", &told.grants.join(", "));
        }
        Err(faults) => line("settings", &one_line(faults)),
    }
    out.push_str("\nrevisions\n");
    for known in &shown.standing.revisions {
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
    for stepped in &shown.steps {
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

/// A reason, of which lines that are to be added stand below it.
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
    fn a_plugin_is_shown_with_its_steps() {
        let step = |number: Option<u8>, step, reason: Option<&str>| ReleaseStep {
            revision: number.map(revision),
            step,
            at: at(1),
            reason: reason.map(str::to_owned),
            report: (step == Step::Rehearsed)
                .then(|| "12 events\nall as before\u{1b}[1m".to_owned()),
        };
        let plugin = plugin();
        let shown = Shown {
            plugin: &plugin,
            standing: serving(),
            steps: vec![
                step(None, Step::Seen, None),
                step(Some(2), Step::Checked, Some("untyped")),
                step(Some(2), Step::Rehearsed, Some("as before")),
            ],
            settings: Ok(Told {
                sources: None,
                limits: "64 MiB".into(),
                grants: vec!["keyvalue".into(), "logging".into()],
            }),
        };
        let expected = "\
acme/books active 020202020202 since 2026-06-02T11:36:45.000Z

handlers  untyped
sources   all that it has a handler for
limits    64 MiB
grants    keyvalue, logging

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
        assert_eq!(text(&shown), expected);
        let json = serde_json::to_value(Document::of(&shown)).expect("JSON");
        assert_eq!(
            (&json["handlers"], &json["steps"][2]["step"]),
            (&"untyped".into(), &"rehearsed".into())
        );
        assert_eq!(json["revisions"][0]["revision"], revision(2).to_string());
    }
}
