//! `hookyard plugins list`: a line for each plugin.

use std::path::Path;

use hookyard_model::PluginRef;
use serde::Serialize;

use super::standing::{self, Standing};
use crate::cli::Failure;
use crate::config;
use crate::explain::{in_a_line, visible};
use crate::output;

/// Lists all that is known.
pub(crate) async fn list(path: &Path, json: bool) -> Result<(), Failure> {
    let settings = config::read(path).result?;
    let all = standing::all(&settings).await?;
    for (plugin, standing) in &all {
        output::line(if json { in_json(plugin, standing) } else { in_words(plugin, standing) })?;
    }
    if all.is_empty() && !json {
        output::line(format_args!("{} holds no plugin yet", settings.plugins.folder.display()))?;
    }
    Ok(())
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
    /// Why these two differ.
    mismatch: Option<String>,
    pinned: Option<String>,
    quarantine: Option<Why<'p>>,
    banned: Vec<Why<'p>>,
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
        let why = |revision: String, reason, since: String| Why { revision, reason, since };
        let quarantine = standing.quarantine.as_ref();
        let bans = standing.bans.iter();
        Self {
            tenant: plugin.tenant.as_str(),
            plugin: plugin.plugin.as_str(),
            state: standing.state(),
            revision: active.map(|active| active.revision.to_string()),
            since: active.and_then(|active| active.served_at).map(|since| since.to_string()),
            file: standing.file.map(|file| file.to_string()),
            has_file: standing.has_file,
            mismatch: standing.mismatch(),
            pinned: standing.pin().map(|pin| pin.revision.to_string()),
            quarantine: quarantine.map(|why_| why(why_.revision.to_string(), &why_.reason, why_.since.to_string())),
            banned: bans.map(|ban| why(ban.revision.to_string(), &ban.reason, ban.since.to_string())).collect(),
        }
    }
}

fn in_json(plugin: &PluginRef, standing: &Standing) -> String {
    serde_json::to_string(&Line::of(plugin, standing)).expect("texts make JSON")
}

pub(super) fn in_words(plugin: &PluginRef, standing: &Standing) -> String {
    let mut line = format!("{plugin} {}", standing.state());
    if let Some(active) = standing.active() {
        let since = active.served_at.unwrap_or(active.at);
        line.push_str(&format!(" {} since {since}", active.revision.short()));
    }
    if let Some(pin) = standing.pin() {
        line.push_str(&format!("; pinned to {}", pin.revision.short()));
    }
    if let Some(quarantine) = &standing.quarantine {
        let (since, revision) = (quarantine.since, quarantine.revision.short());
        line.push_str(&format!("; in quarantine since {since} ({revision}): {}", visible(&quarantine.reason)));
    }
    if let Some(mismatch) = standing.mismatch() {
        line.push_str(&format!("; {}", visible(&in_a_line(&mismatch))));
    }
    if !standing.has_file {
        line.push_str("; no longer in the folder");
    }
    line
}

#[cfg(test)]
mod tests {
    use hookyard_inbox::Quarantine;

    use super::super::standing::tests::{at, ban, plugin, revision, serving};
    use super::*;

    #[test]
    fn a_plugin_is_told_in_a_line() {
        let since = "2026-06-02T11:36:45.000Z";
        assert_eq!(in_words(&plugin(), &serving()), format!("acme/books active 020202020202 since {since}"));
        let reason = "9 of 10\ntrapped".to_owned();
        let quarantine = Quarantine { plugin: plugin(), revision: revision(2), reason, since: at(7) };
        let held = Standing { quarantine: Some(quarantine), has_file: false, file: None, ..serving() };
        assert_eq!(
            in_words(&plugin(), &held),
            format!(
                "acme/books quarantined 020202020202 since {since}; in quarantine since 2026-06-02T11:36:47.000Z \
                 (020202020202): 9 of 10\\ntrapped; no longer in the folder"
            )
        );
        let refused = Standing { file: Some(revision(3)), bans: vec![ban(3)], ..serving() };
        let expected =
            format!("acme/books active 020202020202 since {since}; its file (030303030303) is refused: worse");
        assert_eq!(in_words(&plugin(), &refused), expected);
        let told: serde_json::Value = serde_json::from_str(&in_json(&plugin(), &refused)).expect("JSON");
        assert_eq!(told["revision"], revision(2).to_string());
        assert_eq!(told["banned"][0]["reason"], "worse");
        assert_eq!(told["state"], "active");
    }
}
