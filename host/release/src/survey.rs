//! One look at the whole folder without serving anything: every plugin is loaded and let go again.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use hookyard_model::{PluginRef, Step, Timestamp};
use hookyard_plugin::Engine;
use hookyard_store::RevisionRecord;

use super::Desired;
use super::active::{handlers, strange, takes};
use super::component::load::{Failure, Ready};
use super::folder::listing::Lister;
use super::folder::precedence::Precedence;
use super::folder::sighting::{self, Files, Sighting};
use hookyard_config::settings::Plugins;

/// What was found of one plugin, or of an entry that is none.
#[derive(Debug)]
pub enum Finding {
    /// A plugin that would serve, in one line.
    Good(String),
    /// Something that should be looked at and stops nothing.
    Odd(String),
    /// A plugin that would be refused, in one line.
    Bad(String),
}

/// The plugins that have a file in the folder.
pub struct Present {
    /// Since when each file is as it is.
    pub within: BTreeMap<PluginRef, Timestamp>,
    /// Those that are not loaded, since their tenant has too many.
    pub over: BTreeSet<PluginRef>,
}

/// Tells which plugins have a file in the folder, where those of `serving` come first. Loads none of them.
pub fn present(plugins: &Plugins, serving: BTreeSet<PluginRef>) -> io::Result<Present> {
    let Sighting { plugins, over, .. } = look(plugins, serving)?;
    let since = |files: &Files| {
        let millis = files.code.changed / 1_000_000;
        Timestamp::from_unix_millis(i64::try_from(millis).unwrap_or(i64::MAX))
    };
    Ok(Present {
        within: plugins
            .iter()
            .map(|(plugin, files)| (plugin.clone(), since(files)))
            .collect(),
        over,
    })
}

/// The plugins that serve by the record, or did when the host ended.
pub fn serving(records: &[RevisionRecord]) -> BTreeSet<PluginRef> {
    let active = records.iter().filter(|known| known.step == Step::Active);
    active.map(|known| known.plugin.clone()).collect()
}

fn look(plugins: &Plugins, serving: BTreeSet<PluginRef>) -> io::Result<Sighting> {
    let precedence = Arc::new(Precedence::new(serving, []));
    let listing = Lister::default().list(&plugins.folder, &precedence)?;
    Ok(sighting::judge(
        &plugins.folder,
        &listing,
        &precedence,
        plugins.tenant_count_max,
    ))
}

/// What is said of a plugin folder that can't be looked at, before anything is served from it.
pub fn unreadable(folder: &Path) -> String {
    format!(
        "the plugin folder {} can't be read; create it, or name another by `plugins.folder`",
        folder.display()
    )
}

/// Looks at the folder and at every plugin in it, in order; where a tenant has too many, those of `serving` come first.
/// Blocks while it compiles.
pub fn survey(
    desired: &Desired,
    engine: &Arc<Engine>,
    serving: BTreeSet<PluginRef>,
) -> Vec<Finding> {
    let sighting = match look(&desired.plugins, serving) {
        Ok(sighting) => sighting,
        Err(error) => {
            return vec![Finding::Bad(format!(
                "{}: {error}",
                unreadable(&desired.plugins.folder)
            ))];
        }
    };
    let loader = desired.loader(engine);
    let mut findings: Vec<Finding> = sighting.problems.into_iter().map(Finding::Odd).collect();
    findings.extend(sighting.over_lines.into_iter().map(Finding::Bad));
    for (plugin, files) in sighting.plugins {
        match loader.survey(&plugin, files).result {
            Ok((ready, _)) => findings.extend(ready_findings(&plugin, ready, desired)),
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
    findings
}

fn ready_findings(
    plugin: &PluginRef,
    Ready {
        loaded,
        sidecar,
        notes,
        fixtures,
    }: Ready,
    desired: &Desired,
) -> Vec<Finding> {
    let taken = takes(&loaded, sidecar.sources);
    let sources: Vec<_> = taken
        .sources_of(plugin, &desired.sources)
        .iter()
        .map(ToString::to_string)
        .collect();
    let sources = if sources.is_empty() {
        "no source".to_owned()
    } else {
        sources.join(", ")
    };
    let revision = loaded.revision().short();
    let good = Finding::Good(format!(
        "plugin {plugin} ({revision}): {} from {sources}",
        handlers(&loaded)
    ));
    let odd = strange(&loaded).map(|what| Finding::Odd(format!("plugin {plugin} {what}")));
    let fixtures = fixtures
        .faults
        .iter()
        .map(|fault| Finding::Odd(format!("plugin {plugin}: fixtures: {fault}")));
    let notes = notes
        .iter()
        .map(|note| Finding::Odd(format!("plugin {plugin}: {note}")));
    [good]
        .into_iter()
        .chain(odd)
        .chain(notes)
        .chain(fixtures)
        .collect()
}
