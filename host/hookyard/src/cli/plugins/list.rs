//! `hookyard plugins list`: a line for each plugin.

use std::io;
use std::path::Path;

use hookyard_model::{PluginRef, Timestamp};
use hookyard_store::{Quarantine, RevisionRecord};
use serde::Serialize;

use super::standing::{self, Standing};
use crate::cli::Failure;
use crate::cli::shared::table::{terminal_width, write_table};
use crate::output;
use hookyard_config as config;
use hookyard_model::{one_line, visible};

const HEAD: [&str; 5] = ["PLUGIN", "STATE", "REVISION", "SINCE", "NOTES"];
/// What stands where there is nothing to say.
const NOTHING: &str = "-";

/// Lists all that is known.
pub(crate) async fn list(path: &Path, json: bool) -> Result<(), Failure> {
    let settings = config::read(path).result?;
    let all = standing::all(&settings).await?;
    if json {
        return all
            .iter()
            .try_for_each(|(plugin, standing)| output::line(in_json(plugin, standing)));
    }
    if all.is_empty() {
        return output::line(format_args!(
            "{} contains no plugin yet",
            settings.plugins.folder.display()
        ));
    }
    let rows = all.iter().map(|(plugin, standing)| row(plugin, standing));
    write_table(Some(HEAD), rows, terminal_width(), &mut io::stdout().lock())
        .map_err(Failure::Output)
}

/// One plugin, for machines.
#[derive(Serialize)]
pub(super) struct Line<'p> {
    tenant: &'p str,
    plugin: &'p str,
    state: &'static str,
    /// What serves, or did when the host ended.
    revision: Option<String>,
    since: Option<String>,
    /// What the file in the folder holds.
    file: Option<String>,
    has_file: bool,
    /// How far that has come where it isn't what serves, and since when.
    file_state: Option<&'static str>,
    file_since: Option<String>,
    /// Why these two differ.
    mismatch: Option<String>,
    pinned: Option<String>,
    quarantine: Option<Why<'p>>,
    blocked: Vec<Why<'p>>,
}

#[derive(Serialize)]
struct Why<'p> {
    revision: String,
    reason: &'p str,
    since: String,
}

impl<'p> Line<'p> {
    pub(super) fn of(plugin: &'p PluginRef, standing: &'p Standing) -> Self {
        let active = standing.active();
        let why = |revision: String, reason, since: String| Why {
            revision,
            reason,
            since,
        };
        let quarantine = standing.quarantine.as_ref();
        let blocks = standing.plugin.blocks.iter();
        Self {
            tenant: plugin.tenant.as_str(),
            plugin: plugin.name.as_str(),
            state: standing.state(),
            revision: active.map(|active| active.revision.to_string()),
            since: active
                .and_then(|active| active.served_at)
                .map(|since| since.to_string()),
            file: standing.plugin.file.map(|file| file.to_string()),
            has_file: standing.has_file,
            file_state: standing.progress().map(|(step, _)| step.name()),
            file_since: standing.progress().map(|(_, since)| since.to_string()),
            mismatch: standing.mismatch(),
            pinned: standing.plugin.pin().map(|pin| pin.revision.to_string()),
            quarantine: quarantine.map(|why_| {
                why(
                    why_.revision.to_string(),
                    &why_.reason,
                    why_.since.to_string(),
                )
            }),
            blocked: blocks
                .map(|block| {
                    why(
                        block.revision.to_string(),
                        &block.reason,
                        block.since.to_string(),
                    )
                })
                .collect(),
        }
    }
}

fn in_json(plugin: &PluginRef, standing: &Standing) -> String {
    serde_json::to_string(&Line::of(plugin, standing)).expect("texts make JSON")
}

/// One plugin in a line of a table.
fn row(plugin: &PluginRef, standing: &Standing) -> [String; 5] {
    let active = standing.active();
    let revision = active.map_or_else(|| NOTHING.to_owned(), |active| active.revision.short());
    let since = active.map_or_else(|| NOTHING.to_owned(), |active| since(active).to_string());
    [
        plugin.to_string(),
        standing.state().to_owned(),
        revision,
        since,
        notes(standing).join("; "),
    ]
}

/// One plugin in a sentence.
pub(super) fn in_words(plugin: &PluginRef, standing: &Standing) -> String {
    let mut line = format!("{plugin} {}", standing.state());
    if let Some(active) = standing.active() {
        line.push_str(&format!(
            " {} since {}",
            active.revision.short(),
            since(active)
        ));
    }
    for note in notes(standing) {
        line.push_str("; ");
        line.push_str(&visible(&note));
    }
    line
}

fn since(active: &RevisionRecord) -> Timestamp {
    active.served_at.unwrap_or(active.at)
}

/// What is out of the ordinary.
fn notes(standing: &Standing) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(pin) = standing.plugin.pin() {
        notes.push(format!("pinned to {}", pin.revision.short()));
    }
    if let Some(Quarantine {
        since,
        revision,
        reason,
        ..
    }) = &standing.quarantine
    {
        notes.push(format!(
            "in quarantine since {since} ({}): {reason}",
            revision.short()
        ));
    }
    notes.extend(standing.mismatch().map(|mismatch| one_line(&mismatch)));
    if !standing.has_file {
        notes.push("no longer in the folder".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::super::standing::tests::{at, block, dropped, plugin, revision, serving, with_file};
    use super::*;

    #[test]
    fn a_plugin_is_a_row() {
        let text = |standing: &Standing| row(&plugin(), standing).join("|");
        assert_eq!(
            text(&serving()),
            "acme/books|active|020202020202|2026-06-02T11:36:45.000Z|"
        );
        let mut refused = with_file(3);
        refused.plugin.blocks = vec![block(3)];
        assert_eq!(
            text(&refused),
            "acme/books|refused|-|-|its file (030303030303) is refused: worse"
        );
    }

    #[test]
    fn a_plugin_is_told_in_a_line() {
        let since = "2026-06-02T11:36:45.000Z";
        assert_eq!(
            in_words(&plugin(), &serving()),
            format!("acme/books active 020202020202 since {since}")
        );
        let reason = "9 of 10\ntrapped".to_owned();
        let quarantine = Quarantine {
            plugin: plugin(),
            revision: revision(2),
            reason,
            since: at(7),
        };
        let mut held = serving();
        held.quarantine = Some(quarantine);
        held.has_file = false;
        held.plugin.file = None;
        assert_eq!(
            in_words(&plugin(), &held),
            format!(
                "acme/books quarantined 020202020202 since {since}; in quarantine since 2026-06-02T11:36:47.000Z \
                 (020202020202): 9 of 10\\ntrapped; no longer in the folder"
            )
        );
        let mut refused = dropped(3);
        refused.plugin.blocks = vec![block(3)];
        let expected = format!(
            "acme/books active 020202020202 since {since}; its file (030303030303) is refused: worse"
        );
        assert_eq!(in_words(&plugin(), &refused), expected);
        let told: serde_json::Value =
            serde_json::from_str(&in_json(&plugin(), &refused)).expect("JSON");
        assert_eq!(told["revision"], revision(2).to_string());
        assert_eq!(told["blocked"][0]["reason"], "worse");
        assert_eq!(told["state"], "active");
    }
}
