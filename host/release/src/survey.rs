//! Looks at the plugin folder without serving anything, for `hookyard check` and other commands.

mod responders;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use hookyard_config::settings::Plugins;
use hookyard_model::{PluginRef, Step, Timestamp};
use hookyard_plugin::Engine;
use hookyard_store::RevisionRecord;

use crate::active::{handlers, subscription, unknown_handlers};
use crate::component::load::{Failure, Ready};
use crate::desired::Desired;
use crate::folder::listing::Lister;
use crate::folder::precedence::Precedence;
use crate::folder::sighting::{self, Files, Sighting};
use responders::Candidate;

/// What was found about one plugin, or about an entry that is not a plugin.
#[derive(Debug)]
pub enum Finding {
    /// A plugin that would serve, in one line.
    Good(String),
    /// Something that needs attention and stops nothing, in one line.
    Odd(String),
    /// A plugin that would be refused, in one line.
    Bad(String),
}

/// The plugins that have a file in the folder.
pub struct Present {
    /// The plugins that may serve, with the time of the last change to the file.
    pub within: BTreeMap<PluginRef, Timestamp>,
    /// The plugins that are not loaded because their tenant has too many.
    pub over: BTreeSet<PluginRef>,
}

/// Returns the plugins that have a file in the folder, without loading them. If a tenant has too
/// many, the plugins in `serving` come first.
///
/// # Errors
///
/// Fails if the plugin folder cannot be read.
pub fn present(plugins: &Plugins, serving: BTreeSet<PluginRef>) -> io::Result<Present> {
    let Sighting { plugins, over, .. } = look(plugins, serving)?;
    let changed_at = |files: &Files| {
        let millis = files.code.changed / 1_000_000;
        Timestamp::from_unix_millis(i64::try_from(millis).unwrap_or(i64::MAX))
    };

    let within = plugins
        .into_iter()
        .map(|(plugin, files)| (plugin, changed_at(&files)));
    Ok(Present {
        within: within.collect(),
        over,
    })
}

/// Returns the plugins that have an active revision on record.
pub fn serving(records: &[RevisionRecord]) -> BTreeSet<PluginRef> {
    let active = records.iter().filter(|known| known.step == Step::Active);
    active.map(|known| known.plugin.clone()).collect()
}

fn look(plugins: &Plugins, serving: BTreeSet<PluginRef>) -> io::Result<Sighting> {
    let precedence = Arc::new(Precedence::new(serving, []));
    let listing = Lister::default().list(&plugins.folder, &precedence)?;
    let count_max = plugins.tenant_count_max;
    Ok(sighting::judge(
        &plugins.folder,
        &listing,
        &precedence,
        count_max,
    ))
}

/// Returns the message about a plugin folder that cannot be read.
pub fn unreadable(folder: &Path) -> String {
    format!(
        "the plugin folder {} cannot be read; create it, or name another by `plugins.folder`",
        folder.display()
    )
}

/// Looks at the folder and loads every plugin in it, in order. Blocks while components compile.
///
/// If a tenant has too many plugins, the plugins in `serving` come first.
pub fn survey(
    desired: &Desired,
    engine: &Arc<Engine>,
    serving: BTreeSet<PluginRef>,
) -> Vec<Finding> {
    let sighting = match look(&desired.plugins, serving) {
        Ok(sighting) => sighting,
        Err(error) => {
            let problem = unreadable(&desired.plugins.folder);
            return vec![Finding::Bad(format!("{problem}: {error}"))];
        }
    };

    let loader = desired.loader(engine);
    let mut candidates = Vec::new();
    let mut findings: Vec<_> = sighting.problems.into_iter().map(Finding::Odd).collect();
    findings.extend(sighting.over_lines.into_iter().map(Finding::Bad));
    for (plugin, files) in sighting.plugins {
        match loader.survey(&plugin, files).result {
            Ok((ready, _)) => {
                let candidate = candidate(&plugin, &ready, desired);
                findings.extend(ready_findings(&candidate, ready));
                candidates.push(candidate);
            }
            Err(
                Failure::Refused(reason)
                | Failure::Unreadable(reason)
                | Failure::Uncompiled(reason),
            ) => {
                findings.push(Finding::Bad(format!("plugin {plugin}: {reason}")));
            }
            Err(Failure::Moved) => {
                findings.push(Finding::Odd(format!(
                    "plugin {plugin}: its files are being changed; check again"
                )));
            }
        }
    }
    findings.extend(responders::findings(&desired.responders, &candidates));
    findings
}

fn candidate(plugin: &PluginRef, ready: &Ready, desired: &Desired) -> Candidate {
    let subscription = subscription(&ready.loaded, ready.settings.sources.clone());
    let sources = subscription.sources_of(plugin, &desired.sources);
    Candidate {
        plugin: plugin.clone(),
        sources: sources.into_iter().cloned().collect(),
        can_respond: ready.loaded.can_respond(),
    }
}

fn ready_findings(candidate: &Candidate, ready: Ready) -> Vec<Finding> {
    let (plugin, loaded) = (&candidate.plugin, ready.loaded);
    let sources: Vec<_> = candidate.sources.iter().map(ToString::to_string).collect();
    let sources = if sources.is_empty() {
        "no source".to_owned()
    } else {
        sources.join(", ")
    };

    let (revision, handlers) = (loaded.revision().short(), handlers(&loaded));
    let mut findings = vec![Finding::Good(format!(
        "plugin {plugin} ({revision}): {handlers} from {sources}"
    ))];
    if let Some(remark) = unknown_handlers(&loaded) {
        findings.push(Finding::Odd(format!("plugin {plugin} {remark}")));
    }
    for note in ready.notes {
        findings.push(Finding::Odd(format!("plugin {plugin}: {note}")));
    }
    for fault in &ready.fixtures.faults {
        findings.push(Finding::Odd(format!("plugin {plugin}: fixtures: {fault}")));
    }
    findings
}
