//! `hookyard plugins list`: one line for each plugin.

use std::io;
use std::path::Path;

use hookyard_config as config;
use hookyard_model::{PluginRef, Timestamp, one_line, visible};
use hookyard_store::RevisionRecord;
use serde::Serialize;

use super::standing::{self, Standing};
use crate::cli::Failure;
use crate::cli::shared::table::{terminal_width, write_table};
use crate::output;

const HEAD: [&str; 5] = ["PLUGIN", "STATE", "REVISION", "SINCE", "NOTES"];
/// The text of a cell without a value.
const NOTHING: &str = "-";

/// Lists all plugins that are known.
pub(super) async fn list(path: &Path, json: bool) -> Result<(), Failure> {
    let settings = config::read(path).result?;
    let all = standing::all(&settings).await?;
    if json {
        return all
            .iter()
            .try_for_each(|(plugin, standing)| output::line(to_json(plugin, standing)));
    }
    if all.is_empty() {
        let folder = settings.plugins.folder.display();
        return output::line(format_args!("{folder} holds no plugin yet"));
    }

    let rows = all.iter().map(|(plugin, standing)| row(plugin, standing));
    write_table(Some(HEAD), rows, terminal_width(), &mut io::stdout().lock())
        .map_err(Failure::Output)
}

/// The JSON object of one plugin.
#[derive(Serialize)]
pub(super) struct PluginJson<'p> {
    tenant: &'p str,
    plugin: &'p str,
    state: &'static str,
    /// The active revision.
    revision: Option<String>,
    /// The time at which that revision became active.
    since: Option<String>,
    /// The revision of the file in the folder.
    file: Option<String>,
    has_file: bool,
    /// The last step of the file's revision and its time, if that revision is not the active one.
    file_state: Option<&'static str>,
    file_since: Option<String>,
    /// The reason for which the file's revision is not the active one.
    mismatch: Option<String>,
    pinned: Option<String>,
    quarantine: Option<ReasonJson<'p>>,
    blocked: Vec<ReasonJson<'p>>,
}

/// A revision, and the reason for its quarantine or block.
#[derive(Serialize)]
struct ReasonJson<'p> {
    revision: String,
    reason: &'p str,
    since: String,
}

impl<'p> PluginJson<'p> {
    pub(super) fn of(plugin: &'p PluginRef, standing: &'p Standing) -> Self {
        let active = standing.active();
        let progress = standing.progress();
        let quarantine = standing.quarantine.as_ref().map(|quarantine| ReasonJson {
            revision: quarantine.revision.to_string(),
            reason: &quarantine.reason,
            since: quarantine.since.to_string(),
        });
        let blocked = standing.plugin.blocks.iter().map(|block| ReasonJson {
            revision: block.revision.to_string(),
            reason: &block.reason,
            since: block.since.to_string(),
        });

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
            file_state: progress.map(|(step, _)| step.name()),
            file_since: progress.map(|(_, since)| since.to_string()),
            mismatch: standing.mismatch(),
            pinned: standing.plugin.pin().map(|pin| pin.revision.to_string()),
            quarantine,
            blocked: blocked.collect(),
        }
    }
}

fn to_json(plugin: &PluginRef, standing: &Standing) -> String {
    serde_json::to_string(&PluginJson::of(plugin, standing)).expect("texts make JSON")
}

/// Returns the cells of a plugin's row.
fn row(plugin: &PluginRef, standing: &Standing) -> [String; 5] {
    let (revision, since) = match standing.active() {
        Some(active) => (active.revision.short(), since(active).to_string()),
        None => (NOTHING.to_owned(), NOTHING.to_owned()),
    };

    [
        plugin.to_string(),
        standing.state().to_owned(),
        revision,
        since,
        notes(standing).join("; "),
    ]
}

/// Returns the state of a plugin in one line.
pub(super) fn in_words(plugin: &PluginRef, standing: &Standing) -> String {
    let mut line = format!("{plugin} {}", standing.state());
    if let Some(active) = standing.active() {
        let since = since(active);
        line.push_str(&format!(" {} since {since}", active.revision.short()));
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

/// Returns what the operator should know beside the state.
pub(crate) fn notes(standing: &Standing) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(pin) = standing.plugin.pin() {
        notes.push(format!("pinned to {}", pin.revision.short()));
    }

    if let Some(quarantine) = &standing.quarantine {
        let (since, revision) = (quarantine.since, quarantine.revision.short());
        let reason = &quarantine.reason;
        notes.push(format!(
            "in quarantine since {since} ({revision}): {reason}"
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
    use hookyard_store::Quarantine;

    use super::*;

    #[test]
    fn plugin_is_one_row() {
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
    fn plugin_is_one_line() {
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
                "acme/books quarantined 020202020202 since {since}; in quarantine since \
                 2026-06-02T11:36:47.000Z (020202020202): 9 of 10\\ntrapped; no longer in the \
                 folder"
            )
        );

        let mut refused = dropped(3);
        refused.plugin.blocks = vec![block(3)];
        let expected = format!(
            "acme/books active 020202020202 since {since}; its file (030303030303) is refused: \
             worse"
        );

        assert_eq!(in_words(&plugin(), &refused), expected);
        let json: serde_json::Value =
            serde_json::from_str(&to_json(&plugin(), &refused)).expect("JSON");
        assert_eq!(json["revision"], revision(2).to_string());
        assert_eq!(json["blocked"][0]["reason"], "worse");
        assert_eq!(json["state"], "active");
    }
}
