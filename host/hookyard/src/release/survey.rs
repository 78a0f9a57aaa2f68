//! One look at the whole folder without serving anything: every plugin is loaded and let go again.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use hookyard_model::PluginRef;
use hookyard_plugin::Engine;

use super::active::{handlers, strange, takes};
use super::load::{Failure, Ready};
use super::{Desired, listing, sighting};
use crate::config::settings::Plugins;

/// What was found of one plugin, or of an entry that is none.
#[derive(Debug)]
pub(crate) enum Finding {
    /// A plugin that would serve, in one line.
    Good(String),
    /// Something that should be looked at and stops nothing.
    Odd(String),
    /// A plugin that would be refused, in one line.
    Bad(String),
}

/// The plugins that have a file in the folder, by name. Loads none of them.
pub(crate) fn present(plugins: &Plugins) -> std::io::Result<BTreeSet<PluginRef>> {
    let listing = listing::list(&plugins.folder)?;
    Ok(sighting::judge(&plugins.folder, &listing, plugins.count_max).plugins.into_keys().collect())
}

/// What is said of a plugin folder that can't be looked at, before anything is served from it.
pub(crate) fn unreadable(folder: &Path) -> String {
    format!("the plugin folder {} can't be read; create it, or name another by `plugins.folder`", folder.display())
}

/// Looks at the folder and at every plugin in it, in order. Blocks while it compiles.
pub(crate) fn survey(desired: &Desired, engine: &Arc<Engine>) -> Vec<Finding> {
    let folder = &desired.plugins.folder;
    let listing = match listing::list(folder) {
        Ok(listing) => listing,
        Err(error) => return vec![Finding::Bad(format!("{}: {error}", unreadable(folder)))],
    };
    let sighting = sighting::judge(folder, &listing, desired.plugins.count_max);
    let loader = desired.loader(engine);
    let mut findings: Vec<Finding> = sighting.problems.into_iter().map(Finding::Odd).collect();
    for (plugin, files) in sighting.plugins {
        match loader.survey(&plugin, files).result {
            Ok((ready, _)) => findings.extend(ready_findings(&plugin, ready, desired)),
            Err(Failure::Refused(reason) | Failure::Unreadable(reason) | Failure::Uncompiled(reason)) => {
                findings.push(Finding::Bad(format!("plugin {plugin}: {reason}")));
            }
            Err(Failure::Moved) => {
                findings.push(Finding::Odd(format!("plugin {plugin}: its files are being changed; check again")));
            }
        }
    }
    findings
}

fn ready_findings(
    plugin: &PluginRef,
    Ready { loaded, sidecar, notes, fixtures }: Ready,
    desired: &Desired,
) -> Vec<Finding> {
    let taken = takes(&loaded, sidecar.sources);
    let sources: Vec<_> = taken.sources_of(plugin, &desired.sources).iter().map(ToString::to_string).collect();
    let sources = if sources.is_empty() { "no source".to_owned() } else { sources.join(", ") };
    let revision = loaded.revision().short();
    let good = Finding::Good(format!("plugin {plugin} ({revision}): {} from {sources}", handlers(&loaded)));
    let odd = strange(&loaded).map(|what| Finding::Odd(format!("plugin {plugin} {what}")));
    let fixtures = fixtures.faults.iter().map(|fault| Finding::Odd(format!("plugin {plugin}: fixtures: {fault}")));
    let notes = notes.iter().map(|note| Finding::Odd(format!("plugin {plugin}: {note}")));
    [good].into_iter().chain(odd).chain(notes).chain(fixtures).collect()
}
